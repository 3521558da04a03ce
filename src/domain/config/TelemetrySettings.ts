/** Where traces and metrics are sent. */
import * as Redacted from "effect/Redacted"
import type { Reader } from "./Reader.ts"

export interface TelemetrySettings {
  /** Base URL of an OTLP collector; undefined: nothing is sent. */
  readonly endpoint: string | undefined
  /** `name=value`, comma separated, as the variable has them. */
  readonly headers: Redacted.Redacted<string> | undefined
  readonly serviceName: string
}

/** A name of HTTP's, and something for it. */
const HEADER = /^[\w!#$%&'*+.^`|~-]+\s*=/

const checkEndpoint = (reader: Reader, endpoint: string): void => {
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)) {
    return reader.problem("telemetryEndpoint", "is not an http:// or https:// URL")
  }
  const { password, username } = new URL(endpoint)
  if (username === "" && password === "") return
  reader.problem("telemetryEndpoint", "must not hold a user or password; set OTEL_EXPORTER_OTLP_HEADERS")
}

export const readTelemetry = (reader: Reader): TelemetrySettings => {
  const endpoint = reader.text("telemetryEndpoint") ?? ""
  const headers = reader.text("telemetryHeaders") ?? ""
  const serviceName = reader.text("telemetryServiceName") ?? ""
  if (endpoint !== "") checkEndpoint(reader, endpoint)
  const wrong = headers.split(",").findIndex((header) => header.trim() !== "" && !HEADER.test(header.trim()))
  if (wrong >= 0) reader.problem("telemetryHeaders", `header ${wrong + 1} is not name=value`)
  return {
    endpoint: endpoint === "" ? undefined : endpoint,
    headers: headers === "" ? undefined : Redacted.make(headers),
    serviceName
  }
}
