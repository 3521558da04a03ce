/** What a failure of PostgreSQL or of the way to it means: the one table from SQLSTATE and errno to our errors. */
import { DatabaseError } from "pg"
import type { PgAddress } from "../domain/config/Settings.ts"
import { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"

/** `connecting`: until the session is ready; `connected`: after. */
export type Phase = "connecting" | "connected"
export type PostgresFailure = PgSqlError | TransientError | SetupError.SetupError

/** The login can never succeed as it is: wrong password, no rule in pg_hba.conf, no such database. */
const LOGIN_REFUSED: ReadonlySet<string> = new Set(["28P01", "28000", "3D000"])

/** The server ends sessions or takes none at the moment; class 08 is added below. */
const SESSION_ENDED: ReadonlySet<string> = new Set([
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P05", // idle_session_timeout
  "25P03", // idle_in_transaction_session_timeout
  "53300" // too_many_connections
])

/** Refusals of a statement that the same statement may not meet a moment later; classes 53 and 58 are added below. */
const STATEMENT_TRANSIENT: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "55P03", // lock_not_available
  "57014", // query_canceled
  "25006" // read_only_sql_transaction, while a failover is under way
])

/** configuration_limit_exceeded: all replication slots are in use, which only a person can change. */
const LIMIT_REACHED = "53400"

/** Failures of names and sockets. Anything else while connecting (TLS, a broken server) needs a person. */
const NETWORK: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN"
])

/** What `pg` says, without a code, when the socket ends or does not open in time. */
const CONNECTION_TEXT =
  /connection terminated|connection ended|timeout expired|timed? ?out|not queryable|client was closed/i

/** `SEVERITY: message[ DETAIL: …][ HINT: …]`, the form that v1 clients show. */
const describe = (error: DatabaseError): string =>
  `${error.severity ?? "ERROR"}: ${error.message}` +
  (error.detail === undefined ? "" : ` DETAIL: ${error.detail}`) +
  (error.hint === undefined ? "" : ` HINT: ${error.hint}`)

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : ""

/** `host:port`, the only part of an address that an error may name. */
export const place = (address: PgAddress): string => `${address.host}:${address.port}`

/** A lost or refused connection. */
export const lost = (address: PgAddress, phase: Phase, text: string): TransientError =>
  new TransientError({
    code: phase === "connecting" ? "PG_UNREACHABLE" : "PG_CONNECTION_LOST",
    message: phase === "connecting"
      ? `PostgreSQL at ${place(address)} cannot be reached: ${text}`
      : `The connection to PostgreSQL at ${place(address)} was lost: ${text}`,
    remediation: "Check that the server runs and that the network lets the connection through; dbmazz tries again.",
    context: { host: place(address) }
  })

/**
 * Classifies whatever `pg` rejects with. The original error is never attached: a driver's error may hold the
 * connection's configuration.
 */
export const classify = (error: unknown, address: PgAddress, phase: Phase): PostgresFailure => {
  if (error instanceof DatabaseError) {
    const sqlState = error.code ?? ""
    const text = describe(error)
    if (LOGIN_REFUSED.has(sqlState)) {
      return SetupError.make({ _tag: "PgConnectionFailed", host: place(address), error: text })
    }
    if (SESSION_ENDED.has(sqlState) || sqlState.startsWith("08")) return lost(address, phase, text)
    return phase === "connecting"
      ? SetupError.make({ _tag: "PgConnectionFailed", host: place(address), error: text })
      : new PgSqlError({ sqlState, message: text })
  }
  const text = error instanceof Error ? error.message : "unknown failure"
  const code = codeOf(error)
  if (phase === "connected" || NETWORK.has(code) || CONNECTION_TEXT.test(text)) {
    return lost(address, phase, text === "" ? code : text)
  }
  return SetupError.make({ _tag: "PgConnectionFailed", host: place(address), error: text })
}

/** Whether the same statement may succeed later. */
export const isTransient = (error: PgSqlError): boolean =>
  STATEMENT_TRANSIENT.has(error.sqlState) || (/^(53|58)/.test(error.sqlState) && error.sqlState !== LIMIT_REACHED)

/** A refused statement as an error for the policy: `reason` when only a person can mend it. */
export const orReason = (error: PgSqlError, reason: SetupError.SetupReason): TransientError | SetupError.SetupError =>
  isTransient(error)
    ? new TransientError({
      code: error.sqlState === "55P03" ? "PG_LOCK_TIMEOUT" : "PG_SQL_FAILED",
      message: SetupError.describe(reason),
      remediation: "It may pass by itself; when it stays, look at pg_stat_activity and at the server's log.",
      context: { sqlState: error.sqlState }
    })
    : SetupError.make(reason)
