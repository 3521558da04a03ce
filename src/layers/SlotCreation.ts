/**
 * Creating the replication slot. PostgreSQL waits for every transaction that had written before, for hours if need be: an
 * `idle in transaction` session of a person at lunch is enough. So it is tried with a limit, again with a longer one, and
 * who is waited for is named each time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as OpenTransaction from "../domain/postgres/OpenTransaction.ts"
import * as Overtaken from "../domain/postgres/Overtaken.ts"
import * as Log from "./Log.ts"
import * as OpenTransactions from "./OpenTransactions.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"

const log = Log.module("SlotCreation")

export interface Limits {
  /** Longest wait for one transaction in the first attempt; each attempt doubles it. */
  readonly lockMs: number
  /** After this, a person is asked to end the transactions. */
  readonly waitMsMax: number
}

export const LIMITS: Limits = { lockMs: 5_000, waitMsMax: 120_000 }

/** An attempt waits for the transactions in rounds, of which there are three. */
const ROUNDS_MAX = 4
/** A server process whose client has gone ends its wait after this, in ms, and takes the unfinished slot with it. */
const CLIENT_CHECK_MS = 500

const DUPLICATE_OBJECT = "42710"
/** lock_not_available, deadlock_detected, query_canceled. */
const WAITED_TOO_LONG: ReadonlySet<string> = new Set(["55P03", "40P01", "57014"])

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

const refused = (slot: string, error: PgSqlError): TransientError | SetupError.SetupError =>
  error.sqlState === DUPLICATE_OBJECT
    ? Overtaken.make(`Replication slot '${slot}'`, { slot })
    : PostgresFailure.orReason(error, { _tag: "PgSlotFailed", name: slot, error: error.message })

/** The check of the client exists from PostgreSQL 14 on, and not on Windows. */
const attempt = (slot: string, lockMs: number): string =>
  `select set_config(name, '${CLIENT_CHECK_MS}', true) from pg_settings
    where name = 'client_connection_check_interval' and version() !~* 'windows|mingw|visual c';
   set local lock_timeout = ${lockMs}; set local statement_timeout = ${lockMs * ROUNDS_MAX};
   select lsn::text as lsn from pg_create_logical_replication_slot('${slot}', 'pgoutput')`

/**
 * Creates the slot and gives its consistent point: every transaction that commits after it will be sent. Interrupted or
 * failed, it leaves no slot behind.
 */
export const create = Effect.fn("SlotCreation.create")(function*(slot: string, limits: Limits = LIMITS) {
  const { query } = yield* PostgresSql
  const startedMs = yield* Clock.currentTimeMillis
  for (let lockMs = limits.lockMs;; lockMs *= 2) {
    const waitedMs = (yield* Clock.currentTimeMillis) - startedMs
    const patienceMs = Math.max(1, Math.min(lockMs, limits.waitMsMax - waitedMs))
    const rows = yield* query(attempt(slot, patienceMs)).pipe(
      Effect.catchTag(
        "PgSqlError",
        (error) => WAITED_TOO_LONG.has(error.sqlState) ? Effect.succeed(undefined) : Effect.fail(refused(slot, error))
      )
    )
    if (rows !== undefined) {
      return yield* Effect.fromResult(Lsn.fromText(String(rows[0]?.["lsn"]))).pipe(
        Effect.mapError((error) => SetupError.make({ _tag: "PgSlotFailed", name: slot, error }))
      )
    }
    // Asked at once after each attempt: only then are they those that were waited for.
    const open = yield* OpenTransactions.read.pipe(
      Effect.catchTag("PgSqlError", (error) => Effect.fail(refused(slot, error)))
    )
    const holders = OpenTransaction.describeAll(open)
    const waited = seconds((yield* Clock.currentTimeMillis) - startedMs)
    if ((yield* Clock.currentTimeMillis) - startedMs >= limits.waitMsMax) {
      const statements = open.map(OpenTransaction.ending).join(" ")
      return yield* SetupError.make({ _tag: "PgSlotBlocked", name: slot, holders, statements, waited })
    }
    yield* log.warn("the new replication slot waits for transactions that were open before it", {
      slot,
      waited,
      holders
    })
  }
})
