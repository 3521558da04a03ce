/** The model sink's catalogue: its tables are there, with their audit columns. */
import * as Effect from "effect/Effect"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import { TransientError } from "../../src/domain/errors/TransientError.ts"
import type { Row, StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import type { Verdict } from "./Broken.ts"
import type { FaultSource } from "./Faults.ts"
import type { Incarnation } from "./Incarnation.ts"
import { DATABASE } from "./ModelHttp.ts"
import type { Network } from "./Network.ts"
import * as SourceTables from "./SourceTables.ts"

export interface CatalogueWorld {
  readonly verdict: Verdict
  readonly faults: FaultSource
  readonly network: Network
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

const COLUMN_ROWS: ReadonlyArray<Row> = SourceTables.WANTED.flatMap((table) => [
  ...table.columns.map((column) => columnRow(table, column.name, column.starRocks, !column.notNull)),
  ...AuditColumns.NAMES.map((name, index) => columnRow(table, name, AUDIT_TYPES[index] ?? "", true))
])

const answer = (statement: string, verdict: Verdict): ReadonlyArray<Row> => {
  if (statement === "SELECT 1") return [{ "1": "1" }]
  if (statement === "SHOW BACKENDS") return [{ Alive: "true" }]
  if (/information_schema\.schemata/.test(statement)) return [{ SCHEMA_NAME: DATABASE }]
  if (/information_schema\.tables_config/.test(statement)) {
    return SourceTables.WANTED.map((table) => ({ TABLE_NAME: table.name, TABLE_MODEL: "PRI_KEYS", PRIMARY_KEY: "" }))
  }
  if (/information_schema\.tables /.test(statement)) {
    return SourceTables.WANTED.map((table) => ({ TABLE_NAME: table.name, TABLE_TYPE: "BASE TABLE" }))
  }
  if (/information_schema\.columns/.test(statement)) return COLUMN_ROWS
  return verdict.broken("the model is used as it was meant to be", `unknown statement: ${statement}`)
}

export const service = (world: CatalogueWorld, incarnation: Incarnation): StarRocksSql["Service"] => ({
  query: (statement) =>
    Effect.callback<ReadonlyArray<Row>, TransientError>((resume) => {
      const failed = world.faults.happens("starrocks sql: lost")
      incarnation.after(world.network.wait(), () =>
        resume(
          failed
            ? Effect.fail(
              new TransientError({ code: "SR_UNREACHABLE", message: "lost", remediation: "", context: {} })
            )
            : Effect.sync(() => answer(statement, world.verdict))
        ))
    })
})
