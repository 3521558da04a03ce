/**
 * `dbmazz demo`: the whole road on one machine, with nothing to install but npm packages: a real PostgreSQL, the embedded
 * StarRocks-compatible endpoint, the job between them, traffic, and at the end the comparison of both sides.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { Settings } from "../domain/config/Settings.ts"
import * as EmbeddedPostgres from "../layers/embedded/EmbeddedPostgres.ts"
import * as EmbeddedStarRocks from "../layers/embedded/EmbeddedStarRocks.ts"
import { JobControl } from "../layers/JobControl.ts"
import { Progress } from "../layers/Progress.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"
import * as Replication from "../streams/Replication.ts"
import * as Configuration from "./Configuration.ts"
import * as DemoFiles from "./DemoFiles.ts"
import * as DemoView from "./DemoView.ts"
import * as JobLayers from "./JobLayers.ts"
import * as Logging from "./Logging.ts"
import * as Traffic from "./Traffic.ts"
import * as Verify from "./Verify.ts"

const DATABASE = "shop"
const TABLES = ["orders", "order_items", "toast_test"] as const
const RATE_DEFAULT = 10
const FLUSH_EVERY_MS = 500
/** Same traffic values every time. */
const SEED = 1
/** What is on its way when the traffic ends is given this long to arrive. */
const SETTLE_MS_MAX = 60_000
const POLL_EVERY = Schedule.spaced("20 millis")
const DIFFERENT_EXIT_CODE = 1
const TARGET_TABLES_SQL = new URL("../../demo/sql/starrocks.sql", import.meta.url)

/** What `--json` prints on the last line. */
interface Summary {
  readonly equal: boolean
  /** Row changes that the sink has acknowledged. */
  readonly events: number
  readonly seconds: number
  /** From the start of the process to the first row that a query finds in the sink. */
  readonly firstRowMs: number
  readonly tables: Readonly<
    Record<
      string,
      { readonly source: number; readonly sink: number; readonly deleted: number; readonly different: number }
    >
  >
}

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "dbmazz-demo-"))),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
)

/** Both servers, started side by side, with the environment of a job between them. */
const startServers = Effect.gen(function*() {
  const directory = yield* temporaryDirectory
  const [postgres, starrocks] = yield* Effect.all([
    EmbeddedPostgres.make({}),
    EmbeddedStarRocks.make({ dataDir: directory, database: DATABASE })
  ], { concurrency: 2 })
  const environment: Record<string, string> = {
    DATABASE_URL: Redacted.value(postgres.url),
    TABLES: TABLES.join(","),
    STARROCKS_URL: `http://${starrocks.host}:${starrocks.fePort}`,
    STARROCKS_PORT: String(starrocks.mysqlPort),
    STARROCKS_DB: DATABASE,
    FLUSH_INTERVAL_MS: String(FLUSH_EVERY_MS)
  }
  return environment
})

const createTargets = Effect.gen(function*() {
  const { query } = yield* StarRocksSql
  yield* query(`USE ${DATABASE}`)
  const statements = (yield* Effect.promise(() => fs.readFile(TARGET_TABLES_SQL, "utf8"))).split(/;\s*$/m)
  for (const statement of statements) if (statement.trim() !== "") yield* query(statement)
})

/** Milliseconds from the start of the process to the first row a query finds. */
const firstRow = Effect.gen(function*() {
  const { query } = yield* StarRocksSql
  yield* query(`SELECT count(*) AS n FROM ${DATABASE}.orders`).pipe(
    Effect.repeat({ schedule: POLL_EVERY, until: (rows) => Number(rows[0]?.["n"]) > 0 })
  )
  return Math.round(performance.now())
})

const summarize = Effect.fnUntraced(
  function*(settings: Settings, traffic: Traffic.Traffic, firstRowMs: number, seconds: number) {
    const compared = yield* Verify.verify(settings, SETTLE_MS_MAX)
    const notDeleted = yield* Verify.notSoftDeleted(settings, traffic.report().deletedKeys)
    const progress = yield* Progress
    const summary: Summary = {
      equal: compared.equal && Object.values(notDeleted).every((keys) => keys.length === 0),
      events: (yield* progress.get).rows,
      seconds: Number(seconds.toFixed(1)),
      firstRowMs,
      tables: Object.fromEntries(
        Object.entries(compared.tables).map(([name, { deleted, different, sink, source }]) => [
          name,
          { source, sink, deleted, different: different + (notDeleted[name]?.length ?? 0) }
        ])
      )
    }
    return summary
  }
)

const lines = (summary: Summary): ReadonlyArray<string> => [
  `${summary.events} events in ${summary.seconds} s of traffic; first row in the sink after ${summary.firstRowMs} ms`,
  ...Object.entries(summary.tables).map(([name, table]) =>
    `${name}: ${table.source} rows in the source, ${table.sink} live and ${table.deleted} soft-deleted in the sink, ` +
    `${table.different} different`
  ),
  summary.equal ? "source and sink are equal" : "SOURCE AND SINK DIFFER"
]

interface DemoOptions {
  readonly seconds: number | undefined
  readonly rate: number
  readonly json: boolean
  readonly monitor: boolean
}

const play = Effect.fnUntraced(function*(settings: Settings, options: DemoOptions) {
  const { lifecycle } = yield* JobControl
  const traffic = yield* Traffic.make(settings.source, SEED)
  yield* traffic.createTables
  yield* createTargets
  const stop = yield* Deferred.make<void>()
  const job = yield* Effect.forkChild(Replication.run(settings, stop))
  const scene = Effect.gen(function*() {
    yield* SubscriptionRef.changes(lifecycle).pipe(Stream.filter(({ stage }) => stage === "cdc"), Stream.runHead)
    yield* traffic.seedRows
    const firstRowMs = yield* firstRow
    const startedAt = performance.now()
    const view = options.monitor ? DemoView.show(settings, TABLES) : Effect.never
    yield* Effect.raceFirst(traffic.run(options.rate, options.seconds), view)
    return yield* summarize(settings, traffic, firstRowMs, (performance.now() - startedAt) / 1000)
  })
  // The job ends by itself only when it fails, and then there is nothing to compare.
  const summary = yield* Effect.raceFirst(scene, Effect.andThen(Fiber.join(job), Effect.never))
  yield* Deferred.succeed(stop, undefined)
  yield* Fiber.join(job)
  return summary
})

const flags = {
  seconds: Flag.Finite("seconds").pipe(
    Flag.optional,
    Flag.withDescription("stop after this much traffic and compare both sides; default: run until interrupted")
  ),
  rate: Flag.Finite("rate").pipe(
    Flag.withDefault(RATE_DEFAULT),
    Flag.withDescription("operations a second; default 10, thousands work")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("end with one JSON object on standard output")
  ),
  noMonitor: Flag.Boolean("no-monitor").pipe(Flag.withDefault(false), Flag.withDescription("show no live view"))
}

export const command = Command.make(
  "demo",
  flags,
  Effect.fnUntraced(function*({ json, noMonitor, rate, seconds }) {
    const logLevel = Option.getOrElse(Option.map(yield* GlobalFlag.LogLevel, Logging.threshold), () => "warn" as const)
    const environment = yield* startServers
    const settings = yield* Configuration.settings({}, environment)
    yield* DemoFiles.write(environment)
    yield* Console.error(DemoFiles.howToConnect(environment))
    const summary = yield* play(settings, {
      seconds: Option.getOrUndefined(seconds),
      rate,
      json,
      monitor: !noMonitor
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          JobLayers.layer(settings),
          Logging.layer({ default: logLevel, modules: new Map() }, "pretty")
        )
      )
    )
    for (const line of json ? [JSON.stringify(summary)] : lines(summary)) yield* Console.log(line)
    if (!summary.equal) process.exitCode = DIFFERENT_EXIT_CODE
  }, Effect.scoped)
).pipe(
  Command.withDescription("replicate a local PostgreSQL into the embedded StarRocks-compatible endpoint, and compare")
)
