/** What is done to StarRocks before replication starts, and the statement that does it. */
import * as AuditColumns from "../AuditColumns.ts"
import * as Identifier from "../Identifier.ts"
import * as ShapeChange from "../schema/ShapeChange.ts"
import type { SourceColumn, SourceTable } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"

/** What is to be done, in the order it is done. */
export type Step =
  | { readonly _tag: "CreateDatabase"; readonly database: string }
  | CreateTable
  | AddAuditColumns
  | AddColumns

export interface CreateTable {
  readonly _tag: "CreateTable"
  readonly table: Identifier.QualifiedName
  readonly source: SourceTable
  readonly definition: TargetTable.Definition
}

export interface AddAuditColumns {
  readonly _tag: "AddAuditColumns"
  readonly table: Identifier.QualifiedName
  readonly columns: ReadonlyArray<string>
}

/** Columns that the source has and the target lacks. What does not succeed is done before the first row that needs it. */
export interface AddColumns {
  readonly _tag: "AddColumns"
  readonly table: Identifier.QualifiedName
  readonly source: SourceTable
  readonly columns: ReadonlyArray<SourceColumn>
}

/** The statement of a step. StarRocks takes all columns at once, and refuses IF NOT EXISTS here. */
export const sql = (step: Step): string => {
  if (step._tag === "CreateDatabase") return `CREATE DATABASE IF NOT EXISTS ${Identifier.quoteSr(step.database)}`
  if (step._tag === "CreateTable") return TargetTable.sql(step.definition)
  if (step._tag === "AddColumns") return ShapeChange.add(step.table, step.columns).sql
  const added = AuditColumns.COLUMNS.filter((column) => step.columns.includes(column.name))
  const clauses = added.map((column) => `ADD COLUMN ${Identifier.quoteSr(column.name)} ${column.ddl}`)
  return `ALTER TABLE ${Identifier.quoteSrTable(step.table)} ${clauses.join(", ")}`
}
