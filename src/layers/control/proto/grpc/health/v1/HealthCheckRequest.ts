// Original file: proto/health.proto

export interface HealthCheckRequest {
  /**
   * Full name of a service, for example "dbmazz.CdcStatusService"; empty: the whole server.
   */
  "service"?: string
}

export interface HealthCheckRequest__Output {
  /**
   * Full name of a service, for example "dbmazz.CdcStatusService"; empty: the whole server.
   */
  "service": string
}
