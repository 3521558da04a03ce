// Original file: proto/dbmazz.proto

import type { Long } from "@grpc/proto-loader"

export interface TableSnapshotProgress {
  "table_name"?: string
  "chunks_total"?: number | string | Long
  "chunks_done"?: number | string | Long
  "rows_synced"?: number | string | Long
}

export interface TableSnapshotProgress__Output {
  "table_name": string
  "chunks_total": string
  "chunks_done": string
  "rows_synced": string
}
