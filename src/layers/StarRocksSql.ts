/** SQL on StarRocks over the MySQL protocol: text protocol only, because StarRocks prepares nothing but SELECT. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type Connection, createConnection, type QueryError, type TypeCastField } from "mysql2"
import { Socket } from "node:net"
import type { SrAddress } from "../domain/config/Settings.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { SrSqlError } from "../domain/errors/SrSqlError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as StarRocksTls from "./StarRocksTls.ts"

/** A result row by column name as the server spells it; every value is text or null. */
export type Row = Readonly<Record<string, string | null>>

/** A front end that does not greet in this time, in ms, is down or behind a firewall. */
const CONNECT_MS_MAX = 5_000
/** Our statements read the catalogue or start a schema change, both at once; in ms. */
const STATEMENT_MS_MAX = 60_000
/** Time for the farewell packet when the scope closes, in ms; then the socket is cut. */
const CLOSE_MS_MAX = 500

/** Limits in ms, given explicitly by tests only. */
export interface Limits {
  readonly connectMs: number
  readonly statementMs: number
}

/** What a statement asks for that is not a question to the catalogue. */
export interface Sending {
  /** How long the answer is awaited, in ms. */
  readonly withinMs: number
  /** Asked as the last thing before the statement goes: false, and nothing is sent. */
  readonly mayBegin: () => boolean
}

export class StarRocksSql extends Context.Service<StarRocksSql, {
  /**
   * Runs one statement. A server's refusal is a `SrSqlError` with its code, a lost or refused connection a
   * `TransientError` (the next call connects again), a refused login a `SetupError`. A `TransientError`, too, when it may
   * not begin any more.
   */
  readonly query: (
    statement: string,
    sending?: Sending
  ) => Effect.Effect<ReadonlyArray<Row>, SrSqlError | TransientError | SetupError.SetupError>
}>()("dbmazz/layers/StarRocksSql") {
  /** One connection, opened when needed; statements run one after the other. It closes with the scope. */
  static readonly layer = (
    sink: SrAddress,
    limits: Limits = { connectMs: CONNECT_MS_MAX, statementMs: STATEMENT_MS_MAX }
  ): Layer.Layer<StarRocksSql> => Layer.effect(StarRocksSql, make(sink, limits))
}

/** Logins that stay refused until somebody changes something: password, role, plug-in, locked account. */
const LOGIN_REFUSED: ReadonlySet<number> = new Set([1044, 1045, 1251, 1698, 1862, 3118, 5203])

type Failure = SrSqlError | TransientError | SetupError.SetupError

const place = (sink: SrAddress): string => `${sink.host}:${sink.sqlPort}`

/** Anything that is not the server's answer to a statement: refused, reset, timed out, not the MySQL protocol. */
const lost = (sink: SrAddress, why: string): TransientError =>
  new TransientError({
    code: "SR_UNREACHABLE",
    message: `StarRocks connection failed to '${place(sink)}': ${why}`,
    remediation:
      "Check STARROCKS_URL, STARROCKS_PORT, and that a front end is alive; dbmazz run tries again by itself.",
    context: { host: place(sink) }
  })

/** The server's own refusals carry a SQLSTATE and a positive number; the driver's and the system's do not. */
const isServerError = (error: QueryError): boolean => error.sqlState !== undefined && (error.errno ?? 0) > 0

/** The driver's error is never attached: it may hold the statement and the connection's configuration. */
const classify = (sink: SrAddress, error: QueryError, phase: "connecting" | "connected"): Failure => {
  if (!isServerError(error)) {
    return (phase === "connecting" ? StarRocksTls.refusal(sink, error) : undefined) ??
      lost(sink, error.code ?? error.message)
  }
  const code = error.errno ?? 0
  if (phase === "connected") return new SrSqlError({ code, message: error.message })
  return LOGIN_REFUSED.has(code)
    ? SetupError.make({ _tag: "SrConnectionFailed", host: sink.url, error: error.message })
    : lost(sink, error.message)
}

/**
 * Every value as the server wrote it, so that no number and no date is changed on the way. It is UTF-8, whatever character
 * set the server announces: the client would read another one, or drop a byte order mark.
 */
const asText = (field: TypeCastField): string | null => field.buffer()?.toString("utf8") ?? null

const make = Effect.fnUntraced(function*(sink: SrAddress, limits: Limits) {
  const turn = yield* Semaphore.make(1)
  let current: Connection | undefined

  const discard = (connection: Connection): void => {
    if (current === connection) current = undefined
    connection.destroy()
  }
  yield* closing(() => current)

  const connect = Effect.callback<Connection, Failure>((resume) => {
    const options = StarRocksTls.options(sink)
    if (Result.isFailure(options)) return resume(Effect.fail(options.failure))
    const connection = createConnection({
      ...options.success,
      host: sink.host,
      port: sink.sqlPort,
      user: sink.user,
      password: Redacted.value(sink.password),
      connectTimeout: limits.connectMs,
      multipleStatements: false,
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      typeCast: asText
    })
    // Without a listener, a connection that breaks while nobody waits for it would end the process.
    connection.on("error", () => discard(connection))
    connection.connect((error) => {
      if (!error) {
        current = connection
        return resume(Effect.succeed(connection))
      }
      discard(connection)
      resume(Effect.fail(classify(sink, error, "connecting")))
    })
    return Effect.sync(() => discard(connection))
  })

  const run = (
    connection: Connection,
    statement: string,
    { mayBegin, withinMs }: Sending
  ): Effect.Effect<ReadonlyArray<Row>, Failure> =>
    Effect.callback<ReadonlyArray<Row>, Failure>((resume) => {
      // The driver has nothing else to do: what it is given here goes at once.
      if (!mayBegin()) {
        return resume(Effect.fail(lost(sink, "the statement was not sent: too long after it was decided on")))
      }
      connection.query(statement, (error: QueryError | null, rows: unknown) => {
        if (!error) return resume(Effect.succeed(Array.isArray(rows) ? rows : []))
        const failure = classify(sink, error, "connected")
        if (failure._tag !== "SrSqlError") discard(connection)
        resume(Effect.fail(failure))
      })
      // An answer that nobody waits for must not be taken for the next statement's.
      return Effect.sync(() => discard(connection))
    }).pipe(
      Effect.timeoutOrElse({
        duration: withinMs,
        orElse: () => Effect.fail(lost(sink, `no answer within ${withinMs} ms`))
      })
    )

  const session = Effect.suspend(() => current === undefined ? connect : Effect.succeed(current))
  return {
    query: (statement: string, sending: Sending = { withinMs: limits.statementMs, mayBegin: () => true }) =>
      turn.withPermit(session.pipe(Effect.flatMap((connection) => run(connection, statement, sending))))
  }
})

const closing = (current: () => Connection | undefined): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    Effect.callback<void>((resume) => {
      const connection = current()
      if (connection === undefined) return resume(Effect.void)
      const over = (): void => {
        clearTimeout(late)
        connection.destroy()
        resume(Effect.void)
      }
      const late = setTimeout(over, CLOSE_MS_MAX)
      connection.on("end", over)
      // The driver hears the end of a plain socket only.
      const stream: unknown = Reflect.get(connection, "stream")
      if (stream instanceof Socket) stream.once("close", over)
      connection.end()
    })
  )
