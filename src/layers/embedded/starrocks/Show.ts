/** SHOW and DESC: what a person and a client's setup ask the server about itself and its tables. */
import type { AlterJobs } from "./AlterJobs.ts"
import type { Catalogue } from "./Catalogue.ts"
import * as ColumnType from "./ColumnType.ts"
import { formatDateTime } from "./Dates.ts"
import { filtered, type Grid } from "./Grid.ts"
import { analysis, noDatabase, unknownDatabase, unknownTable } from "./SqlError.ts"
import { type Column, keys, type Table } from "./Table.ts"
import type { TokenCursor } from "./TokenCursor.ts"
import { currentVersion, type Variables } from "./Variables.ts"

/** What the statements can see. */
export interface Context {
  readonly database: string | undefined
  readonly catalogue: Catalogue
  readonly jobs: AlterJobs
  readonly variables: Variables
  readonly user: string
  readonly host: string
  readonly ports: () => { readonly fe: number; readonly be: number; readonly mysql: number }
  readonly startedAtMs: number
}

const time = (ms: number): string => formatDateTime(BigInt(ms) * 1000n).slice(0, 19)

const databaseOf = (context: Context, named: string | undefined): string => {
  const database = named ?? context.database
  if (database === undefined) throw noDatabase()
  if (!context.catalogue.hasDatabase(database) && database.toLowerCase() !== "information_schema") {
    throw unknownDatabase(database)
  }
  return database
}

const tableOf = (context: Context, named: { readonly database: string | undefined; readonly name: string }): Table => {
  const database = databaseOf(context, named.database)
  const table = context.catalogue.find(database, named.name)
  if (table === undefined) throw unknownTable(named.name)
  return table
}

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

const quotedList = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(", ")

/** The CREATE TABLE statement of a table. */
export const createStatement = (table: Table): string => {
  const columns = table.columns.map((column) => {
    const value = column.default
    const written = value.kind === "now"
      ? " DEFAULT CURRENT_TIMESTAMP"
      : value.kind === "none" || value.text === null
      ? ""
      : ` DEFAULT "${value.text}"`
    return `  \`${column.name}\` ${ColumnType.render(column.type)} ${column.nullable ? "NULL" : "NOT NULL"}${written}` +
      ` COMMENT "${column.comment.replaceAll("\"", "\\\"")}"`
  })
  const keyNames = quotedList(keys(table).map((column) => column.name))
  const model = table.model === "PRI_KEYS"
    ? `PRIMARY KEY(${keyNames})\n`
    : keyNames === ""
    ? ""
    : `DUPLICATE KEY(${keyNames})\n`
  const comment = table.comment === "" ? "" : `COMMENT "${table.comment.replaceAll("\"", "\\\"")}"\n`
  const distribution = table.distribution.length === 0 ? "RANDOM" : `HASH(${quotedList(table.distribution)})`
  const order = table.orderBy.length === 0 ? "" : `ORDER BY(${quotedList(table.orderBy)})\n`
  const properties = Object.entries({ replication_num: "1", ...table.properties })
  return `CREATE TABLE \`${table.name}\` (\n${columns.join(",\n")}\n) ENGINE=OLAP \n${model}${comment}` +
    `DISTRIBUTED BY ${distribution} BUCKETS ${table.buckets} \n${order}` +
    `PROPERTIES (\n${properties.map(([name, value]) => `"${name}" = "${value}"`).join(",\n")}\n);`
}

const alterJobs = (context: Context, cursor: TokenCursor): Grid => {
  const from = cursor.take("FROM") || cursor.take("IN")
  const database = databaseOf(context, from ? cursor.name() : undefined)
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
      "86400",
      "default_warehouse"
    ])
  }
  // The newest comes first; a later sort by the second keeps that order within one second.
  return filtered(cursor, { ...grid, rows: grid.rows.toReversed() })
}

const backends = (context: Context): Grid => {
  const now = time(Date.now())
  const row: ReadonlyArray<readonly [string, string]> = [
    ["BackendId", "10001"],
    ["IP", context.host],
    ["HeartbeatPort", "9050"],
    ["BePort", "9060"],
    ["HttpPort", String(context.ports().be)],
    ["BrpcPort", "8060"],
    ["LastStartTime", time(context.startedAtMs)],
    ["LastHeartbeat", now],
    ["Alive", "true"],
    ["SystemDecommissioned", "false"],
    ["ClusterDecommissioned", "false"],
    ["TabletNum", "1"],
    ["DataUsedCapacity", "0.000 "],
    ["AvailCapacity", "1.000 GB"],
    ["TotalCapacity", "1.000 GB"],
    ["UsedPct", "0.00 %"],
    ["MaxDiskUsedPct", "0.00 %"],
    ["ErrMsg", ""],
    ["Version", currentVersion],
    ["Status", `{"lastSuccessReportTabletsTime":"${now}"}`],
    ["DataTotalCapacity", "1.000 GB"],
    ["DataUsedPct", "0.00 %"],
    ["CpuCores", "2"],
    ["NumRunningQueries", "0"],
    ["MemUsedPct", "0.00 %"],
    ["CpuUsedPct", "0.0 %"],
    ["Location", ""]
  ]
  return { columns: row.map(([name]) => name), rows: [row.map(([, value]) => value)] }
}

const frontends = (context: Context): Grid => {
  const { fe, mysql } = context.ports()
  const row: ReadonlyArray<readonly [string, string]> = [
    ["Id", "1"],
    ["Name", `${context.host}_9010`],
    ["IP", context.host],
    ["EditLogPort", "9010"],
    ["HttpPort", String(fe)],
    ["QueryPort", String(mysql)],
    ["RpcPort", "9020"],
    ["Role", "LEADER"],
    ["ClusterId", "1"],
    ["Join", "true"],
    ["Alive", "true"],
    ["ReplayedJournalId", "1"],
    ["LastHeartbeat", time(Date.now())],
    ["IsHelper", "true"],
    ["ErrMsg", ""],
    ["StartTime", time(context.startedAtMs)],
    ["Version", currentVersion]
  ]
  return { columns: row.map(([name]) => name), rows: [row.map(([, value]) => value)] }
}

const none = (...columns: ReadonlyArray<string>): Grid => ({ columns, rows: [] })

const tables = (context: Context, cursor: TokenCursor, full: boolean): Grid => {
  const from = cursor.take("FROM") || cursor.take("IN")
  const database = databaseOf(context, from ? cursor.name() : undefined)
  const names = database.toLowerCase() === "information_schema"
    ? ["columns", "schemata", "tables", "tables_config"]
    : context.catalogue.tables(database).map((table) => table.name).sort()
  return filtered(cursor, {
    columns: full ? [`Tables_in_${database}`, "Table_type"] : [`Tables_in_${database}`],
    rows: names.map((name) => full ? [name, "BASE TABLE"] : [name])
  })
}

const columns = (context: Context, cursor: TokenCursor, full: boolean): Grid => {
  if (!cursor.take("FROM")) cursor.need("IN")
  const named = cursor.qualified()
  const second = cursor.take("FROM") || cursor.take("IN") ? cursor.name() : undefined
  return filtered(cursor, describe(tableOf(context, { database: second ?? named.database, name: named.name }), full))
}

const create = (context: Context, cursor: TokenCursor): Grid => {
  if (cursor.take("DATABASE") || cursor.take("SCHEMA")) {
    const database = databaseOf(context, cursor.name())
    return { columns: ["Database", "Create Database"], rows: [[database, `CREATE DATABASE \`${database}\``]] }
  }
  cursor.need("TABLE")
  const table = tableOf(context, cursor.qualified())
  return { columns: ["Table", "Create Table"], rows: [[table.name, createStatement(table)]] }
}

/** Words that lead to an answer without rows. */
const empty: Readonly<Record<string, ReadonlyArray<string>>> = {
  WARNINGS: ["Level", "Code", "Message"],
  ERRORS: ["Level", "Code", "Message"],
  STATUS: ["Variable_name", "Value"],
  TRIGGERS: ["Trigger", "Event", "Table"],
  EVENTS: ["Db", "Name"],
  PLUGINS: ["Name", "Status", "Type", "Library", "License"],
  INDEX: ["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"],
  INDEXES: ["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"],
  KEYS: ["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"],
  PROCEDURE: ["Db", "Name"],
  FUNCTION: ["Db", "Name"],
  COMPUTE: ["ComputeNodeId", "IP", "Alive"],
  LOAD: ["JobId", "Label", "State"],
  TABLE: ["Name", "Engine", "Version", "Row_format", "Rows", "Create_time", "Comment"]
}

/** Answers a SHOW statement; the cursor stands behind SHOW. Throws the refusal. */
export const show = (cursor: TokenCursor, context: Context): Grid => {
  const scope = cursor.take("GLOBAL") || cursor.take("SESSION")
  const full = cursor.take("FULL")
  if (cursor.take("VARIABLES")) {
    return filtered(cursor, { columns: ["Variable_name", "Value"], rows: context.variables.all() })
  }
  if (cursor.take("DATABASES") || cursor.take("SCHEMAS")) {
    if (cursor.take("FROM")) cursor.name()
    return filtered(cursor, {
      columns: ["Database"],
      rows: [...context.catalogue.databases(), "information_schema"].sort().map((name) => [name])
    })
  }
  if (cursor.take("TABLES")) return tables(context, cursor, full)
  if (cursor.take("COLUMNS") || cursor.take("FIELDS")) return columns(context, cursor, full)
  if (cursor.take("CREATE")) return create(context, cursor)
  if (cursor.take("BACKENDS")) return backends(context)
  if (cursor.take("FRONTENDS")) return frontends(context)
  if (cursor.take("ALTER", "TABLE", "COLUMN")) return alterJobs(context, cursor)
  if (cursor.take("ALTER", "TABLE")) return none("JobId", "TableName", "CreateTime", "FinishTime", "State", "Msg")
  if (cursor.take("CATALOGS")) {
    return filtered(cursor, { columns: ["Catalog", "Type", "Comment"], rows: [["default_catalog", "Internal", ""]] })
  }
  if (cursor.take("ENGINES")) {
    return { columns: ["Engine", "Support", "Comment"], rows: [["OLAP", "YES", "Default storage engine"]] }
  }
  if (cursor.take("PROCESSLIST")) {
    return none("Id", "User", "Host", "Db", "Command", "ConnectionStartTime", "Time", "State", "Info")
  }
  if (cursor.take("COLLATION")) {
    return filtered(cursor, {
      columns: ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"],
      rows: [["utf8_general_ci", "utf8", "33", "Yes", "Yes", "1"]]
    })
  }
  if (cursor.take("CHARSET") || cursor.take("CHARACTER", "SET")) {
    return filtered(cursor, {
      columns: ["Charset", "Description", "Default collation", "Maxlen"],
      rows: [["utf8", "UTF-8 Unicode", "utf8_general_ci", "3"]]
    })
  }
  if (cursor.take("GRANTS")) {
    return {
      columns: ["UserIdentity", "Catalog", "Grants"],
      rows: [[`'${context.user}'@'%'`, null, `GRANT 'root' TO '${context.user}'@'%'`]]
    }
  }
  const word = cursor.peek()?.text.toUpperCase() ?? ""
  const header = scope && word !== "STATUS" ? undefined : empty[word]
  if (header !== undefined) return none(...header)
  throw analysis(`SHOW ${cursor.peek()?.text ?? ""} is not supported by this endpoint`)
}

/** Answers DESC; the cursor stands behind it. */
export const desc = (cursor: TokenCursor, context: Context): Grid => {
  const table = tableOf(context, cursor.qualified())
  cursor.take("ALL")
  if (!cursor.done) throw cursor.unexpected()
  return describe(table, false)
}
