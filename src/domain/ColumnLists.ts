/**
 * Which columns of a table are replicated: `COLUMNS_INCLUDE` and `COLUMNS_EXCLUDE`. Exclude wins over include; the primary
 * key is always replicated. The rules hold for columns that come later, too.
 */
import * as Identifier from "./Identifier.ts"
import * as NamePattern from "./NamePattern.ts"
import type { ColumnSelection, SourceTable } from "./Table.ts"
import * as TableLists from "./TableLists.ts"

const some = (patterns: ReadonlyArray<NamePattern.NamePattern>, name: string): boolean =>
  patterns.some((pattern) => NamePattern.matches(pattern, name))

/** Whether a column of this name is replicated; without a selection every one is. */
export const keeps = (selection: ColumnSelection | undefined, column: string): boolean =>
  selection === undefined || selection.key.includes(column) ||
  ((selection.includes === undefined || some(selection.includes, column)) && !some(selection.excludes, column))

type Variable = "COLUMNS_INCLUDE" | "COLUMNS_EXCLUDE"

interface ColumnPattern {
  readonly variable: Variable
  readonly entry: string
  readonly table: TableLists.TablePattern
  readonly column: NamePattern.NamePattern
}

/** `table.column` (of schema `public`) or `schema.table.column`. */
const parse = (variable: Variable, entry: string): ColumnPattern | undefined => {
  const parts = NamePattern.parseParts(entry)
  if (parts === undefined || parts.length < 2 || parts.length > 3) return undefined
  const [schema, name, column] = parts.length === 2 ? [NamePattern.literal("public"), ...parts] : parts
  return { variable, entry, table: { schema: schema!, name: name! }, column: column! }
}

const selectionOf = (patterns: ReadonlyArray<ColumnPattern>, table: SourceTable): ColumnSelection | undefined => {
  const own = patterns.filter((pattern) => TableLists.matches(pattern.table, table.name))
  if (own.length === 0) return undefined
  const of = (variable: Variable) =>
    own.filter((pattern) => pattern.variable === variable).map((pattern) => pattern.column)
  const includes = of("COLUMNS_INCLUDE")
  return {
    key: table.primaryKey,
    includes: includes.length === 0 ? undefined : includes,
    excludes: of("COLUMNS_EXCLUDE")
  }
}

const unmatched = (pattern: ColumnPattern, tables: ReadonlyArray<SourceTable>): ReadonlyArray<string> => {
  const found = tables.some((table) =>
    TableLists.matches(pattern.table, table.name) &&
    table.columns.some((column) => NamePattern.matches(pattern.column, column.name))
  )
  return found
    ? []
    : [`${pattern.variable}: '${pattern.entry}' matches no column of the tables of this job; correct it or take it out`]
}

const keyExcluded = (pattern: ColumnPattern, tables: ReadonlyArray<SourceTable>): ReadonlyArray<string> =>
  pattern.variable === "COLUMNS_INCLUDE" ? [] : tables.flatMap((table) =>
    TableLists.matches(pattern.table, table.name)
      ? table.primaryKey.filter((column) => NamePattern.matches(pattern.column, column)).map((column) =>
        `COLUMNS_EXCLUDE: '${pattern.entry}' matches '${column}', which is in the primary key of ` +
        `'${Identifier.show(table.name)}' and cannot be left out`
      )
      : []
  )

/**
 * The tables with the columns that are replicated in `columns` and the others in `leftOut`; tables without a rule are as
 * they were. `problems` says what is wrong with the lists, each with its variable; `unmatched` names the entries that match
 * no column of these tables, which is a mistake in the lists only when these are all the tables they were written for.
 */
export const apply = <T extends SourceTable>(
  lists: TableLists.Lists,
  tables: ReadonlyArray<T>
): {
  readonly tables: ReadonlyArray<T>
  readonly problems: ReadonlyArray<string>
  readonly unmatched: ReadonlyArray<string>
} => {
  const problems: Array<string> = []
  const read = (variable: Variable, entries: ReadonlyArray<string>): ReadonlyArray<ColumnPattern> =>
    entries.flatMap((entry) => {
      const pattern = parse(variable, entry)
      if (pattern !== undefined) return [pattern]
      problems.push(
        `${variable}: '${entry}' is not table.column or schema.table.column; example: ${variable}=orders.note`
      )
      return []
    })
  const patterns = [
    ...read("COLUMNS_INCLUDE", lists.columnsInclude),
    ...read("COLUMNS_EXCLUDE", lists.columnsExclude)
  ]
  for (const pattern of patterns) problems.push(...keyExcluded(pattern, tables))
  const selected = tables.map((table): T => {
    const selection = selectionOf(patterns, table)
    if (selection === undefined) return table
    return {
      ...table,
      selection,
      columns: table.columns.filter((column) => keeps(selection, column.name)),
      leftOut: table.columns.filter((column) => !keeps(selection, column.name))
    }
  })
  return { tables: selected, problems, unmatched: patterns.flatMap((pattern) => unmatched(pattern, tables)) }
}
