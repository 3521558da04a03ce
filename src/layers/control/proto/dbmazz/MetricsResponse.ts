// Original file: proto/dbmazz.proto

import type { Long } from "@grpc/proto-loader"

export interface MetricsResponse {
  /**
   * Unix time in seconds.
   */
  "timestamp"?: number | string | Long
  /**
   * Rows that StarRocks has acknowledged since the sample before, per second.
   */
  "events_per_second"?: number | string
  /**
   * WAL between the server's position and the checkpoint.
   */
  "lag_bytes"?: number | string | Long
  /**
   * Rows received and not acknowledged by StarRocks.
   */
  "lag_events"?: number | string | Long
  /**
   * Resident memory.
   */
  "memory_bytes"?: number | string | Long
  "total_events_processed"?: number | string | Long
  "total_batches_sent"?: number | string | Long
  /**
   * Since the sample before; 0 in the first.
   */
  "cpu_millicores"?: number | string | Long
  /**
   * Age of the oldest transaction that is not acknowledged; 0 when there is none.
   */
  "replication_lag_ms"?: number | string | Long
}

export interface MetricsResponse__Output {
  /**
   * Unix time in seconds.
   */
  "timestamp": string
  /**
   * Rows that StarRocks has acknowledged since the sample before, per second.
   */
  "events_per_second": number
  /**
   * WAL between the server's position and the checkpoint.
   */
  "lag_bytes": string
  /**
   * Rows received and not acknowledged by StarRocks.
   */
  "lag_events": string
  /**
   * Resident memory.
   */
  "memory_bytes": string
  "total_events_processed": string
  "total_batches_sent": string
  /**
   * Since the sample before; 0 in the first.
   */
  "cpu_millicores": string
  /**
   * Age of the oldest transaction that is not acknowledged; 0 when there is none.
   */
  "replication_lag_ms": string
}
