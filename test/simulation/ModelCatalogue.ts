/** The model sink's catalogue: its tables are there, with their audit columns. */
import * as Effect from "effect/Effect"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import { TransientError } from "../../src/domain/errors/TransientError.ts"
import type { Row, StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import type { Verdict } from "./Broken.ts"
import type { FaultSource } from "./Faults.ts"
import type { Incarnation } from "./Incarnation.ts"
import { DATABASE, FRONT_END } from "./ModelHttp.ts"
import type { ModelStarRocks } from "./ModelStarRocks.ts"
import type { Network } from "./Network.ts"
import type * as SourceTables from "./SourceTables.ts"

export interface CatalogueWorld {
  readonly starRocks: ModelStarRocks
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

const columnRows = (table: SourceTables.Table): ReadonlyArray<Row> => [
  ...table.columns.map((column) => columnRow(table, column.name, column.starRocks, !column.notNull)),
  ...AuditColumns.NAMES.map((name, index) => columnRow(table, name, AUDIT_TYPES[index] ?? "", true))
]

/** Columns are added at once; a statement that comes again is refused. */
const alter = (statement: string, { starRocks }: CatalogueWorld): ReadonlyArray<Row> | SrSqlError => {
  const name = /^ALTER TABLE `[^`]+`\.`([^`]+)`/.exec(statement)?.[1] ?? ""
  const columns = [...statement.matchAll(/ADD COLUMN `([^`]+)`/g)].map((match) => match[1] ?? "")
  return starRocks.addColumnsOf(name, columns)
    ? []
    : new SrSqlError({ code: 1060, message: `Duplicate column name '${columns[0] ?? ""}'` })
}

const answer = (statement: string, world: CatalogueWorld): ReadonlyArray<Row> | SrSqlError => {
  const { starRocks: { tables }, verdict } = world
  if (statement.startsWith("ALTER TABLE ")) return alter(statement, world)
  if (statement.startsWith("SHOW ALTER TABLE COLUMN")) return []
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

const unreachable = new TransientError({ code: "SR_UNREACHABLE", message: "lost", remediation: "", context: {} })
const refused = SetupError.make({
  _tag: "SrConnectionFailed",
  host: FRONT_END,
  error: "Access denied for user 'root' (using password: YES)"
})

export const service = (world: CatalogueWorld, incarnation: Incarnation): StarRocksSql["Service"] => {
  // The password is looked at when a connection is made, which then stands.
  let connected = false
  return {
    query: (statement) =>
      Effect.callback<ReadonlyArray<Row>, SrSqlError | TransientError | SetupError.SetupError>((resume) => {
        const lost = world.faults.happens("starrocks sql: lost") || incarnation.toStarRocks.isCut
        connected = !lost && (connected || !world.starRocks.refusesLogin)
        const failure = lost ? unreachable : connected ? undefined : refused
        incarnation.after(world.network.wait(), () =>
          resume(
            failure !== undefined
              ? Effect.fail(failure)
              : Effect.suspend(() => {
                const rows = answer(statement, world)
                return rows instanceof SrSqlError ? Effect.fail(rows) : Effect.succeed(rows)
              })
          ))
      })
  }
}
