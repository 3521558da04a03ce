/** SQL on PostgreSQL, for the setup and the checkpoint: one connection, opened when needed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { setTimeout as delay } from "node:timers/promises"
import { Client, type QueryResult } from "pg"
import type { PgAddress } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as PostgresClient from "./PostgresClient.ts"
import * as PostgresFailure from "./PostgresFailure.ts"

/** A result row by column name; int8 arrives as text. */
export type Row = Readonly<Record<string, unknown>>

export class PostgresSql extends Context.Service<PostgresSql, {
  /**
   * Runs one statement with bind parameters. A server's refusal is a `PgSqlError` with its SQLSTATE, a lost or refused
   * connection a `TransientError` (the next call connects again), a refused login a `SetupError`.
   *
   * Without parameters the text may hold several statements: they are one transaction, and the last one's rows are the
   * answer. So `set local lock_timeout = '3s'; alter table …` bounds that statement alone, on whichever connection.
   */
  readonly query: (
    statement: string,
    parameters?: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<Row>, PgSqlError | TransientError | SetupError>
}>()("dbmazz/layers/PostgresSql") {}

/** The server ends a statement of ours after this, unless the call site sets another limit. */
const STATEMENT_MS_MAX = 60_000
/** Longer than any statement may run on the server: what is silent for this long is a dead peer, not a slow one. */
const ANSWER_MS_MAX = 180_000
/** A polite goodbye; then the socket is destroyed. */
const CLOSE_MS_MAX = 2_000

/** Session settings, applied after every connect. */
export type SessionSettings = Readonly<Record<string, string>>

/**
 * Every session gives the texts that pgoutput sends, whatever database and role are set to: the catalogue holds values, too, of
 * columns that were added.
 */
const TEXT_SETTINGS: SessionSettings = {
  DateStyle: "ISO",
  IntervalStyle: "iso_8601",
  TimeZone: "UTC",
  bytea_output: "hex",
  extra_float_digits: "1"
}

interface Session {
  readonly client: Client
  readonly socket: ReturnType<typeof PostgresClient.socket>
  lost: boolean
}

/** Whoever does not want it any more, before it is there, aborts `signal`. */
const open = async (
  address: PgAddress,
  applicationName: string,
  settings: SessionSettings,
  signal: AbortSignal
): Promise<Session> => {
  const socket = PostgresClient.socket(address)
  signal.addEventListener("abort", () => socket.destroy(), { once: true })
  const client = new Client({ ...PostgresClient.config(address, applicationName), stream: () => socket })
  const session: Session = { client, socket, lost: false }
  const markLost = () => {
    session.lost = true
  }
  client.on("error", markLost).on("end", markLost)
  try {
    await client.connect()
    const all = { ...TEXT_SETTINGS, statement_timeout: String(STATEMENT_MS_MAX), ...settings }
    await client.query(
      Object.entries(all)
        .map(([name, value]) => `set ${Identifier.quotePg(name)} = '${value.replaceAll("'", "''")}'`)
        .join("; ")
    )
    return session
  } catch (error) {
    socket.destroy()
    throw error
  }
}

const close = async (session: Session): Promise<void> => {
  const timer = new AbortController()
  const late = delay(CLOSE_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined)
  if (!session.lost) await Promise.race([session.client.end().catch(() => undefined), late])
  timer.abort()
  session.socket.destroy()
}

const lastRows = (results: QueryResult<Row> | ReadonlyArray<QueryResult<Row>>): ReadonlyArray<Row> => {
  const last = "rows" in results ? results : results.at(-1)
  return last?.rows ?? []
}

/** One session, opened when needed; `query` as the service promises it. */
export const make = Effect.fnUntraced(function*(
  address: PgAddress,
  applicationName: string,
  settings: SessionSettings = {}
): Effect.fn.Return<PostgresSql["Service"], never, Scope.Scope> {
  const turn = yield* Semaphore.make(1)
  let current: Session | undefined

  const discard = (session: Session): void => {
    session.lost = true
    session.socket.destroy()
    if (current === session) current = undefined
  }
  yield* Effect.addFinalizer(() => Effect.promise(async () => current === undefined ? undefined : close(current)))

  const connect = Effect.callback<Session, TransientError | SetupError>((resume, signal) => {
    void open(address, applicationName, settings, signal).then(
      (session) => {
        if (signal.aborted) return session.socket.destroy()
        current = session
        resume(Effect.succeed(session))
      },
      (error: unknown) => {
        const failure = PostgresFailure.classify(error, address, "connecting")
        resume(
          Effect.fail(
            failure._tag === "PgSqlError" ? PostgresFailure.lost(address, "connecting", failure.message) : failure
          )
        )
      }
    )
  })
  const session = Effect.suspend(() => current === undefined || current.lost ? connect : Effect.succeed(current))

  const run = (use: Session, statement: string, parameters: ReadonlyArray<unknown>) =>
    Effect.callback<ReadonlyArray<Row>, PgSqlError | TransientError | SetupError>((resume) => {
      const fail = (error: unknown): void => {
        const failure = PostgresFailure.classify(error, address, "connected")
        if (failure._tag !== "PgSqlError") discard(use)
        resume(Effect.fail(failure))
      }
      const timer = setTimeout(() => fail(new Error("no answer in time")), ANSWER_MS_MAX)
      // The simple protocol, which takes several statements, when there is nothing to bind.
      const answer = parameters.length === 0
        ? use.client.query<Row>(statement)
        : use.client.query<Row>(statement, [...parameters])
      void answer.then((results) => resume(Effect.succeed(lastRows(results))), fail).finally(() => clearTimeout(timer))
      // An answer that nobody waits for must not be taken for the next statement's.
      return Effect.sync(() => {
        clearTimeout(timer)
        discard(use)
      })
    })

  return {
    query: (statement, parameters = []) =>
      turn.withPermit(Effect.flatMap(session, (use) => run(use, statement, parameters)))
  }
})

/** The live service. `applicationName` is what `pg_stat_activity` shows; `settings` hold for every session. */
export const layer = (
  address: PgAddress,
  applicationName: string,
  settings: SessionSettings = {}
): Layer.Layer<PostgresSql> => Layer.effect(PostgresSql, make(address, applicationName, settings))
