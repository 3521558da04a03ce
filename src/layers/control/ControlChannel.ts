/** A gRPC client of a running dbmazz: the operations of the control plane as typed calls. */
import * as grpc from "@grpc/grpc-js"
import * as protoLoader from "@grpc/proto-loader"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { isLoopback } from "../../domain/config/ControlSettings.ts"
import type { ControlAddress } from "../../domain/control/ControlAddress.ts"
import * as ControlFailure from "../../domain/control/ControlFailure.ts"
import * as Operations from "../../domain/control/Operations.ts"
import { type ChannelTls, complaint } from "./ChannelTls.ts"

export interface ChannelOptions {
  readonly address: ControlAddress
  /** Printable ASCII without spaces: anything else cannot be sent. */
  readonly token: Redacted.Redacted<string> | undefined
  /** Undefined: plaintext. */
  readonly tls: ChannelTls | undefined
  /** How long one answer is waited for, the connection included. */
  readonly timeout: Duration.Duration
}

type Failure = ControlFailure.ControlFailure
type Control = Effect.Effect<Operations.ControlResponse, Failure>

/** Every call is bound by the timeout and is cancelled at the server when it is interrupted. */
export class ControlChannel extends Context.Service<ControlChannel, {
  readonly check: Effect.Effect<Operations.HealthCheckResponse, Failure>
  readonly status: Effect.Effect<Operations.StatusResponse, Failure>
  readonly pause: Control
  readonly resume: Control
  readonly drainAndStop: Control
  readonly stop: (skipSlotCleanup: boolean) => Control
  /** 0 and an empty list leave things as they are. */
  readonly reload: (change: {
    readonly flushSize: number
    readonly flushIntervalMs: number
    readonly tables: ReadonlyArray<string>
  }) => Control
  readonly startSnapshot: Control
  readonly pauseSnapshot: Control
  readonly resumeSnapshot: Control
  /**
   * Samples until the server ends the stream. Nothing is read ahead, so whoever takes slowly slows the server down. Fails when
   * a sample is later than its interval and the timeout together.
   */
  readonly metrics: (intervalMs: number) => Stream.Stream<Operations.MetricsResponse, Failure>
}>()("dbmazz/layers/control/ControlChannel") {
  /** A client of this address; it connects at the first call, and hangs up when the scope closes. */
  static readonly layer = (options: ChannelOptions): Layer.Layer<ControlChannel> =>
    Layer.effect(ControlChannel, make(options))
}

const PROTO = fileURLToPath(new URL("../../../proto/dbmazz.proto", import.meta.url))

/** The time after which a lost connection is tried again; a person who waits for a start does not want to wait for more. */
const RECONNECT_MS_MIN = 100
const RECONNECT_MS_MAX = 500

const SERVICES = {
  Check: "dbmazz.HealthService",
  Pause: "dbmazz.CdcControlService",
  Resume: "dbmazz.CdcControlService",
  DrainAndStop: "dbmazz.CdcControlService",
  Stop: "dbmazz.CdcControlService",
  ReloadConfig: "dbmazz.CdcControlService",
  StartSnapshot: "dbmazz.CdcControlService",
  PauseSnapshot: "dbmazz.CdcControlService",
  ResumeSnapshot: "dbmazz.CdcControlService",
  GetStatus: "dbmazz.CdcStatusService",
  StreamMetrics: "dbmazz.CdcMetricsService"
} as const

type Operation = keyof typeof SERVICES
type Method = grpc.MethodDefinition<object, unknown>

const loadMethods = (): (operation: Operation) => Method => {
  const definitions = protoLoader.loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true })
  return (operation) => {
    const service = definitions[SERVICES[operation]]
    if (service === undefined || !(operation in service)) throw new Error(`${PROTO} has no ${operation}`)
    return (service as grpc.ServiceDefinition)[operation]!
  }
}

const credentialsOf = (tls: ChannelTls | undefined): grpc.ChannelCredentials =>
  tls === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(
    Buffer.from(tls.roots),
    tls.identity === undefined ? null : Buffer.from(Redacted.value(tls.identity.key)),
    tls.identity === undefined ? null : Buffer.from(tls.identity.cert)
  )

const connect = ({ address, tls }: ChannelOptions): grpc.Client => {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host
  return new grpc.Client(`dns:${host}:${address.port}`, credentialsOf(tls), {
    "grpc.initial_reconnect_backoff_ms": RECONNECT_MS_MIN,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS_MAX,
    // The environment's proxy cannot reach what listens on this machine only.
    "grpc.enable_http_proxy": isLoopback(address.host) ? 0 : 1,
    // A channel of its own ends with its scope, and inherits no other's waiting time.
    "grpc.use_local_subchannel_pool": 1,
    ...(tls?.serverName === undefined
      ? {}
      : { "grpc.ssl_target_name_override": tls.serverName, "grpc.default_authority": tls.serverName })
  })
}

const metadataOf = (token: Redacted.Redacted<string> | undefined): grpc.Metadata => {
  const metadata = new grpc.Metadata()
  if (token !== undefined) metadata.set("authorization", `Bearer ${Redacted.value(token)}`)
  return metadata
}

const isServiceError = (error: unknown): error is grpc.ServiceError =>
  error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error

/** One client with what its calls share. */
class Caller {
  readonly options: ChannelOptions
  readonly client: grpc.Client
  readonly method: (operation: Operation) => Method
  readonly metadata: grpc.Metadata
  readonly timeoutMs: number
  readonly call: ControlFailure.Call

  constructor(options: ChannelOptions) {
    this.options = options
    this.client = connect(options)
    this.method = loadMethods()
    this.metadata = metadataOf(options.token)
    this.timeoutMs = Duration.toMillis(options.timeout)
    this.call = {
      address: options.address.text,
      secure: options.tls !== undefined,
      waited: Duration.format(options.timeout)
    }
  }

  /** Fails with what the status means. */
  fail(operation: Operation, error: unknown): Effect.Effect<never, Failure> {
    const { call, options: { address, tls } } = this
    const [code, details] = isServiceError(error)
      ? [error.code, error.details]
      : [grpc.status.UNKNOWN, String(error)]
    const failure = (words: string) => Effect.fail(ControlFailure.fromStatus(call, operation, code, words))
    return tls !== undefined && ControlFailure.isClosed(code, details)
      ? Effect.flatMap(complaint(address, tls), (words) => failure(`${details} ${words}`))
      : failure(details)
  }

  decode<A>(operation: Operation, schema: Schema.Codec<A, unknown>, answer: unknown): Effect.Effect<A, Failure> {
    return Schema.decodeUnknownEffect(schema)(answer).pipe(
      Effect.mapError(() => ControlFailure.unreadable(this.call, operation))
    )
  }
}

const unary = <A>(caller: Caller, operation: Operation, schema: Schema.Codec<A, unknown>, request: object = {}) =>
  Effect.callback<unknown, Failure>((resume) => {
    const { path, requestSerialize, responseDeserialize } = caller.method(operation)
    const deadline = Date.now() + caller.timeoutMs
    const call = caller.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      caller.metadata,
      { deadline },
      (error, answer) => resume(error === null ? Effect.succeed(answer) : caller.fail(operation, error))
    )
    return Effect.sync(() => call.cancel())
  }).pipe(Effect.flatMap((answer) => caller.decode(operation, schema, answer)))

const openMetrics = (caller: Caller, intervalMs: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { path, requestSerialize, responseDeserialize } = caller.method("StreamMetrics")
      const request = { interval_ms: intervalMs }
      const call = caller.client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        caller.metadata
      )
      // Whoever takes the next sample is told of it; without a listener an error in between would end the process.
      call.on("error", () => undefined)
      return call
    }),
    (call) => Effect.sync(() => call.cancel())
  )

const metrics = (caller: Caller, intervalMs: number) =>
  Stream.scoped(Stream.fromPull(Effect.gen(function*() {
    const call = yield* openMetrics(caller, intervalMs)
    const samples: AsyncIterator<unknown> = call[Symbol.asyncIterator]()
    const limit = caller.timeoutMs + intervalMs
    return Effect.gen(function*() {
      const next = yield* Effect.tryPromise({
        try: () => samples.next(),
        catch: (reason) => ({ reason })
      }).pipe(
        Effect.catch(({ reason }) => caller.fail("StreamMetrics", reason)),
        Effect.timeoutOrElse({
          duration: limit,
          orElse: () =>
            Effect.fail(ControlFailure.late({ ...caller.call, waited: Duration.format(Duration.millis(limit)) }))
        })
      )
      if (next.done === true) return yield* Cause.done()
      return [yield* caller.decode("StreamMetrics", Operations.MetricsResponse, next.value)] as const
    })
  })))

const make = (options: ChannelOptions): Effect.Effect<ControlChannel["Service"], never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Caller(options)),
    (caller) => Effect.sync(() => caller.client.close())
  ).pipe(Effect.map((caller) => {
    const control = (operation: Operation, request?: object) =>
      unary(caller, operation, Operations.ControlResponse, request)
    return {
      check: unary(caller, "Check", Operations.HealthCheckResponse),
      status: unary(caller, "GetStatus", Operations.StatusResponse),
      pause: control("Pause"),
      resume: control("Resume"),
      drainAndStop: control("DrainAndStop"),
      stop: (skipSlotCleanup) => control("Stop", { skip_slot_cleanup: skipSlotCleanup }),
      reload: ({ flushIntervalMs, flushSize, tables }) =>
        control("ReloadConfig", { flush_size: flushSize, flush_interval_ms: flushIntervalMs, tables }),
      startSnapshot: control("StartSnapshot"),
      pauseSnapshot: control("PauseSnapshot"),
      resumeSnapshot: control("ResumeSnapshot"),
      metrics: (intervalMs) => metrics(caller, intervalMs)
    }
  }))
