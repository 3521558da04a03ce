/** The gRPC server of the control plane: an adapter on the handlers of the operations, with reflection and health. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ControlSettings } from "../../domain/config/ControlSettings.ts"
import type { SetupError } from "../../domain/errors/SetupError.ts"
import type { JobControl } from "../JobControl.ts"
import * as Log from "../Log.ts"
import { Connections, CONNECTIONS_MAX } from "./Connections.ts"
import type * as ControlCalls from "./ControlCalls.ts"
import * as ControlTls from "./ControlTls.ts"
import * as GrpcAdmission from "./GrpcAdmission.ts"
import * as GrpcCalls from "./GrpcCalls.ts"
import * as GrpcHealth from "./GrpcHealth.ts"
import * as GrpcListener from "./GrpcListener.ts"
import * as GrpcOperations from "./GrpcOperations.ts"
import * as GrpcReflection from "./GrpcReflection.ts"
import * as GrpcUnknown from "./GrpcUnknown.ts"

const log = Log.module("Control")

/** The largest request is a list of tables: ten thousand names fit. In bytes. */
export const REQUEST_BYTES_MAX = 1024 * 1024
/** What clients accept unless they are told otherwise, in bytes. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** Calls of one connection at once. HTTP/2 clients wait with the next one. */
const CALLS_PER_CONNECTION_MAX = 100
/** A client that did not answer a ping for this long after that time is gone, in ms. */
const PING_EVERY_MS = 60_000
const PING_ANSWER_MS_MAX = 20_000
/** A connection without calls is closed after this time; clients open another one when they need it. In ms. */
const IDLE_MS_MAX = 5 * 60_000
/** Memory of one connection's HTTP/2 state, in MB: what Node.js itself allows. */
const CONNECTION_MB_MAX = 10
/** How long calls may take to end when the server is released, in ms. */
export const RELEASE_MS_MAX = 2_000

const LIMITS = {
  "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
  "grpc.max_send_message_length": ANSWER_BYTES_MAX,
  "grpc.max_concurrent_streams": CALLS_PER_CONNECTION_MAX,
  "grpc.keepalive_time_ms": PING_EVERY_MS,
  "grpc.keepalive_timeout_ms": PING_ANSWER_MS_MAX,
  "grpc.max_connection_idle_ms": IDLE_MS_MAX,
  "grpc-node.max_session_memory": CONNECTION_MB_MAX
} as const

const credentials = Effect.fnUntraced(function*(control: ControlSettings) {
  if (control.tls === undefined) return ServerCredentials.createInsecure()
  const { ca, cert, key } = yield* ControlTls.load(control.tls)
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }
  return ServerCredentials.createSsl(ca === undefined ? null : Buffer.from(ca), [pair], ca !== undefined)
})

/** Ends what is going on: streams at once, calls that owe one answer when it is given or its time is over. */
const release = (server: Server, connections: Connections, calls: GrpcCalls.Calls) =>
  calls.endStreams.pipe(
    Effect.andThen(Effect.callback<void>((resume) => {
      // Its own callback does not wait for connections that were injected.
      server.tryShutdown(() => undefined)
      connections.whenEmpty(() => resume(Effect.void))
    })),
    Effect.timeoutOption(RELEASE_MS_MAX),
    Effect.andThen(Effect.sync(() => {
      server.forceShutdown()
      connections.close()
    }))
  )

/**
 * Listens on `control.host` and on `port` (0: a free one), and gives the port. Fails when a TLS file or the address cannot
 * be used. Released with the scope, in at most `RELEASE_MS_MAX`.
 */
export const listen = Effect.fnUntraced(function*(
  control: ControlSettings,
  port: number
): Effect.fn.Return<number, SetupError, Scope.Scope | JobControl | ControlCalls.Handlers> {
  // It writes to standard error on its own, header values included.
  setLogVerbosity(logVerbosity.NONE)
  const secured = yield* credentials(control)
  const connections = new Connections(CONNECTIONS_MAX)
  const calls = yield* GrpcCalls.make
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new Server({ ...LIMITS, interceptors: [GrpcAdmission.interceptor(control.token, connections)] })),
    (server) => release(server, connections, calls)
  )
  const { check } = yield* GrpcOperations.serve(server, calls)
  yield* GrpcHealth.serve(server, calls, check)
  GrpcReflection.serve(server)
  GrpcUnknown.admit(server)
  const address = { host: control.host, port }
  const bound = yield* GrpcListener.listen(address, connections, server.createConnectionInjector(secured))
  yield* log.info("gRPC listens", {
    host: control.host,
    port: bound,
    tls: control.tls !== undefined,
    clientCertificates: control.tls?.ca !== undefined,
    token: control.token !== undefined
  })
  return bound
})

/** The server, listening as long as the layer lives. */
export class GrpcServer extends Context.Service<GrpcServer, {
  /** Undefined: gRPC is off. */
  readonly port: number | undefined
}>()("dbmazz/layers/control/GrpcServer") {}

/** Listens as the settings say; with port 0 there is no server. */
export const layer = (
  control: ControlSettings
): Layer.Layer<GrpcServer, SetupError, JobControl | ControlCalls.Handlers> =>
  Layer.effect(
    GrpcServer,
    control.grpcPort === 0
      ? Effect.succeed({ port: undefined })
      : Effect.map(listen(control, control.grpcPort), (port) => ({ port }))
  )
