/** Results of statements, and how DuckDB's values look in MySQL's text protocol. */
import type * as DuckDB from "@duckdb/node-api"
import type * as Effect from "effect/Effect"
import type { SqlError } from "../syntax/SqlError.ts"
import * as Dates from "../values/Dates.ts"
import { type ColumnDefinition, MysqlType, textCharset } from "../wire/MysqlPackets.ts"

/** A value of the text protocol. */
export type Value = string | Buffer | null
/** A row. */
export type Row = ReadonlyArray<Value>

/** What a statement answers. */
export type Answer =
  | { readonly kind: "ok"; readonly affectedRows: number }
  | {
    readonly kind: "rows"
    readonly columns: ReadonlyArray<ColumnDefinition>
    /** The next rows; undefined after the last. */
    readonly next: Effect.Effect<ReadonlyArray<Row> | undefined, SqlError>
  }

const binary = 63
const binaryFlag = 128

const numeric = (name: string, type: number, length: number, decimals = 0): ColumnDefinition => ({
  name,
  type,
  charset: binary,
  length,
  flags: binaryFlag,
  decimals
})

/** A column of text. */
export const textColumn = (name: string): ColumnDefinition => ({
  name,
  type: MysqlType.varString,
  charset: textCharset,
  length: 65_535,
  flags: 0,
  decimals: 0
})

/** Describes a column of a DuckDB result. `sum` says that it is a sum, which DuckDB computes in a wider type. */
export const columnOf = (
  duckdb: typeof DuckDB,
  name: string,
  type: DuckDB.DuckDBType,
  sum: boolean
): ColumnDefinition => {
  const { DuckDBTypeId: id } = duckdb
  switch (type.typeId) {
    case id.BOOLEAN:
      return numeric(name, MysqlType.tiny, 1)
    case id.TINYINT:
      return numeric(name, MysqlType.tiny, 4)
    case id.SMALLINT:
      return numeric(name, MysqlType.short, 6)
    case id.INTEGER:
      return numeric(name, MysqlType.long, 11)
    case id.BIGINT:
    case id.UBIGINT:
    case id.UINTEGER:
      return numeric(name, MysqlType.longlong, 20)
    case id.HUGEINT:
      return sum ? numeric(name, MysqlType.longlong, 40) : textColumn(name)
    case id.FLOAT:
      return numeric(name, MysqlType.float, 12, 31)
    case id.DOUBLE:
      return numeric(name, MysqlType.double, 22, 31)
    case id.DECIMAL:
      return numeric(name, MysqlType.newdecimal, 40, "scale" in type ? Number(type.scale) : 0)
    case id.DATE:
      return numeric(name, MysqlType.date, 10)
    case id.TIMESTAMP:
    case id.TIMESTAMP_TZ:
      return numeric(name, MysqlType.datetime, 26, 6)
    case id.BLOB:
      return { name, type: MysqlType.blob, charset: binary, length: 1_048_576, flags: binaryFlag, decimals: 0 }
    default:
      return textColumn(name)
  }
}

/** Digits within which every FLOAT has a spelling of its own. */
const floatDigits = [6, 7, 8, 9]

/** The shortest text that gives the same FLOAT: as a double 0.1 would be 0.10000000149011612. */
const floatText = (value: number): string => {
  const digits = floatDigits.find((count) => Math.fround(Number(value.toPrecision(count))) === value)
  return String(digits === undefined ? value : Number(value.toPrecision(digits)))
}

/** A value inside of an ARRAY, MAP or STRUCT: texts and dates are quoted there. */
const nested = (
  duckdb: typeof DuckDB,
  value: DuckDB.DuckDBValue,
  type: DuckDB.DuckDBType | undefined
): string => {
  const text = render(duckdb, value, type)
  if (text === null) return "null"
  const quotes = typeof value === "string" || value instanceof duckdb.DuckDBTimestampValue ||
    value instanceof duckdb.DuckDBDateValue || value instanceof duckdb.DuckDBBlobValue
  return quotes ? JSON.stringify(text.toString()) : text.toString()
}

const list = (duckdb: typeof DuckDB, value: DuckDB.DuckDBListValue, type: DuckDB.DuckDBType | undefined): string => {
  const element = type instanceof duckdb.DuckDBListType ? type.valueType : undefined
  return `[${value.items.map((item) => nested(duckdb, item, element)).join(",")}]`
}

const map = (
  duckdb: typeof DuckDB,
  { entries }: DuckDB.DuckDBMapValue,
  type: DuckDB.DuckDBType | undefined
): string => {
  const types = type instanceof duckdb.DuckDBMapType ? type : undefined
  const pairs = entries.map(({ key, value }) =>
    `${nested(duckdb, key, types?.keyType)}:${nested(duckdb, value, types?.valueType)}`
  )
  return `{${pairs.join(",")}}`
}

const struct = (
  duckdb: typeof DuckDB,
  { entries }: DuckDB.DuckDBStructValue,
  type: DuckDB.DuckDBType | undefined
): string => {
  const types = type instanceof duckdb.DuckDBStructType ? type.entryTypes : []
  const members = Object.entries(entries).map(([name, member], index) =>
    `${JSON.stringify(name)}:${nested(duckdb, member, types[index])}`
  )
  return `{${members.join(",")}}`
}

/** A value of a result as text; without its type a FLOAT looks like the double it is read as. */
export const render = (duckdb: typeof DuckDB, value: DuckDB.DuckDBValue, type?: DuckDB.DuckDBType): Value => {
  if (value === null) return null
  if (typeof value === "string") return value
  if (typeof value === "boolean") return value ? "1" : "0"
  if (typeof value === "number" && type?.typeId === duckdb.DuckDBTypeId.FLOAT) return floatText(value)
  if (typeof value === "number" || typeof value === "bigint") return String(value)
  if (value instanceof duckdb.DuckDBTimestampValue) return Dates.formatDateTime(value.micros)
  if (value instanceof duckdb.DuckDBTimestampTZValue) return Dates.formatDateTime(value.micros)
  if (value instanceof duckdb.DuckDBDateValue) return Dates.formatDate(value.days)
  if (value instanceof duckdb.DuckDBBlobValue) return Buffer.from(value.bytes)
  if (value instanceof duckdb.DuckDBListValue) return list(duckdb, value, type)
  if (value instanceof duckdb.DuckDBMapValue) return map(duckdb, value, type)
  if (value instanceof duckdb.DuckDBStructValue) return struct(duckdb, value, type)
  return String(value)
}
