/**
 * Where pipelines are measured: a slot with N rows of `orders` behind it and a discarding Stream Load server. Each run is a
 * process with its own copy of the slot, so that all decode the same WAL.
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

/** This checkout. */
export const ROOT = path.join(import.meta.dirname, "../..")

/** As the program itself is started (bin/dbmazz.js, Dockerfile, package.json). */
const NODE_FLAGS = "--max-semi-space-size=2"
const ORIGIN_SLOT = "bench_origin"
const SERVER_SETTINGS = { max_replication_slots: "64", max_wal_size: "4GB" }

/** Runs one of the compiled programs of a checkout against the rows, and gives what it reports. */
export type Measure = (root: string, file: "Drain.js" | "Pipeline.js") => Promise<Report>

/** The children run as the product does, compiled: stripping types at the start costs memory of its own. */
export const build = (root: string): void => {
  execFileSync(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", path.join(root, "bench")], {
    stdio: "inherit"
  })
}

const start = (root: string, file: string, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [NODE_FLAGS, path.join(root, ".dbmazz/bench/bench/e2e", file), ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })

/** The first line a child prints, as JSON. */
const firstLine = async <A>(child: ChildProcess): Promise<A> => {
  if (child.stdout === null) throw new Error("the child has no output")
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as A
  throw new Error("the child ended without a report")
}

const withRows = async (
  server: EmbeddedPostgres.Server,
  rows: number,
  use: (measure: Measure) => Promise<void>
): Promise<void> => {
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
  const sink = start(ROOT, "DiscardServer.js", [])
  const { port: sinkPort } = await firstLine<{ readonly port: number }>(sink)
  let runs = 0
  try {
    await use(async (root, file) => {
      const slot = `bench_${runs++}`
      await client.query("select pg_copy_logical_replication_slot($1, $2)", [ORIGIN_SLOT, slot])
      const task: Task = { host, port, user, password, database, slot, start: position.rows[0]!.lsn, rows, sinkPort }
      const child = start(root, file, [JSON.stringify(task)])
      const ended = new Promise((resolve) => child.once("exit", resolve))
      const report = await firstLine<Report>(child)
      await ended
      return report
    })
  } finally {
    sink.kill("SIGTERM")
    await client.end()
  }
}

/** A server with `rows` rows of `orders` in its WAL, for as long as `use` measures. */
export const run = (rows: number, use: (measure: Measure) => Promise<void>): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(
        EmbeddedPostgres.make({ settings: SERVER_SETTINGS }),
        (server) => Effect.promise(() => withRows(server, rows, use))
      )
    )
  )

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** One line of the table. */
export const row = (name: string, report: Report, rows: number): string =>
  [
    name.padEnd(10),
    `${Math.round(rows / report.seconds).toLocaleString("en")} rows/s`.padStart(18),
    `${report.seconds.toFixed(2)} s`.padStart(10),
    `${(report.cpuSeconds / rows * 1e6).toFixed(2)} µs CPU/row`.padStart(18),
    `${Math.round(report.residentMB)} MB resident`.padStart(18)
  ].join("")

export const option = (args: ReadonlyArray<string>, name: string, fallback: number): number => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : Number(args[at + 1])
}
