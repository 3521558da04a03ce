/** dbmazz's own four services: each rpc is one operation of the group, in the forms of the proto file. */
import { type Server, status } from "@grpc/grpc-js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { RequestId } from "effect/rpc/RpcMessage"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Operations from "../../domain/control/Operations.ts"
import * as GrpcCalls from "./GrpcCalls.ts"
import * as GrpcProto from "./GrpcProto.ts"
import type { CdcControlServiceHandlers } from "./proto/dbmazz/CdcControlService.ts"
import type { CdcMetricsServiceHandlers } from "./proto/dbmazz/CdcMetricsService.ts"
import type { CdcStatusServiceHandlers } from "./proto/dbmazz/CdcStatusService.ts"
import type { HealthServiceHandlers } from "./proto/dbmazz/HealthService.ts"
import type { MetricsRequest__Output } from "./proto/dbmazz/MetricsRequest.ts"
import type { ReloadConfigRequest__Output } from "./proto/dbmazz/ReloadConfigRequest.ts"
import type { StopRequest__Output } from "./proto/dbmazz/StopRequest.ts"

/** Whoever implements the operations. */
export type Handlers = Rpc.ToHandler<RpcGroup.Rpcs<typeof Operations.Operations>>

const encodeHealth = Schema.encodeEffect(Operations.HealthCheckResponse)
const encodeControl = Schema.encodeEffect(Operations.ControlResponse)
const encodeStatus = Schema.encodeEffect(Operations.StatusResponse)
const encodeMetrics = Schema.encodeEffect(Operations.MetricsResponse)
const decodeReload = Schema.decodeUnknownEffect(Schema.Struct(Operations.ReloadRequest))

/** A handler may answer later, by a deferred. */
const settled = <A>(answer: Effect.Effect<A | Deferred.Deferred<A>>): Effect.Effect<A> =>
  Effect.flatMap(
    answer,
    (value) => (Deferred.isDeferred<A, never>(value) ? Deferred.await(value) : Effect.succeed(value))
  )

/** The operations as plain functions; a control operation's answer is in the proto file's form. */
const operations = Effect.gen(function*() {
  const group = Operations.Operations
  const check = yield* group.accessHandler("Check")
  const stop = yield* group.accessHandler("Stop")
  const reload = yield* group.accessHandler("ReloadConfig")
  const getStatus = yield* group.accessHandler("GetStatus")
  const streamMetrics = yield* group.accessHandler("StreamMetrics")
  const commands = {
    Pause: yield* group.accessHandler("Pause"),
    Resume: yield* group.accessHandler("Resume"),
    DrainAndStop: yield* group.accessHandler("DrainAndStop"),
    StartSnapshot: yield* group.accessHandler("StartSnapshot"),
    PauseSnapshot: yield* group.accessHandler("PauseSnapshot"),
    ResumeSnapshot: yield* group.accessHandler("ResumeSnapshot")
  }
  let requests = 0
  /** What a handler may know of a request that did not come from a client of the group. */
  const options = () => {
    requests += 1
    return { client: new Rpc.ServerClient(requests), requestId: RequestId(requests), headers: Headers.empty }
  }
  return {
    check: Effect.suspend(() => settled(check(undefined, options()))),
    command: (name: keyof typeof commands) => settled(commands[name](undefined, options())),
    stop: (request: StopRequest__Output) => settled(stop(request, options())),
    reload: (request: ReloadConfigRequest__Output) =>
      decodeReload(request).pipe(Effect.orDie, Effect.flatMap((payload) => settled(reload(payload, options())))),
    status: Effect.suspend(() => settled(getStatus(undefined, options()))),
    metrics: (request: MetricsRequest__Output) => {
      const samples = streamMetrics(request, options())
      return Effect.isEffect(samples) ? Stream.unwrap(Effect.map(samples, Stream.fromQueue)) : samples
    }
  }
})

/** Adds the four services. Gives the operation `Check`, for other services that show the job's health. */
export const serve = Effect.fnUntraced(function*(server: Server, calls: GrpcCalls.Calls) {
  const { check, command, metrics, reload, status: getStatus, stop } = yield* operations
  const control = (answer: Effect.Effect<Operations.ControlResponse>) =>
    answer.pipe(Effect.flatMap(encodeControl), Effect.orDie)
  const commanded = (name: Parameters<typeof command>[0]) => calls.unary(name, () => control(command(name)))

  const health: HealthServiceHandlers = {
    Check: calls.unary("Check", () => check.pipe(Effect.flatMap(encodeHealth), Effect.orDie))
  }
  const controls: CdcControlServiceHandlers = {
    Pause: commanded("Pause"),
    Resume: commanded("Resume"),
    DrainAndStop: commanded("DrainAndStop"),
    Stop: calls.unary("Stop", (request) => control(stop(request))),
    ReloadConfig: calls.unary("ReloadConfig", (request) => control(reload(request))),
    StartSnapshot: commanded("StartSnapshot"),
    PauseSnapshot: commanded("PauseSnapshot"),
    ResumeSnapshot: commanded("ResumeSnapshot")
  }
  const statuses: CdcStatusServiceHandlers = {
    GetStatus: calls.unary("GetStatus", () =>
      getStatus.pipe(
        Effect.flatMap(encodeStatus),
        Effect.orDie,
        Effect.map((job) => ({ ...job, tables: [...job.tables], table_progress: [...job.table_progress] }))
      ))
  }
  const samples: CdcMetricsServiceHandlers = {
    StreamMetrics: calls.streaming("StreamMetrics", (request) =>
      metrics(request).pipe(
        Stream.mapError(({ message }) => new GrpcCalls.Refusal({ code: status.INVALID_ARGUMENT, message })),
        Stream.mapEffect((sample) => Effect.orDie(encodeMetrics(sample)))
      ))
  }
  server.addService(GrpcProto.HealthService, health)
  server.addService(GrpcProto.CdcControlService, controls)
  server.addService(GrpcProto.CdcStatusService, statuses)
  server.addService(GrpcProto.CdcMetricsService, samples)
  return { check }
})
