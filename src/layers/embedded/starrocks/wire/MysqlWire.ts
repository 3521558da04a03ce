/** A connection of the MySQL port as the protocol sees it: payloads in, payloads out. */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type { SqlError } from "../syntax/SqlError.ts"
import * as Packets from "./MysqlPackets.ts"
import * as PacketFraming from "./PacketFraming.ts"

/** Milliseconds a client has to read why its connection ends. */
const lingerMs = 2000

/** The wire of one socket. */
export class MysqlWire {
  readonly socket: Net.Socket
  private readonly splitter = new PacketFraming.PacketSplitter()
  private readonly payloads: AsyncIterator<Buffer>
  private sequence = 0

  constructor(socket: Net.Socket) {
    this.socket = socket
    // What is wrong with a socket also closes it, and that is what everything here waits for.
    socket.on("error", () => socket.destroy())
    this.splitter.limitBytes = PacketFraming.loginBytesMax
    this.payloads = this.read()
  }

  private async *read(): AsyncGenerator<Buffer> {
    // A payload that is too long ends the reading, but its sender is still told why.
    for await (const bytes of this.socket.iterator({ destroyOnReturn: false })) {
      for (const payload of this.splitter.push(bytes)) {
        this.sequence = this.splitter.sequence
        yield payload
      }
      if (this.splitter.tooLong) {
        this.sequence = this.splitter.sequence
        return
      }
    }
  }

  /** The next payload; undefined when the client is gone, or sent more than is accepted. */
  readonly next: Effect.Effect<Buffer | undefined> = Effect.promise(() =>
    this.payloads.next().then((result) => result.done === true ? undefined : result.value, () => undefined)
  )

  /** Whether the client sent a payload longer than is accepted. */
  get tooLong(): boolean {
    return this.splitter.tooLong
  }

  /** Throws away what still arrives until the client hangs up, so that it can read the last answer; in bounded time. */
  readonly drained: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const { socket } = this
    if (socket.destroyed) return resume(Effect.void)
    const go = (): void => resume(Effect.void)
    socket.once("close", go)
    socket.end()
    socket.resume()
    return Effect.sync(() => socket.off("close", go))
  }).pipe(Effect.timeoutOrElse({ duration: lingerMs, orElse: () => Effect.void }))

  /** Accepts whole statements from now on. */
  loggedIn(): void {
    this.splitter.limitBytes = PacketFraming.statementBytesMax
  }

  /** Writes payloads and waits while the client is slower than the server. */
  send(...payloads: ReadonlyArray<Buffer>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { socket } = this
      const frames = payloads.map((payload) => {
        const frame = PacketFraming.framed(payload, this.sequence + 1)
        this.sequence += PacketFraming.packetCount(payload)
        return frame
      })
      if (socket.destroyed || socket.write(Buffer.concat(frames))) return Effect.void
      return Effect.callback<void>((resume) => {
        const forget = (): void => {
          socket.off("drain", go)
          socket.off("close", go)
        }
        const go = (): void => {
          forget()
          resume(Effect.void)
        }
        socket.once("drain", go)
        socket.once("close", go)
        return Effect.sync(forget)
      })
    })
  }

  /** Writes a failure. */
  fail(error: SqlError): Effect.Effect<void> {
    return this.send(Packets.error(error.code, error.state, error.message))
  }
}
