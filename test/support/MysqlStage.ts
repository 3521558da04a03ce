/** A MySQL server for one test that answers every statement with an empty OK and remembers what it was sent. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer } from "node:net"
import * as Handshake from "../../src/layers/embedded/starrocks/wire/Handshake.ts"
import * as Packets from "../../src/layers/embedded/starrocks/wire/MysqlPackets.ts"
import * as PacketFraming from "../../src/layers/embedded/starrocks/wire/PacketFraming.ts"
import { listen } from "./Listening.ts"

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
  const capabilities: Array<number> = []
  const commands: Array<{ command: number; text: string }> = []
  let accepted = 0
  const server = createServer((socket) => {
    const splitter = new PacketFraming.PacketSplitter()
    let loggedIn = false
    accepted++
    socket.write(PacketFraming.framed(Handshake.handshake(accepted, CHALLENGE), 0))
    socket.on("data", (bytes: Buffer) => {
      for (const payload of splitter.push(bytes)) {
        if (loggedIn) commands.push({ command: payload[0] ?? 0, text: payload.toString("utf8", 1) })
        else capabilities.push(payload.readUInt32LE(0))
        const answer = loggedIn && payload.includes("refused") ? Packets.error(1064, "HY000", "refused") : Packets.ok()
        loggedIn = true
        socket.write(PacketFraming.framed(answer, splitter.sequence + 1))
      }
    })
  })
  const { port, sockets } = yield* listen(server)
  return {
    port,
    capabilities,
    commands,
    connections: () => accepted,
    open: () => sockets.size,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    }
  }
})
