/** A TCP proxy in front of one address, whose wire can be cut, stopped, slowed and broken while connections are open. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type Server, type Socket } from "node:net"
import { Connection } from "./Connection.ts"

/** How the wire behaves, for the connections that are open and for new ones. */
export type Mode = Data.TaggedEnum<{
  /** As if the proxy were not there. */
  Forward: {}
  /** Connections stay open and nothing passes in either direction; what was sent passes when this ends. */
  Blackhole: {}
  /** Open connections are reset at once, new ones as soon as they are accepted. */
  Reset: {}
  /** Open connections are reset, and nobody listens. */
  Refuse: {}
  /** Each direction of each connection passes this much a second. */
  Throttle: { readonly bytesPerSecond: number }
  /** Each piece of data arrives this much later. */
  Delay: { readonly ms: number }
  /** The server's direction is ended (FIN to the client); the client's direction goes on. */
  HalfClose: {}
}>
export const Mode = Data.taggedEnum<Mode>()

export interface Statistics {
  /** Accepted since the start. */
  readonly connections: number
  /** Open now. */
  readonly open: number
  readonly bytesToServer: number
  readonly bytesToClient: number
}

export interface Proxy {
  readonly host: string
  /** Stays the same over all modes. */
  readonly port: number
  /** Takes effect before this returns. */
  readonly set: (mode: Mode) => Effect.Effect<void>
  /**
   * The peers of the open connections vanish: nothing passes on them any more, not even their end, whatever the mode.
   * New connections are not concerned.
   */
  readonly vanish: Effect.Effect<void>
  readonly statistics: () => Statistics
}

export interface Options {
  readonly host: string
  readonly port: number
  /** Changes what goes to the client; must keep the length. */
  readonly rewriteToClient?: (bytes: Buffer) => Buffer
}

const HOST = "127.0.0.1"

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, HOST, () => {
      server.off("error", reject)
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : port)
    })
  })

class Listener {
  readonly options: Options
  readonly server: Server
  readonly connections = new Set<Connection>()
  readonly counts = { connections: 0, bytesToServer: 0, bytesToClient: 0 }
  current: Mode = Mode.Forward()
  port = 0

  constructor(options: Options) {
    this.options = options
    // allowHalfOpen: an end in one direction is passed on as just that.
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client))
  }

  accept(client: Socket): void {
    this.counts.connections += 1
    if (this.current._tag === "Reset" || this.current._tag === "Refuse") {
      client.on("error", () => {})
      client.resetAndDestroy()
      return
    }
    const connection = new Connection(client, this.options, this.counts, () => this.current)
    this.connections.add(connection)
    void connection.gone.then(() => this.connections.delete(connection))
    connection.follow()
  }

  async set(mode: Mode): Promise<void> {
    const before = this.current
    this.current = mode
    const cut = mode._tag === "Reset" || mode._tag === "Refuse"
    for (const connection of this.connections) {
      if (cut) connection.reset()
      else connection.follow()
    }
    // Closing stops the listening at once; its callback would wait for the connections.
    if (mode._tag === "Refuse" && before._tag !== "Refuse") this.server.close()
    if (mode._tag !== "Refuse" && before._tag === "Refuse") await listen(this.server, this.port)
  }

  close(): void {
    for (const connection of this.connections) connection.destroy()
    this.server.close()
  }
}

/** Starts a proxy for an address on a free port; everything of it is gone when the scope closes. */
export const start = (options: Options): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const listener = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const made = new Listener(options)
        made.port = await listen(made.server, 0)
        return made
      }),
      (made) => Effect.sync(() => made.close())
    )
    return {
      host: HOST,
      port: listener.port,
      set: (mode) => Effect.promise(() => listener.set(mode)),
      vanish: Effect.sync(() => {
        for (const connection of listener.connections) connection.vanish()
      }),
      statistics: () => ({ ...listener.counts, open: listener.connections.size })
    }
  })
