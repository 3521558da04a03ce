/**
 * The whole pipeline against the most the client can do: rows/s from a slot with N rows into a discarding Stream Load
 * server, and rows/s of receiving the same rows and throwing them away, in turn, in one run.
 */
import type { Report } from "./Child.ts"
import * as Stage from "./Stage.ts"

const ROWS_DEFAULT = 1_000_000
const ROUNDS_DEFAULT = 3

const summarize = (results: ReadonlyArray<readonly [string, Report]>, rows: number): void => {
  const of = (file: string) => results.filter(([name]) => name === file).map(([, report]) => report)
  const pipelines = of("Pipeline.js")
  const drains = of("Drain.js")
  const ratio = Stage.median(pipelines.map((report, round) => (drains[round]?.seconds ?? Number.NaN) / report.seconds))
  const summary = {
    benchmark: "e2e",
    rows,
    rounds: pipelines.length,
    drainRowsPerSecond: Math.round(rows / Stage.median(drains.map((report) => report.seconds))),
    pipelineRowsPerSecond: Math.round(rows / Stage.median(pipelines.map((report) => report.seconds))),
    ratio: Number(ratio.toFixed(3)),
    residentMBMax: Math.round(Math.max(...pipelines.map((report) => report.residentMB))),
    node: process.version
  }
  console.log(`\nratio pipeline/drain, median of ${summary.rounds} pairs: ${summary.ratio}`)
  console.log(JSON.stringify(summary))
}

/** `--rows N` (1,000,000), `--rounds N` (3). */
export const main = (args: ReadonlyArray<string>): Promise<void> => {
  const rows = Stage.option(args, "--rows", ROWS_DEFAULT)
  const rounds = Stage.option(args, "--rounds", ROUNDS_DEFAULT)
  Stage.build(Stage.ROOT)
  return Stage.run(rows, async (measure) => {
    const results: Array<readonly [string, Report]> = []
    for (let round = 0; round < rounds; round++) {
      for (const file of ["Drain.js", "Pipeline.js"] as const) {
        const report = await measure(Stage.ROOT, file)
        results.push([file, report])
        console.log(Stage.row(file === "Drain.js" ? "drain" : "pipeline", report, rows))
      }
    }
    summarize(results, rows)
  })
}
