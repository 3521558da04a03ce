/** Opens and closes TCP listeners inside a scope, in bounded time. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import { EmbeddedStartError } from "../EmbeddedStartError.ts"

/** Sockets that are open, so that closing a listener does not wait for its clients. */
const track = (server: Net.Server): ReadonlySet<Net.Socket> => {
  const sockets = new Set<Net.Socket>()
  server.on("connection", (socket: Net.Socket) => {
    sockets.add(socket)
    // A broken connection is that client's affair alone.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  })
  return sockets
}

/** Listens on a port, 0 for a free one, and gives the actual port. Closing the scope drops every connection. */
export const listen = (
  server: Net.Server,
  name: string,
  host: string,
  port: number
): Effect.Effect<number, EmbeddedStartError, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = track(server)
    yield* Effect.addFinalizer(() =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
    )
    return yield* Effect.callback<number, EmbeddedStartError>((resume) => {
      server.once("error", (cause) =>
        resume(Effect.fail(
          new EmbeddedStartError({
            message: `the ${name} port ${host}:${port} cannot be opened: ${cause.message}`,
            remediation: `stop what listens on port ${port}, or choose another one (0 picks a free one)`,
            cause
          })
        )))
      server.listen(port, host, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
      })
    })
  })
