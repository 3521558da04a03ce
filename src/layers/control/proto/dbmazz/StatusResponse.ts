// Original file: proto/dbmazz.proto

import type { Long } from "@grpc/proto-loader"
import type {
  TableSnapshotProgress as _dbmazz_TableSnapshotProgress,
  TableSnapshotProgress__Output as _dbmazz_TableSnapshotProgress__Output
} from "../dbmazz/TableSnapshotProgress.ts"

// Original file: proto/dbmazz.proto

export const _dbmazz_StatusResponse_CdcState = {
  RUNNING: "RUNNING",
  PAUSED: "PAUSED",
  DRAINING: "DRAINING",
  STOPPED: "STOPPED"
} as const

export type _dbmazz_StatusResponse_CdcState =
  | "RUNNING"
  | 0
  | "PAUSED"
  | 1
  | "DRAINING"
  | 2
  | "STOPPED"
  | 3

export type _dbmazz_StatusResponse_CdcState__Output =
  typeof _dbmazz_StatusResponse_CdcState[keyof typeof _dbmazz_StatusResponse_CdcState]

export interface StatusResponse {
  "state"?: _dbmazz_StatusResponse_CdcState
  /**
   * The last position received.
   */
  "current_lsn"?: number | string | Long
  /**
   * The durable checkpoint.
   */
  "confirmed_lsn"?: number | string | Long
  /**
   * Rows received and not acknowledged by StarRocks.
   */
  "pending_events"?: number | string | Long
  "slot_name"?: string
  "tables"?: (string)[]
  "snapshot_active"?: boolean
  "snapshot_chunks_total"?: number | string | Long
  "snapshot_chunks_done"?: number | string | Long
  "snapshot_rows_synced"?: number | string | Long
  "table_progress"?: (_dbmazz_TableSnapshotProgress)[]
  "snapshot_paused"?: boolean
}

export interface StatusResponse__Output {
  "state": _dbmazz_StatusResponse_CdcState__Output
  /**
   * The last position received.
   */
  "current_lsn": string
  /**
   * The durable checkpoint.
   */
  "confirmed_lsn": string
  /**
   * Rows received and not acknowledged by StarRocks.
   */
  "pending_events": string
  "slot_name": string
  "tables": (string)[]
  "snapshot_active": boolean
  "snapshot_chunks_total": string
  "snapshot_chunks_done": string
  "snapshot_rows_synced": string
  "table_progress": (_dbmazz_TableSnapshotProgress__Output)[]
  "snapshot_paused": boolean
}
