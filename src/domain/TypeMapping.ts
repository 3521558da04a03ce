/**
 * How a value of a PostgreSQL type is written for a StarRocks column: the one place that decides it, used by the setup
 * (may these two columns be paired? never when values would be rounded in silence, as a bigint in a DOUBLE) and by the row encoder (which copy rule?).
 */
import type { PgKind } from "./PgType.ts"
import type { StarRocksFamily } from "./StarRocksType.ts"

/**
 * The copy rules of the encoder, from PostgreSQL's text to a JSON member value:
 * - `digits`: integer digits as they are
 * - `number`: a float as it is; NaN and ±Infinity have no JSON literal and are refused
 * - `boolean`: `t`/`f` to `true`/`false`; `bit`: to `1`/`0`
 * - `string`: a JSON string of the text
 * - `decimal`: a JSON string of the digits (exact); NaN, ±Infinity and more decimals than the column keeps are refused
 * - `date`, `timestamp`: a JSON string; infinity, BC and years past 9999 are refused
 * - `instant`: a timestamptz in UTC, its `+00` cut off; refusals as above
 * - `json`: the JSON text as it is
 * - `hex`: the hex digits of `\x…`, for a column computed with `to_binary`
 */
export type Literal =
  | "digits"
  | "number"
  | "boolean"
  | "bit"
  | "string"
  | "decimal"
  | "date"
  | "timestamp"
  | "instant"
  | "json"
  | "hex"

const LITERALS: Readonly<Record<PgKind, Partial<Record<StarRocksFamily, Literal>>>> = {
  boolean: { boolean: "boolean", integer: "bit", string: "string" },
  integer: { integer: "digits", decimal: "digits", string: "string" },
  float: { float: "number", double: "number", string: "string" },
  double: { double: "number", string: "string" },
  numeric: { decimal: "decimal", integer: "decimal", string: "string" },
  text: { string: "string" },
  date: { date: "date", datetime: "date", string: "string" },
  time: { string: "string" },
  timestamp: { datetime: "timestamp", string: "string" },
  timestamptz: { datetime: "instant", string: "string" },
  json: { json: "json", string: "string" },
  bytea: { binary: "hex", string: "string" }
}

/** The copy rule for this pair; undefined when the target column cannot hold the source type. */
export const literalFor = (kind: PgKind, family: StarRocksFamily): Literal | undefined => LITERALS[kind][family]

const NUMERIC_OID = 1700
const VARCHAR_OIDS: ReadonlySet<number> = new Set([1042, 1043])
const VARHDRSZ = 4
/** UTF-8 needs at most four bytes a character, and StarRocks counts bytes. */
const BYTES_PER_CHARACTER_MAX = 4
const DECIMAL_PRECISION_MAX = 38
const VARCHAR_BYTES_MAX = 1_048_576

const EXACT: ReadonlyMap<number, string> = new Map([
  [16, "BOOLEAN"],
  [17, "VARBINARY"],
  [20, "BIGINT"],
  [21, "SMALLINT"],
  [23, "INT"],
  [25, "STRING"],
  [114, "JSON"],
  [700, "FLOAT"],
  [701, "DOUBLE"],
  [1082, "DATE"],
  [1083, "VARCHAR(32)"],
  [1114, "DATETIME"],
  [1184, "DATETIME"],
  [2950, "VARCHAR(36)"],
  [3802, "JSON"]
])

/** The StarRocks type to suggest for a source column; `typmod` as in `pg_attribute.atttypmod` (−1: none). */
export const suggest = (oid: number, typmod: number): string => {
  if (oid === NUMERIC_OID) {
    if (typmod < VARHDRSZ) return `DECIMAL(${DECIMAL_PRECISION_MAX},9)`
    const precision = ((typmod - VARHDRSZ) >> 16) & 0xffff
    const scale = (typmod - VARHDRSZ) & 0x7ff
    return precision <= DECIMAL_PRECISION_MAX && scale <= precision ? `DECIMAL(${precision},${scale})` : "STRING"
  }
  if (VARCHAR_OIDS.has(oid) && typmod > VARHDRSZ) {
    return `VARCHAR(${Math.min((typmod - VARHDRSZ) * BYTES_PER_CHARACTER_MAX, VARCHAR_BYTES_MAX)})`
  }
  return EXACT.get(oid) ?? "STRING"
}
