/** What ALTER TABLE makes of a table: the next definition and the statements that change its storage. Pure. */
import * as Result from "effect/Result"
import type { AlterTable, Clause } from "./AlterTable.ts"
import { storedColumn } from "./Catalogue.ts"
import type { ColumnDefinition } from "./ColumnDefinition.ts"
import * as ColumnType from "./ColumnType.ts"
import { detail, duplicateColumn, type SqlError } from "./SqlError.ts"
import type { Column, Table } from "./Table.ts"
import * as TableOf from "./Table.ts"
import { quoted } from "./Table.ts"

/** The result of a schema change. */
export interface Change {
  readonly next: Table
  readonly statements: ReadonlyArray<string>
}

type Step = Result.Result<Change, SqlError>

const integers = ["TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"]

/** Whether a column may become another type without losing values. */
const widens = (from: ColumnType.ColumnType, to: ColumnType.ColumnType): boolean => {
  if (ColumnType.same(from, to)) return true
  const fromInteger = integers.indexOf(from.kind)
  const toInteger = integers.indexOf(to.kind)
  if (fromInteger >= 0 && toInteger >= 0) return toInteger > fromInteger
  if (from.kind === "VARCHAR" || from.kind === "CHAR") {
    if (to.kind === "VARCHAR") return to.bytes >= from.bytes
    return from.kind === "VARCHAR" && (toInteger >= 0 || to.kind === "DATE" || to.kind === "DOUBLE")
  }
  if (to.kind === "VARCHAR") {
    return fromInteger >= 0 || from.kind === "FLOAT" || from.kind === "DOUBLE" || from.kind === "DECIMAL"
  }
  if (from.kind === "DECIMAL" && to.kind === "DECIMAL") {
    return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
  }
  if (from.kind === "FLOAT" && to.kind === "DOUBLE") return true
  return (from.kind === "DATE" && to.kind === "DATETIME") || (from.kind === "DATETIME" && to.kind === "DATE")
}

const value = (definition: ColumnDefinition): Column => ({
  ...definition,
  nullable: definition.nullable ?? true,
  key: false
})

/** Rewrites the table because DuckDB can only put new columns last. */
const rebuilt = (before: Table, next: Table): ReadonlyArray<string> => {
  const target = TableOf.physical(next.database, next.name)
  const temporary = `${quoted(TableOf.schemaOf(next.database))}.${quoted(`${next.name}#rebuilt`)}`
  const kept = next.columns.filter((column) => TableOf.column(before, column.name) !== undefined)
  const list = kept.map((column) => quoted(column.name)).join(", ")
  return [
    `create table ${temporary} (${next.columns.map(storedColumn).join(", ")})`,
    `insert into ${temporary} (${list}) select ${list} from ${target}`,
    `drop table ${target}`,
    `alter table ${temporary} rename to ${quoted(next.name)}`
  ]
}

const add = (table: Table, clause: Extract<Clause, { kind: "add" }>): Step => {
  const { place } = clause
  const column = value(clause.column)
  if (TableOf.column(table, column.name) !== undefined) return Result.fail(duplicateColumn(column.name))
  if (!column.nullable && column.default.kind === "none") {
    return Result.fail(detail(`Column '${column.name}' is NOT NULL and has no default value`))
  }
  if (!column.nullable && column.default.kind === "constant" && column.default.text === null) {
    return Result.fail(detail(`Can not set null default value to non nullable column: ${column.name}`))
  }
  const after = place.kind === "after" ? TableOf.column(table, place.name) : undefined
  if (place.kind === "after" && after === undefined) return Result.fail(detail(`Column[${place.name}] does not found`))
  const keys = TableOf.keys(table).length
  const at = place.kind === "last"
    ? table.columns.length
    : after === undefined
    ? 0
    : table.columns.indexOf(after) + 1
  if (at < keys) return Result.fail(detail(`Invalid column order. value should be after key: ${column.name}`))
  const next = { ...table, columns: table.columns.toSpliced(at, 0, column) }
  const statements = at === table.columns.length
    ? [`alter table ${TableOf.physical(table.database, table.name)} add column ${storedColumn(column)}`]
    : rebuilt(table, next)
  return Result.succeed({ next, statements })
}

const drop = (table: Table, name: string): Step => {
  const column = TableOf.column(table, name)
  if (column === undefined) return Result.fail(detail(`Column[${name}] does not exist`))
  if (column.key) return Result.fail(detail(`Can not drop key column in primary data model table: ${name}`))
  const next = { ...table, columns: table.columns.filter((candidate) => candidate !== column) }
  const target = TableOf.physical(table.database, table.name)
  return Result.succeed({ next, statements: [`alter table ${target} drop column ${quoted(column.name)}`] })
}

const modify = (table: Table, definition: ColumnDefinition): Step => {
  const column = TableOf.column(table, definition.name)
  if (column === undefined) return Result.fail(detail(`Column[${definition.name}] does not exists`))
  if (column.key) return Result.fail(detail(`Can not modify key column: ${column.name}`))
  const changed = { ...value(definition), name: column.name }
  if (column.nullable && !changed.nullable) {
    return Result.fail(detail(`Can't change nullable to non-nullable: ${column.name}`))
  }
  if (JSON.stringify(column.default) !== JSON.stringify(changed.default)) {
    return Result.fail(detail(`Can not change default value: ${column.name}`))
  }
  if (!widens(column.type, changed.type)) {
    const types = `${ColumnType.render(column.type)} to ${ColumnType.render(changed.type)}`
    return Result.fail(detail(`Can not change ${types}: ${column.name}`))
  }
  const target = TableOf.physical(table.database, table.name)
  const next = { ...table, columns: table.columns.map((candidate) => candidate === column ? changed : candidate) }
  const statement = `alter table ${target} alter column ${quoted(column.name)} type ${ColumnType.stored(changed.type)}`
  return Result.succeed({ next, statements: ColumnType.same(column.type, changed.type) ? [] : [statement] })
}

/** Applies every clause in order, or says which one is refused. */
export const plan = (table: Table, alter: AlterTable): Step => {
  let next = table
  const statements: Array<string> = []
  for (const clause of alter.clauses) {
    const step = clause.kind === "add"
      ? add(next, clause)
      : clause.kind === "drop"
      ? drop(next, clause.name)
      : modify(next, clause.column)
    if (Result.isFailure(step)) return step
    next = step.success.next
    statements.push(...step.success.statements)
  }
  return Result.succeed({ next, statements })
}
