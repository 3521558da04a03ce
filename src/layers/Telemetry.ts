/**
 * OpenTelemetry over OTLP/HTTP: a span for each batch, within it one for each load, and the metrics of docs/metrics.md. A
 * collector that is down, slow or wrong costs the job nothing but a line in the log now and then.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as BatchSpans from "./BatchSpans.ts"
import * as Log from "./Log.ts"

const log = Log.module("Telemetry")

/** Where telemetry goes. */
export interface TelemetryOptions {
  /** OTEL_EXPORTER_OTLP_ENDPOINT, `http://collector:4318`; undefined: nothing is sent, and nothing is collected for it. */
  readonly endpoint: string | undefined
  /** OTEL_EXPORTER_OTLP_HEADERS, `name=value,name=value`, values percent-encoded: usually a key of the collector. */
  readonly headers: Redacted.Redacted<string> | undefined
  /** OTEL_SERVICE_NAME. */
  readonly serviceName: string
  readonly version: string
}

export interface Limits {
  /** How often finished spans are sent, in ms. */
  readonly spansEveryMs: number
  /** How often the metrics are sent, in ms. */
  readonly metricsEveryMs: number
  /** Until the collector has answered, in ms; it has the next chance with what is newer. */
  readonly exportMs: number
  /** How long the last sending may hold up the end of the process, in ms. */
  readonly shutdownMs: number
}

const LIMITS: Limits = { spansEveryMs: 5_000, metricsEveryMs: 10_000, exportMs: 5_000, shutdownMs: 2_000 }

/** Spans in one request: some 300 KiB. */
const SPANS_PER_REQUEST_MAX = 500

/** A collector that fails is named in the log at most so often, in ms. */
const TOLD_EVERY_MS = 600_000

const invalid = (name: string, what: string) =>
  Effect.fail(SetupError.make({ _tag: "ConfigurationInvalid", problems: [`${name}: ${what}`] }))

const readEndpoint = (text: string) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return invalid("OTEL_EXPORTER_OTLP_ENDPOINT", "must be an http:// or https:// URL, as http://collector:4318")
  }
  if (url.username !== "" || url.password !== "") {
    return invalid("OTEL_EXPORTER_OTLP_ENDPOINT", "must not hold a user or password; use OTEL_EXPORTER_OTLP_HEADERS")
  }
  return Effect.succeed(url)
}

/** What is wrong is said without the value, which is a secret. */
const readHeaders = (given: Redacted.Redacted<string> | undefined) =>
  Effect.try({
    try: () => {
      const pairs = (given === undefined ? "" : Redacted.value(given)).split(",").filter((pair) => pair.trim() !== "")
      return new Headers(pairs.map((pair): [string, string] => {
        const at = pair.indexOf("=")
        return [pair.slice(0, at < 0 ? 0 : at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]
      }))
    },
    catch: () => undefined
  }).pipe(
    Effect.map((headers) => Object.fromEntries(headers)),
    Effect.catch(() =>
      invalid("OTEL_EXPORTER_OTLP_HEADERS", "must be name=value pairs with commas between, values percent-encoded")
    )
  )

/** The client of the exporters: bounded in time, and its failures are told once in a while, not each time. */
const quiet = (collector: URL, exportMs: number) => {
  const toldAtMs = new Map<string, number>()
  return (client: HttpClient.HttpClient): HttpClient.HttpClient =>
    client.pipe(
      HttpClient.filterStatusOk,
      HttpClient.transform((sent, request) =>
        sent.pipe(
          Effect.timeoutOrElse({
            duration: exportMs,
            orElse: () =>
              Effect.fail(
                new HttpClientError.HttpClientError({
                  reason: new HttpClientError.TransportError({ request, description: `no answer in ${exportMs} ms` })
                })
              )
          }),
          Effect.tapError(({ reason }) =>
            Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
              const path = new URL(request.url).pathname
              if (nowMs - (toldAtMs.get(path) ?? -Infinity) < TOLD_EVERY_MS) return Effect.void
              toldAtMs.set(path, nowMs)
              return log.warn("telemetry cannot be delivered; the job goes on without", {
                collector: collector.host,
                path,
                reason: reason._tag === "StatusCodeError" ? `HTTP ${reason.response.status}` : reason._tag,
                toDo: "check OTEL_EXPORTER_OTLP_ENDPOINT and that the collector takes OTLP over HTTP"
              })
            })
          )
        )
      )
    )
}

const exporting = (collector: URL, headers: Record<string, string>, options: TelemetryOptions, limits: Limits) => {
  const base = collector.href.replace(/\/+$/, "")
  const resource = { serviceName: options.serviceName, serviceVersion: options.version }
  const common = { resource, shutdownTimeout: limits.shutdownMs }
  const traces = Layer.effect(
    Tracer.Tracer,
    Effect.map(
      OtlpTracer.make({
        ...common,
        url: `${base}/v1/traces`,
        exportInterval: limits.spansEveryMs,
        maxBatchSize: SPANS_PER_REQUEST_MAX
      }),
      BatchSpans.only
    )
  )
  const metrics = Layer.effectDiscard(
    OtlpMetrics.make({ ...common, url: `${base}/v1/metrics`, exportInterval: limits.metricsEveryMs })
  )
  // The headers are added within the client: what is logged about a request never has them.
  const client = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, quiet(collector, limits.exportMs))
  ).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { headers }))
  )
  return Layer.merge(traces, metrics).pipe(
    Layer.provide([client, OtlpExporter.layerFlusher, OtlpSerialization.layerJson])
  )
}

/**
 * Sends what is recorded under it until the scope ends, which sends the rest. Fails only for what is wrong in the
 * configuration; whether there is a collector shows later, in the log.
 */
export const layer = (
  options: TelemetryOptions,
  limits: Limits = LIMITS
): Layer.Layer<never, SetupError.SetupError> => {
  if (options.endpoint === undefined || options.endpoint === "") return Layer.empty
  const given = options.endpoint
  return Layer.unwrap(Effect.gen(function*() {
    const collector = yield* readEndpoint(given)
    return exporting(collector, yield* readHeaders(options.headers), options, limits)
  }))
}
