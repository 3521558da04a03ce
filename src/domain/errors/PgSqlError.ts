/** A statement that PostgreSQL refused. */
import * as Schema from "effect/Schema"

/** `message` is `SEVERITY: message[ DETAIL: …][ HINT: …]`, the form that v1 clients show. */
export class PgSqlError extends Schema.TaggedError<PgSqlError>()("PgSqlError", {
  sqlState: Schema.String,
  message: Schema.String
}) {}
