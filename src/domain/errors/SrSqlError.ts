/** A statement that StarRocks refused. */
import * as Schema from "effect/Schema"

/** `code` is the MySQL error number; numbers differ between versions (an unknown table is 1051, 1146 or 5502). */
export class SrSqlError extends Schema.TaggedError<SrSqlError>()("SrSqlError", {
  code: Schema.Int,
  message: Schema.String
}) {}
