import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { createServer, type Socket } from "node:net"
import { PostgresSocket } from "../../src/layers/PostgresSocket.ts"
import { TlsRefusal } from "../../src/layers/TlsFiles.ts"
import * as Listening from "../support/Listening.ts"

const NO_FILES = { ca: undefined, cert: undefined, key: undefined }
const SSL_REQUEST_BYTES = 8

/** The port of a server that plays each connection by its number. */
const listen = (play: (socket: Socket, index: number) => void): Effect.Effect<number, never, Scope.Scope> => {
  let count = 0
  return Effect.map(Listening.listen(createServer((socket) => play(socket, count++))), ({ port }) => port)
}

/** Says yes to TLS and then speaks something else. */
const fakeTls = (socket: Socket): void => {
  socket.once("data", () => {
    socket.write("S")
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
  })
}

const opened = (socket: PostgresSocket): Effect.Effect<string> =>
  Effect.callback((resume) => {
    socket.once("connect", () => resume(Effect.succeed("connected")))
    socket.once("error", (error) =>
      resume(Effect.succeed(error instanceof TlsRefusal ? `refused: ${error.message}` : error.message)))
  })

const socketOf = (mode: "prefer" | "require") =>
  Effect.acquireRelease(
    Effect.sync(() => new PostgresSocket({ mode, ...NO_FILES })),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("PostgresSocket", () => {
  it.live("where TLS is offered and does not work, prefer goes on in the open and require says so", () =>
    Effect.gen(function*() {
      const greetings: Array<string> = []
      const port = yield* listen((socket, index) => {
        if (index === 0) return fakeTls(socket)
        socket.once("data", (bytes: Buffer) => {
          greetings.push(bytes.toString("utf8"))
          socket.write("welcome")
        })
      })
      const socket = yield* socketOf("prefer")
      socket.connect(port, "127.0.0.1")
      assert.strictEqual(yield* opened(socket), "connected")
      socket.write("startup")
      const heard = yield* Effect.callback<string>((resume) => {
        socket.once("data", (bytes: Buffer) => resume(Effect.succeed(bytes.toString("utf8"))))
      })
      assert.deepStrictEqual([heard, greetings], ["welcome", ["startup"]])

      const strict = yield* socketOf("require")
      strict.connect(yield* listen(fakeTls), "127.0.0.1")
      assert.match(yield* opened(strict), /^refused: the server does not speak TLS/)
    }))

  it.live("a server that closes instead of answering is a failure of the network, not of TLS", () =>
    Effect.gen(function*() {
      const port = yield* listen((socket) => void socket.once("data", () => socket.end()))
      const socket = yield* socketOf("prefer")
      socket.connect(port, "127.0.0.1")
      assert.strictEqual(yield* opened(socket), "Connection terminated unexpectedly")
    }))

  it.live("a pause reaches the network, and nothing is lost by it", () =>
    Effect.gen(function*() {
      const TOTAL = 64 * 1024 * 1024
      const port = yield* listen((socket) => {
        socket.once("data", (request: Buffer) => {
          assert.lengthOf(request, SSL_REQUEST_BYTES)
          socket.write("N")
          socket.once("data", () => void socket.end(Buffer.alloc(TOTAL, "x")))
        })
      })
      const socket = yield* socketOf("prefer")
      let received = 0
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length
      })
      socket.connect(port, "127.0.0.1")
      assert.strictEqual(yield* opened(socket), "connected")
      socket.pause()
      socket.write("go")
      let before = 0
      const still = Effect.sync(() => {
        const now = socket.bytesRead
        const isStill = now > 1 && now === before
        before = now
        return isStill
      })
      yield* still.pipe(Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("100 millis") }))
      assert.strictEqual(received, 0)
      assert.isBelow(socket.bytesRead, TOTAL / 16)
      const closed = Effect.callback<void>((resume) => void socket.once("close", () => resume(Effect.void)))
      socket.resume()
      yield* closed
      assert.strictEqual(received, TOTAL)
    }))
})
