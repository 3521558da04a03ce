/** SHOW and DESC of databases, tables, columns, partitions and schema changes, as far as the user may see them. */
import type { Catalogue } from "../catalogue/Catalogue.ts"
import * as InformationSchema from "../catalogue/InformationSchema.ts"
import type { Column, Table } from "../catalogue/Table.ts"
import type { AlterJobs } from "../schemachange/AlterJobs.ts"
import { noDatabase, unknownDatabase, unknownTable, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import type { Access } from "../users/Users.ts"
import * as ColumnType from "../values/ColumnType.ts"
import { time } from "../values/Dates.ts"
import { createStatement } from "./CreateStatement.ts"
import { filtered, type Grid } from "./Grid.ts"

/** What the statements can see. */
export interface Context {
  readonly database: string | undefined
  readonly catalogue: Catalogue
  readonly jobs: AlterJobs
  readonly access: Access
}

const databaseOf = (context: Context, named: string | undefined): string => {
  const database = named ?? context.database
  if (database === undefined) throw noDatabase()
  if (InformationSchema.is(database)) return database
  if (!context.catalogue.hasDatabase(database)) throw unknownDatabase(database)
  context.access.need("ANY", { kind: "DATABASE", database })
  return database
}

const fromDatabase = (context: Context, cursor: TokenCursor): string =>
  databaseOf(context, cursor.take("FROM") || cursor.take("IN") ? cursor.name() : undefined)

const tableOf = (context: Context, named: { readonly database: string | undefined; readonly name: string }): Table => {
  const database = databaseOf(context, named.database)
  if (InformationSchema.is(database)) {
    const described = InformationSchema.tableOf(named.name)
    if (described === undefined) throw unknownTable(named.name)
    return described
  }
  const table = context.catalogue.find(database, named.name)
  if (table === undefined) throw unknownTable(named.name)
  context.access.need("ANY", { kind: "TABLE", database, table: table.name })
  return table
}

/** `FROM t`, `FROM d.t` or `FROM t FROM d`. */
const fromTable = (context: Context, cursor: TokenCursor): Table => {
  if (!cursor.take("FROM")) cursor.need("IN")
  const named = cursor.qualified()
  const second = cursor.take("FROM") || cursor.take("IN") ? cursor.name() : undefined
  return tableOf(context, { database: second ?? named.database, name: named.name })
}

const visible = (context: Context, database: string): ReadonlyArray<Table> =>
  context.catalogue.tables(database).filter((table) =>
    context.access.sees({ kind: "TABLE", database, table: table.name })
  ).toSorted((left, right) => left.name < right.name ? -1 : 1)

const defaultText = (column: Column): string | null =>
  column.default.kind === "constant" ? column.default.text : column.default.kind === "now" ? "CURRENT_TIMESTAMP" : null

const describe = (table: Table, full: boolean): Grid => ({
  columns: full
    ? ["Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"]
    : ["Field", "Type", "Null", "Key", "Default", "Extra"],
  rows: table.columns.map((column) => {
    const type = ColumnType.render(column.type)
    const nullable = column.nullable ? "YES" : "NO"
    const key = full ? (column.key ? (table.model === "PRI_KEYS" ? "PRI" : "DUP") : "") : String(column.key)
    return full
      ? [column.name, type, "", nullable, key, defaultText(column), "", "", column.comment]
      : [column.name, type, nullable, key, defaultText(column), ""]
  })
})

/** Answers SHOW ALTER TABLE COLUMN; the cursor stands behind COLUMN. */
export const alterJobs = (context: Context, cursor: TokenCursor): Grid => {
  const database = fromDatabase(context, cursor)
  const grid: Grid = {
    columns: [
      "JobId",
      "TableName",
      "CreateTime",
      "FinishTime",
      "IndexName",
      "IndexId",
      "OriginIndexId",
      "SchemaVersion",
      "TransactionId",
      "State",
      "Msg",
      "Progress",
      "Timeout",
      "Warehouse"
    ],
    rows: context.jobs.of(database).map((job) => [
      String(job.id),
      job.table,
      time(job.createdAtMs),
      job.finishedAtMs === undefined ? null : time(job.finishedAtMs),
      job.table,
      String(job.id),
      String(job.id),
      "1:0",
      String(job.id),
      job.state,
      job.message,
      null,
      String(job.timeoutSeconds),
      "default_warehouse"
    ])
  }
  // The newest comes first; a later sort by the second keeps that order within one second.
  return filtered(cursor, { ...grid, rows: grid.rows.toReversed() })
}

/** Answers SHOW DATABASES; the cursor stands behind DATABASES. */
export const databases = (context: Context, cursor: TokenCursor): Grid => {
  if (cursor.take("FROM")) cursor.name()
  const names = context.catalogue.databases().filter((database) => context.access.sees({ kind: "DATABASE", database }))
  return filtered(cursor, {
    columns: ["Database"],
    rows: [...names, InformationSchema.name].sort().map((name) => [name])
  })
}

/** Answers SHOW [FULL] TABLES; the cursor stands behind TABLES. */
export const tables = (context: Context, cursor: TokenCursor, full: boolean): Grid => {
  const database = fromDatabase(context, cursor)
  const information = InformationSchema.is(database)
  const names = information ? InformationSchema.tableNames : visible(context, database).map((table) => table.name)
  return filtered(cursor, {
    columns: full ? [`Tables_in_${database}`, "Table_type"] : [`Tables_in_${database}`],
    rows: names.map((name) => full ? [name, information ? "SYSTEM VIEW" : "BASE TABLE"] : [name])
  })
}

/** Answers SHOW TABLE STATUS; the cursor stands behind STATUS. */
export const tableStatus = (context: Context, cursor: TokenCursor): Grid => {
  const database = fromDatabase(context, cursor)
  return filtered(cursor, {
    columns: [
      "Name",
      "Engine",
      "Version",
      "Row_format",
      "Rows",
      "Avg_row_length",
      "Data_length",
      "Max_data_length",
      "Index_length",
      "Data_free",
      "Auto_increment",
      "Create_time",
      "Update_time",
      "Check_time",
      "Collation",
      "Checksum",
      "Create_options",
      "Comment"
    ],
    rows: (InformationSchema.is(database) ? [] : visible(context, database)).map((table) => [
      table.name,
      "StarRocks",
      null,
      "",
      "0",
      "0",
      "0",
      null,
      null,
      null,
      null,
      time(table.createdAtMs),
      null,
      null,
      "utf8_general_ci",
      null,
      "",
      table.comment
    ])
  })
}

/** Answers SHOW [FULL] COLUMNS; the cursor stands behind COLUMNS. */
export const columns = (context: Context, cursor: TokenCursor, full: boolean): Grid => {
  const table = fromTable(context, cursor)
  return filtered(cursor, describe(table, full))
}

/** Answers SHOW INDEX and SHOW KEYS: tables have no index here, which this refuses for tables that do not exist. */
export const indexes = (context: Context, cursor: TokenCursor): Grid => {
  fromTable(context, cursor)
  return filtered(cursor, {
    columns: [
      "Table",
      "Non_unique",
      "Key_name",
      "Seq_in_index",
      "Column_name",
      "Collation",
      "Cardinality",
      "Sub_part",
      "Packed",
      "Null",
      "Index_type",
      "Comment",
      "Index_comment",
      "Properties"
    ],
    rows: []
  })
}

/** Answers SHOW PARTITIONS: a table has one, which is called like the table. The cursor stands behind PARTITIONS. */
export const partitions = (context: Context, cursor: TokenCursor): Grid => {
  const table = fromTable(context, cursor)
  const row: ReadonlyArray<readonly [string, string | null]> = [
    ["PartitionId", String(table.id)],
    ["PartitionName", table.name],
    ["VisibleVersion", "1"],
    ["VisibleVersionTime", time(table.createdAtMs)],
    ["VisibleVersionHash", "0"],
    ["State", "NORMAL"],
    ["PartitionKey", ""],
    ["Range", ""],
    ["DistributionKey", table.distribution.join(", ")],
    ["Buckets", String(table.buckets)],
    ["ReplicationNum", "1"],
    ["StorageMedium", "HDD"],
    ["CooldownTime", "9999-12-31 23:59:59"],
    ["LastConsistencyCheckTime", null],
    ["DataSize", "0B"],
    ["IsInMemory", "false"],
    ["RowCount", "0"]
  ]
  return filtered(cursor, { columns: row.map(([name]) => name), rows: [row.map(([, value]) => value)] })
}

/** Answers SHOW CREATE; the cursor stands behind CREATE. */
export const create = (context: Context, cursor: TokenCursor): Grid => {
  if (cursor.take("DATABASE") || cursor.take("SCHEMA")) {
    const database = databaseOf(context, cursor.name())
    cursor.end()
    return { columns: ["Database", "Create Database"], rows: [[database, `CREATE DATABASE \`${database}\``]] }
  }
  cursor.need("TABLE")
  const table = tableOf(context, cursor.qualified())
  cursor.end()
  if (InformationSchema.is(table.database)) throw unsupported("SHOW CREATE TABLE of information_schema")
  return { columns: ["Table", "Create Table"], rows: [[table.name, createStatement(table)]] }
}

/** Answers DESC; the cursor stands behind it. */
export const desc = (cursor: TokenCursor, context: Context): Grid => {
  const table = tableOf(context, cursor.qualified())
  cursor.take("ALL")
  cursor.end()
  return describe(table, false)
}
