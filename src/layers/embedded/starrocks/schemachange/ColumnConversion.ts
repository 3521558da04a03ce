/** Which types a column may be changed to, and which stored values stand in the way. Pure. */
import type { Check } from "../catalogue/StoredColumn.ts"
import { quoted } from "../catalogue/Table.ts"
import * as ColumnType from "../values/ColumnType.ts"

const integers = ["TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"]
const floats = ["FLOAT", "DOUBLE"]

/** What StarRocks asks of a VARCHAR that a DECIMAL is changed to: digits, a point, and three bytes for sign, zero and overflow. */
const decimalBytes = ({ precision, scale }: Extract<ColumnType.ColumnType, { readonly kind: "DECIMAL" }>): number =>
  precision + (scale > 0 ? 1 : 0) + 3

/** Whether MODIFY COLUMN may change a column from one type to the other. */
export const allowed = (from: ColumnType.ColumnType, to: ColumnType.ColumnType): boolean => {
  if (ColumnType.same(from, to)) return true
  const fromInteger = integers.indexOf(from.kind)
  const toInteger = integers.indexOf(to.kind)
  if (fromInteger >= 0 && toInteger >= 0) return toInteger > fromInteger
  if (from.kind === "VARCHAR" || from.kind === "CHAR") {
    if (to.kind === "VARCHAR") return to.bytes >= from.bytes
    if (from.kind === "CHAR" && to.kind === "CHAR") return to.bytes >= from.bytes
    return from.kind === "VARCHAR" && (toInteger >= 0 || to.kind === "DATE" || floats.includes(to.kind))
  }
  if (to.kind === "VARCHAR") {
    return fromInteger >= 0 || floats.includes(from.kind) || (from.kind === "DECIMAL" && to.bytes >= decimalBytes(from))
  }
  if (from.kind === "VARBINARY" && to.kind === "VARBINARY") return to.bytes >= from.bytes
  if (from.kind === "DECIMAL" && to.kind === "DECIMAL") {
    return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
  }
  if (from.kind === "FLOAT" && to.kind === "DOUBLE") return true
  return (from.kind === "DATE" && to.kind === "DATETIME") || (from.kind === "DATETIME" && to.kind === "DATE")
}

/** A text that the target type takes as it stands, as a DuckDB regular expression. */
const shapes: Readonly<Record<string, string>> = {
  DATE: "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
  FLOAT: "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?",
  DOUBLE: "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?"
}

/** Finds a stored value that the new type cannot hold exactly; undefined when it holds every value. */
export const check = (
  physicalTable: string,
  name: string,
  from: ColumnType.ColumnType,
  to: ColumnType.ColumnType
): Check | undefined => {
  const column = quoted(name)
  const rows = (condition: string): Check => ({
    sql: `select 1 from ${physicalTable} where ${column} is not null and (${condition}) limit 1`,
    message: `column ${name} has a value that cannot be changed from ${ColumnType.render(from)} to ${
      ColumnType.render(to)
    }`
  })
  if (to.kind === "VARCHAR" && from.kind !== "VARCHAR" && from.kind !== "CHAR") {
    return rows(`strlen(${column}::varchar) > ${to.bytes}`)
  }
  if (from.kind !== "VARCHAR" || to.kind === "VARCHAR") return undefined
  const shape = shapes[to.kind] ?? "[+-]?[0-9]+"
  return rows(
    `not regexp_full_match(${column}, '${shape}') or try_cast(${column} as ${ColumnType.stored(to)}) is null`
  )
}
