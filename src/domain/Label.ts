/**
 * Labels of Stream Loads. StarRocks commits a label at most once per database, so a label must name exactly one load: it is
 * a pure function of the run of the pipeline that sends it, of where its rows come from and which they are, and of nothing
 * else (no clock, no counter, no attempt). Every retry of a load is the same label; two loads never share one.
 *
 * The run is part of it because a run that starts again at the checkpoint may cut the same rows otherwise: a load of older
 * rows, cut anew, puts older values over those of a load that had committed before. That one must then be taken again; under
 * its old label it would be refused as done.
 */
import * as Identifier from "./Identifier.ts"
import type { Lsn } from "./Lsn.ts"

/** What the rows' positions are relative to: LSNs of another cluster, or of another timeline, mean other rows. */
export interface Origin {
  readonly systemIdentifier: string
  readonly timeline: number
  readonly database: string
  readonly slot: string
  /** Tells this run of the pipeline from every other. */
  readonly run: string
}

/** A row change of a table: the commit LSN of its transaction, and its number among the table's rows in it. */
export interface RowPosition {
  readonly commitLsn: Lsn
  readonly ordinal: number
}

/** Rows of one table between two positions, merged by key; `from` and `to` are the part of the merged rows sent. */
export interface LoadRange {
  readonly first: RowPosition
  readonly last: RowPosition
  readonly from: number
  readonly to: number
  /** Of one row that is deleted: without the values that it had. */
  readonly bare?: boolean
  /** `columnsTag` of the columns that are sent; undefined: all of them. */
  readonly columns?: string | undefined
}

/** StarRocks accepts 128; the parts below need at most 128 with this much of the table's name. */
const TABLE_CHARACTERS_MAX = 20

const FNV_OFFSET = 0xcbf29ce484222325n
const FNV_PRIME = 0x100000001b3n

/** FNV-1a, 64 bits: tells jobs apart, protects nothing. */
const fnv1a64 = (text: string): string => {
  let hash = FNV_OFFSET
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME)
  return hash.toString(16).padStart(16, "0")
}

/** The part of a label that is the same for all loads of one source table into one target in one run. */
export const scope = (origin: Origin, source: Identifier.QualifiedName, target: Identifier.QualifiedName): string => {
  const parts = [
    origin.systemIdentifier,
    String(origin.timeline),
    origin.database,
    origin.slot,
    origin.run,
    source.schema,
    source.name,
    target.schema,
    target.name
  ]
  const readable = target.name.replaceAll(/[^A-Za-z0-9_]/g, "_").slice(0, TABLE_CHARACTERS_MAX)
  return `dbmazz_${readable}_${fnv1a64(parts.map((part) => `${part.length}:${part}`).join(""))}`
}

const position = (row: RowPosition): string => `${row.commitLsn.toString(16)}-${row.ordinal.toString(16)}`

/** Hex digits of a tag. */
const TAG_DIGITS = 6

/** Names a set of columns in labels, by its `columns` header. */
export const columnsTag = (header: string): string => fnv1a64(header).slice(0, TAG_DIGITS)

/** The label of a load. */
export const make = (scopeText: string, range: LoadRange): string =>
  `${scopeText}_${position(range.first)}_${position(range.last)}_${range.from.toString(16)}-${range.to.toString(16)}` +
  (range.bare === true ? "_k" : "") + (range.columns === undefined ? "" : `_${range.columns}`)
