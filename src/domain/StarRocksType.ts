/** StarRocks column types as its catalogue spells them. */

/** What a column can hold, which decides the literal that is sent. */
export type StarRocksFamily =
  | "boolean"
  | "integer"
  | "float"
  | "double"
  | "decimal"
  | "string"
  | "date"
  | "datetime"
  | "json"
  | "binary"

const FAMILIES: ReadonlyMap<string, StarRocksFamily> = new Map<string, StarRocksFamily>([
  ["boolean", "boolean"],
  ["tinyint", "integer"],
  ["smallint", "integer"],
  ["int", "integer"],
  ["integer", "integer"],
  ["bigint", "integer"],
  ["largeint", "integer"],
  ["float", "float"],
  ["double", "double"],
  ["decimal", "decimal"],
  ["decimalv2", "decimal"],
  ["decimal32", "decimal"],
  ["decimal64", "decimal"],
  ["decimal128", "decimal"],
  ["decimal256", "decimal"],
  ["char", "string"],
  ["varchar", "string"],
  ["string", "string"],
  ["date", "date"],
  ["datetime", "datetime"],
  ["json", "json"],
  ["binary", "binary"],
  ["varbinary", "binary"]
])

/**
 * The family of a `COLUMN_TYPE` of `information_schema.columns`, such as `varchar(65533)`, `tinyint(1)` (BOOLEAN) or
 * `bigint unsigned` (LARGEINT). Undefined for complex and aggregate types.
 */
export const familyOf = (columnType: string): StarRocksFamily | undefined => {
  const type = columnType.trim().toLowerCase()
  if (type === "tinyint(1)") return "boolean"
  return FAMILIES.get(/^[a-z0-9]+/.exec(type)?.[0] ?? "")
}

/** Decimals that a column keeps: the scale of a DECIMAL, none for an integer type, any number for the others. */
export const scaleOf = (columnType: string): number => {
  const family = familyOf(columnType)
  if (family === "integer") return 0
  if (family !== "decimal") return Number.POSITIVE_INFINITY
  return Number(/,\s*(\d+)\s*\)/.exec(columnType)?.[1] ?? 0)
}

/** Bytes that a text or binary column holds; any number for the other types. */
export const bytesMaxOf = (columnType: string): number => {
  const type = columnType.trim().toLowerCase()
  const family = familyOf(type)
  if (family !== "string" && family !== "binary") return Number.POSITIVE_INFINITY
  const declared = /\(\s*(\d+)\s*\)/.exec(type)?.[1]
  if (declared !== undefined) return Number(declared)
  return type.startsWith("string") ? STRING_BYTES : family === "binary" ? BINARY_BYTES : Number.POSITIVE_INFINITY
}

/** STRING is this VARCHAR. */
const STRING_BYTES = 65_533
/** The default, and the most, of VARBINARY. */
const BINARY_BYTES = 1_048_576

const INTEGER_BITS: ReadonlyMap<string, bigint> = new Map([
  ["tinyint", 8n],
  ["smallint", 16n],
  ["int", 32n],
  ["integer", 32n],
  ["bigint", 64n],
  ["largeint", 128n]
])
/** DECIMAL without precision. */
const DECIMAL_PRECISION_DEFAULT = 10

/** The least and the greatest whole number of an integer or decimal column; undefined for the other types. */
export const boundsOf = (columnType: string): readonly [bigint, bigint] | undefined => {
  const type = columnType.trim().toLowerCase()
  const family = familyOf(type)
  if (family === "decimal") {
    const precision = Number(/\(\s*(\d+)/.exec(type)?.[1] ?? DECIMAL_PRECISION_DEFAULT)
    const greatest = 10n ** BigInt(Math.max(0, precision - scaleOf(type))) - 1n
    return [-greatest, greatest]
  }
  if (family !== "integer") return undefined
  // LARGEINT is shown as `bigint unsigned`, though it has a sign.
  const bits = type.includes("unsigned") ? 128n : INTEGER_BITS.get(/^[a-z]+/.exec(type)?.[0] ?? "") ?? 64n
  return [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
}
