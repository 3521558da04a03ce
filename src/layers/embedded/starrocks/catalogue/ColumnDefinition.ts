/** Parses column definitions and their types, as CREATE TABLE and ALTER TABLE write them. */
import { analysis, detail } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import * as ColumnType from "../values/ColumnType.ts"
import { parseDateTime } from "../values/Dates.ts"
import * as Values from "../values/Values.ts"
import { type Default, isReserved } from "./Table.ts"

/** A column as it was written: whether NULL was said at all matters for keys. */
export interface ColumnDefinition {
  readonly name: string
  readonly type: ColumnType.ColumnType
  readonly nullable: boolean | undefined
  readonly default: Default
  readonly comment: string
}

/** Bytes of the longest column name. */
const columnNameBytesMax = 1024
/** Members of one STRUCT: a bound of this endpoint, far above what tables have. */
const structMembersMax = 1000

const length = (cursor: TokenCursor): number | undefined => {
  if (!cursor.take("(")) return undefined
  const value = cursor.integer()
  cursor.need(")")
  return value
}

const bounded = (value: number, max: number, what: string): number => {
  if (value < 1 || value > max) throw detail(`${what} size must be between 1 and ${max}: ${value}`)
  return value
}

const decimal = (cursor: TokenCursor): ColumnType.ColumnType => {
  let precision = 10
  let scale = 0
  if (cursor.take("(")) {
    precision = cursor.integer()
    if (cursor.take(",")) scale = cursor.integer()
    cursor.need(")")
  }
  if (precision < 1 || precision > ColumnType.decimalPrecisionMax) {
    throw detail(`DECIMAL's precision should range from 1 to ${ColumnType.decimalPrecisionMax}`)
  }
  if (scale > precision) throw detail(`DECIMAL(${precision}, ${scale}): scale should not exceed precision`)
  return { kind: "DECIMAL", precision, scale }
}

/** `<element>`, `<key, value>` or `<name type, ..>` after the word for it. */
const nested = (cursor: TokenCursor, kind: "ARRAY" | "MAP" | "STRUCT", depth: number): ColumnType.ColumnType => {
  if (depth >= ColumnType.nestingDepthMax) {
    throw detail(`Type exceeds the maximum nesting depth of ${ColumnType.nestingDepthMax}`)
  }
  cursor.need("<")
  if (kind === "ARRAY") {
    const element = columnType(cursor, depth + 1)
    cursor.need(">")
    return { kind, element }
  }
  if (kind === "MAP") {
    const key = columnType(cursor, depth + 1)
    if (ColumnType.isNested(key) || key.kind === "JSON" || key.kind === "VARBINARY") {
      throw detail(`Invalid map.key's type: ${ColumnType.render(key)}, which should be base types`)
    }
    cursor.need(",")
    const value = columnType(cursor, depth + 1)
    cursor.need(">")
    return { kind, key, value }
  }
  const members: Array<ColumnType.Member> = []
  do {
    const name = cursor.name()
    if (members.some((member) => member.name.toLowerCase() === name.toLowerCase())) {
      throw detail(`struct contains duplicate subfield name: ${name}`)
    }
    // A name of digits would change its place, because the values pass through objects.
    if (/^\d+$/.test(name) || name === "__proto__") {
      throw detail(`subfield name '${name}' is not supported by this endpoint`)
    }
    if (members.length >= structMembersMax) throw detail(`struct has more than ${structMembersMax} subfields`)
    cursor.take(":")
    members.push({ name, type: columnType(cursor, depth + 1) })
  } while (cursor.take(","))
  cursor.need(">")
  return { kind, members }
}

/** A column type; `depth` counts the types around it. */
export const columnType = (cursor: TokenCursor, depth = 0): ColumnType.ColumnType => {
  const written = cursor.name()
  const kind = written.toUpperCase()
  switch (kind) {
    case "BOOLEAN":
    case "BOOL":
      return { kind: "BOOLEAN" }
    case "TINYINT":
      return length(cursor) === 1 ? { kind: "BOOLEAN" } : { kind: "TINYINT" }
    case "SMALLINT":
    case "BIGINT":
    case "LARGEINT":
      length(cursor)
      return { kind }
    case "INT":
    case "INTEGER":
      length(cursor)
      return { kind: "INT" }
    case "FLOAT":
    case "DATE":
    case "DATETIME":
    case "JSON":
      return { kind }
    case "DOUBLE":
      cursor.take("PRECISION")
      return { kind }
    case "DECIMAL":
    case "DECIMALV2":
    case "DECIMALV3":
    case "DECIMAL32":
    case "DECIMAL64":
    case "DECIMAL128":
    case "NUMERIC":
      return decimal(cursor)
    case "CHAR":
      return { kind, bytes: bounded(length(cursor) ?? 1, ColumnType.charBytesMax, "Char") }
    case "VARCHAR":
      return { kind, bytes: bounded(length(cursor) ?? 1, ColumnType.varcharBytesMax, "Varchar") }
    case "STRING":
    case "TEXT":
      return { kind: "VARCHAR", bytes: ColumnType.stringBytes }
    case "BINARY":
    case "VARBINARY":
      return {
        kind: "VARBINARY",
        bytes: bounded(length(cursor) ?? ColumnType.varcharBytesMax, ColumnType.varcharBytesMax, "Varbinary")
      }
    case "ARRAY":
    case "MAP":
    case "STRUCT":
      return nested(cursor, kind, depth)
    case "BITMAP":
    case "HLL":
    case "PERCENTILE":
      throw analysis(`${kind} columns are not supported by this endpoint`)
    default:
      throw detail(`Unknown column type '${written}'`)
  }
}

/** Dates in loads may be written in many ways, those in DDL only in this one. */
const plainMoment = /^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d{1,6})?)?$/

const defaultOf = (cursor: TokenCursor, name: string, type: ColumnType.ColumnType): Default => {
  if (cursor.take("NULL")) return { kind: "constant", text: null }
  if (cursor.take("CURRENT_TIMESTAMP")) {
    if (cursor.take("(")) cursor.need(")")
    if (type.kind !== "DATETIME") {
      throw detail(`Default function CURRENT_TIMESTAMP is only supported on DATETIME: '${name}'`)
    }
    return { kind: "now" }
  }
  const negative = cursor.take("-") ? "-" : ""
  const token = cursor.peek()
  if (token === undefined || (token.kind !== "text" && token.kind !== "number")) throw cursor.unexpected()
  cursor.at += 1
  const text = negative + token.text
  if (ColumnType.isNested(type) || type.kind === "JSON") {
    throw detail(`Type '${ColumnType.render(type)}' of column '${name}' can not have a default`)
  }
  const bad = type.kind === "DATETIME" || type.kind === "DATE"
    ? !plainMoment.test(text) || parseDateTime(text) === undefined
    : Values.constant(type, text) === undefined
  if (bad) throw detail(`Invalid default value for '${name}': ${text}`)
  return { kind: "constant", text }
}

/** `name type [NULL|NOT NULL] [DEFAULT ..] [COMMENT ..]`. */
export const columnDefinition = (cursor: TokenCursor): ColumnDefinition => {
  const name = cursor.name()
  if (isReserved(name)) throw detail(`Column name '${name}' is a system reserved name`)
  if (Buffer.byteLength(name) > columnNameBytesMax) throw detail("Column name is too long")
  const type = columnType(cursor)
  let nullable: boolean | undefined
  let value: Default = { kind: "none" }
  let comment = ""
  for (;;) {
    if (cursor.take("NOT", "NULL")) nullable = false
    else if (cursor.take("NULL")) nullable = true
    else if (cursor.take("DEFAULT")) value = defaultOf(cursor, name, type)
    else if (cursor.take("COMMENT")) comment = cursor.text()
    else if (cursor.take("KEY")) throw detail("KEY in a column definition is not supported by this endpoint")
    else if (cursor.take("AUTO_INCREMENT")) throw detail("AUTO_INCREMENT is not supported by this endpoint")
    else return { name, type, nullable, default: value, comment }
  }
}
