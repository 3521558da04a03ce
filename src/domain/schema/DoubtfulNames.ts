/**
 * Names of columns under which StarRocks may have other values than PostgreSQL, although the catalogue has the column that had
 * the name before: what was written while it had another name, or was not published, is not there, and a catalogue that is
 * newer than the WAL knows only the last one of several columns.
 */
import type { Lsn } from "../Lsn.ts"
import type { Relation } from "../pgoutput/Message.ts"
import type { SourceColumn, TableMapping } from "../Table.ts"

/** Of a table: its mapping is the one before the announcement. */
export interface Announced {
  readonly mapping: TableMapping
  /** The shape before in the session; undefined: this is the first one. */
  readonly before: Relation | undefined
  /** Commit of the transaction that announced it; undefined: it was none. */
  readonly announcedAt: Lsn | undefined
}

/** Whether nobody has seen the table's shape in the session, and the setup's look is older than what was done to it now. */
export const isUnseen = ({ announcedAt, before, mapping }: Announced): boolean =>
  before === undefined && announcedAt !== undefined && mapping.lookedAt !== undefined && announcedAt > mapping.lookedAt

/** Whether a column was announced that the catalogue had not any more at the look before. */
const isBehind = ({ sourceColumns }: TableMapping, columns: ReadonlyArray<SourceColumn>): boolean =>
  columns.some(({ attnum, name }) => attnum === undefined && sourceColumns?.has(name) === false)

/**
 * Names that the table had, or may have had: the setup's look knows those from before what is announced, or, when it came after
 * a column was renamed or dropped, those from after it, of which one may be from before as well.
 */
const namesBefore = (announced: Announced, columns: ReadonlyArray<SourceColumn>): Iterable<string> => {
  const { before, mapping } = announced
  if (before !== undefined) return before.columns.map(({ name }) => name)
  return isUnseen(announced) || isBehind(mapping, columns) ? mapping.sourceColumns?.keys() ?? [] : []
}

/** Whether the column is another one than the one that was announced, for all that the catalogue knows. */
const mayBeAnother = (column: SourceColumn, { key, sourceColumns }: TableMapping): boolean => {
  const { attnum, dropped, name } = column
  const width = sourceColumns?.get(key[0]!)?.width
  if (width === undefined) return false
  // It is gone already, or has another type; who comes under its name may be another.
  if (attnum === undefined) return sourceColumns?.get(name)?.attnum === undefined
  // Between the two looks a column came and went: that may have been this one.
  return attnum > width && dropped !== undefined && dropped > width
}

/**
 * What is in doubt from this announcement on; `columns`: those that are announced. A name that is there is told, and in doubt no
 * more.
 */
export const after = (announced: Announced, columns: ReadonlyArray<SourceColumn>): ReadonlySet<string> => {
  const { mapping } = announced
  const names = new Set(columns.map(({ name }) => name))
  return new Set([
    ...[...(mapping.doubtful ?? []), ...namesBefore(announced, columns)].filter((name) => !names.has(name)),
    ...columns.filter((column) => mayBeAnother(column, mapping)).map(({ name }) => name)
  ])
}
