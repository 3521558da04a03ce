/**
 * Two checkouts in one run: the whole pipeline of another commit and of this tree, over the same WAL into the same
 * discarding server, in turn. Time shows what a user waits for, CPU what the machine does for it, and is the steadier one.
 */
import * as path from "node:path"
import type { Report } from "./Child.ts"
import * as Stage from "./Stage.ts"

const ROWS_DEFAULT = 500_000
const ROUNDS_DEFAULT = 7
const USAGE = "npm run bench -- compare --before <directory of another checkout, installed> [--rows N] [--rounds N]"

interface Pair {
  readonly before: Report
  readonly after: Report
}

/** The median of the pairs' ratios, and the least and the largest. */
const spread = (ratios: ReadonlyArray<number>) => ({
  median: Number(Stage.median(ratios).toFixed(3)),
  least: Number(Math.min(...ratios).toFixed(3)),
  most: Number(Math.max(...ratios).toFixed(3))
})

const summarize = (pairs: ReadonlyArray<Pair>, rows: number, before: string): void => {
  const summary = {
    benchmark: "compare",
    before,
    rows,
    rounds: pairs.length,
    beforeRowsPerSecond: Math.round(rows / Stage.median(pairs.map((pair) => pair.before.seconds))),
    afterRowsPerSecond: Math.round(rows / Stage.median(pairs.map((pair) => pair.after.seconds))),
    /** Throughput of this tree over the other's: above 1 is faster. */
    throughput: spread(pairs.map((pair) => pair.before.seconds / pair.after.seconds)),
    /** CPU a row of this tree over the other's: below 1 is cheaper. */
    cpu: spread(pairs.map((pair) => pair.after.cpuSeconds / pair.before.cpuSeconds)),
    node: process.version
  }
  const shown = ({ least, median, most }: ReturnType<typeof spread>): string => `${median} (${least} to ${most})`
  console.log(`\nthroughput after/before, median of ${pairs.length} pairs: ${shown(summary.throughput)}`)
  console.log(`CPU a row after/before: ${shown(summary.cpu)}`)
  console.log(JSON.stringify(summary))
}

/** `--before DIR`, `--rows N` (500,000), `--rounds N` (7). */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const at = args.indexOf("--before")
  const given = at < 0 ? undefined : args[at + 1]
  if (given === undefined) {
    console.error(`usage: ${USAGE}`)
    process.exitCode = 2
    return
  }
  const before = path.resolve(given)
  const rows = Stage.option(args, "--rows", ROWS_DEFAULT)
  const rounds = Stage.option(args, "--rounds", ROUNDS_DEFAULT)
  Stage.build(before)
  Stage.build(Stage.ROOT)
  await Stage.run(rows, async (measure) => {
    const one = async (name: string, root: string): Promise<Report> => {
      const report = await measure(root, "Pipeline.js")
      console.log(Stage.row(name, report, rows))
      return report
    }
    const pairs: Array<Pair> = []
    for (let round = 0; round < rounds; round++) {
      // Who comes second finds warmer caches: each is second as often.
      if (round % 2 === 0) pairs.push({ before: await one("before", before), after: await one("after", Stage.ROOT) })
      else {
        const after = await one("after", Stage.ROOT)
        pairs.push({ before: await one("before", before), after })
      }
    }
    summarize(pairs, rows, before)
  })
}
