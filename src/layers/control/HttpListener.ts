/** The HTTP server of the control plane: what it listens on, how long anything may take, and how it ends. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as http from "node:http"
import * as https from "node:https"
import type * as net from "node:net"
import type { ControlSettings } from "../../domain/config/ControlSettings.ts"
import * as SetupError from "../../domain/errors/SetupError.ts"
import * as Log from "../Log.ts"
import { Connections } from "./Connections.ts"
import * as ControlTls from "./ControlTls.ts"

const log = Log.module("Control")

/** Connections at once: dashboards, probes and scripts are a few dozen. One without a request gives way to a new one. */
export const CONNECTIONS_MAX = 256
/** Until the headers of a request are there, in ms, and for a connection that says nothing. */
const HEADERS_MS_MAX = 10_000
/** Until a request is there as a whole, in ms. Its answer may take longer: metrics are streamed. */
const REQUEST_MS_MAX = 30_000
/** A connection without a request is kept for the next one, in ms: longer than most probes' interval gains nothing. */
const KEEP_ALIVE_MS = 5_000
/** How often those limits are looked at, in ms. */
const CHECK_EVERY_MS = 2_000
/** Until TLS stands, in ms. */
const HANDSHAKE_MS_MAX = 10_000
/** Bytes of all headers of a request: a token and what proxies add. */
const HEADER_BYTES_MAX = 16 * 1024
/** Bytes of a message on a websocket: as for a request's body. */
const MESSAGE_BYTES_MAX = 256 * 1024
/** At the end: how long open answers may still take, in ms; streams of metrics never end by themselves. */
const GRACE_MS = 1_000
/** Then every connection is closed, in ms from the beginning of the end. */
const RELEASE_MS_MAX = 2_000

const limits: http.ServerOptions = {
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: CHECK_EVERY_MS,
  maxHeaderSize: HEADER_BYTES_MAX
}

const createServer = (pem: ControlTls.ControlPem | undefined): http.Server => {
  const server = pem === undefined ? http.createServer(limits) : https.createServer({
    ...limits,
    cert: pem.cert,
    key: pem.key,
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_MS_MAX,
    ...(pem.ca === undefined ? {} : { ca: pem.ca, requestCert: true, rejectUnauthorized: true })
  })
  return server
}

const reasonOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : String(cause)

const cannotListen = (control: ControlSettings, cause: unknown): SetupError.SetupError =>
  SetupError.make({
    _tag: "ConfigurationInvalid",
    problems: [
      `HTTP_PORT: ${control.host}:${control.httpPort} cannot be opened (${
        reasonOf(cause)
      }); stop what listens there, ` +
      "choose another port, or set HTTP_PORT=0 for no HTTP"
    ]
  })

/** Open connections, websockets among them, which node's own server forgets; those without a request keep nobody out. */
const track = (server: http.Server): Connections => {
  const connections = new Connections(CONNECTIONS_MAX)
  server.on("connection", (socket: net.Socket) => connections.admit(socket))
  const begin = ({ socket }: http.IncomingMessage, over: NodeJS.EventEmitter) => {
    const end = connections.begin(socket, false)
    if (typeof end !== "string") over.once("close", end)
  }
  server.on("request", (request, response) => begin(request, response))
  // A websocket is a request that lasts as long as its connection.
  server.on("upgrade", (request, socket) => begin(request, socket))
  return connections
}

/** When the end begins, so does the time after which nobody is waited for. */
const boundRelease = (server: http.Server, connections: Connections) =>
  Effect.addFinalizer(() =>
    Effect.sync(() => {
      const timer = setTimeout(() => connections.close(), RELEASE_MS_MAX)
      server.once("close", () => clearTimeout(timer))
    })
  )

/** At the very end nothing is open any more: what outlived the grace is hung up on. */
const closeAll = (server: http.Server, connections: Connections) =>
  Effect.addFinalizer(() =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      connections.close()
    })
  )

/**
 * Serves `app` at the control plane's address; fails with a `SetupError` when a certificate cannot be read or the address
 * cannot be opened. When the scope ends, no new request is taken, answers may be finished, and every connection is closed
 * after `RELEASE_MS_MAX`.
 */
export const serve = <A, E, R>(control: ControlSettings, app: Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.gen(function*() {
    const server = createServer(control.tls === undefined ? undefined : yield* ControlTls.load(control.tls))
    const connections = track(server)
    yield* closeAll(server, connections)
    const report = Effect.runForkWith(yield* Effect.context<never>())
    const listener = NodeHttpServer.layerServer(() => server, {
      host: control.host,
      port: control.httpPort,
      gracefulShutdownTimeout: GRACE_MS,
      websocket: { maxPayload: MESSAGE_BYTES_MAX }
    }).pipe(
      Layer.catch((error) => Layer.effect(HttpServer.HttpServer, Effect.fail(cannotListen(control, error.cause))))
    )
    const listens = Layer.effectDiscard(Effect.suspend(() => {
      const bound = server.address()
      return log.info("HTTP listens", {
        host: control.host,
        port: typeof bound === "object" && bound !== null ? bound.port : control.httpPort,
        tls: control.tls !== undefined,
        clientCertificates: control.tls?.ca !== undefined,
        token: control.token !== undefined
      })
    }))
    // Later than the listening: whatever the system then says, such as being out of file descriptors, ends nothing.
    const heard = Layer.effectDiscard(
      Effect.sync(() =>
        server.on(
          "error",
          (error: NodeJS.ErrnoException) =>
            report(log.warn("the HTTP control plane cannot take a connection", { reason: reasonOf(error) }))
        )
      )
    )
    return Layer.effectDiscard(boundRelease(server, connections)).pipe(
      Layer.provideMerge(Layer.mergeAll(app, heard, listens)),
      Layer.provideMerge(listener)
    )
  }))
