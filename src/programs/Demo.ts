/**
 * `dbmazz demo`: the whole road on one machine, with nothing to install but npm packages: a real PostgreSQL, the embedded
 * StarRocks-compatible endpoint, the job between them, traffic, and at the end the comparison of both sides.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
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
import * as FreePort from "../layers/embedded/FreePort.ts"
import { JobControl } from "../layers/JobControl.ts"
import { Progress } from "../layers/Progress.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"
import * as Supervisor from "../streams/Supervisor.ts"
import * as Configuration from "./Configuration.ts"
import * as ControlPlane from "./ControlPlane.ts"
import * as DemoFiles from "./DemoFiles.ts"
import * as DemoView from "./DemoView.ts"
import * as JobLayers from "./JobLayers.ts"
import * as Logging from "./Logging.ts"
import * as Traffic from "./Traffic.ts"
import * as Verify from "./Verify.ts"

/** Of the control plane: only this machine reaches it. */
const HOST = "127.0.0.1"
const DATABASE = "shop"
const TABLES = ["orders", "order_items", "toast_test"] as const
const RATE_DEFAULT = 10
const FLUSH_EVERY_MS = 500
/** Same traffic values every time. */
const SEED = 1
/** Until an interrupted demo has loaded and confirmed what it has received, in ms; its servers end afterwards. */
const DRAIN_MS_MAX = 25_000
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

/** A demo may run beside a job and other demos, which have the default ports. */
const freePort = Effect.map(Effect.promise(FreePort.find), String)

/** Both servers, started side by side, with the environment of a job between them. */
const startServers = Effect.gen(function*() {
  const directory = yield* temporaryDirectory
  const [postgres, starrocks] = yield* Effect.all([
    EmbeddedPostgres.make({}),
    EmbeddedStarRocks.make({ dataDir: directory, database: DATABASE })
  ], { concurrency: 2 })
  const grpcPort = yield* freePort
  const environment: Record<string, string> = {
    DATABASE_URL: Redacted.value(postgres.url),
    TABLES: TABLES.join(","),
    STARROCKS_URL: `http://${starrocks.host}:${starrocks.fePort}`,
    STARROCKS_PORT: String(starrocks.mysqlPort),
    STARROCKS_DB: DATABASE,
    FLUSH_INTERVAL_MS: String(FLUSH_EVERY_MS),
    CONTROL_HOST: HOST,
    GRPC_PORT: grpcPort,
    HTTP_PORT: yield* freePort,
    // Where `dbmazz status` and the like look.
    DBMAZZ_ADDRESS: `${HOST}:${grpcPort}`
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
  const { command, lifecycle } = yield* JobControl
  const traffic = yield* Traffic.make(settings.source, SEED)
  yield* traffic.createTables
  yield* createTargets
  // A failure ends the demo, as if there were no control plane: nobody waits beside it to mend one.
  const job = yield* Effect.forkChild(Supervisor.run(settings, false))
  const scene = Effect.gen(function*() {
    yield* SubscriptionRef.changes(lifecycle).pipe(Stream.filter(({ stage }) => stage === "cdc"), Stream.runHead)
    yield* traffic.seedRows
    const firstRowMs = yield* firstRow
    const startedAt = performance.now()
    const view = options.monitor ? DemoView.show(settings, TABLES) : Effect.never
    yield* Effect.raceFirst(traffic.run(options.rate, options.seconds), view)
    return yield* summarize(settings, traffic, firstRowMs, (performance.now() - startedAt) / 1000)
  })
  // A job that ends before the scene has failed, or was told to: then there is nothing to compare.
  const drain = command({ _tag: "DrainAndStop" })
  const summary = yield* Effect.raceFirst(scene, Effect.as(Fiber.join(job), undefined)).pipe(
    // Before its servers go: the job is not to mistake the end of the demo for a failure.
    Effect.onInterrupt(() => Effect.andThen(drain, Effect.timeoutOption(Fiber.await(job), DRAIN_MS_MAX)))
  )
  yield* drain
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
          Layer.provideMerge(
            JobLayers.job(settings),
            Layer.provideMerge(ControlPlane.layer(settings), JobLayers.shared(settings))
          ),
          Logging.layer({ default: logLevel, modules: new Map() }, "pretty")
        )
      )
    )
    if (summary === undefined) return yield* Console.error("the job has ended, as it was told; nothing was compared")
    for (const line of json ? [JSON.stringify(summary)] : lines(summary)) yield* Console.log(line)
    if (!summary.equal) process.exitCode = DIFFERENT_EXIT_CODE
  }, Effect.scoped)
).pipe(
  Command.withDescription("replicate a local PostgreSQL into the embedded StarRocks-compatible endpoint, and compare")
)
