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
