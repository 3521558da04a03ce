/** How long a row's primary key is in StarRocks, which refuses the whole load of a row whose key is too long. */
import * as PgType from "./PgType.ts"
import type { RowKey } from "./rows/RowKeys.ts"
import type { SourceColumn, TableMapping } from "./Table.ts"

/** Encoded bytes of the longest key: the default of the back ends' `primary_key_limit_size`. */
export const BYTES_MAX = 128

/** After a text that is not the key's last column. */
const TERMINATOR_BYTES = 2

const FIXED_BYTES: ReadonlyMap<string, number> = new Map([
  ["boolean", 1],
  ["tinyint", 1],
  ["smallint", 2],
  ["int", 4],
  ["bigint", 8],
  ["largeint", 16],
  ["date", 4],
  ["datetime", 8]
])

/** Encoded bytes of every value of a type as the catalogue or a CREATE TABLE spells it; undefined for text. */
const fixedBytes = (columnType: string): number | undefined => {
  const type = columnType.trim().toLowerCase()
  // LARGEINT, as information_schema spells it.
  if (/^bigint.*unsigned$/.test(type)) return FIXED_BYTES.get("largeint")
  return FIXED_BYTES.get(/^[a-z]+/.exec(type)?.[0] ?? "")
}

const UUID_OID = 2950
const UUID_BYTES = 36

/** Bytes of the shortest text of a source column: char(n) is padded, a uuid always as long. */
const leastTextBytes = ({ typeOid, typmod }: SourceColumn): number =>
  typeOid === UUID_OID
    ? UUID_BYTES
    : typeOid === PgType.BPCHAR_OID && typmod > PgType.VARHDRSZ
    ? typmod - PgType.VARHDRSZ
    : 0

/** A key column with its type in StarRocks. */
export interface Part {
  readonly column: SourceColumn
  readonly type: string
}

/** Encoded bytes of the shortest key that these columns can have, in the order of the target. */
export const leastBytes = (parts: ReadonlyArray<Part>): number =>
  parts.reduce((bytes, { column, type }, index) => {
    const fixed = fixedBytes(type)
    if (fixed !== undefined) return bytes + fixed
    return bytes + leastTextBytes(column) + (index < parts.length - 1 ? TERMINATOR_BYTES : 0)
  }, 0)

/** Stands in a row's key for a column without a value. */
const ABSENT = "-,"

/** Gives the encoded bytes of a key that is too long, undefined for every other. */
export type Excess = (key: RowKey) => number | undefined

/**
 * The check of a table's keys; undefined when no key of it can be too long. It reads the key that a row has within its
 * batch: the text of a single column, and for several columns each text behind its length, in the order of the mapping's key.
 */
export const excess = ({ key: names, targetColumns }: TableMapping): Excess | undefined => {
  const widths = names.map((name) => fixedBytes(targetColumns.get(name)?.type ?? ""))
  if (widths.every((width) => width !== undefined)) return undefined
  if (names.length === 1) {
    return (key) => typeof key === "string" && key.length > BYTES_MAX ? key.length : undefined
  }
  // A PRIMARY KEY table has its key columns first, in the key's order.
  const last = [...targetColumns.keys()].findLast((name) => names.includes(name))
  const constant = widths.reduce<number>((bytes, width) => bytes + (width ?? 0), 0)
  const terminators = names.map((name) => name === last ? 0 : TERMINATOR_BYTES)
  return (key) => {
    // Each text has its length and a colon with it, which is not less than a terminator.
    if (typeof key !== "string" || key.length + constant <= BYTES_MAX) return undefined
    let bytes = constant
    let at = 0
    for (const [part, width] of widths.entries()) {
      if (key.startsWith(ABSENT, at)) {
        at += ABSENT.length
        continue
      }
      const colon = key.indexOf(":", at)
      const length = Number(key.slice(at, colon))
      if (width === undefined) bytes += length + terminators[part]!
      at = colon + 1 + length
    }
    return bytes > BYTES_MAX ? bytes : undefined
  }
}
