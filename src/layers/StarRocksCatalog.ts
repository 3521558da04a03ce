/** Reads StarRocks' catalogue. Versions differ in which columns they list, so rows are read by name, in any case. */
import * as Effect from "effect/Effect"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type * as SrSqlError from "../domain/errors/SrSqlError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { ColumnFacts, Facts, TableFacts } from "../domain/starrocks/TargetFacts.ts"
import * as Log from "./Log.ts"
import { type Row, StarRocksSql } from "./StarRocksSql.ts"

const log = Log.module("StarRocksCatalog")

/** A row with its column names in upper case. */
type Named = ReadonlyMap<string, string | null>

const named = (row: Row): Named => new Map(Object.entries(row).map(([name, value]) => [name.toUpperCase(), value]))

const text = (row: Named, column: string): string => row.get(column) ?? ""

const read = Effect.fnUntraced(function*(statement: string) {
  const { query } = yield* StarRocksSql
  return (yield* query(statement)).map(named)
})

const list = (names: ReadonlyArray<string>): string => names.map(Identifier.literalSr).join(", ")

const whereTables = (database: string, names: ReadonlyArray<string>): string =>
  `TABLE_SCHEMA = ${Identifier.literalSr(database)} AND TABLE_NAME IN (${list(names)})`

const columnOf = (row: Named): ColumnFacts => {
  const fallback = row.get("COLUMN_DEFAULT") ?? undefined
  return {
    name: text(row, "COLUMN_NAME"),
    type: text(row, "COLUMN_TYPE"),
    nullable: text(row, "IS_NULLABLE").toUpperCase() === "YES",
    generated: text(row, "GENERATION_EXPRESSION") !== "",
    ...(fallback === undefined ? {} : { default: fallback })
  }
}

/** Names of a `PRIMARY_KEY` text, such as `` `id`, `day` ``. */
const keyNames = (primaryKey: string): ReadonlyArray<string> =>
  [...primaryKey.matchAll(/`([^`]+)`|([^`,\s]+)/g)].map((match) => match[1] ?? match[2] ?? "")

const readTables = Effect.fnUntraced(function*(database: string, names: ReadonlyArray<string>) {
  const where = whereTables(database, names)
  const tables = yield* read(`SELECT * FROM information_schema.tables WHERE ${where}`)
  const configs = yield* read(`SELECT * FROM information_schema.tables_config WHERE ${where}`)
  const columns = yield* read(`SELECT * FROM information_schema.columns WHERE ${where} ORDER BY ORDINAL_POSITION`)
  return new Map(tables.map((row): [string, TableFacts] => {
    const name = text(row, "TABLE_NAME")
    const config = configs.find((candidate) => text(candidate, "TABLE_NAME") === name)
    const own = columns.filter((column) => text(column, "TABLE_NAME") === name)
    const marked = own.filter((column) => text(column, "COLUMN_KEY") === "PRI").map((column) =>
      text(column, "COLUMN_NAME")
    )
    return [name, {
      name: { schema: database, name },
      // Views and external tables have no entry among the models.
      model: config === undefined ? text(row, "TABLE_TYPE") : text(config, "TABLE_MODEL"),
      key: marked.length > 0 || config === undefined ? marked : keyNames(text(config, "PRIMARY_KEY")),
      columns: own.map(columnOf)
    }]
  }))
})

/** The database and those of the named tables that exist in it. Nothing asked, nothing found: no names, no tables. */
export const readFacts = Effect.fnUntraced(function*(database: string, names: ReadonlyArray<string>) {
  const schemata = yield* read(
    `SELECT SCHEMA_NAME FROM information_schema.schemata WHERE SCHEMA_NAME = ${Identifier.literalSr(database)}`
  )
  const databaseExists = schemata.length > 0
  const tables = databaseExists && names.length > 0 ? yield* readTables(database, names) : new Map<string, TableFacts>()
  return { database, databaseExists, tables } satisfies Facts
})

/** The columns of one table as they are shown now; those of a schema change that runs are not. None: there is no such table. */
export const readColumns = Effect.fnUntraced(function*(table: Identifier.QualifiedName) {
  const where = whereTables(table.schema, [table.name])
  return (yield* read(`SELECT * FROM information_schema.columns WHERE ${where}`)).map(columnOf)
})

/** Their names. */
export const readColumnNames = (table: Identifier.QualifiedName) =>
  Effect.map(readColumns(table), (columns) => columns.map(({ name }) => name))

/** The tables that a schema change is at work on; none when the server does not tell. */
export const readChangingTables = Effect.fnUntraced(function*(database: string) {
  const jobs = yield* read(`SHOW ALTER TABLE COLUMN FROM ${Identifier.quoteSr(database)}`).pipe(
    Effect.catchTag(
      "SrSqlError",
      (error) => Effect.as(log.debug("StarRocks does not show schema changes", () => ({ code: error.code })), [])
    )
  )
  const running = jobs.filter((job) => isRunning({ state: text(job, "STATE").toUpperCase() }))
  return new Set(running.map((job) => text(job, "TABLENAME")))
})

/** Whether the job is not over. */
export const isRunning = ({ state }: Pick<SchemaChange, "state">): boolean =>
  state !== "FINISHED" && state !== "CANCELLED"

/** A schema change job: `PENDING`, `WAITING_TXN`, `RUNNING`, `FINISHED` or `CANCELLED`. */
export interface SchemaChange {
  readonly id: string
  readonly state: string
  readonly message: string
}

/** The newest schema change of a table; undefined when the server lists none. */
export const readNewestChange = Effect.fnUntraced(function*(table: Identifier.QualifiedName) {
  const [newest] = yield* read(
    `SHOW ALTER TABLE COLUMN FROM ${Identifier.quoteSr(table.schema)} ` +
      `WHERE TableName = ${Identifier.literalSr(table.name)} ORDER BY CreateTime DESC LIMIT 1`
  )
  return newest === undefined ? undefined : {
    id: text(newest, "JOBID"),
    state: text(newest, "STATE").toUpperCase(),
    message: text(newest, "MSG")
  } satisfies SchemaChange
})

/** The nodes that hold tables. `unknown`: the user may not see them; `alive` is then 0. */
export interface Nodes {
  readonly kind: "backEnds" | "computeNodes" | "unknown"
  /** Those that take new tables. */
  readonly alive: number
}

const isAlive = (row: Named): boolean =>
  text(row, "ALIVE").toLowerCase() === "true" && text(row, "SYSTEMDECOMMISSIONED").toLowerCase() !== "true"

/** Counts the nodes that are alive: back ends, or compute nodes in a cluster that has no back ends. */
export const readNodes: Effect.Effect<Nodes, TransientError | SetupError, StarRocksSql> = Effect.gen(function*() {
  const backEnds = yield* read("SHOW BACKENDS")
  if (backEnds.length > 0) return { kind: "backEnds", alive: backEnds.filter(isAlive).length } satisfies Nodes
  return { kind: "computeNodes", alive: (yield* read("SHOW COMPUTE NODES")).filter(isAlive).length } satisfies Nodes
}).pipe(
  Effect.catchTag(
    "SrSqlError",
    (error) =>
      log.debug("StarRocks does not show its nodes", () => ({ code: error.code })).pipe(
        Effect.as<Nodes>({ kind: "unknown", alive: 0 })
      )
  )
)

/** Warns when the server says that no back end is alive; a user who may not ask is not bothered. */
export const warnOfDeadBackEnds = read("SHOW BACKENDS").pipe(
  Effect.flatMap((rows) =>
    rows.length > 0 && rows.every((row) => text(row, "ALIVE").toLowerCase() !== "true")
      ? log.warn("StarRocks lists no back end that is alive: loads will wait", { backends: rows.length })
      : Effect.void
  ),
  Effect.catchIf(
    (error): error is SrSqlError.SrSqlError => error._tag === "SrSqlError",
    (error) => log.debug("StarRocks does not show its back ends", () => ({ code: error.code }))
  ),
  // A server that lost the connection over this question is asked the next one anew.
  Effect.catchTag("TransientError", () => Effect.void)
)
