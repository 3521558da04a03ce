// Original file: proto/dbmazz.proto

export interface MetricsRequest {
  /**
   * Must be more than 0.
   */
  "interval_ms"?: number
}

export interface MetricsRequest__Output {
  /**
   * Must be more than 0.
   */
  "interval_ms": number
}
