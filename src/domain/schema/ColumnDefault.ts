/** The value that the rows of a table have in a column that was added to it, as a StarRocks default. */
import { ByteWriter } from "../ByteWriter.ts"
import * as PgType from "../PgType.ts"
import type { SourceColumn } from "../Table.ts"
import * as ValueRule from "../values/ValueRule.ts"

/** Kinds of columns that may have a default in StarRocks. Their texts are those of our sessions, whatever the database is set to. */
const KINDS: ReadonlySet<PgType.PgKind> = new Set([
  "boolean",
  "integer",
  "float",
  "double",
  "numeric",
  "text",
  "date",
  "timestamp",
  "timestamptz"
])
/** Longer ones would make the definition of the table large; rows that hold one are few. */
const BYTES_MAX = 1024

const UTC = "+00"

/**
 * What `DEFAULT` is to say for a column of this type; undefined when there is nothing to say, or when StarRocks cannot have
 * it. It is not the source's default but the value that PostgreSQL has put beside the rows which were there before, so
 * `now()` is the moment at which the column was added.
 */
export const of = (column: SourceColumn, targetType: string): string | undefined => {
  const { missing, typeOid } = column
  if (missing === undefined || missing === null) return undefined
  const type = PgType.of(typeOid)
  if (!KINDS.has(type.kind)) return undefined
  const rule = ValueRule.compile(type, { name: column.name, type: targetType, nullable: true })
  if (rule === undefined) return undefined
  const bytes = Buffer.from(type.kind === "timestamptz" ? `${missing}${UTC}` : missing, "utf8")
  const writer = new ByteWriter(bytes.length)
  if (ValueRule.write(writer, rule, bytes, 0, bytes.length) !== undefined) return undefined
  const literal = writer.view().toString("utf8")
  const text = literal.startsWith("\"") ? String(JSON.parse(literal)) : literal
  return Buffer.byteLength(text) > BYTES_MAX ? undefined : text
}
