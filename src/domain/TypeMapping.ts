/**
 * How a value of a PostgreSQL type is written for a StarRocks column: the one place that decides it, used by the setup
 * (may these two columns be paired? never when values would be rounded in silence, as a bigint in a DOUBLE) and by the row encoder (which copy rule?).
 */
import * as PgType from "./PgType.ts"
import type { PgKind } from "./PgType.ts"
import type { StarRocksFamily } from "./StarRocksType.ts"

/**
 * The copy rules of the encoder, from PostgreSQL's text to a JSON member value; docs/type-mapping.md says them in words, and
 * `values/ValuePolicy` what becomes of values that have no form.
 */
export type Literal =
  | "digits"
  | "integer"
  | "number"
  | "boolean"
  | "bit"
  | "string"
  | "decimal"
  | "money"
  | "date"
  | "timestamp"
  | "instant"
  | "json"
  | "array"
  | "hex"

const LITERALS: Readonly<Record<PgKind, Partial<Record<StarRocksFamily, Literal>>>> = {
  boolean: { boolean: "boolean", integer: "bit", string: "string" },
  integer: { integer: "digits", decimal: "digits", string: "string" },
  float: { float: "number", double: "number", string: "string" },
  double: { double: "number", string: "string" },
  numeric: { decimal: "decimal", integer: "decimal", string: "string" },
  money: { decimal: "money", string: "money" },
  text: { string: "string" },
  date: { date: "date", datetime: "date", string: "string" },
  time: { string: "string" },
  timestamp: { datetime: "timestamp", string: "string" },
  timestamptz: { datetime: "instant", string: "string" },
  json: { json: "json", string: "string" },
  bytea: { binary: "hex", string: "string" },
  array: { json: "array", string: "array" }
}

/** The copy rule for this pair; undefined when the target column cannot hold the source type. */
export const literalFor = (kind: PgKind, family: StarRocksFamily): Literal | undefined => LITERALS[kind][family]

const VARCHAR_OIDS: ReadonlySet<number> = new Set([PgType.BPCHAR_OID, PgType.VARCHAR_OID])
const BIT_OIDS: ReadonlySet<number> = new Set([1560, 1562])
/** UTF-8 needs at most four bytes a character, and StarRocks counts bytes. */
const BYTES_PER_CHARACTER_MAX = 4
const DECIMAL_PRECISION_MAX = 38
const VARCHAR_BYTES_MAX = 1_048_576

/** Types whose suggestion is not that of their kind. */
const EXACT: ReadonlyMap<number, string> = new Map([
  [18, "VARCHAR(4)"],
  [19, "VARCHAR(63)"],
  [20, "BIGINT"],
  [21, "SMALLINT"],
  [23, "INT"],
  [26, "BIGINT"],
  [650, "VARCHAR(43)"],
  [774, "VARCHAR(23)"],
  [829, "VARCHAR(17)"],
  [869, "VARCHAR(43)"],
  [1186, "VARCHAR(64)"],
  [2950, "VARCHAR(36)"],
  [3220, "VARCHAR(17)"]
])

const OF_KIND: Readonly<Record<PgKind, string>> = {
  boolean: "BOOLEAN",
  integer: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  numeric: `DECIMAL(${DECIMAL_PRECISION_MAX},9)`,
  money: "DECIMAL(19,2)",
  text: "STRING",
  date: "DATE",
  time: "VARCHAR(32)",
  timestamp: "DATETIME",
  timestamptz: "DATETIME",
  json: "JSON",
  bytea: "VARBINARY",
  array: "JSON"
}

/** Precision and scale as DECIMAL counts them: `numeric(3,-2)` has five digits, `numeric(2,5)` has five decimals. */
const decimalOf = (typmod: number): string => {
  const { precision, scale } = PgType.numericOf(typmod)
  const digits = scale < 0 ? precision - scale : Math.max(precision, scale)
  return digits <= DECIMAL_PRECISION_MAX ? `DECIMAL(${digits},${Math.max(0, scale)})` : "STRING"
}

/** The StarRocks type to suggest for a source column; `typmod` as in `pg_attribute.atttypmod` (−1: none). */
export const suggest = (oid: number, typmod: number): string => {
  if (oid === PgType.NUMERIC_OID && typmod >= PgType.VARHDRSZ) return decimalOf(typmod)
  if (VARCHAR_OIDS.has(oid) && typmod > PgType.VARHDRSZ) {
    return `VARCHAR(${Math.min((typmod - PgType.VARHDRSZ) * BYTES_PER_CHARACTER_MAX, VARCHAR_BYTES_MAX)})`
  }
  if (BIT_OIDS.has(oid) && typmod > 0) return `VARCHAR(${Math.min(typmod, VARCHAR_BYTES_MAX)})`
  return EXACT.get(oid) ?? OF_KIND[PgType.kindOf(oid)]
}
