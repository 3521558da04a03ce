/** Generated columns of the source whose values the target does not take. Pure. */
import * as NamePattern from "./NamePattern.ts"
import type { ColumnSelection, SourceColumn, SourceTable, TargetTable } from "./Table.ts"

/**
 * A generated column that PostgreSQL sends, and that the target does not have or computes itself: before PostgreSQL 18 none was
 * sent, and such tables go on after an upgrade.
 */
export const isLeftOut = (source: SourceColumn, target: Pick<TargetTable, "columns">): boolean => {
  const column = target.columns.find((candidate) => candidate.name.toLowerCase() === source.name.toLowerCase())
  return source.computed !== undefined && !source.generated && (column === undefined || column.generated === true)
}

/** The columns that rows are written with: what is left out now stays so when a Relation message announces it. */
export const selection = (
  source: Pick<SourceTable, "columns" | "primaryKey" | "selection">,
  target: Pick<TargetTable, "columns">
): ColumnSelection | undefined => {
  const names = source.columns.filter((column) => isLeftOut(column, target)).map((column) => column.name)
  if (names.length === 0) return source.selection
  const { excludes, includes, key } = source.selection ?? { key: source.primaryKey, includes: undefined, excludes: [] }
  return { key, includes, excludes: [...excludes, ...names.map(NamePattern.literal)] }
}
