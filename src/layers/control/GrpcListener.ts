/** The TCP side of the gRPC server: a port of its own, so that connections are counted before anything reads from them. */
import type { ConnectionInjector } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { VARIABLES } from "../../domain/config/Variables.ts"
import * as SetupError from "../../domain/errors/SetupError.ts"
import * as Log from "../Log.ts"
import type { Connections } from "./Connections.ts"

const log = Log.module("Control")

/** A listener that cannot accept fails at every connection; one line in this time says so. In ms. */
const FAILURE_LOG_MS = 60_000

const problem = (cause: NodeJS.ErrnoException, host: string, port: number): string => {
  const [portName] = VARIABLES.grpcPort.names
  const [hostName] = VARIABLES.controlHost.names
  switch (cause.code) {
    case "EADDRINUSE":
      return `${portName}: ${host}:${port} is in use: stop the process that listens there, or choose another port`
    case "EACCES":
      return `${portName}: this process may not listen on ${host}:${port}: choose a port from 1024 on`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${hostName}: '${host}' is not an address of this machine: choose one that is, or 0.0.0.0 for all of them`
    default:
      return `${portName}: ${host}:${port} cannot be opened (${cause.code ?? cause.message}): choose another one`
  }
}

/**
 * Listens (port 0: a free one) and gives the port. Fails with what is wrong with the address. When the scope closes
 * nothing is accepted any more; connections that stand are not touched.
 */
export const listen = Effect.fnUntraced(function*(
  address: { readonly host: string; readonly port: number },
  connections: Connections,
  injector: ConnectionInjector
): Effect.fn.Return<number, SetupError.SetupError, Scope.Scope> {
  const { host, port } = address
  const run = yield* FiberSet.makeRuntime<never>()
  const server = net.createServer({ noDelay: true }, (socket) => {
    // A broken connection is that client's affair alone.
    socket.on("error", () => socket.destroy())
    if (connections.admit(socket)) injector.injectConnection(socket)
  })
  yield* Effect.callback<void, SetupError.SetupError>((resume) => {
    const failed = (cause: NodeJS.ErrnoException) =>
      resume(Effect.fail(
        SetupError.make({ _tag: "ConfigurationInvalid", problems: [problem(cause, host, port)] }, cause)
      ))
    server.once("error", failed)
    server.listen({ host, port }, () => {
      server.removeListener("error", failed)
      resume(Effect.void)
    })
  })
  let loggedAtMs = Number.NEGATIVE_INFINITY
  server.on("error", (cause: NodeJS.ErrnoException) => {
    if (performance.now() - loggedAtMs < FAILURE_LOG_MS) return
    loggedAtMs = performance.now()
    run(log.warn("gRPC cannot accept connections", { host, port, reason: cause.code ?? cause.message }))
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const bound = server.address()
  return typeof bound === "object" && bound !== null ? bound.port : port
})
