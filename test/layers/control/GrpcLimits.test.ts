import { assert, describe, it } from "@effect/vitest"
import { type ClientReadableStream, connectivityState, status } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as http2 from "node:http2"
import * as net from "node:net"
import { gzipSync } from "node:zlib"
import { CONNECTIONS_MAX, STREAMS_MAX, STREAMS_PER_CONNECTION_MAX } from "../../../src/layers/control/Connections.ts"
import { REQUEST_MS_MAX } from "../../../src/layers/control/GrpcAdmission.ts"
import { REQUEST_BYTES_MAX } from "../../../src/layers/control/GrpcServer.ts"
import * as GrpcFrames from "../../support/GrpcFrames.ts"
import { ask, connect, drain, OPEN, sample, settled, start, until } from "../../support/GrpcStage.ts"

const STOP = "/dbmazz.CdcControlService/Stop"

describe("gRPC: bad input ends the server, or does what nobody asked for", () => {
  it.live("garbage instead of messages is refused with a status, and nothing is carried out", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start()
      const client = yield* GrpcFrames.session(port)
      const bomb = gzipSync(Buffer.alloc(REQUEST_BYTES_MAX * 64))
      const cases: ReadonlyArray<readonly [what: string, body: Buffer, codes: ReadonlyArray<number>]> = [
        ["not protobuf", GrpcFrames.frame(Buffer.from("\xff\xff\xff\xff not protobuf", "latin1")), [status.INTERNAL]],
        ["a cut message", GrpcFrames.frame(Buffer.from([0x08, 0x01]), 100), [status.UNIMPLEMENTED]],
        ["no message", Buffer.alloc(0), [status.UNIMPLEMENTED]],
        ["no prefix", Buffer.from([1, 2]), [status.UNIMPLEMENTED]],
        ["4 GB announced", GrpcFrames.frame(Buffer.from("x"), 0xff_ff_ff_ff), [status.RESOURCE_EXHAUSTED]],
        ["too large", GrpcFrames.frame(Buffer.alloc(REQUEST_BYTES_MAX + 1)), [status.RESOURCE_EXHAUSTED]],
        ["not compressed, but said to be", GrpcFrames.frame(Buffer.from("x"), 1, 1), [status.INTERNAL]],
        ["a decompression bomb", GrpcFrames.frame(bomb, bomb.length, 1), [status.RESOURCE_EXHAUSTED]]
      ]
      for (const [what, body, codes] of cases) {
        const ended = yield* GrpcFrames.send(client, STOP, body, { "grpc-encoding": "gzip" })
        assert.strictEqual(ended.httpStatus, 200, what)
        assert.include(codes, ended.grpcStatus, `${what}: ${ended.message}`)
        assert.isNotEmpty(ended.message, what)
      }
      const valid = yield* GrpcFrames.send(client, STOP, GrpcFrames.frame(Buffer.from([0x08, 0x01])))
      assert.strictEqual(valid.grpcStatus, status.OK)
      assert.deepStrictEqual(asked, [["Stop", { skip_slot_cleanup: true }]])
    }))

  it.live("unknown services, methods, encodings, content types and time limits get an answer", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start()
      const client = yield* GrpcFrames.session(port)
      const empty = GrpcFrames.frame(Buffer.alloc(0))
      const send = (path: string, headers: Record<string, string> = {}) => GrpcFrames.send(client, path, empty, headers)
      assert.deepInclude(yield* send("/no.Such/Thing"), { grpcStatus: status.UNIMPLEMENTED })
      assert.deepInclude(yield* send("/dbmazz.HealthService/Watch"), { grpcStatus: status.UNIMPLEMENTED })
      assert.deepInclude(yield* send("/%ff%00\"<"), { grpcStatus: status.UNIMPLEMENTED })
      assert.deepInclude(yield* send(STOP, { "content-type": "text/plain" }), { httpStatus: 415 })
      assert.deepInclude(yield* send(STOP, { "grpc-timeout": "soon" }), { grpcStatus: status.INTERNAL })
      const compressed = GrpcFrames.frame(Buffer.from("x"), 1, 1)
      assert.deepInclude(yield* GrpcFrames.send(client, STOP, compressed, { "grpc-encoding": "zstd" }), {
        grpcStatus: status.UNIMPLEMENTED
      })
      assert.deepStrictEqual(asked, [])
    }))

  it.live("metadata of a megabyte is refused, and the server goes on", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start()
      const client = yield* GrpcFrames.session(port)
      const many = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`x-${at}`, "v".repeat(4_000)]))
      const ended = yield* GrpcFrames.send(client, STOP, GrpcFrames.frame(Buffer.alloc(0)), many)
      assert.notStrictEqual(ended.grpcStatus, status.OK)
      assert.deepStrictEqual(asked, [])
      const { health } = yield* connect(port)
      assert.deepInclude(yield* ask(health.Check.bind(health, {})), { status: "SERVING" })
    }))

  it.live("a request that begins and does not end is ended, and frees its connection", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start()
      const client = yield* GrpcFrames.session(port)
      const stream = client.request({ ...GrpcFrames.HEADERS, ":path": STOP })
      stream.on("error", () => undefined)
      stream.write(GrpcFrames.frame(Buffer.from([0x08]), 2))
      const beganMs = performance.now()
      const headers = yield* Effect.callback<http2.IncomingHttpHeaders>((resume) => {
        stream.on("response", (received) => resume(Effect.succeed(received)))
      })
      assert.strictEqual(Number(headers["grpc-status"]), status.DEADLINE_EXCEEDED)
      assert.include(String(headers["grpc-message"]), "the%20request%20was%20not%20complete")
      assert.isAtLeast(performance.now() - beganMs, REQUEST_MS_MAX - 100)
      assert.deepStrictEqual(asked, [])
    }))

  it.live("bytes that are not HTTP/2 end their own connection only", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      for (const bytes of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00", "\0".repeat(100_000)]) {
        yield* Effect.callback<void>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"))
          socket.on("error", () => undefined)
          socket.resume()
          socket.on("close", () => resume(Effect.void))
        })
      }
      const { health } = yield* connect(port)
      assert.deepInclude(yield* ask(health.Check.bind(health, {})), { status: "SERVING" })
    }))
})

describe("gRPC: clients that ask for much and read nothing fill the memory of the job", () => {
  it.live("a metrics client that never reads is owed few samples, whatever there is to send", () =>
    Effect.gen(function*() {
      let taken = 0
      const { port } = yield* start(OPEN, {
        StreamMetrics: () => Stream.fromEffectRepeat(Effect.sync(() => sample(BigInt(taken++))))
      })
      const client = yield* GrpcFrames.session(port)
      const stream = client.request({ ...GrpcFrames.HEADERS, ":path": "/dbmazz.CdcMetricsService/StreamMetrics" })
      stream.on("error", () => undefined)
      stream.end(GrpcFrames.frame(Buffer.from([0x08, 0x01])))
      // What HTTP/2 lets a server send to who does not read: 64 KiB, here in messages of 55 bytes, and what sockets hold.
      assert.isBelow(yield* settled(() => taken), 3_000)
      assert.isAbove(taken, 1)
      const other = yield* connect(port)
      assert.deepInclude(yield* ask(other.health.Check.bind(other.health, {})), { status: "SERVING" })
    }))

  it.live("one connection has so many streams, all together so many; the next is refused with a text", () =>
    Effect.gen(function*() {
      const { port, samples } = yield* start()
      const watch = Effect.fnUntraced(function*(count: number) {
        const { metrics } = yield* connect(port)
        const streams = Array.from({ length: count }, () => metrics.StreamMetrics({ interval_ms: 60_000 }))
        for (const stream of streams) stream.on("error", () => undefined).resume()
        return { metrics, streams }
      })
      const first = yield* watch(STREAMS_PER_CONNECTION_MAX)
      yield* until(() => samples.open === STREAMS_PER_CONNECTION_MAX)
      const refused = yield* drain(first.metrics.StreamMetrics({ interval_ms: 1 }))
      assert.strictEqual(refused.code, status.RESOURCE_EXHAUSTED)
      assert.strictEqual(
        refused.details,
        `this connection has ${STREAMS_PER_CONNECTION_MAX} open streams already: end one first`
      )
      first.streams[0]?.cancel()
      yield* until(() => samples.open === STREAMS_PER_CONNECTION_MAX - 1)
      const again: ClientReadableStream<unknown> = first.metrics.StreamMetrics({ interval_ms: 60_000 })
      again.on("error", () => undefined).resume()
      for (let open = STREAMS_PER_CONNECTION_MAX; open < STREAMS_MAX; open += STREAMS_PER_CONNECTION_MAX) {
        yield* watch(STREAMS_PER_CONNECTION_MAX)
      }
      yield* until(() => samples.open === STREAMS_MAX)
      const { health, metrics } = yield* connect(port)
      const over = yield* drain(metrics.StreamMetrics({ interval_ms: 1 }))
      assert.strictEqual(over.code, status.RESOURCE_EXHAUSTED)
      assert.include(over.details, `${STREAMS_MAX} open streams already`)
      assert.deepInclude(yield* ask(health.Check.bind(health, {})), { status: "SERVING" })
    }))
})

describe("gRPC: ten thousand idle connections keep an orchestrator out", () => {
  it.live("they give way to clients; a stream that runs goes on and calls are answered", () =>
    Effect.gen(function*() {
      const IDLE = 10_000
      const { port, samples } = yield* start()
      const watcher = yield* connect(port)
      const stream = watcher.metrics.StreamMetrics({ interval_ms: 10 })
      let ended: Error | undefined
      stream.on("error", (error) => {
        ended = error
      }).resume()
      yield* until(() => samples.open === 1)
      const quiet = yield* connect(port)
      yield* ask(quiet.health.Check.bind(quiet.health, {}))
      const open = new Set<net.Socket>()
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const socket of open) socket.destroy()
        })
      )
      const occupy = Effect.callback<void>((resume) => {
        const socket = net.connect(port, "127.0.0.1", () => resume(Effect.void))
        open.add(socket)
        socket.on("error", () => undefined)
        socket.resume()
        socket.on("close", () => open.delete(socket))
      })
      const slowest = { ms: 0 }
      for (let opened = 0; opened < IDLE; opened += 500) {
        yield* Effect.all(Array.from({ length: 500 }, () => occupy), { concurrency: 100, discard: true })
        const beganMs = performance.now()
        const { health } = yield* connect(port)
        assert.deepInclude(yield* ask(health.Check.bind(health, {})), { status: "SERVING" })
        slowest.ms = Math.max(slowest.ms, performance.now() - beganMs)
      }
      yield* until(() => open.size <= CONNECTIONS_MAX)
      assert.isAbove(open.size, CONNECTIONS_MAX / 2)
      const before = samples.taken
      yield* until(() => samples.taken > before + 3)
      assert.isUndefined(ended)
      const stands = quiet.channel.getChannel().getConnectivityState(false)
      assert.strictEqual(stands, connectivityState.READY, "a client that called once gave way to who never did")
      assert.isBelow(slowest.ms, 5_000)
    }))
})
