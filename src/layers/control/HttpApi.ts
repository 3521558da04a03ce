/** The JSON endpoints of dbmazz v2, and those of v1 that steer a job: the operations under other names. */
import * as Effect from "effect/Effect"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import type { ControlResponse, HealthCheckResponse, StatusResponse } from "../../domain/control/Operations.ts"
import type { ControlCalls } from "./ControlCalls.ts"
import * as HttpInput from "./HttpInput.ts"
import * as HttpReply from "./HttpReply.ts"
import type { Route } from "./HttpRoute.ts"
import * as MetricHistory from "./MetricHistory.ts"

/** Longest interval of samples, in ms: more than what is kept. */
const INTERVAL_MS_MAX = MetricHistory.SAMPLES_MAX * 1_000

/** Until the first sample of a young process is there, in ms; it is taken at once. */
const FIRST_SAMPLE_MS_MAX = 5_000

const Nothing = Schema.Record(Schema.String, Schema.Never)
const Stop = Schema.Struct({ skip_slot_cleanup: Schema.optionalKey(Schema.Boolean) })
const Reload = Schema.Struct({
  flush_size: Schema.optionalKey(HttpInput.Uint64),
  flush_interval_ms: Schema.optionalKey(HttpInput.Uint64),
  tables: Schema.optionalKey(Schema.Array(Schema.String))
})

/** `STAGE_CDC` is `cdc`. */
export const stageName = (stage: HealthCheckResponse["stage"]): string => stage.replace("STAGE_", "").toLowerCase()

type Handle<E = HttpServerError> = Effect.Effect<HttpServerResponse, E, HttpServerRequest>

const answering = (handle: Handle<HttpServerError | HttpInput.BadRequest>): Handle =>
  Effect.catchTag(handle, "BadRequest", ({ message }) => Effect.succeed(HttpReply.refuse(400, message)))

const health = ({ error_detail, stage, stage_detail, status }: HealthCheckResponse) =>
  HttpReply.json(status === "SERVING" ? 200 : 503, {
    status: status.toLowerCase(),
    stage: stageName(stage),
    stage_detail,
    error_detail
  })

const hex = (lsn: bigint): string => `0x${lsn.toString(16)}`

/** As in v1: positions in hexadecimal. */
const statusV1 = (status: StatusResponse, { stage, stage_detail }: HealthCheckResponse) =>
  HttpReply.json(200, {
    stage: stageName(stage),
    stage_detail,
    ...HttpReply.fields(status),
    state: status.state.toLowerCase(),
    current_lsn: hex(status.current_lsn),
    confirmed_lsn: hex(status.confirmed_lsn)
  })

/** A refused command is an answer, so its status is 200 as in v2: `success` says that it was refused. */
const told = ({ message, success }: ControlResponse) => HttpReply.json(200, { success, message })

/** A command without anything to it; a body would be a mistake about what it does. */
const plain = (command: Effect.Effect<ControlResponse>) =>
  answering(Effect.andThen(HttpInput.body(Nothing), Effect.map(command, told)))

/** v1 set the state whatever it was, so what is already so is well. */
const commandV1 = (calls: ControlCalls, command: Effect.Effect<ControlResponse>, wanted: StatusResponse["state"]) =>
  Effect.gen(function*() {
    const { message, success } = yield* command
    const { state } = yield* calls.GetStatus()
    return HttpReply.json(200, { ok: success || state === wanted, state: state.toLowerCase(), message })
  })

/** The endpoints; `history` answers for metrics. */
export const routes = (calls: ControlCalls, history: MetricHistory.MetricHistory): ReadonlyArray<Route> => {
  const stop = Effect.map(
    Effect.flatMap(HttpInput.body(Stop), ({ skip_slot_cleanup = false }) => calls.Stop({ skip_slot_cleanup })),
    told
  )
  const reload = Effect.map(
    Effect.flatMap(
      HttpInput.body(Reload),
      ({ flush_interval_ms = 0n, flush_size = 0n, tables = [] }) =>
        calls.ReloadConfig({ flush_size, flush_interval_ms, tables })
    ),
    told
  )
  const metrics = Effect.gen(function*() {
    const most = MetricHistory.SAMPLES_MAX
    const samples = yield* HttpInput.query("samples", 1, 1, most, `samples must be between 1 and ${most}`)
    const interval = yield* HttpInput.query(
      "interval_ms",
      1_000,
      1,
      INTERVAL_MS_MAX,
      `interval_ms must be > 0 and at most ${INTERVAL_MS_MAX}`
    )
    return yield* history.last(samples, interval).pipe(
      // Nothing is left out without stopping its table, so the last number is 0; clients of v2 read it.
      Effect.map((found) =>
        HttpReply.json(200, found.map((sample) => ({ ...HttpReply.fields(sample), schema_evolution_skipped_total: 0 })))
      ),
      Effect.timeoutOrElse({
        duration: FIRST_SAMPLE_MS_MAX,
        orElse: () => Effect.succeed(HttpReply.refuse(503, "there is no sample yet; ask again in a second"))
      })
    )
  })
  const get = (path: Route["path"], handle: Handle): Route => ({ method: "GET", path, handle })
  const post = (path: Route["path"], handle: Handle): Route => ({ method: "POST", path, handle })
  return [
    get("/api/v1/health", Effect.map(calls.Check(), health)),
    get(
      "/api/v1/cdc/status",
      Effect.map(
        calls.GetStatus(),
        (status) => HttpReply.json(200, { ...HttpReply.fields(status), state: status.state.toLowerCase() })
      )
    ),
    get("/api/v1/cdc/metrics", answering(metrics)),
    post("/api/v1/cdc/pause", plain(calls.Pause())),
    post("/api/v1/cdc/resume", plain(calls.Resume())),
    post("/api/v1/cdc/drain", plain(calls.DrainAndStop())),
    post("/api/v1/cdc/stop", answering(stop)),
    post("/api/v1/cdc/reload", answering(reload)),
    post("/api/v1/cdc/snapshot/start", plain(calls.StartSnapshot())),
    post("/api/v1/cdc/snapshot/pause", plain(calls.PauseSnapshot())),
    post("/api/v1/cdc/snapshot/resume", plain(calls.ResumeSnapshot())),
    get("/status", Effect.zipWith(calls.GetStatus(), calls.Check(), statusV1)),
    post("/pause", commandV1(calls, calls.Pause(), "PAUSED")),
    post("/resume", commandV1(calls, calls.Resume(), "RUNNING")),
    post("/drain-stop", commandV1(calls, calls.DrainAndStop(), "DRAINING"))
  ]
}
