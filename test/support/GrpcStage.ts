/** A real gRPC server on a free port, with handlers of fixed answers that keep what they were asked. */
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ControlSettings } from "../../src/domain/config/ControlSettings.ts"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Operations from "../../src/domain/control/Operations.ts"
import type { SetupError } from "../../src/domain/errors/SetupError.ts"
import * as GrpcProto from "../../src/layers/control/GrpcProto.ts"
import * as GrpcServer from "../../src/layers/control/GrpcServer.ts"
import type { CdcControlServiceClient } from "../../src/layers/control/proto/dbmazz/CdcControlService.ts"
import type { CdcMetricsServiceClient } from "../../src/layers/control/proto/dbmazz/CdcMetricsService.ts"
import type { CdcStatusServiceClient } from "../../src/layers/control/proto/dbmazz/CdcStatusService.ts"
import type { HealthServiceClient } from "../../src/layers/control/proto/dbmazz/HealthService.ts"
import type { HealthClient } from "../../src/layers/control/proto/grpc/health/v1/Health.ts"
import { JobControl } from "../../src/layers/JobControl.ts"

const settings = Result.getOrThrow(Settings.fromEnv({
  DATABASE_URL: "postgres://me@db/shop",
  STARROCKS_URL: "http://fe:8030",
  STARROCKS_DB: "shop"
}))

export const OPEN: ControlSettings = {
  host: "127.0.0.1",
  grpcPort: 0,
  httpPort: 0,
  token: undefined,
  tls: undefined,
  insecure: false
}
export const TOKEN = "correct-horse-battery-staple"
export const GUARDED: ControlSettings = { ...OPEN, token: Redacted.make(TOKEN) }

/** The largest unsigned 64-bit number: what a double or a signed number cannot hold. */
export const UINT64_MAX = 18_446_744_073_709_551_615n

export const STATUS = new Operations.StatusResponse({
  state: "PAUSED",
  current_lsn: UINT64_MAX,
  confirmed_lsn: 0x16B374D848n,
  pending_events: 9_007_199_254_740_993n,
  slot_name: "dbmazz_slot",
  tables: ["public.orders", "sales.\"Größe\""],
  snapshot_active: true,
  snapshot_chunks_total: 7n,
  snapshot_chunks_done: 3n,
  snapshot_rows_synced: 123_456_789_012n,
  table_progress: [
    new Operations.TableSnapshotProgress({
      table_name: "public.orders",
      chunks_total: 7n,
      chunks_done: 3n,
      rows_synced: UINT64_MAX
    })
  ],
  snapshot_paused: true
})

export const sample = (timestamp: bigint): Operations.MetricsResponse =>
  new Operations.MetricsResponse({
    timestamp,
    events_per_second: 1234.5,
    lag_bytes: UINT64_MAX,
    lag_events: 2n,
    memory_bytes: 3n,
    total_events_processed: 9_007_199_254_740_993n,
    total_batches_sent: 5n,
    cpu_millicores: 6n,
    replication_lag_ms: 7n
  })

type Handlers = RpcGroup.HandlersFrom<RpcGroup.Rpcs<typeof Operations.Operations>>

export interface Stage {
  readonly port: number
  readonly job: JobControl["Service"]
  /** Commands in the order of their arrival, with what they carried. */
  readonly asked: ReadonlyArray<readonly [name: string, payload: unknown]>
  /** Metrics samples that were taken, and metrics streams that are open. */
  readonly samples: { taken: number; open: number }
  /** How often the job's health was asked for. */
  readonly checks: { taken: number }
}

const answer = (message: string) => new Operations.ControlResponse({ success: true, message })

/** Starts the server; it is released with the scope. `overrides` replaces handlers. */
export const start = (
  control: ControlSettings = OPEN,
  overrides: Partial<Handlers> = {},
  wantedPort = 0
): Effect.Effect<Stage, SetupError, Scope.Scope> => {
  const asked: Array<readonly [string, unknown]> = []
  const samples = { taken: 0, open: 0 }
  const checks = { taken: 0 }
  const command = (name: string) => (payload: unknown) =>
    Effect.sync(() => {
      asked.push([name, payload])
      return answer(`${name} done`)
    })
  const handlers = Layer.unwrap(Effect.map(JobControl, ({ lifecycle }) =>
    Operations.Operations.toLayer({
      Check: () =>
        Effect.map(SubscriptionRef.get(lifecycle), (job) => {
          checks.taken += 1
          return new Operations.HealthCheckResponse({
            status: job.failure === undefined && job.state !== "stopped" ? "SERVING" : "NOT_SERVING",
            stage: "STAGE_CDC",
            stage_detail: job.detail,
            error_detail: job.failure?.message ?? ""
          })
        }),
      Pause: command("Pause"),
      Resume: command("Resume"),
      DrainAndStop: command("DrainAndStop"),
      Stop: command("Stop"),
      ReloadConfig: command("ReloadConfig"),
      StartSnapshot: command("StartSnapshot"),
      PauseSnapshot: command("PauseSnapshot"),
      ResumeSnapshot: command("ResumeSnapshot"),
      GetStatus: () => Effect.succeed(STATUS),
      StreamMetrics: ({ interval_ms }) =>
        interval_ms <= 0
          ? Stream.fail(new Operations.InvalidArgument({ message: "interval_ms must be > 0" }))
          : Stream.unwrap(Effect.acquireRelease(
            Effect.sync(() => {
              samples.open += 1
              return Stream.fromEffectSchedule(
                Effect.sync(() => sample(BigInt(samples.taken++))),
                Schedule.spaced(interval_ms)
              )
            }),
            () =>
              Effect.sync(() => {
                samples.open -= 1
              })
          )),
      ...overrides
    })))
  return Effect.gen(function*() {
    const context = yield* Layer.build(Layer.provideMerge(handlers, JobControl.layer(settings)))
    const job = yield* JobControl.pipe(Effect.provide(context))
    const port = yield* GrpcServer.listen(control, wantedPort).pipe(Effect.provide(context))
    return { port, job, asked, samples, checks }
  }).pipe(Effect.provideService(References.MinimumLogLevel, "Warn"))
}

export interface Clients {
  readonly health: HealthServiceClient
  readonly control: CdcControlServiceClient
  readonly status: CdcStatusServiceClient
  readonly metrics: CdcMetricsServiceClient
  readonly probe: HealthClient
  readonly channel: grpc.Client
}

/** Clients of every service over one connection, closed with the scope. */
export const connect = (
  port: number,
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  host = "127.0.0.1"
): Effect.Effect<Clients, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const address = `${host}:${port}`
      const channel = new grpc.Client(address, credentials, { "grpc.use_local_subchannel_pool": 1 })
      const make = <A>(service: grpc.ServiceDefinition): A => {
        const Client = grpc.makeClientConstructor(service, "")
        return new Client(address, credentials, { channelOverride: channel.getChannel() }) as unknown as A
      }
      return {
        health: make<HealthServiceClient>(GrpcProto.HealthService),
        control: make<CdcControlServiceClient>(GrpcProto.CdcControlService),
        status: make<CdcStatusServiceClient>(GrpcProto.CdcStatusService),
        metrics: make<CdcMetricsServiceClient>(GrpcProto.CdcMetricsService),
        probe: make<HealthClient>(GrpcProto.Health),
        channel
      }
    }),
    ({ channel }) => Effect.sync(() => channel.close())
  )

/** The answer of a unary call. */
export const ask = <A>(
  call: (callback: (error: grpc.ServiceError | null, answer?: A) => void) => unknown
): Effect.Effect<A, grpc.ServiceError> =>
  Effect.callback((resume) => {
    call((error, answer) => resume(error === null ? Effect.succeed(answer as A) : Effect.fail(error)))
  })

/** How a stream ended: the status, and what came before. */
export const drain = <A>(
  stream: grpc.ClientReadableStream<A>
): Effect.Effect<{ readonly answers: ReadonlyArray<A>; readonly code: number; readonly details: string }> =>
  Effect.callback((resume) => {
    const answers: Array<A> = []
    stream.on("data", (answer: A) => answers.push(answer))
    // The status says the same.
    stream.on("error", () => undefined)
    stream.on("status", ({ code, details }: grpc.StatusObject) => resume(Effect.succeed({ answers, code, details })))
  })

/** Waits until the condition holds; the test's own time limit ends it. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.sync(condition).pipe(Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced(5) }), Effect.asVoid)

/** A number that has not changed for a second. */
export const settled = (read: () => number): Effect.Effect<number> => {
  const CHECKS = 20
  let seen = Number.NaN
  let same = 0
  return Effect.sync(() => {
    same = read() === seen ? same + 1 : 0
    seen = read()
    return seen
  }).pipe(
    Effect.repeat({ until: () => same >= CHECKS, schedule: Schedule.spaced(50) }),
    Effect.as(undefined),
    Effect.map(read)
  )
}
