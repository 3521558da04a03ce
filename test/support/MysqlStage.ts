/** A MySQL server for one test that answers every statement with an empty OK and remembers what it was sent. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AddressInfo, createServer, type Socket } from "node:net"
import * as Packets from "../../src/layers/embedded/starrocks/wire/MysqlPackets.ts"

export interface MysqlStage {
  readonly port: number
  /** The capability flags of each login. */
  readonly capabilities: ReadonlyArray<number>
  /** Every command after the login: its number, and its text. */
  readonly commands: ReadonlyArray<{ readonly command: number; readonly text: string }>
  readonly connections: () => number
  readonly open: () => number
  /** Cuts the connections that are open. */
  readonly cut: () => void
}

const CHALLENGE = Buffer.alloc(20, 0x41)

/** Starts it on a free port; statements that contain `refused` are refused. It is gone when the scope closes. */
export const start: Effect.Effect<MysqlStage, never, Scope.Scope> = Effect.gen(function*() {
  const sockets = new Set<Socket>()
  const capabilities: Array<number> = []
  const commands: Array<{ command: number; text: string }> = []
  let accepted = 0
  const server = createServer((socket) => {
    const splitter = new Packets.PacketSplitter()
    let loggedIn = false
    accepted++
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined)
    socket.write(Packets.framed(Packets.handshake(accepted, CHALLENGE), 0))
    socket.on("data", (bytes: Buffer) => {
      for (const payload of splitter.push(bytes)) {
        if (loggedIn) commands.push({ command: payload[0] ?? 0, text: payload.toString("utf8", 1) })
        else capabilities.push(payload.readUInt32LE(0))
        const answer = loggedIn && payload.includes("refused") ? Packets.error(1064, "HY000", "refused") : Packets.ok()
        loggedIn = true
        socket.write(Packets.framed(answer, splitter.sequence + 1))
      }
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  return {
    port: (server.address() as AddressInfo).port,
    capabilities,
    commands,
    connections: () => accepted,
    open: () => sockets.size,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    }
  }
})
