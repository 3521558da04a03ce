// Original file: proto/dbmazz.proto

import type { Long } from "@grpc/proto-loader"

export interface ReloadConfigRequest {
  /**
   * Rows of a batch; 0: no change.
   */
  "flush_size"?: number | string | Long
  /**
   * Age of a batch's first change at which it is loaded; 0: no change.
   */
  "flush_interval_ms"?: number | string | Long
  /**
   * The whole list of tables from now on; empty: no change.
   */
  "tables"?: (string)[]
}

export interface ReloadConfigRequest__Output {
  /**
   * Rows of a batch; 0: no change.
   */
  "flush_size": string
  /**
   * Age of a batch's first change at which it is loaded; 0: no change.
   */
  "flush_interval_ms": string
  /**
   * The whole list of tables from now on; empty: no change.
   */
  "tables": (string)[]
}
