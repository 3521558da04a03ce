/** dbmazz's own four services: each rpc is one operation of the group, in the forms of the proto file. */
import { type Server, status } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Operations from "../../domain/control/Operations.ts"
import * as ControlCalls from "./ControlCalls.ts"
import * as GrpcCalls from "./GrpcCalls.ts"
import * as GrpcProto from "./GrpcProto.ts"
import type { CdcControlServiceHandlers } from "./proto/dbmazz/CdcControlService.ts"
import type { CdcMetricsServiceHandlers } from "./proto/dbmazz/CdcMetricsService.ts"
import type { CdcStatusServiceHandlers } from "./proto/dbmazz/CdcStatusService.ts"
import type { HealthServiceHandlers } from "./proto/dbmazz/HealthService.ts"

const encodeHealth = Schema.encodeEffect(Operations.HealthCheckResponse)
const encodeControl = Schema.encodeEffect(Operations.ControlResponse)
const encodeStatus = Schema.encodeEffect(Operations.StatusResponse)
const encodeMetrics = Schema.encodeEffect(Operations.MetricsResponse)
const decodeReload = Schema.decodeUnknownEffect(Schema.Struct(Operations.ReloadRequest))

/** Adds the four services. Gives the operation `Check`, for other services that show the job's health. */
export const serve = Effect.fnUntraced(function*(server: Server, calls: GrpcCalls.Calls) {
  const operations = yield* ControlCalls.make
  const control = (answer: Effect.Effect<Operations.ControlResponse>) =>
    answer.pipe(Effect.flatMap(encodeControl), Effect.orDie)
  const commanded = (
    name: "Pause" | "Resume" | "DrainAndStop" | "StartSnapshot" | "PauseSnapshot" | "ResumeSnapshot"
  ) => calls.unary(name, () => control(operations[name]()))
  const check = operations.Check()

  const health: HealthServiceHandlers = {
    Check: calls.unary("Check", () => check.pipe(Effect.flatMap(encodeHealth), Effect.orDie))
  }
  const controls: CdcControlServiceHandlers = {
    Pause: commanded("Pause"),
    Resume: commanded("Resume"),
    DrainAndStop: commanded("DrainAndStop"),
    Stop: calls.unary("Stop", (request) => control(operations.Stop(request))),
    ReloadConfig: calls.unary("ReloadConfig", (request) =>
      decodeReload(request).pipe(
        Effect.orDie,
        Effect.flatMap((payload) => control(operations.ReloadConfig(payload)))
      )),
    StartSnapshot: commanded("StartSnapshot"),
    PauseSnapshot: commanded("PauseSnapshot"),
    ResumeSnapshot: commanded("ResumeSnapshot")
  }
  const statuses: CdcStatusServiceHandlers = {
    GetStatus: calls.unary("GetStatus", () =>
      operations.GetStatus().pipe(
        Effect.flatMap(encodeStatus),
        Effect.orDie,
        Effect.map((job) => ({ ...job, tables: [...job.tables], table_progress: [...job.table_progress] }))
      ))
  }
  const samples: CdcMetricsServiceHandlers = {
    StreamMetrics: calls.streaming("StreamMetrics", (request) =>
      operations.StreamMetrics(request).pipe(
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
