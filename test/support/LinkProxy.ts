/** A TCP proxy that can do to a connection what networks do: forget it, reset it, slow it down, close half of it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, createServer, type Server, type Socket } from "node:net"

/**
 * - `forward`: as if it were not there; what was held back goes on
 * - `blackhole`: nothing goes through in either direction, and nothing is closed; a new connection is taken and kept
 * - `blackholeAfter`: so many bytes go to the client, then as `blackhole`
 * - `throttle`: so many bytes a second in each direction
 * - `delay`: everything arrives so many ms later
 */
export type Mode =
  | { readonly _tag: "forward" }
  | { readonly _tag: "blackhole" }
  | { readonly _tag: "blackholeAfter"; readonly bytesToClient: number }
  | { readonly _tag: "throttle"; readonly bytesPerSecond: number }
  | { readonly _tag: "delay"; readonly ms: number }

export interface LinkProxy {
  readonly host: string
  readonly port: number
  /** For the connections that are open and for those to come. */
  readonly setMode: (mode: Mode) => Effect.Effect<void>
  /** For the connections that are open only, as a router that forgets them: a new one goes through. */
  readonly setModeOfOpen: (mode: Mode) => Effect.Effect<void>
  /** Resets every open connection (RST), in both directions. */
  readonly reset: Effect.Effect<void>
  /** Ends one direction of every open connection (FIN) and leaves the other open. */
  readonly halfClose: (to: "client" | "server") => Effect.Effect<void>
  readonly openCount: () => number
  /** Bytes that have gone through, over all connections. */
  readonly bytesToClient: () => number
  readonly bytesToServer: () => number
}

const HOST = "127.0.0.1"
/** How often a throttled direction is given its next share. */
const SHARE_MS = 20

/** One direction of one connection. */
class Direction {
  readonly #from: Socket
  readonly #to: Socket
  readonly #held: Array<Buffer> = []
  #timer: NodeJS.Timeout | undefined = undefined
  #mode: Mode = { _tag: "forward" }
  #ended = false
  #bytes = 0
  readonly #count: (bytes: number) => void

  constructor(from: Socket, to: Socket, mode: Mode, count: (bytes: number) => void) {
    this.#from = from
    this.#to = to
    this.#count = count
    from.on("data", (chunk: Buffer) => this.#data(chunk))
    from.on("end", () => {
      this.#ended = true
      this.#flush()
    })
    to.on("drain", () => this.#from.resume())
    this.mode = mode
  }

  set mode(mode: Mode) {
    this.#mode = mode
    clearInterval(this.#timer)
    this.#timer = undefined
    if (mode._tag === "throttle") {
      const share = Math.max(1, Math.floor((mode.bytesPerSecond * SHARE_MS) / 1000))
      this.#timer = setInterval(() => this.#give(share), SHARE_MS)
      return
    }
    if (mode._tag === "forward") this.#from.resume()
    this.#flush()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  finish(): void {
    this.#to.end()
  }

  #data(chunk: Buffer): void {
    const mode = this.#mode
    if (mode._tag === "delay") {
      setTimeout(() => this.#write(chunk), mode.ms)
      return
    }
    this.#held.push(chunk)
    if (mode._tag === "throttle") this.#from.pause()
    else this.#flush()
  }

  /** What may go now; a black hole goes on swallowing, so that the sender sees nothing but acknowledgements of TCP. */
  #flush(): void {
    const mode = this.#mode
    if (mode._tag === "blackhole" || mode._tag === "throttle") return
    const limit = mode._tag === "blackholeAfter" ? mode.bytesToClient - this.#bytes : Number.POSITIVE_INFINITY
    this.#give(limit)
  }

  #give(most: number): void {
    let left = most
    while (left > 0) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      const part = chunk.subarray(0, Math.min(left, chunk.length))
      if (part.length < chunk.length) this.#held.unshift(chunk.subarray(part.length))
      left -= part.length
      this.#write(part)
    }
    if (this.#held.length > 0) return
    if (this.#ended) this.#to.end()
    else if (this.#mode._tag === "throttle") this.#from.resume()
  }

  #write(chunk: Buffer): void {
    if (this.#to.destroyed || this.#to.writableEnded) return
    this.#bytes += chunk.length
    this.#count(chunk.length)
    if (!this.#to.write(chunk) && this.#mode._tag === "forward") this.#from.pause()
  }
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  readonly toServer: Direction
  readonly toClient: Direction
}

/** Starts a proxy in front of this port; every connection through it ends with the scope. */
export const start: (target: {
  readonly host: string
  readonly port: number
}) => Effect.Effect<LinkProxy, never, Scope.Scope> = Effect.fnUntraced(function*(target) {
  const pairs = new Set<Pair>()
  const counts = { toClient: 0, toServer: 0 }
  let mode: Mode = { _tag: "forward" }

  const accept = (client: Socket): void => {
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true })
    const pair: Pair = {
      client,
      server,
      toServer: new Direction(client, server, mode._tag === "blackholeAfter" ? { _tag: "forward" } : mode, (bytes) => {
        counts.toServer += bytes
      }),
      toClient: new Direction(server, client, mode, (bytes) => {
        counts.toClient += bytes
      })
    }
    pairs.add(pair)
    const drop = (): void => {
      pair.toServer.stop()
      pair.toClient.stop()
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      // An error of one end is passed on as a reset of the other.
      socket.on("error", () => {
        client.resetAndDestroy()
        server.resetAndDestroy()
        drop()
      })
    }
    client.on("close", () => {
      if (!isHole(pair)) drop()
    })
    server.on("close", () => {
      if (!isHole(pair)) drop()
    })
  }
  const holes = new WeakSet<Pair>()
  const isHole = (pair: Pair): boolean => holes.has(pair)

  const listener = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer({ allowHalfOpen: true }, accept)
      server.listen(0, HOST, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        for (const pair of pairs) {
          pair.toServer.stop()
          pair.toClient.stop()
          pair.client.destroy()
          pair.server.destroy()
        }
        server.close(() => resume(Effect.void))
      })
  )
  const bound = listener.address()
  const port = typeof bound === "object" && bound !== null ? bound.port : 0

  const setModeOfOpen = (next: Mode) =>
    Effect.sync(() => {
      for (const pair of pairs) {
        if (next._tag === "blackhole") holes.add(pair)
        else holes.delete(pair)
        pair.toServer.mode = next._tag === "blackholeAfter" ? { _tag: "forward" } : next
        pair.toClient.mode = next
      }
    })

  return {
    host: HOST,
    port,
    setModeOfOpen,
    setMode: (next) =>
      Effect.sync(() => {
        mode = next
      }).pipe(Effect.andThen(setModeOfOpen(next))),
    reset: Effect.sync(() => {
      for (const pair of pairs) {
        pair.client.resetAndDestroy()
        pair.server.resetAndDestroy()
      }
    }),
    halfClose: (to) =>
      Effect.sync(() => {
        for (const pair of pairs) (to === "client" ? pair.toClient : pair.toServer).finish()
      }),
    openCount: () => pairs.size,
    bytesToClient: () => counts.toClient,
    bytesToServer: () => counts.toServer
  }
})
