/** What a person should know of a shape that was carried over, because the replica now differs from the source. */
import * as ColumnLists from "../ColumnLists.ts"
import * as Identifier from "../Identifier.ts"
import { FULL } from "../postgres/SourceFacts.ts"
import type { SourceColumn, SourceTable, TableMapping } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as ColumnDefault from "./ColumnDefault.ts"
import * as DoubtfulNames from "./DoubtfulNames.ts"
import * as KeyChange from "./KeyChange.ts"
import type { Finding } from "./SeenColumns.ts"
import { isNew, mayBeRenamed, nameBefore, type Shape } from "./ShapeChange.ts"

/** Whose rows are to be sent once more. */
type Table = Pick<SourceTable, "name" | "replicaIdentity" | "columns">

const tableOf = ({ columns, mapping, relation }: Shape): Table => ({
  name: mapping.source,
  replicaIdentity: relation.replicaIdentity,
  columns
})

const sourceOf = ({ source }: TableMapping): string => Identifier.show(source)

const namesOf = (columns: ReadonlyArray<SourceColumn>): string => columns.map(({ name }) => name).join(", ")

/**
 * What makes PostgreSQL send rows with all their values, whichever of them the update sets: the first of the columns that it
 * may set. `filled`: only rows that have a value in one of these. `isFull`: of the replica identity.
 */
export const resend = (
  filled: ReadonlyArray<string>,
  table: {
    readonly name: Identifier.QualifiedName
    readonly columns: ReadonlyArray<Pick<SourceColumn, "name" | "always" | "computed">>
  },
  isFull: boolean
): string => {
  const { columns, name } = table
  const isSettable = ({ always, computed }: (typeof columns)[number]): boolean =>
    always !== true && computed === undefined
  const set = Identifier.quotePg((columns.find(isSettable) ?? columns[0]!).name)
  const where = filled.map((each) => `${Identifier.quotePg(each)} IS NOT NULL`).join(" OR ")
  const how = isFull ? "" : " while the replica identity of the table is FULL (otherwise large values are not sent)"
  return `run in PostgreSQL${how}: UPDATE ${Identifier.quotePgTable(name)} SET ${set} = ${set}${
    where === "" ? "" : ` WHERE ${where}`
  };`
}

/** `isNew`: of the rows that have a value in it. */
const resent = (column: SourceColumn, { columns, name, replicaIdentity }: Table, isNew: boolean): string =>
  resend(isNew ? [column.name] : [], { name, columns: [column, ...columns] }, replicaIdentity === FULL)

const renamed = (from: string, to: string, { mapping }: Shape): string => {
  const target = Identifier.quoteSrTable(mapping.target)
  const [left, right] = [Identifier.quoteSr(from), Identifier.quoteSr(to)]
  return `column '${from}' of ${sourceOf(mapping)} is now called '${to}': StarRocks keeps '${from}' with ` +
    `the values of rows that have not changed since, and has '${to}' for the others; to fill it, run in StarRocks at a ` +
    `moment without changes: UPDATE ${target} SET ${right} = ${left} WHERE ${right} IS NULL;`
}

/** Of a column that was added to StarRocks. `isNew`: rows that are not NULL in it have got their values with it. */
const unfilled = (column: SourceColumn, table: Table, isNew: boolean): string =>
  `rows of ${Identifier.show(table.name)} that were there before may have values in column '${column.name}' ` +
  `which PostgreSQL did not send, and StarRocks does not have them; to send them, ${resent(column, table, isNew)}`

/**
 * Of columns, some there are, that the setup has added to StarRocks: since when the source has them, and what they were called,
 * nobody knows.
 */
export const addedAtStart = (columns: ReadonlyArray<SourceColumn>, table: Table): string =>
  `columns were added to StarRocks before the start (${namesOf(columns)}): those that were renamed, ` +
  `left out until now, or filled by a default, lack the values of rows of ${Identifier.show(table.name)} that do not ` +
  `change; to send them, ${resent(columns[0]!, table, false)}`

const another = (column: SourceColumn, table: Table): string =>
  `column '${column.name}' of ${Identifier.show(table.name)} is another one than before, and StarRocks had a ` +
  `column of this name: in rows that have not changed since it keeps the values that it had there; to send those of ` +
  `PostgreSQL, ${resent(column, table, false)}`

const doubtful = (column: SourceColumn, table: Table): string =>
  `column '${column.name}' of ${
    Identifier.show(table.name)
  } was away for a while, under another name or not published, or is ` +
  `another one than before: in rows that have not changed since StarRocks keeps the values that it had there before; to send ` +
  `those of PostgreSQL, ${resent(column, table, false)}`

const retyped = (column: SourceColumn, table: Table): string =>
  `column '${column.name}' of ${Identifier.show(table.name)} has another type: rows that have not changed since ` +
  `may have got other values (by USING, a time zone, rounding), which PostgreSQL did not send; to send them, ` +
  resent(column, table, false)

const recomputed = (column: SourceColumn, table: Table): string =>
  `column '${column.name}' of ${
    Identifier.show(table.name)
  } is computed by another expression: in rows that have not ` +
  `changed since StarRocks keeps what the one before gave; to send the values of PostgreSQL, ` +
  resent(column, table, false)

const OF_KIND: Readonly<Record<Finding["kind"], (column: SourceColumn, table: Table) => string>> = {
  added: (column, table) => unfilled(column, table, false),
  another,
  away: doubtful,
  recomputed,
  retyped
}

/** Of a column that was found at a beginning, by the mapping that the setup has made. */
export const sinceBefore = (
  { column, kind }: Finding,
  { identity, source, sourceColumns }: TableMapping
): string =>
  OF_KIND[kind](column, {
    name: source,
    replicaIdentity: identity === "keep" ? "" : FULL,
    columns: [...(sourceColumns?.values() ?? [])]
  })

const dropped = (name: string, { mapping }: Shape): string =>
  `column '${name}' of ${sourceOf(mapping)} is gone: StarRocks keeps it with the values that it has, and it is ` +
  `not written any more`

/** Whether the source had the column before its values were sent. */
const isOlder = ({ attnum }: SourceColumn, { hiddenColumns, sourceColumns }: TableMapping): boolean =>
  attnum !== undefined &&
  (hiddenColumns?.has(attnum) === true || [...(sourceColumns?.values() ?? [])].some((each) => each.attnum === attnum))

/**
 * Whether the rows were written anew since the look before: by that they may have got values of their own, or lost the one that
 * PostgreSQL has kept for all of them, and a default that they came from may be gone.
 */
const isRewritten = (
  { attnum, storage }: SourceColumn,
  { key, sourceColumns, storageAtSetup }: TableMapping
): boolean => {
  const looked = sourceColumns?.get(key[0]!)
  // One that was there at the look before, ahead of the WAL, may have been filled before it.
  const isAhead = attnum !== undefined && looked?.width !== undefined && attnum <= looked.width
  const was = isAhead ? storageAtSetup ?? looked.storage : looked?.storage
  return storage !== undefined && was !== undefined && storage > was
}

/** Whether rows that were there when the column was added may have values that StarRocks does not show as its default. */
const isFilled = (column: SourceColumn, mapping: TableMapping): boolean =>
  (column.filled === true || column.notNull || isRewritten(column, mapping)) &&
  ColumnDefault.of(column, TargetTable.createType(column, false)) === undefined

/** Whether the name was that of another column, or of none that was replicated. */
const isAnother = ({ attnum, name }: SourceColumn, { sourceColumns }: TableMapping): boolean => {
  if (attnum === undefined || sourceColumns === undefined) return false
  const was = sourceColumns.get(name)
  return was === undefined || (was.attnum !== undefined && was.attnum !== attnum)
}

const isRecomputed = (column: SourceColumn, { sourceColumns }: TableMapping): boolean =>
  KeyChange.isRecomputed(sourceColumns?.get(column.name) ?? {}, column)

const isDoubtful = ({ attnum, name }: SourceColumn, { doubtful }: TableMapping): boolean =>
  attnum !== undefined && doubtful?.has(name) === true

const isRetyped = ({ name }: SourceColumn, shape: Shape): boolean => {
  const { before, mapping, relation, transaction } = shape
  const is = relation.columns.find((column) => column.name === name)
  if (is === undefined || !isNew(is, before, mapping)) return false
  // What the setup has found is what it was before only if it looked before.
  return before === undefined
    ? DoubtfulNames.isUnseen({ before, mapping, announcedAt: transaction?.commitLsn })
    : before.columns.some((column) => column.name === name)
}

/** In the order of the columns. `added`: those that the target did not have before. */
export const warnings = (shape: Shape, added: ReadonlySet<string>): ReadonlyArray<string> => {
  const { before, columns, mapping, relation } = shape
  const { selection } = mapping
  const found: Array<string> = []
  const moved = new Set<string>()
  for (const column of columns) {
    const { name } = column
    if (!ColumnLists.keeps(selection, name)) continue
    const from = nameBefore(column, shape)
    if (from !== undefined && added.has(name)) moved.add(from)
    if (!added.has(name)) {
      if (isAnother(column, mapping)) found.push(another(column, tableOf(shape)))
      else if (isRetyped(column, shape)) found.push(retyped(column, tableOf(shape)))
      else if (isRecomputed(column, mapping)) found.push(recomputed(column, tableOf(shape)))
      else if (isDoubtful(column, mapping)) found.push(doubtful(column, tableOf(shape)))
    } else if (from !== undefined && ColumnLists.keeps(selection, from)) found.push(renamed(from, name, shape))
    else if (isOlder(column, mapping) || mayBeRenamed(column, shape)) {
      found.push(unfilled(column, tableOf(shape), false))
    } else if (isFilled(column, mapping)) found.push(unfilled(column, tableOf(shape), true))
  }
  for (const { name } of before?.columns ?? []) {
    if (moved.has(name) || !ColumnLists.keeps(selection, name)) continue
    if (!relation.columns.some((now) => now.name === name)) found.push(dropped(name, shape))
  }
  return found
}
