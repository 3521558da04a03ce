/** A failure that no retry mends: its table or the whole pipeline stops, nothing more is confirmed, the slot stays. */
import * as Schema from "effect/Schema"

/** Stable names of the causes. */
export const PermanentCode = Schema.Literals([
  "WAL_MALFORMED",
  "WAL_RELATION_UNKNOWN",
  "WAL_ORDER_BROKEN",
  "SCHEMA_CHANGED",
  "REPLICA_IDENTITY_NOT_FULL",
  "VALUE_UNREPRESENTABLE",
  "TOAST_VALUE_UNKNOWN",
  "TRUNCATE_UNSUPPORTED",
  "ROW_TOO_LARGE",
  "SR_REJECTED_ROWS",
  "SR_REJECTED_LOAD",
  "SR_ACCESS_DENIED",
  "SR_ROWS_MISSING",
  "SR_RETRIES_EXHAUSTED",
  "PG_TABLE_UNPUBLISHED",
  "PG_PUBLICATION_CHANGED",
  "PG_SLOT_KEPT",
  "PG_REFUSED"
])
export type PermanentCode = typeof PermanentCode.Type

/** `message` says what happened and where (table, column, LSN, label; never a row value), `remediation` what to run. */
export class PermanentError extends Schema.TaggedError<PermanentError>()("PermanentError", {
  code: PermanentCode,
  message: Schema.String,
  remediation: Schema.String,
  context: Schema.Record(Schema.String, Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {}
