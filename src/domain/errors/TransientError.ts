/** A failure that time can mend: the same request is tried again, with backoff, and nothing is lost meanwhile. */
import * as Schema from "effect/Schema"

/** Stable names of the causes. */
export const TransientCode = Schema.Literals([
  "PG_UNREACHABLE",
  "PG_CONNECTION_LOST",
  "PG_SLOT_BUSY",
  "PG_LOCK_TIMEOUT",
  "PG_SQL_FAILED",
  "SR_UNREACHABLE",
  "SR_SQL_FAILED",
  "SR_UNAVAILABLE",
  "SR_REPLY_LOST",
  "SR_REPLY_UNREADABLE",
  "SR_LABEL_UNSETTLED",
  "SR_TOO_MANY_VERSIONS",
  "SR_MEMORY",
  "SR_BUSY",
  "SR_REFUSED"
])
export type TransientCode = typeof TransientCode.Type

/**
 * `message` says what happened and where (host, table, label, LSN; never a row value or a secret), `remediation` what a
 * person can do when it lasts, `retryAfterMs` the least wait the other side asks for, `triesMax` how often in a row it is
 * worth trying: absent when it may last, set when nobody knows what the failure is.
 */
export class TransientError extends Schema.TaggedError<TransientError>()("TransientError", {
  code: TransientCode,
  message: Schema.String,
  remediation: Schema.String,
  context: Schema.Record(Schema.String, Schema.String),
  retryAfterMs: Schema.optionalKey(Schema.Int),
  triesMax: Schema.optionalKey(Schema.Int),
  cause: Schema.optionalKey(Schema.Defect())
}) {}
