/** A hand-made HTTP server for one test: it can be rude in every way that a front end, a back end or a proxy can. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { Socket } from "node:net"
import { listen } from "./Listening.ts"

/** One request as the server saw it; `body` grows while it is read. */
export class Turn {
  readonly method: string
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  readonly request: http.IncomingMessage
  readonly response: http.ServerResponse
  readonly socket: Socket
  readonly index: number
  body: Buffer = Buffer.alloc(0)

  constructor(request: http.IncomingMessage, response: http.ServerResponse, index: number) {
    this.method = request.method ?? ""
    this.path = request.url ?? ""
    this.headers = request.headers
    this.request = request
    this.response = response
    this.socket = request.socket
    this.index = index
  }

  /** Asks for the body, reads it, then goes on. */
  read(then: () => void): void {
    const chunks: Array<Buffer> = []
    this.request.on("data", (chunk: Buffer) => chunks.push(chunk))
    this.request.on("end", () => {
      this.body = Buffer.concat(chunks)
      then()
    })
    if (this.headers.expect !== undefined) this.response.writeContinue()
  }

  reply(body: object | string, status = 200, headers: http.OutgoingHttpHeaders = {}): void {
    this.response.writeHead(status, { "Content-Type": "text/html", ...headers })
    this.response.end(typeof body === "string" ? body : JSON.stringify(body, null, 4))
  }

  /** What a front end does: answers before the body, and closes. */
  redirect(location: string): void {
    this.response.writeHead(307, { Location: location, Connection: "close" }).end()
  }

  /** Cuts the connection with a TCP reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }
}

export interface HttpStage {
  readonly host: string
  readonly port: number
  readonly url: string
  readonly turns: ReadonlyArray<Turn>
  /** Forgets the turns so far. */
  readonly forget: () => void
  /** Connections ever accepted. */
  readonly connections: () => number
  /** Connections that are open. */
  readonly open: () => number
  /** Cuts the connections that are open. */
  readonly cut: () => void
}

/** Starts a server on a free port; it is gone when the scope closes. */
export const start = (
  play: (turn: Turn) => void,
  bindTo = "127.0.0.1"
): Effect.Effect<HttpStage, never, Scope.Scope> =>
  Effect.gen(function*() {
    const turns: Array<Turn> = []
    let accepted = 0
    // Never closes a connection by itself: who closed it is what some tests are about.
    const server = http.createServer({ keepAliveTimeout: 0 })
    const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      const turn = new Turn(request, response, turns.length)
      turns.push(turn)
      play(turn)
    }
    server.on("request", take).on("checkContinue", take)
    server.on("connection", () => void accepted++)
    const { port, sockets } = yield* listen(server, bindTo)
    return {
      host: bindTo,
      port,
      url: `http://${bindTo}:${port}`,
      turns,
      forget: () => void turns.splice(0),
      connections: () => accepted,
      open: () => sockets.size,
      cut: () => {
        for (const socket of sockets) socket.destroy()
      }
    }
  })

/** A port on which nobody listens. */
export const deadPort: Effect.Effect<number> = Effect.scoped(Effect.map(start(() => undefined), ({ port }) => port))

/** Waits until a condition holds: for what the other side of a socket sees a moment later. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
  })

/** The reply of a back end that took `rows` rows. */
export const loaded = (rows: number, status = "Success"): object => ({
  TxnId: 1003,
  Label: "l",
  Status: status,
  Message: "OK",
  NumberTotalRows: rows,
  NumberLoadedRows: rows,
  NumberFilteredRows: 0,
  NumberUnselectedRows: 0
})
