/** SHOW statements about the server itself: its nodes, configuration and PROC pages. */
import type { Catalogue } from "../catalogue/Catalogue.ts"
import { finishedLabelsMax, labelKeepMs, runningMax } from "../load/Labels.ts"
import { connectionsMax } from "../mysql/Connections.ts"
import { wrongProcPath } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { time } from "../values/Dates.ts"
import { filtered, type Grid } from "./Grid.ts"
import { currentVersion } from "./Variables.ts"

/** What the statements tell about. */
export interface Context {
  readonly catalogue: Catalogue
  readonly host: string
  readonly ports: () => { readonly fe: number; readonly be: number; readonly mysql: number }
  readonly startedAtMs: number
}

/** Answers SHOW BACKENDS. */
export const backends = (context: Context): Grid => {
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
    [
      "TabletNum",
      String(
        context.catalogue.databases().flatMap(context.catalogue.tables).reduce((sum, { buckets }) => sum + buckets, 0)
      )
    ],
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

/** Answers SHOW FRONTENDS. */
export const frontends = (context: Context): Grid => {
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

/** Answers SHOW COMPUTE NODES: a shared-nothing server has none. */
export const computeNodes = (): Grid => ({
  columns: [
    "ComputeNodeId",
    "IP",
    "HeartbeatPort",
    "BePort",
    "HttpPort",
    "BrpcPort",
    "LastStartTime",
    "LastHeartbeat",
    "Alive",
    "SystemDecommissioned",
    "ClusterDecommissioned",
    "ErrMsg",
    "Version",
    "CpuCores",
    "MemLimit",
    "NumRunningQueries",
    "MemUsedPct",
    "CpuUsedPct",
    "HasStoragePath",
    "StarletPort",
    "WorkerId",
    "WarehouseName",
    "TabletNum"
  ],
  rows: []
})

/** Settings that clients look at before they load. */
const settings: ReadonlyArray<readonly [name: string, value: string, type: string]> = [
  ["alter_table_timeout_second", "86400", "int"],
  ["default_replication_num", "1", "short"],
  ["enable_fast_schema_evolution", "true", "boolean"],
  ["label_keep_max_num", String(finishedLabelsMax), "int"],
  ["label_keep_max_second", String(labelKeepMs / 1000), "int"],
  ["max_running_txn_num_per_db", String(runningMax), "int"],
  ["prepared_transaction_default_timeout_second", "86400", "int"],
  ["qe_max_connection", String(connectionsMax), "int"],
  ["stream_load_default_timeout_second", "600", "int"]
]

/** Answers ADMIN SHOW FRONTEND CONFIG; the cursor stands behind CONFIG. */
export const frontendConfig = (cursor: TokenCursor): Grid =>
  filtered(cursor, {
    columns: ["Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"],
    rows: settings.map(([name, value, type]) => [name, "[]", value, type, "false", ""])
  })

const databasesPage = ({ catalogue }: Context): Grid => ({
  columns: ["DbId", "DbName", "TableNum", "Quota", "LastConsistencyCheckTime", "ReplicaQuota"],
  rows: catalogue.databases().map((name, index) => [
    String(index + 1),
    name,
    String(catalogue.tables(name).length),
    "8388608.000 TB",
    null,
    "9223372036854775807"
  ])
})

const pages: ReadonlyMap<string, (context: Context) => Grid> = new Map([
  ["/", () => ({
    columns: ["name"],
    rows: [...pages.keys()].filter((path) => path !== "/").map((path) => [path.slice(1)])
  })],
  ["/backends", backends],
  ["/compute_nodes", computeNodes],
  ["/dbs", databasesPage],
  ["/frontends", frontends]
])

/** Answers SHOW PROC; the cursor stands behind PROC. */
export const proc = (cursor: TokenCursor, context: Context): Grid => {
  const path = cursor.text()
  cursor.end()
  const page = pages.get(path === "/" ? path : path.replace(/\/+$/, ""))
  if (page === undefined) throw wrongProcPath(path)
  return page(context)
}
