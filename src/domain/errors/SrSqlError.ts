/** A statement that StarRocks refused. */
import * as Schema from "effect/Schema"

/** `code` is the MySQL error number; numbers differ between versions, so prefer the predicates below. */
export class SrSqlError extends Schema.TaggedError<SrSqlError>()("SrSqlError", {
  code: Schema.Int,
  message: Schema.String
}) {}

const UNKNOWN_DATABASE: ReadonlySet<number> = new Set([1049, 5501])
const UNKNOWN_TABLE: ReadonlySet<number> = new Set([1051, 1146, 5502])

export const isUnknownDatabase = (error: SrSqlError): boolean =>
  UNKNOWN_DATABASE.has(error.code) || /unknown database/i.test(error.message)

export const isUnknownTable = (error: SrSqlError): boolean =>
  UNKNOWN_TABLE.has(error.code) || /unknown table/i.test(error.message)
