/** How DuckDB stores a column, and what may stand in the way of changing it. */
import * as ColumnType from "../values/ColumnType.ts"
import { type Column, literal, quoted } from "./Table.ts"

/** A query that finds rows which stand in the way of a change. */
export interface Check {
  readonly sql: string
  readonly message: string
}

/** The DEFAULT of a column as DuckDB's DDL writes it; empty without one. */
export const defaultSql = (column: Column): string => {
  const value = column.default
  if (value.kind === "now") return " default current_localtimestamp()"
  if (value.kind === "none" || value.text === null) return ""
  // With a cast it is an expression, which DuckDB fills in by a second change: it commits only one such column at a time.
  return ` default ${literal(value.text)}`
}

/** A column as DuckDB's DDL writes it. NOT NULL is checked when rows are loaded, so that ALTER stays simple. */
export const storedColumn = (column: Column): string =>
  `${quoted(column.name)} ${ColumnType.stored(column.type)}${defaultSql(column)}`
