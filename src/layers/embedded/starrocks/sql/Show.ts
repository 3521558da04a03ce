/** SHOW: what a person and a client's setup ask the server about itself and its tables. */
import type { Connections } from "../mysql/Connections.ts"
import { unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { firstWords } from "../syntax/Tokens.ts"
import { time } from "../values/Dates.ts"
import { filtered, type Grid } from "./Grid.ts"
import * as ShowSystem from "./ShowSystem.ts"
import * as ShowTables from "./ShowTables.ts"
import * as UserStatements from "./UserStatements.ts"
import type { Variables } from "./Variables.ts"

/** What the statements can see. */
export interface Context extends ShowTables.Context, ShowSystem.Context {
  readonly variables: Variables
  readonly users: UserStatements.Context
  readonly connections: Connections
}

/** Words that lead to an answer without rows. */
const empty: Readonly<Record<string, ReadonlyArray<string>>> = {
  WARNINGS: ["Level", "Code", "Message"],
  ERRORS: ["Level", "Code", "Message"],
  STATUS: ["Variable_name", "Value"],
  TRIGGERS: [
    "Trigger",
    "Event",
    "Table",
    "Statement",
    "Timing",
    "Created",
    "sql_mode",
    "Definer",
    "character_set_client",
    "collation_connection",
    "Database Collation"
  ],
  EVENTS: ["Db", "Name", "Definer", "Time", "Type", "Execute at", "Interval value", "Interval field", "Status"],
  PLUGINS: ["Name", "Type", "Description", "Version", "JavaVersion", "ClassName", "SoName", "Sources", "Status"],
  PROCEDURE: ["Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"],
  FUNCTION: ["Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"],
  LOAD: [
    "JobId",
    "Label",
    "State",
    "Progress",
    "Type",
    "Priority",
    "ScanRows",
    "FilteredRows",
    "UnselectedRows",
    "SinkRows",
    "EtlInfo",
    "TaskInfo",
    "ErrorMsg",
    "CreateTime",
    "EtlStartTime",
    "EtlFinishTime",
    "LoadStartTime",
    "LoadFinishTime",
    "TrackingSQL",
    "JobDetails"
  ]
}

const charset: Grid = {
  columns: ["Charset", "Description", "Default collation", "Maxlen"],
  rows: [["utf8", "UTF-8 Unicode", "utf8_general_ci", "3"]]
}

const fixed: Readonly<Record<string, Grid>> = {
  CATALOGS: {
    columns: ["Catalog", "Type", "Comment"],
    rows: [["default_catalog", "Internal", "An internal catalog contains this cluster's self-managed tables."]]
  },
  ENGINES: {
    columns: ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"],
    rows: [["OLAP", "YES", "Default storage engine of StarRocks", "NO", "NO", "NO"]]
  },
  COLLATION: {
    columns: ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"],
    rows: [["utf8_general_ci", "utf8", "33", "Yes", "Yes", "1"]]
  },
  CHARSET: charset
}

/** SHOW statements about nodes need the OPERATE privilege. */
const operated = (context: Context, cursor: TokenCursor, grid: Grid): Grid => {
  context.access.need("OPERATE", { kind: "SYSTEM" })
  cursor.end()
  return grid
}

const aboutTables = (cursor: TokenCursor, context: Context, full: boolean): Grid | undefined => {
  if (cursor.take("DATABASES") || cursor.take("SCHEMAS")) return ShowTables.databases(context, cursor)
  if (cursor.take("TABLES")) return ShowTables.tables(context, cursor, full)
  if (cursor.take("TABLE", "STATUS")) return ShowTables.tableStatus(context, cursor)
  if (cursor.take("COLUMNS") || cursor.take("FIELDS")) return ShowTables.columns(context, cursor, full)
  if (cursor.take("INDEX") || cursor.take("INDEXES") || cursor.take("KEYS") || cursor.take("KEY")) {
    return ShowTables.indexes(context, cursor)
  }
  if (cursor.take("PARTITIONS")) return ShowTables.partitions(context, cursor)
  if (cursor.take("CREATE")) return ShowTables.create(context, cursor)
  if (cursor.take("ALTER", "TABLE", "COLUMN")) return ShowTables.alterJobs(context, cursor)
  if (cursor.is("ALTER")) throw unsupported("SHOW ALTER of anything but TABLE COLUMN")
  return undefined
}

const aboutServer = (cursor: TokenCursor, context: Context, full: boolean): Grid | undefined => {
  if (cursor.take("BACKENDS")) return operated(context, cursor, ShowSystem.backends(context))
  if (cursor.take("FRONTENDS")) return operated(context, cursor, ShowSystem.frontends(context))
  if (cursor.take("COMPUTE", "NODES")) return operated(context, cursor, ShowSystem.computeNodes())
  if (cursor.take("PROC")) {
    context.access.need("OPERATE", { kind: "SYSTEM" })
    return ShowSystem.proc(cursor, context)
  }
  if (cursor.take("PROCESSLIST")) {
    cursor.end()
    const { administrator, identity } = context.access
    return context.connections.processList((user) => administrator || user === identity.name, full, time)
  }
  return undefined
}

/** Answers a SHOW statement; the cursor stands behind SHOW. Throws the refusal. */
export const show = (cursor: TokenCursor, context: Context): Grid => {
  const scope = cursor.take("GLOBAL") || cursor.take("SESSION")
  if (cursor.take("VARIABLES")) {
    return filtered(cursor, { columns: ["Variable_name", "Value"], rows: context.variables.all() })
  }
  if (scope && !cursor.is("STATUS")) throw cursor.unexpected()
  const full = cursor.take("FULL")
  const found = aboutTables(cursor, context, full) ?? aboutServer(cursor, context, full)
  if (found !== undefined) return found
  if (full) throw cursor.unexpected()
  if (cursor.take("GRANTS") || cursor.take("ALL", "GRANTS")) return UserStatements.showGrants(cursor, context.users)
  if (cursor.take("USERS")) return UserStatements.showUsers(cursor, context.users)
  if (cursor.take("CHARACTER", "SET")) return filtered(cursor, charset)
  const word = cursor.peek()?.text.toUpperCase() ?? ""
  const grid = fixed[word]
  if (grid !== undefined) {
    cursor.at += 1
    return filtered(cursor, grid)
  }
  const header = empty[word]
  if (header === undefined) throw unsupported(`the statement ${firstWords(cursor.sql)}`)
  // What is left of the statement could only take rows away.
  return { columns: header, rows: [] }
}
