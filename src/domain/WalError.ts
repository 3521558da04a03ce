/** The WAL that was received cannot be what the server wrote: nothing after it can be trusted. */
import { PermanentError } from "./errors/PermanentError.ts"
import * as Lsn from "./Lsn.ts"
import type { DecodeError } from "./pgoutput/DecodeError.ts"
import type { Delete, Insert, Update } from "./pgoutput/Message.ts"

const REPORT =
  "Keep the slot, save the server's version and the table definitions, and report this: nothing after it " +
  "has been confirmed."

/** The message cannot be read. */
export const malformed = (error: DecodeError, lsn: Lsn.Lsn): PermanentError =>
  new PermanentError({
    code: "WAL_MALFORMED",
    message: `at ${Lsn.format(lsn)}: ${error.message}`,
    remediation: REPORT,
    context: { lsn: Lsn.format(lsn), kind: error.kind },
    cause: error
  })

/** The message does not fit the transaction that is open, or there is none. */
export const outOfOrder = (kind: string, lsn: Lsn.Lsn): PermanentError =>
  new PermanentError({
    code: "WAL_ORDER_BROKEN",
    message: `at ${Lsn.format(lsn)}: a ${kind} message does not fit the transaction that is open`,
    remediation: REPORT,
    context: { lsn: Lsn.format(lsn), kind }
  })

/** A row of a table whose columns are not known. */
export const unknownRelation = (message: Insert | Update | Delete, lsn: Lsn.Lsn): PermanentError =>
  new PermanentError({
    code: "WAL_RELATION_UNKNOWN",
    message: `at ${Lsn.format(lsn)}: ${message._tag} for relation ${message.relationId}, which was never announced`,
    remediation: REPORT,
    context: { lsn: Lsn.format(lsn), relationId: String(message.relationId) }
  })
