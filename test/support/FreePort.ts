/** A port that nobody listens on at the moment, for a process that is to listen there. */
import * as Effect from "effect/Effect"
import * as net from "node:net"

export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
