import { assert, describe, it } from "@effect/vitest"
import * as net from "node:net"
import { Connections, CONNECTIONS_MAX } from "../../../src/layers/control/Connections.ts"

const socketOf = (port: number): net.Socket =>
  Object.defineProperties(new net.Socket(), {
    remoteAddress: { value: "127.0.0.1" },
    remotePort: { value: port }
  })

/** As many as may be, on each of which a call was admitted and goes on. */
const full = () => {
  const connections = new Connections(CONNECTIONS_MAX)
  const sockets = Array.from({ length: CONNECTIONS_MAX }, (_, port) => socketOf(port))
  const ends = sockets.map((socket) => {
    assert.isTrue(connections.admit(socket))
    const end = connections.begin(socket, false)
    return typeof end === "string" ? assert.fail(end) : end
  })
  return { connections, sockets, ends }
}

describe("Connections: a call is cut off for the sake of a connection that does nothing", () => {
  it("a connection with a call never gives way: the new one is closed", () => {
    const { connections, sockets } = full()
    const late = socketOf(60_000)
    assert.isFalse(connections.admit(late))
    assert.isTrue(late.destroyed)
    assert.strictEqual(connections.size, CONNECTIONS_MAX)
    assert.isFalse(sockets.some((socket) => socket.destroyed))
  })

  it("the one whose last call ended first gives way first, and a stranger before it", () => {
    const { connections, ends, sockets } = full()
    for (const at of [7, 3, 5]) ends[at]?.()
    const gone = () => sockets.flatMap((socket, at) => (socket.destroyed ? [at] : []))
    const stranger = socketOf(60_000)
    assert.isTrue(connections.admit(stranger))
    assert.deepStrictEqual(gone(), [7])
    const known = socketOf(60_001)
    assert.isTrue(connections.admit(known))
    assert.isTrue(stranger.destroyed)
    assert.deepStrictEqual(gone(), [7])
    connections.begin(known, false)
    assert.isTrue(connections.admit(socketOf(60_002)))
    assert.deepStrictEqual(gone(), [3, 7])
  })

  it("tells when the last one has closed, and closes strangers at once", () => {
    const { connections, sockets } = full()
    const stranger = socketOf(60_000)
    sockets[0]?.emit("close")
    connections.admit(stranger)
    let emptied = 0
    connections.whenEmpty(() => {
      emptied += 1
    })
    assert.isTrue(stranger.destroyed)
    assert.strictEqual(emptied, 0)
    for (const socket of [stranger, ...sockets.slice(1)]) {
      assert.strictEqual(emptied, 0)
      socket.emit("close")
    }
    assert.strictEqual(emptied, 1)
  })
})
