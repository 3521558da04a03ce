/** What the replication connection rejects with, as our errors: a translation; the meaning is in `domain/postgres`. */
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as Encoding from "../domain/postgres/Encoding.ts"
import * as Refusal from "../domain/postgres/Refusal.ts"
import * as SlotTakeover from "../domain/postgres/SlotTakeover.ts"
import * as PostgresFailure from "./PostgresFailure.ts"

export interface Where {
  /** `host:port` */
  readonly host: string
  readonly slot: string
  readonly publication: string
  readonly role: string
  readonly database: string
  /** Everything up to here has come. */
  readonly received: Lsn.Lsn
}

const REACH = "Check that the server is up and reachable; replication goes on from the checkpoint."

/** The server took the connection and says nothing more. */
export const unanswered = (place: Pick<Where, "host" | "slot">): TransientError =>
  new TransientError({
    code: "PG_CONNECTION_LOST",
    message: `replication connection to ${place.host} was given up: the server does not answer START_REPLICATION`,
    remediation: REACH,
    context: { ...place }
  })

const transient = (
  code: TransientError["code"],
  where: Where,
  rejection: PostgresFailure.Rejection,
  message: string,
  triesMax?: number
): TransientError =>
  new TransientError({
    code,
    message,
    remediation: REACH,
    context: { slot: where.slot, host: where.host, ...PostgresFailure.codeContext(rejection) },
    ...(triesMax === undefined ? {} : { triesMax })
  })

/**
 * Typed form of an error of pg, of the replication library or of the socket, `connecting` until the session is ready.
 * Holds no password and no URL.
 */
export const classify = (
  cause: unknown,
  where: Where,
  phase: Exclude<Refusal.Phase, "connected">
): TransientError | SetupError.SetupError => {
  const tls = phase === "connecting" ? PostgresFailure.ofTls(cause, where.host) : undefined
  if (tls !== undefined) return tls
  const rejection = PostgresFailure.read(cause)
  const { errno, sqlState, text } = rejection
  const error = PostgresFailure.describe(rejection)
  const verdict = sqlState === undefined
    ? Refusal.ofErrno(errno, phase, text)
    : Refusal.ofSqlState(sqlState, phase, text)
  switch (verdict) {
    case "Away":
    case "Again":
      return transient(
        "PG_CONNECTION_LOST",
        where,
        rejection,
        `replication connection to ${where.host} was lost: ${error}`
      )
    case "Unknown":
      return transient(
        "PG_SQL_FAILED",
        where,
        rejection,
        `PostgreSQL at ${where.host} ended replication in a way that is not known: ${error}`,
        Refusal.UNKNOWN_TRIES_MAX
      )
    case "SlotBusy":
      return SlotTakeover.busy(where.slot, where.host, SlotTakeover.pidIn(text), undefined, 0)
    case "Login":
      return SetupError.make({ _tag: "PgConnectionFailed", host: where.host, error })
    case "Forbidden":
      return SetupError.make({ _tag: "PgRoleCannotReplicate", role: where.role })
    case "SlotUnusable":
      return SetupError.make({ _tag: "PgSlotInvalidated", name: where.slot, walStatus: "lost" })
    case "PublicationMissing":
      return SetupError.make({ _tag: "PgPublicationFailed", name: where.publication, error })
    case "SlotMissing":
      // It was there when the setup looked. The next look knows the checkpoint, and says what is missing.
      return transient(
        "PG_CONNECTION_LOST",
        where,
        rejection,
        `replication slot '${where.slot}' has gone: ${error}`,
        Refusal.UNKNOWN_TRIES_MAX
      )
    case "Encoding":
      return SetupError.make(Encoding.ofRefusal(where.database, text))
    case "Unconvertible":
      return SetupError.make(Encoding.unconvertible(where.slot, sqlState ?? "", rejection.context, where.received))
    case "Refused":
      return SetupError.make({ _tag: "PgSlotFailed", name: where.slot, error })
  }
}
