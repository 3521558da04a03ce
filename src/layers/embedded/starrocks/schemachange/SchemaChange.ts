/** What ALTER TABLE makes of a table: the next definition and the statements that change its storage. Pure. */
import * as Result from "effect/Result"
import type { ColumnDefinition } from "../catalogue/ColumnDefinition.ts"
import { type Check, defaultSql, storedColumn } from "../catalogue/StoredColumn.ts"
import type { Column, Table } from "../catalogue/Table.ts"
import * as TableOf from "../catalogue/Table.ts"
import { quoted } from "../catalogue/Table.ts"
import type { AlterTable, Clause } from "../sql/AlterTable.ts"
import { detail, duplicateColumn, type SqlError } from "../syntax/SqlError.ts"
import * as ColumnType from "../values/ColumnType.ts"
import * as ColumnConversion from "./ColumnConversion.ts"

/** The result of a schema change. */
export interface Change {
  readonly next: Table
  readonly statements: ReadonlyArray<string>
  /** Queries that find values the change would lose. */
  readonly checks: ReadonlyArray<Check>
}

type Step = Result.Result<Change, SqlError>

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
  return Result.succeed({ next, statements, checks: [] })
}

const drop = (table: Table, name: string): Step => {
  const column = TableOf.column(table, name)
  if (column === undefined) return Result.fail(detail(`Column[${name}] does not exist`))
  if (column.key) return Result.fail(detail(`Can not drop key column in primary data model table: ${name}`))
  const next = { ...table, columns: table.columns.filter((candidate) => candidate !== column) }
  const target = TableOf.physical(table.database, table.name)
  return Result.succeed({ next, statements: [`alter table ${target} drop column ${quoted(column.name)}`], checks: [] })
}

const defaultOf = (column: Column, target: string): ReadonlyArray<string> => {
  const value = defaultSql(column)
  return value === "" ? [] : [`alter table ${target} alter column ${quoted(column.name)} set${value}`]
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
  if (!ColumnConversion.allowed(column.type, changed.type)) {
    const types = `${ColumnType.render(column.type)} to ${ColumnType.render(changed.type)}`
    return Result.fail(detail(`Can not change ${types}: ${column.name}`))
  }
  const target = TableOf.physical(table.database, table.name)
  const next = { ...table, columns: table.columns.map((candidate) => candidate === column ? changed : candidate) }
  if (ColumnType.stored(column.type) === ColumnType.stored(changed.type)) {
    return Result.succeed({ next, statements: [], checks: [] })
  }
  const check = ColumnConversion.check(target, column.name, column.type, changed.type)
  const named = quoted(column.name)
  return Result.succeed({
    next,
    statements: [
      // DuckDB keeps a default as an expression of the old type.
      `alter table ${target} alter column ${named} drop default`,
      `alter table ${target} alter column ${named} type ${ColumnType.stored(changed.type)}`,
      ...defaultOf(changed, target)
    ],
    checks: check === undefined ? [] : [check]
  })
}

/**
 * Whether only metadata changes, so that the job need not wait for earlier loads: columns come and go on a table that was
 * not created with fast_schema_evolution = "false".
 */
export const isFast = (table: Table, alter: AlterTable): boolean =>
  (table.properties["fast_schema_evolution"] ?? "true").toLowerCase() !== "false" &&
  alter.clauses.every((clause) => clause.kind !== "modify")

/** Applies every clause in order, or says which one is refused. */
export const plan = (table: Table, alter: AlterTable): Step => {
  let next = table
  const statements: Array<string> = []
  const checks: Array<Check> = []
  for (const clause of alter.clauses) {
    const step = clause.kind === "add"
      ? add(next, clause)
      : clause.kind === "drop"
      ? drop(next, clause.name)
      : modify(next, clause.column)
    if (Result.isFailure(step)) return step
    next = step.success.next
    statements.push(...step.success.statements)
    checks.push(...step.success.checks)
  }
  return Result.succeed({ next, statements, checks })
}
