/**
 * The whole pipeline against the most the client can do: rows/s from a slot with N rows into a discarding Stream Load
 * server, and rows/s of receiving the same rows and throwing them away, in turn, in one run. Each run has its own copy of
 * one slot, so that all decode the same WAL.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { Client } from "pg"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import type { Report, Task } from "./Child.ts"
import * as Orders from "./Orders.ts"

const ROWS_DEFAULT = 1_000_000
const ROUNDS_DEFAULT = 3
/** As the program itself is started (bin/dbmazz.js, Dockerfile, package.json). */
const NODE_FLAGS = "--max-semi-space-size=2"
const ORIGIN_SLOT = "bench_origin"

const ROOT = path.join(import.meta.dirname, "../..")
const BUILT = path.join(ROOT, ".dbmazz/bench/bench/e2e")

/** The children run as the product does, compiled: stripping types at the start costs memory of its own. */
const build = (): void => {
  execFileSync(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", path.join(ROOT, "bench")], {
    stdio: "inherit"
  })
}

const start = (file: string, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [NODE_FLAGS, path.join(BUILT, file), ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })

/** The first line a child prints, as JSON. */
const firstLine = async <A>(child: ChildProcess): Promise<A> => {
  if (child.stdout === null) throw new Error("the child has no output")
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as A
  throw new Error("the child ended without a report")
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const measure = async (server: EmbeddedPostgres.Server, rows: number, rounds: number): Promise<void> => {
  const { database, host, port, user } = server.address
  const password = Redacted.value(server.address.password)
  const client = new Client({ host, port, user, password, database })
  await client.connect()
  await client.query(Orders.CREATE)
  await client.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [ORIGIN_SLOT])
  await client.query(Orders.FILL, [rows])
  const position = await client.query<{ lsn: string }>(
    "select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = $1",
    [ORIGIN_SLOT]
  )
  const sink = start("DiscardServer.js", [])
  const { port: sinkPort } = await firstLine<{ readonly port: number }>(sink)
  const results: Array<readonly [string, Report]> = []
  try {
    for (let round = 0; round < rounds; round++) {
      for (const file of ["Drain.js", "Pipeline.js"]) {
        const slot = `bench_${results.length}`
        await client.query("select pg_copy_logical_replication_slot($1, $2)", [ORIGIN_SLOT, slot])
        const task: Task = { host, port, user, password, database, slot, start: position.rows[0]!.lsn, rows, sinkPort }
        const child = start(file, [JSON.stringify(task)])
        const ended = new Promise((resolve) => child.once("exit", resolve))
        const report = await firstLine<Report>(child)
        await ended
        results.push([file, report])
        console.log(row(file === "Drain.js" ? "drain" : "pipeline", report, rows))
      }
    }
  } finally {
    sink.kill("SIGTERM")
    await client.end()
  }
  summarize(results, rows)
}

const row = (name: string, report: Report, rows: number): string =>
  [
    name.padEnd(10),
    `${Math.round(rows / report.seconds).toLocaleString("en")} rows/s`.padStart(18),
    `${report.seconds.toFixed(2)} s`.padStart(10),
    `${(report.cpuSeconds / rows * 1e6).toFixed(2)} µs CPU/row`.padStart(18),
    `${Math.round(report.residentMB)} MB resident`.padStart(18)
  ].join("")

const summarize = (results: ReadonlyArray<readonly [string, Report]>, rows: number): void => {
  const of = (file: string) => results.filter(([name]) => name === file).map(([, report]) => report)
  const pipelines = of("Pipeline.js")
  const drains = of("Drain.js")
  const ratio = median(pipelines.map((report, round) => (drains[round]?.seconds ?? Number.NaN) / report.seconds))
  const summary = {
    benchmark: "e2e",
    rows,
    rounds: pipelines.length,
    drainRowsPerSecond: Math.round(rows / median(drains.map((report) => report.seconds))),
    pipelineRowsPerSecond: Math.round(rows / median(pipelines.map((report) => report.seconds))),
    ratio: Number(ratio.toFixed(3)),
    residentMBMax: Math.round(Math.max(...pipelines.map((report) => report.residentMB))),
    node: process.version
  }
  console.log(`\nratio pipeline/drain, median of ${summary.rounds} pairs: ${summary.ratio}`)
  console.log(JSON.stringify(summary))
}

const option = (args: ReadonlyArray<string>, name: string, fallback: number): number => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : Number(args[at + 1])
}

/** `--rows N` (1,000,000), `--rounds N` (3). */
export const main = (args: ReadonlyArray<string>): Promise<void> => {
  build()
  return Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(
        EmbeddedPostgres.make({ settings: { max_replication_slots: "64", max_wal_size: "4GB" } }),
        (server) =>
          Effect.promise(() =>
            measure(server, option(args, "--rows", ROWS_DEFAULT), option(args, "--rounds", ROUNDS_DEFAULT))
          )
      )
    )
  )
}
