/** The model sink's catalogue: its tables are there, with their audit columns. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import type { Verdict } from "./Broken.ts"
import { DATABASE } from "./ModelHttp.ts"
import type { ModelStarRocks } from "./ModelStarRocks.ts"
import type * as SourceTables from "./SourceTables.ts"

export interface CatalogueWorld {
  readonly starRocks: ModelStarRocks
  readonly verdict: Verdict
}

const AUDIT_TYPES = ["tinyint(4)", "boolean", "datetime", "bigint(20)"] as const

const columnRow = (table: SourceTables.Table, name: string, type: string, nullable: boolean): Row => ({
  TABLE_NAME: table.name,
  COLUMN_NAME: name,
  COLUMN_TYPE: type,
  IS_NULLABLE: nullable ? "YES" : "NO",
  COLUMN_KEY: table.key.some((index) => table.columns[index]?.name === name) ? "PRI" : "",
  GENERATION_EXPRESSION: ""
})

const columnRows = (table: SourceTables.Table): ReadonlyArray<Row> => [
  ...table.columns.map((column) => columnRow(table, column.name, column.starRocks, !column.notNull)),
  ...AuditColumns.NAMES.map((name, index) => columnRow(table, name, AUDIT_TYPES[index] ?? "", true))
]

/** The answer to a question about the catalogue; it refuses all others. */
export const answer = (statement: string, { starRocks: { tables }, verdict }: CatalogueWorld): ReadonlyArray<Row> => {
  if (statement === "SELECT 1") return [{ "1": "1" }]
  if (statement === "SHOW BACKENDS") return [{ Alive: "true" }]
  if (/information_schema\.schemata/.test(statement)) return [{ SCHEMA_NAME: DATABASE }]
  if (/information_schema\.tables_config/.test(statement)) {
    return tables.map((table) => ({ TABLE_NAME: table.name, TABLE_MODEL: "PRI_KEYS", PRIMARY_KEY: "" }))
  }
  if (/information_schema\.tables /.test(statement)) {
    return tables.map((table) => ({ TABLE_NAME: table.name, TABLE_TYPE: "BASE TABLE" }))
  }
  if (/information_schema\.columns/.test(statement)) return tables.flatMap(columnRows)
  return verdict.broken("the model is used as it was meant to be", `unknown statement: ${statement}`)
}
