/** What `pg` rejects with, as our errors: only a translation, the meaning is in `domain/postgres/Refusal`. */
import type { PgAddress } from "../domain/config/Settings.ts"
import { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { SetupReason } from "../domain/errors/SetupReason.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Encoding from "../domain/postgres/Encoding.ts"
import * as Refusal from "../domain/postgres/Refusal.ts"
import * as TlsProblem from "../domain/TlsProblem.ts"
import * as TlsFiles from "./TlsFiles.ts"

/** The phases of an SQL session. */
export type Phase = Exclude<Refusal.Phase, "replicating">
export type PostgresFailure = PgSqlError | TransientError | SetupError.SetupError

/** What is known of a rejection: a server's answer has a SQLSTATE, everything else perhaps an errno. */
export interface Rejection {
  readonly sqlState: string | undefined
  readonly errno: string
  /** The words alone; the server's detail and hint are apart. */
  readonly text: string
  readonly severity: string
  readonly detail: string
  readonly hint: string
  /** What the server was at. */
  readonly context: string
}

/** Every SQLSTATE holds a digit; an errno such as EPIPE does not. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/

const field = (error: unknown, name: string): string => {
  const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined
  return typeof value === "string" ? value : ""
}

/**
 * Reads a rejection of `pg`, of the replication library or of the socket. The original error is never attached to ours: a
 * driver's error may hold the connection's configuration.
 */
export const read = (error: unknown): Rejection => {
  const code = field(error, "code")
  const fromServer = field(error, "severity") !== "" || SQLSTATE.test(code)
  const words = error instanceof Error ? error.message : "unknown failure"
  return {
    sqlState: fromServer ? code : undefined,
    errno: fromServer ? "" : code,
    text: words === "" ? code : words,
    severity: field(error, "severity"),
    detail: field(error, "detail"),
    hint: field(error, "hint"),
    context: field(error, "where")
  }
}

/** `SEVERITY: message[ DETAIL: …][ HINT: …]`, the form that v1 clients show; the words alone when no server said them. */
export const describe = (rejection: Rejection): string =>
  rejection.sqlState === undefined
    ? rejection.text
    : `${rejection.severity === "" ? "ERROR" : rejection.severity}: ${rejection.text}` +
      (rejection.detail === "" ? "" : ` DETAIL: ${rejection.detail}`) +
      (rejection.hint === "" ? "" : ` HINT: ${rejection.hint}`)

/** `host:port`, the only part of an address that an error may name. */
export const place = (address: PgAddress): string => `${address.host}:${address.port}`

/** Where a failure comes from, for the error's context: its SQLSTATE or its errno. */
export const codeContext = (rejection: Rejection): Readonly<Record<string, string>> => ({
  ...(rejection.sqlState === undefined ? {} : { sqlState: rejection.sqlState }),
  ...(rejection.errno === "" ? {} : { errno: rejection.errno })
})

/** A lost or refused connection; with `triesMax` one that nobody knows the meaning of. */
export const lost = (
  address: PgAddress,
  phase: Phase,
  text: string,
  context: Readonly<Record<string, string>> = {},
  triesMax?: number
): TransientError =>
  new TransientError({
    code: phase === "connecting" ? "PG_UNREACHABLE" : "PG_CONNECTION_LOST",
    message: phase === "connecting"
      ? `PostgreSQL at ${place(address)} cannot be reached: ${text}`
      : `The connection to PostgreSQL at ${place(address)} was lost: ${text}`,
    remediation:
      "Check that the server runs and that the network lets the connection through; dbmazz run tries again by itself.",
    context: { host: place(address), ...context },
    ...(triesMax === undefined ? {} : { triesMax })
  })

/** What only a person can mend about TLS, said by our side or by the server; undefined: it is about something else. */
export const ofTls = (error: unknown, host: string): SetupError.SetupError | undefined => {
  if (error instanceof TlsFiles.TlsRefusal) return SetupError.make({ _tag: "PgTlsFailed", host, ...error.problem })
  const rejection = read(error)
  const remedy = rejection.sqlState === undefined ? undefined : TlsProblem.remedyOfRefusal(rejection.text)
  return remedy === undefined
    ? undefined
    : SetupError.make({ _tag: "PgTlsFailed", host, error: describe(rejection), remedy })
}

/** Classifies whatever `pg` rejects with on an SQL session. */
export const classify = (error: unknown, address: PgAddress, phase: Phase): PostgresFailure => {
  const tls = phase === "connecting" ? ofTls(error, place(address)) : undefined
  if (tls !== undefined) return tls
  const rejection = read(error)
  const { errno, sqlState, text } = rejection
  const verdict = sqlState === undefined
    ? Refusal.ofErrno(errno, phase, text)
    : Refusal.ofSqlState(sqlState, phase, text)
  const said = describe(rejection)
  if (verdict === "Encoding") return SetupError.make(Encoding.ofRefusal(address.database, text))
  if (verdict === "Away") return lost(address, phase, said, codeContext(rejection))
  if (phase === "connected" && verdict !== "Login") return new PgSqlError({ sqlState: sqlState ?? "", message: said })
  return verdict === "Unknown"
    ? lost(address, phase, said, codeContext(rejection), Refusal.UNKNOWN_TRIES_MAX)
    : SetupError.make({ _tag: "PgConnectionFailed", host: place(address), error: said })
}

const verdictOn = (error: PgSqlError): Refusal.Verdict => Refusal.ofSqlState(error.sqlState, "connected", error.message)

/** Whether the same statement may succeed later. */
export const isTransient = (error: PgSqlError): boolean => verdictOn(error) === "Again"

/** The code of a statement that waited too long for a lock. */
const LOCK_NOT_AVAILABLE = "55P03"

/** A refused statement as an error for the policy: `reason` when only a person can mend it. */
export const orReason = (error: PgSqlError, reason: SetupReason): TransientError | SetupError.SetupError => {
  const verdict = verdictOn(error)
  return verdict === "Again" || verdict === "Unknown"
    ? new TransientError({
      code: error.sqlState === LOCK_NOT_AVAILABLE ? "PG_LOCK_TIMEOUT" : "PG_SQL_FAILED",
      message: SetupError.describe(reason),
      remediation: "It may pass by itself; when it stays, look at pg_stat_activity and at the server's log.",
      context: { sqlState: error.sqlState },
      ...(verdict === "Unknown" ? { triesMax: Refusal.UNKNOWN_TRIES_MAX } : {})
    })
    : SetupError.make(reason)
}
