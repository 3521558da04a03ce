/** The model sink's catalogue: its tables are there, with their audit columns. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import * as TargetTruncation from "../../src/domain/TargetTruncation.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import type { Verdict } from "./Broken.ts"
import { DATABASE } from "./ModelHttp.ts"
import type { ModelStarRocks } from "./ModelStarRocks.ts"
import type { SchemaJob } from "./ModelTargets.ts"
import type { Prng } from "./Prng.ts"
import type * as SourceTables from "./SourceTables.ts"

export interface CatalogueWorld {
  readonly starRocks: ModelStarRocks
  readonly verdict: Verdict
  readonly connections: Prng
}

/** Share of rows that a query does not see. */
const UNSEEN_SHARE = 0.1

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

const KEY_QUESTION = /^SELECT (`.+) AS key_0,.* AS cdc_version FROM `[^`]+`\.`([^`]+)` WHERE /

/** The keys of a table with their versions: of all rows, of which who asked for some finds his. */
const keyRows = (name: string, { connections, starRocks }: CatalogueWorld): ReadonlyArray<Row> => {
  const table = starRocks.tables.find((each) => each.name === name)
  if (table === undefined) return []
  const prefix = `${table.schema}.${table.name}:`
  return [...starRocks.seen(table)].flatMap(([key, { version }]) => {
    // A front end may show less than there is.
    if (!key.startsWith(prefix) || connections.chance(UNSEEN_SHARE)) return []
    const parts: ReadonlyArray<string> = JSON.parse(key.slice(prefix.length))
    const columns = parts.map((part, index) => [`key_${index}`, part] as const)
    return [{ ...Object.fromEntries(columns), cdc_version: BigInt.asIntN(64, version).toString() }]
  })
}

const jobRow = ({ id, state, table }: SchemaJob): Row => ({
  JobId: String(id),
  TableName: table,
  State: state,
  Msg: state === "CANCELLED" ? "tablet 10123 has few replicas" : ""
})

/** The jobs of all tables, or the newest one of the table that is asked for. */
const jobRows = (statement: string, { starRocks: { targets } }: CatalogueWorld): ReadonlyArray<Row> => {
  const name = /TableName = '([^']+)'/.exec(statement)?.[1]
  if (name === undefined) return targets.jobs.map(jobRow)
  return targets.jobs.filter(({ table }) => table === name).slice(0, 1).map(jobRow)
}

/** The answer to a question about the catalogue, or about keys; it refuses all others. */
export const answer = (statement: string, world: CatalogueWorld): ReadonlyArray<Row> => {
  const { starRocks: { targets: { shown: tables } }, verdict } = world
  const question = KEY_QUESTION.exec(statement)
  if (question !== null) return keyRows(question[2] ?? "", world)
  if (statement.startsWith("SHOW ALTER TABLE COLUMN")) return jobRows(statement, world)
  if (statement === TargetTruncation.insertLimit) return [{ Variable_name: "insert_timeout", Value: "14400" }]
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
