/** The column types of the endpoint: how DDL writes them, what they hold, and what stores them. */

/** A column type; lengths are bytes, precision and scale decimal digits. */
export type ColumnType =
  | { readonly kind: "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "BIGINT" | "LARGEINT" }
  | { readonly kind: "FLOAT" | "DOUBLE" | "DATE" | "DATETIME" | "JSON" }
  | { readonly kind: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly kind: "CHAR" | "VARCHAR" | "VARBINARY"; readonly bytes: number }
  | { readonly kind: "ARRAY"; readonly element: ColumnType }

/** Bytes of a STRING column, and of VARCHAR without a length in this profile. */
export const stringBytes = 65_533
/** The longest VARCHAR and VARBINARY of the 3.5 profile, in bytes. */
export const varcharBytesMax = 1_048_576
/** The longest CHAR, in bytes. */
export const charBytesMax = 255
/** Digits of the widest DECIMAL of the 3.5 profile; the wider DECIMAL256 came with 4.0. */
export const decimalPrecisionMax = 38

/** Inclusive ranges of the integer types. */
export const integerRange = {
  TINYINT: [-128n, 127n],
  SMALLINT: [-32_768n, 32_767n],
  INT: [-2_147_483_648n, 2_147_483_647n],
  BIGINT: [-(2n ** 63n), 2n ** 63n - 1n],
  LARGEINT: [-(2n ** 127n), 2n ** 127n - 1n]
} as const

/** The type as `DESC` and `SHOW CREATE TABLE` write it. */
export const render = (type: ColumnType): string => {
  switch (type.kind) {
    case "DECIMAL":
      return `decimal(${type.precision},${type.scale})`
    case "CHAR":
    case "VARCHAR":
    case "VARBINARY":
      return `${type.kind.toLowerCase()}(${type.bytes})`
    case "ARRAY":
      return `array<${render(type.element)}>`
    default:
      return type.kind.toLowerCase()
  }
}

/** The type that stores it in DuckDB. */
export const stored = (type: ColumnType): string => {
  switch (type.kind) {
    case "INT":
      return "INTEGER"
    case "LARGEINT":
      return "HUGEINT"
    case "DATETIME":
      return "TIMESTAMP"
    case "DECIMAL":
      return `DECIMAL(${type.precision},${type.scale})`
    case "CHAR":
    case "VARCHAR":
    case "JSON":
      return "VARCHAR"
    case "VARBINARY":
      return "BLOB"
    case "ARRAY":
      return `${stored(type.element)}[]`
    default:
      return type.kind
  }
}

const keyKinds = new Set(["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT", "VARCHAR", "DATE", "DATETIME"])

/** Whether a primary key column may have this type. */
export const mayBeKey = (type: ColumnType): boolean => keyKinds.has(type.kind)

/** `DATA_TYPE` and `COLUMN_TYPE` of information_schema.columns, which call some types by their MySQL names. */
export const described = (type: ColumnType): { readonly dataType: string; readonly columnType: string } => {
  switch (type.kind) {
    case "BOOLEAN":
      return { dataType: "tinyint", columnType: "tinyint(1)" }
    case "LARGEINT":
      return { dataType: "bigint unsigned", columnType: "bigint(20) unsigned" }
    case "ARRAY":
      return { dataType: "array", columnType: render(type) }
    default:
      return { dataType: type.kind.toLowerCase(), columnType: render(type) }
  }
}

/** Whether two types are the same. */
export const same = (left: ColumnType, right: ColumnType): boolean => render(left) === render(right)
