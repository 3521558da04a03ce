/** A control plane on a free port with operations of fixed answers, and plain requests to it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import type { ControlSettings } from "../../../src/domain/config/ControlSettings.ts"
import * as Settings from "../../../src/domain/config/Settings.ts"
import {
  ControlResponse,
  HealthCheckResponse,
  InvalidArgument,
  MetricsResponse,
  Operations,
  StatusResponse
} from "../../../src/domain/control/Operations.ts"
import * as HttpControl from "../../../src/layers/control/HttpControl.ts"
import { JobControl } from "../../../src/layers/JobControl.ts"

const settings = Result.getOrThrow(Settings.fromEnv({
  SOURCE_URL: "postgres://u:p@127.0.0.1/shop",
  SINK_URL: "http://127.0.0.1:8030",
  SINK_DATABASE: "shop"
}))

/** Any free port of this machine, no token, no TLS. */
export const CONTROL: ControlSettings = { ...settings.control, httpPort: 0 }

/** An LSN above 2^53, as no real one is, and one as they are. */
export const CURRENT_LSN = 0x16_b374_d848n
export const HUGE_LSN = 2n ** 63n

export interface Job {
  health: HealthCheckResponse
  state: StatusResponse["state"]
  /** The commands it was given, with what came with them. */
  readonly commands: Array<unknown>
  /** Streams of metrics that are read now, that of the HTTP server among them. */
  streams: number
  /** Samples made, over all streams. */
  samples: number
  defect: unknown
}

export const makeJob = (): Job => ({
  health: new HealthCheckResponse({
    status: "SERVING",
    stage: "STAGE_CDC",
    stage_detail: "Replicating",
    error_detail: ""
  }),
  state: "RUNNING",
  commands: [],
  streams: 0,
  samples: 0,
  defect: undefined
})

const sample = (job: Job): MetricsResponse =>
  new MetricsResponse({
    timestamp: 1_760_000_000n,
    events_per_second: 2.5,
    lag_bytes: 7n,
    lag_events: 3n,
    memory_bytes: 1n,
    total_events_processed: BigInt(++job.samples),
    total_batches_sent: 4n,
    cpu_millicores: 5n,
    replication_lag_ms: 6n
  })

const handlers = (job: Job) => {
  const command = (name: string, what: unknown, state: StatusResponse["state"] = job.state) =>
    Effect.sync(() => {
      job.commands.push([name, what])
      const isRefused = name === "Pause" && job.state === "PAUSED"
      job.state = state
      return isRefused
        ? new ControlResponse({ success: false, message: "CDC is already paused" })
        : new ControlResponse({ success: true, message: `${name} accepted` })
    })
  return Operations.toLayer({
    Check: () => (job.defect === undefined ? Effect.sync(() => job.health) : Effect.die(job.defect)),
    Pause: () => command("Pause", {}, "PAUSED"),
    Resume: () => command("Resume", {}, "RUNNING"),
    DrainAndStop: () => command("DrainAndStop", {}, "DRAINING"),
    Stop: (payload) => command("Stop", payload, "STOPPED"),
    ReloadConfig: (payload) => command("ReloadConfig", payload),
    StartSnapshot: () => command("StartSnapshot", {}),
    PauseSnapshot: () => command("PauseSnapshot", {}),
    ResumeSnapshot: () => command("ResumeSnapshot", {}),
    GetStatus: () =>
      Effect.sync(() =>
        new StatusResponse({
          state: job.state,
          current_lsn: CURRENT_LSN,
          confirmed_lsn: HUGE_LSN,
          pending_events: 3n,
          slot_name: "dbmazz_slot",
          tables: ["public.orders"],
          snapshot_active: false,
          snapshot_chunks_total: 0n,
          snapshot_chunks_done: 0n,
          snapshot_rows_synced: 0n,
          table_progress: [],
          snapshot_paused: false
        })
      ),
    StreamMetrics: ({ interval_ms }) =>
      interval_ms <= 0
        ? Stream.fail(new InvalidArgument({ message: "interval_ms must be > 0" }))
        : Stream.unwrap(Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => (job.streams += 1)),
            () => Effect.sync(() => (job.streams -= 1))
          ),
          Stream.fromSchedule(Schedule.spaced(interval_ms)).pipe(
            Stream.map(() => sample(job)),
            (later) => Stream.concat(Stream.sync(() => sample(job)), later)
          )
        ))
  })
}

/** A fresh registry, so that what one test counts another does not see. */
export const freshMetrics = Layer.sync(Metric.MetricRegistry, () => new Map())

/** The server of one job, ready; gives its base address. Ends with the scope. */
export const start = Effect.fnUntraced(function*(job: Job, control: ControlSettings = CONTROL) {
  const layer = HttpControl.layer(control).pipe(
    Layer.provide([handlers(job), JobControl.layer(settings)])
  )
  const { address } = Context.get(yield* Layer.build(layer), HttpServer.HttpServer)
  const port = address._tag === "UnixPathAddress" ? 0 : address.port
  return { port, url: `${control.tls === undefined ? "http" : "https"}://127.0.0.1:${port}` }
})

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** One request on a connection of its own. Dies when there is no answer. */
export const ask = (port: number, path: string, asked: Asked = {}): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const request = http.request({
      host: "127.0.0.1",
      port,
      path,
      method: asked.method ?? "GET",
      headers: asked.headers,
      agent: false
    }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () =>
        resume(Effect.succeed({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString("utf8")
        })))
      response.on("error", (error) => resume(Effect.die(error)))
    })
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(asked.body)
    return Effect.sync(() => request.destroy())
  })

export const post = (port: number, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  ask(port, path, {
    method: "POST",
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
  })
