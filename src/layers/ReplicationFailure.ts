/** What a failed replication connection means: by SQLSTATE, else by the socket's errno. */
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"

export interface Where {
  /** `host:port` */
  readonly host: string
  readonly slot: string
  readonly publication: string
  readonly role: string
}

const SQLSTATE_SLOT_IN_USE = "55006"
const SQLSTATE_SLOT_UNUSABLE = "55000"
const SQLSTATE_UNDEFINED_OBJECT = "42704"
const SQLSTATE_PRIVILEGE = "42501"
const SQLSTATE_DATABASE_UNKNOWN = "3D000"
const SQLSTATE_CLASS_AUTHORIZATION = "28"

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : ""

const textOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const severity = "severity" in cause && typeof cause.severity === "string" ? `${cause.severity}: ` : ""
  return `${severity}${cause.message === "" ? codeOf(cause) : cause.message}`
}

/** Typed form of an error of pg, of the replication library or of the socket. Holds no password and no URL. */
export const classify = (cause: unknown, where: Where): TransientError | SetupError.SetupError => {
  const code = codeOf(cause)
  const error = textOf(cause)
  if (code === SQLSTATE_PRIVILEGE) return SetupError.make({ _tag: "PgRoleCannotReplicate", role: where.role })
  if (code === SQLSTATE_UNDEFINED_OBJECT && /publication/.test(error)) {
    return SetupError.make({ _tag: "PgPublicationFailed", name: where.publication, error })
  }
  if (code === SQLSTATE_UNDEFINED_OBJECT) return SetupError.make({ _tag: "PgSlotFailed", name: where.slot, error })
  if (code === SQLSTATE_SLOT_UNUSABLE && /slot/.test(error)) {
    return SetupError.make({ _tag: "PgSlotInvalidated", name: where.slot, walStatus: "lost" })
  }
  if (code === SQLSTATE_DATABASE_UNKNOWN || code.startsWith(SQLSTATE_CLASS_AUTHORIZATION)) {
    return SetupError.make({ _tag: "PgConnectionFailed", host: where.host, error })
  }
  return code === SQLSTATE_SLOT_IN_USE
    ? new TransientError({
      code: "PG_SLOT_BUSY",
      message: `replication slot '${where.slot}' is in use: ${error}`,
      remediation: "Another process replicates this slot; stop it, or end its backend with " +
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${where.slot}';`,
      context: { slot: where.slot, host: where.host }
    })
    : new TransientError({
      code: "PG_CONNECTION_LOST",
      message: `replication connection to ${where.host} was lost: ${error}`,
      remediation: "Check that the server is up and reachable; replication goes on from the checkpoint.",
      context: { slot: where.slot, host: where.host, ...(code === "" ? {} : { code }) }
    })
}
