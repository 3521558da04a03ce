/** A server of a test on a free port. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AddressInfo, Server, Socket } from "node:net"

export interface Listening {
  readonly port: number
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>
}

/** Listens until the scope closes, which cuts the connections that are open. */
export const listen = (server: Server, host = "127.0.0.1"): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket)).on("error", () => undefined)
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, host, () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    return { port: (server.address() as AddressInfo).port, sockets }
  })
