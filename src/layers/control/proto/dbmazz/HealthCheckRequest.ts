// Original file: proto/dbmazz.proto

export interface HealthCheckRequest {
  /**
   * Ignored.
   */
  "service"?: string
}

export interface HealthCheckRequest__Output {
  /**
   * Ignored.
   */
  "service": string
}
