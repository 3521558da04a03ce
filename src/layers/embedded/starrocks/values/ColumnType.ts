/** The column types of the endpoint: how DDL writes them, what they hold, and what stores them. */
import { quotedName } from "../syntax/Quoting.ts"

/** A column type; lengths are bytes, precision and scale decimal digits. */
export type ColumnType =
  | { readonly kind: "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "BIGINT" | "LARGEINT" }
  | { readonly kind: "FLOAT" | "DOUBLE" | "DATE" | "DATETIME" | "JSON" }
  | { readonly kind: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly kind: "CHAR" | "VARCHAR" | "VARBINARY"; readonly bytes: number }
  | { readonly kind: "ARRAY"; readonly element: ColumnType }
  | { readonly kind: "MAP"; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: "STRUCT"; readonly members: ReadonlyArray<Member> }

/** A member of a STRUCT; names are compared without case. */
export interface Member {
  readonly name: string
  readonly type: ColumnType
}

/** Bytes of a STRING column. */
export const stringBytes = 65_533
/** The longest VARCHAR and VARBINARY of the 3.5 profile, in bytes. */
export const varcharBytesMax = 1_048_576
/** The longest CHAR, in bytes. */
export const charBytesMax = 255
/** Digits of the widest DECIMAL of the 3.5 profile; the wider DECIMAL256 came with 4.0. */
export const decimalPrecisionMax = 38
/** Levels of ARRAY, MAP and STRUCT a type may have. */
export const nestingDepthMax = 15

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
    case "MAP":
      return `map<${render(type.key)},${render(type.value)}>`
    case "STRUCT":
      return `struct<${type.members.map((member) => `${memberName(member.name)} ${render(member.type)}`).join(", ")}>`
    default:
      return type.kind.toLowerCase()
  }
}

// Quoted only where the name could not be read back otherwise.
const memberName = (name: string): string => /^[A-Za-z_]\w*$/.test(name) ? name : quotedName(name)

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
    case "MAP":
      return `MAP(${stored(type.key)}, ${stored(type.value)})`
    case "STRUCT":
      return `STRUCT(${
        type.members.map((member) => `"${member.name.replaceAll("\"", "\"\"")}" ${stored(member.type)}`).join(", ")
      })`
    default:
      return type.kind
  }
}

const keyKinds = new Set(["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT", "VARCHAR", "DATE", "DATETIME"])

/** Whether a primary key column may have this type. */
export const mayBeKey = (type: ColumnType): boolean => keyKinds.has(type.kind)

/** Whether the type holds other values: ARRAY, MAP and STRUCT. */
export const isNested = (
  type: ColumnType
): type is Extract<ColumnType, { readonly kind: "ARRAY" | "MAP" | "STRUCT" }> =>
  type.kind === "ARRAY" || type.kind === "MAP" || type.kind === "STRUCT"

const unsortableKinds = new Set(["FLOAT", "DOUBLE", "JSON", "VARBINARY", "ARRAY", "MAP", "STRUCT"])

/** Whether rows may be sorted by, or distributed over buckets by, a column of this type. */
export const mayDistribute = (type: ColumnType): boolean => !unsortableKinds.has(type.kind)

/** `DATA_TYPE` and `COLUMN_TYPE` of information_schema.columns, which call some types by their MySQL names. */
export const described = (type: ColumnType): { readonly dataType: string; readonly columnType: string } => {
  switch (type.kind) {
    case "BOOLEAN":
      return { dataType: "tinyint", columnType: "tinyint(1)" }
    case "LARGEINT":
      return { dataType: "bigint unsigned", columnType: "bigint(20) unsigned" }
    default:
      return { dataType: type.kind.toLowerCase(), columnType: render(type) }
  }
}

/** The type with its storage width, as error logs name it: DECIMAL64(10,2). */
export const physicalName = (type: ColumnType): string => {
  if (type.kind !== "DECIMAL") return render(type).toUpperCase()
  const bits = type.precision <= 9 ? 32 : type.precision <= 18 ? 64 : 128
  return `DECIMAL${bits}(${type.precision},${type.scale})`
}

/** Whether two types are the same. */
export const same = (left: ColumnType, right: ColumnType): boolean => render(left) === render(right)
