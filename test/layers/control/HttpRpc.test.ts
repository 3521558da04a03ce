import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { InvalidArgument } from "../../../src/domain/control/Operations.ts"
import { ControlClient } from "../../../src/layers/control/ControlClient.ts"
import { STREAMS_PER_CLIENT_MAX } from "../../../src/layers/control/HttpRpc.ts"
import * as World from "./HttpWorld.ts"

/** The close code of a websocket whose message was too big (RFC 6455). */
const TOO_BIG = 1009

const TRANSPORTS = ["http", "websocket"] as const
const TOKEN = Redacted.make("correct horse battery staple")
const secured = { ...World.CONTROL, token: TOKEN }

const client = (options: Parameters<typeof ControlClient.layer>[0]) =>
  Effect.map(Layer.build(ControlClient.layer(options)), (context) => Context.get(context, ControlClient))

/** Until it is so; the test's own time limit is the bound. */
const until = (holds: () => boolean) =>
  Effect.sync(holds).pipe(Effect.repeat({ until: (so) => so, schedule: Schedule.spaced("5 millis") }))

describe("The typed client: dashboards and TypeScript programs call what gRPC clients call", () => {
  for (const transport of TRANSPORTS) {
    it.live(`${transport}: 64-bit numbers, commands and typed errors arrive as they were sent`, () =>
      Effect.gen(function*() {
        const job = World.makeJob()
        const { url } = yield* World.start(job, secured)
        const control = yield* client({ url, transport, token: TOKEN })
        const status = yield* control.GetStatus()
        assert.deepStrictEqual([status.confirmed_lsn, status.current_lsn], [World.HUGE_LSN, World.CURRENT_LSN])
        assert.isTrue((yield* control.Pause()).success)
        assert.strictEqual((yield* control.Pause()).message, "CDC is already paused")
        yield* control.Stop({ skip_slot_cleanup: true })
        assert.deepStrictEqual(job.commands.at(-1), ["Stop", { skip_slot_cleanup: true }])
        const error = yield* Effect.flip(Stream.runDrain(control.StreamMetrics({ interval_ms: 0 })))
        assert.deepStrictEqual(error, new InvalidArgument({ message: "interval_ms must be > 0" }))
      }))

    it.live(`${transport}: a stream of metrics ends at the job when its reader stops`, () =>
      Effect.gen(function*() {
        const job = World.makeJob()
        const { url } = yield* World.start(job, secured)
        const control = yield* client({ url, transport, token: TOKEN })
        const samples = yield* control.StreamMetrics({ interval_ms: 1 }).pipe(Stream.take(3), Stream.runCollect)
        assert.strictEqual(samples.length, 3)
        yield* until(() => job.streams === 1)
      }))

    it.live(`${transport}: without the token no operation is called`, () =>
      Effect.gen(function*() {
        const job = World.makeJob()
        const { url } = yield* World.start(job, secured)
        const control = yield* client({ url, transport })
        const exit = yield* Effect.exit(control.Pause().pipe(Effect.timeout("3 seconds")))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(job.commands, [])
      }))
  }

  it.live("a client that opens more streams than one may is told so, and others are served", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { url } = yield* World.start(job)
      const greedy = yield* client({ url, transport: "websocket" })
      const open = yield* Effect.forEach(
        Array.from({ length: STREAMS_PER_CLIENT_MAX }),
        () => Effect.forkScoped(Stream.runDrain(greedy.StreamMetrics({ interval_ms: 50 })))
      )
      // One is the server's own.
      yield* until(() => job.streams === STREAMS_PER_CLIENT_MAX + 1)
      const error = yield* Effect.flip(Stream.runDrain(greedy.StreamMetrics({ interval_ms: 50 })))
      assert.strictEqual(error._tag, "InvalidArgument")
      const other = yield* client({ url, transport: "websocket" })
      yield* other.StreamMetrics({ interval_ms: 50 }).pipe(Stream.take(1), Stream.runDrain)
      yield* Fiber.interruptAll(open)
      yield* until(() => job.streams === 1)
      yield* greedy.StreamMetrics({ interval_ms: 50 }).pipe(Stream.take(1), Stream.runDrain)
    }))
})

describe("Bad clients", () => {
  const websocket = (port: number) =>
    Effect.acquireRelease(
      Effect.callback<NodeWS.WebSocket>((resume) => {
        const opened = new NodeWS.WebSocket(`ws://127.0.0.1:${port}/rpc/ws`)
        opened.on("open", () => resume(Effect.succeed(opened)))
        opened.on("error", (error) => resume(Effect.die(error)))
      }),
      (opened) => Effect.sync(() => opened.terminate())
    )

  it.live("garbage on a websocket ends at most that websocket, and fills no log", () => {
    const lines: Array<string> = []
    const log = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
    return Effect.gen(function*() {
      const { port, url } = yield* World.start(World.makeJob())
      const messages = [
        "{",
        "null\n",
        "[]\n",
        "{\"_tag\":\"Request\",\"id\":\"1\",\"tag\":\"Pause\"}\n",
        "{\"_tag\":\"Request\",\"id\":\"1\",\"tag\":\"toString\",\"headers\":[]}\n",
        "{\"_tag\":\"Request\",\"id\":{},\"tag\":\"Stop\",\"payload\":7,\"headers\":[[]]}\n",
        "{\"_tag\":\"constructor\"}\n",
        "x".repeat(300 * 1024),
        Buffer.from([0xff, 0xfe, 0x0a])
      ]
      for (const message of messages) {
        const opened = yield* websocket(port)
        yield* Effect.callback<void>((resume) => {
          // Answered or hung up on: both are well.
          opened.once("message", () => resume(Effect.void))
          opened.once("close", () => resume(Effect.void))
          opened.send(message, () => {
            // What is no whole line yet is waited for; its end decides.
            if (message === "{") opened.send("\n")
          })
        }).pipe(Effect.timeout("3 seconds"))
      }
      const control = yield* client({ url })
      assert.strictEqual((yield* control.Check()).status, "SERVING")
      assert.deepStrictEqual(lines.filter((line) => !line.includes("HTTP listens")), [])
    }).pipe(Effect.provide(log))
  })

  it.live("a message in parts is not kept for ever: at the bound its websocket is closed", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      const opened = yield* websocket(port)
      const code = yield* Effect.callback<number>((resume) => {
        opened.once("close", (closed) => resume(Effect.succeed(closed)))
        for (let part = 0; part < 3; part++) opened.send("x".repeat(100 * 1024), { fin: false })
      }).pipe(Effect.timeout("3 seconds"))
      assert.strictEqual(code, TOO_BIG)
    }))

  it.live("one that asks for metrics and never reads holds up nothing and is not read ahead for", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port, url } = yield* World.start(job)
      const opened = yield* websocket(port)
      const request = { _tag: "Request", id: "1", tag: "StreamMetrics", payload: { interval_ms: 1 }, headers: [] }
      opened.send(`${JSON.stringify(request)}\n`)
      // It acknowledges no chunk, so no second one is made for it.
      yield* until(() => job.streams === 2)
      const control = yield* client({ url, transport: "websocket" })
      const own = job.samples
      yield* control.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(20), Stream.runDrain)
      assert.isAtMost(job.samples - own, 20 + 8)
    }))
})
