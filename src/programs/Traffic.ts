/** The traffic generator: inserts, updates and deletes on the demo's tables, at a rate kept by the clock. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs/promises"
import * as Settings from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import { SeededRandom } from "../domain/SeededRandom.ts"
import * as Log from "../layers/Log.ts"
import * as PostgresFailure from "../layers/PostgresFailure.ts"
import * as PostgresSql from "../layers/PostgresSql.ts"
import * as TrafficRows from "./TrafficRows.ts"
import * as TrafficWorker from "./TrafficWorker.ts"

const log = Log.module("Traffic")

type Failure = PgSqlError | TransientError | SetupError.SetupError

export interface Traffic {
  /** Creates the demo's tables when they are missing. */
  readonly createTables: Effect.Effect<void, Failure>
  /** 1,000 orders and 3,000 items, unless `orders` has rows already. */
  readonly seedRows: Effect.Effect<void, Failure>
  /** Writes `rate` operations a second (70 % inserts, 25 % updates, 5 % deletes) for `seconds`, or for ever. */
  readonly run: (rate: number, seconds?: number) => Effect.Effect<void, Failure>
  /** What has been committed so far. */
  readonly report: () => TrafficWorker.Report
}

const APPLICATION_NAME = "dbmazz traffic"
const SEED_ORDERS = 1_000
const SEED_ITEMS = 3_000
const SEED_CHUNK_ROWS = 500
/** Connections, by the operations a second that are asked for: one does a few thousand. */
const WORKER_RATE_MAX = 1_000
const WORKERS_MAX = 4
/** Pause between looks at the clock; also the granularity of the rate. */
const TICK_MS = 10
/** A server that cannot keep up is not asked for more than this much of the past, in seconds. */
const DEBT_SECONDS_MAX = 1
/** A lost connection is opened again after this. */
const RECONNECT_MS = 500
const MILLISECONDS = 1_000

const TABLES_SQL = new URL("../../demo/sql/postgres.sql", import.meta.url)

const tablesMissing = (error: Failure): Failure =>
  error._tag === "PgSqlError" && error.sqlState === "42P01"
    ? SetupError.make({ _tag: "PgTableNotFound", table: TrafficRows.TABLE_NAMES.join(", ") })
    : error

/** A key taken for free may be in use: a lost connection can leave a worker with a wrong idea of what was committed. */
const UNIQUE_VIOLATION = "23505"

const mayPass = (error: Failure): boolean =>
  error._tag === "TransientError" ||
  (error._tag === "PgSqlError" && (PostgresFailure.isTransient(error) || error.sqlState === UNIQUE_VIOLATION))

const runWorker = Effect.fnUntraced(function*(
  worker: TrafficWorker.Worker,
  rate: number,
  seconds: number | undefined
): Effect.fn.Return<void, Failure> {
  const start = yield* Clock.currentTimeMillis
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : start + seconds * MILLISECONDS
  let issued = 0
  while (true) {
    const now = Math.min(yield* Clock.currentTimeMillis, end)
    const due = Math.floor(((now - start) / MILLISECONDS) * rate) - issued
    issued += Math.max(0, due - Math.ceil(rate * DEBT_SECONDS_MAX))
    const wanted = Math.min(due, Math.ceil(rate * DEBT_SECONDS_MAX))
    if (wanted > 0) {
      issued += yield* worker.transact(wanted).pipe(
        Effect.catchIf(
          mayPass,
          (error) =>
            log.warn("traffic interrupted", {}, error).pipe(
              Effect.andThen(Effect.sleep(RECONNECT_MS)),
              Effect.as(0)
            )
        )
      )
    } else if (now >= end) return
    else yield* Effect.sleep(TICK_MS)
  }
})

/** Prepares traffic on this database. Equal seeds write equal values, in an order that the clock decides. */
export const make = Effect.fnUntraced(function*(
  address: Settings.PgAddress,
  seed: number
): Effect.fn.Return<Traffic, never, Scope.Scope> {
  const { query } = yield* PostgresSql.make(address, APPLICATION_NAME)
  const workers = yield* Effect.forEach(
    Array.from({ length: WORKERS_MAX }, (_, index) => index),
    (index) =>
      PostgresSql.make(address, APPLICATION_NAME).pipe(
        Effect.map((connection) => TrafficWorker.make(connection, new SeededRandom(seed + 1 + index)))
      )
  )

  const createTables = Effect.gen(function*() {
    yield* query(yield* Effect.promise(() => fs.readFile(TABLES_SQL, "utf8")))
  })
  const seedRows = Effect.gen(function*() {
    const rows = yield* query("select exists (select from orders) as exists")
    if (rows[0]?.["exists"] === true) return
    const random = new SeededRandom(seed)
    for (const [table, count] of [["orders", SEED_ORDERS], ["order_items", SEED_ITEMS]] as const) {
      for (let done = 0; done < count; done += SEED_CHUNK_ROWS) {
        const ids = Array.from({ length: Math.min(SEED_CHUNK_ROWS, count - done) }, () => undefined)
        const { parameters, sql } = TrafficRows.insertRows(table, ids, random)
        yield* query(sql, parameters)
      }
    }
  }).pipe(Effect.mapError(tablesMissing))

  const run = Effect.fnUntraced(
    function*(rate: number, seconds?: number) {
      const count = Math.min(WORKERS_MAX, Math.max(1, Math.ceil(rate / WORKER_RATE_MAX)))
      while (workers.length < count) {
        const connection = yield* PostgresSql.make(address, APPLICATION_NAME)
        workers.push(TrafficWorker.make(connection, new SeededRandom(seed + 1 + workers.length)))
      }
      const active = workers.slice(0, count)
      yield* TrafficWorker.share(query, active)
      yield* Effect.forEach(active, (worker) => runWorker(worker, rate / count, seconds), {
        concurrency: "unbounded",
        discard: true
      })
    },
    Effect.scoped,
    Effect.mapError(tablesMissing)
  )

  return {
    createTables,
    seedRows,
    run,
    report: () => TrafficWorker.add(workers.map((worker) => worker.report()))
  }
})

/** The address in a `postgres://` URL; what is wrong with it is said as the configuration's problems are. */
const addressOf = (url: string | undefined): Effect.Effect<Settings.PgAddress, SetupError.SetupError> => {
  // The sink's variables are required and not used here.
  const decoded = Settings.fromEnv({ DATABASE_URL: url, STARROCKS_URL: "http://unused", STARROCKS_DB: "unused" })
  return Result.match(decoded, {
    onSuccess: (settings) => Effect.succeed(settings.source),
    onFailure: (problems) => Effect.fail(SetupError.make({ _tag: "ConfigurationInvalid", problems }))
  })
}

const RATE_DEFAULT = 10

const flags = {
  url: Flag.Redacted("url").pipe(
    Flag.optional,
    Flag.withDescription("the database; default DATABASE_URL or SOURCE_URL")
  ),
  rate: Flag.Finite("rate").pipe(
    Flag.withDefault(RATE_DEFAULT),
    Flag.withDescription("operations a second; default 10")
  ),
  seconds: Flag.Finite("seconds").pipe(Flag.optional, Flag.withDescription("how long; default until interrupted")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(1), Flag.withDescription("equal seeds write equal values; default 1")),
  setup: Flag.Boolean("setup").pipe(
    Flag.withDefault(false),
    Flag.withDescription("create the demo's tables when missing, with 1,000 orders and 3,000 items")
  ),
  json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print the report as one JSON object"))
}

/** `dbmazz traffic`. */
export const command = Command.make(
  "traffic",
  flags,
  Effect.fnUntraced(function*({ json, rate, seconds, seed, setup, url }) {
    const given = Option.match(url, {
      onNone: () => process.env["DATABASE_URL"] ?? process.env["SOURCE_URL"],
      onSome: Redacted.value
    })
    const traffic = yield* make(yield* addressOf(given), seed)
    if (setup) yield* Effect.andThen(traffic.createTables, traffic.seedRows)
    const printReport = Effect.suspend(() => {
      const { deletedKeys: _, ...counts } = traffic.report()
      const { deletes, inserts, operations, transactions, updates } = counts
      return Console.log(
        json
          ? JSON.stringify(counts)
          : `${operations} operations in ${transactions} transactions: ` +
            `${inserts} inserts, ${updates} updates, ${deletes} deletes`
      )
    })
    yield* traffic.run(rate, Option.getOrUndefined(seconds)).pipe(Effect.ensuring(printReport))
  }, Effect.scoped)
).pipe(Command.withDescription("write to the demo's tables in any PostgreSQL database, at a steady rate"))
