/** One connection through the proxy: a client, the server, and the two directions between them. */
import { connect, type Socket } from "node:net"
import type { Mode, Options } from "./Proxy.ts"

interface Counts {
  bytesToServer: number
  bytesToClient: number
}

/** Data held for a direction; with more the sender is not read, so that it feels what the receiver does not take. */
const HELD_BYTES_MAX = 256 * 1024
const MILLISECONDS = 1_000

interface Piece {
  readonly bytes: Buffer
  readonly dueMs: number
}

/** What one side sends to the other, in order. */
class Direction {
  readonly from: Socket
  readonly to: Socket
  readonly mode: () => Mode
  readonly passed: (bytes: Buffer) => Buffer
  readonly held: Array<Piece> = []
  heldBytes = 0
  freeAtMs = 0
  ended = false
  stopped = false
  timer: NodeJS.Timeout | undefined = undefined

  constructor(from: Socket, to: Socket, mode: () => Mode, passed: (bytes: Buffer) => Buffer) {
    this.from = from
    this.to = to
    this.mode = mode
    this.passed = passed
    from.on("data", (bytes: Buffer) => {
      const mode = this.mode()
      this.held.push({ bytes, dueMs: performance.now() + (mode._tag === "Delay" ? mode.ms : 0) })
      this.heldBytes += bytes.length
      if (this.heldBytes >= HELD_BYTES_MAX) from.pause()
      this.pump()
    })
    from.on("end", () => {
      this.ended = true
      this.pump()
    })
    to.on("drain", () => this.pump())
  }

  /** Passes on what may pass now. */
  pump(): void {
    clearTimeout(this.timer)
    while (!this.stopped && this.mode()._tag !== "Blackhole") {
      const piece = this.held[0]
      if (piece === undefined) {
        if (this.ended && !this.to.writableEnded) this.to.end()
        return
      }
      if (this.to.connecting || this.to.writableNeedDrain) return
      const nowMs = performance.now()
      const atMs = Math.max(piece.dueMs, this.freeAtMs)
      if (atMs > nowMs) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(atMs - nowMs))
        return
      }
      this.pass(piece, nowMs)
    }
  }

  pass(piece: Piece, nowMs: number): void {
    const mode = this.mode()
    this.held.shift()
    this.heldBytes -= piece.bytes.length
    if (mode._tag === "Throttle") this.freeAtMs = nowMs + (piece.bytes.length / mode.bytesPerSecond) * MILLISECONDS
    if (!this.to.writableEnded) this.to.write(this.passed(piece.bytes))
    if (this.heldBytes < HELD_BYTES_MAX && this.from.isPaused()) this.from.resume()
  }
}

export class Connection {
  readonly client: Socket
  readonly server: Socket
  readonly mode: () => Mode
  readonly toServer: Direction
  readonly toClient: Direction
  /** Settles when both sides are closed. */
  readonly gone: Promise<void>
  /** A side that broke; the other learns of it when the wire lets it. */
  broken = false
  vanished = false

  constructor(client: Socket, options: Options, counts: Counts, mode: () => Mode) {
    this.client = client
    this.mode = mode
    this.server = connect({ host: options.host, port: options.port, allowHalfOpen: true, noDelay: true })
    this.toServer = new Direction(client, this.server, mode, (bytes) => {
      counts.bytesToServer += bytes.length
      return bytes
    })
    this.toClient = new Direction(this.server, client, mode, (bytes) => {
      counts.bytesToClient += bytes.length
      return options.rewriteToClient?.(bytes) ?? bytes
    })
    this.server.on("connect", () => this.follow())
    for (const socket of [client, this.server]) {
      socket.on("error", () => {
        this.broken = true
        this.follow()
      })
    }
    const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))
    this.gone = Promise.all([closed(client), closed(this.server)]).then(() => {
      clearTimeout(this.toServer.timer)
      clearTimeout(this.toClient.timer)
    })
  }

  /** Does what the mode asks for now. */
  follow(): void {
    const mode = this.mode()
    if (this.vanished || mode._tag === "Blackhole") return
    if (this.broken) return this.reset()
    if (mode._tag === "HalfClose" && !this.client.writableEnded) this.client.end()
    this.toServer.pump()
    this.toClient.pump()
  }

  /** Resets both sides, unless the peers have vanished. */
  reset(): void {
    if (!this.vanished) this.destroy()
  }

  destroy(): void {
    for (const socket of [this.client, this.server]) if (!socket.destroyed) socket.resetAndDestroy()
  }

  vanish(): void {
    this.vanished = true
    this.toServer.stopped = true
    this.toClient.stopped = true
  }
}
