/**
 * What a change does not carry: values left out as unchanged, and all but the identity of a row that is told by its key alone.
 * Each may still be known from the old row or from an earlier change of the batch, and StarRocks may have it.
 */
import * as Tuple from "../pgoutput/Tuple.ts"

/** A value where it lies: its kind byte is at `at`, and it is there (text or NULL). */
export interface Place {
  readonly bytes: Buffer
  readonly at: number
}

export interface Gap {
  /** Undefined: PostgreSQL has not sent it in this batch. */
  readonly place: Place | undefined
  /** No earlier change of the batch touches it: if StarRocks has the row, it has the value. */
  readonly stored: boolean
}

/** By the column's place in the tuple. */
export type Gaps = ReadonlyMap<number, Gap>

/** What comes before a change of a row, in the same batch. */
export interface Before {
  readonly bytes: Buffer
  readonly tuple: number
  readonly gaps: Gaps | undefined
}

/**
 * What the batch says of the row before: `untouched`, nothing; `none`, that there was no such row, so that what StarRocks has
 * under the key is not its; or the row.
 */
export type Earlier = "untouched" | "none" | Before

/** Where the values of the change itself lie: the old tuple, of which `has` says whether it holds the column. */
export interface Old {
  readonly bytes: Buffer
  readonly tuple: number
  readonly has: (column: number) => boolean
}

const placeIn = (bytes: Buffer, tuple: number, column: number): Place | undefined => {
  const at = Tuple.valueAt(bytes, tuple, column)
  return bytes[at] === Tuple.VALUE_UNCHANGED ? undefined : { bytes, at }
}

const UNKNOWN: Gap = { place: undefined, stored: false }
const STORED: Gap = { place: undefined, stored: true }

const before = (earlier: Earlier, column: number): Gap => {
  if (earlier === "untouched") return STORED
  if (earlier === "none") return UNKNOWN
  const gap = earlier.gaps?.get(column)
  if (gap !== undefined) return gap
  const place = placeIn(earlier.bytes, earlier.tuple, column)
  return place === undefined ? UNKNOWN : { place, stored: false }
}

/**
 * The gaps of a change that leaves `columns` out. `mayStay` says of which columns StarRocks may have the value: not of the
 * key, and of none when the row comes from another key, under which StarRocks has another row.
 */
export const of = (
  columns: ReadonlyArray<number>,
  old: Old | undefined,
  earlier: Earlier,
  mayStay: (column: number) => boolean
): Gaps | undefined => {
  if (columns.length === 0) return undefined
  const gaps = new Map<number, Gap>()
  for (const column of columns) {
    const known = before(earlier, column)
    const own = old !== undefined && old.has(column) ? placeIn(old.bytes, old.tuple, column) : undefined
    gaps.set(column, { place: own ?? known.place, stored: known.stored && mayStay(column) })
  }
  return gaps
}

/** Bytes of the values that StarRocks has, if it has the row, as far as they are known here. */
export const storedBytes = (gaps: Gaps): number => {
  let bytes = 0
  for (const { place, stored } of gaps.values()) {
    if (stored && place !== undefined) bytes += Tuple.after(place.bytes, place.at) - place.at
  }
  return bytes
}

/** Columns that StarRocks has, if it has the row. */
export const storedColumns = (gaps: Gaps): ReadonlyArray<number> =>
  Array.from(gaps).flatMap(([column, { stored }]) => (stored ? [column] : []))

/** Columns whose value nobody in the batch has. */
export const missingColumns = (gaps: Gaps): ReadonlyArray<number> =>
  Array.from(gaps).flatMap(([column, { place }]) => (place === undefined ? [column] : []))
