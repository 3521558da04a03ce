/** What is told about the job: logs and telemetry. */
import * as LogLevel from "../LogLevel.ts"
import { choice, TEXT, type Variable } from "./Variable.ts"

export const OBSERVATION_VARIABLES = {
  logLevel: {
    names: ["LOG_LEVEL"],
    path: "log.level",
    type: { kind: "text", pattern: LogLevel.PATTERN },
    meaning: `least severe level that is logged: ${
      LogLevel.THRESHOLDS.join(", ")
    }; and of single modules (docs/logs.md)`,
    fallback: "info",
    example: "info,StreamLoader=debug"
  },
  logFormat: {
    names: ["LOG_FORMAT"],
    path: "log.format",
    type: choice("json", "pretty"),
    meaning: "json, or pretty for people",
    fallback: "json",
    example: "pretty"
  },
  telemetryEndpoint: {
    names: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    path: "telemetry.endpoint",
    type: TEXT,
    meaning: "OpenTelemetry collector (OTLP over HTTP) that gets traces and metrics; empty: none",
    fallback: "",
    example: "http://collector.example:4318"
  },
  telemetryHeaders: {
    names: ["OTEL_EXPORTER_OTLP_HEADERS"],
    path: "telemetry.headers",
    type: TEXT,
    meaning: "headers for the collector, as name=value, comma separated",
    fallback: "",
    example: "x-api-key=secret",
    secret: true
  },
  telemetryServiceName: {
    names: ["OTEL_SERVICE_NAME"],
    path: "telemetry.service_name",
    type: TEXT,
    meaning: "name under which the collector shows the job",
    fallback: "dbmazz",
    example: "dbmazz-shop"
  }
} as const satisfies Record<string, Variable>
