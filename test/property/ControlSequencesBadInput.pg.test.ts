import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as http2 from "node:http2"
import * as net from "node:net"
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import * as FreePort from "../../src/layers/embedded/FreePort.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as GrpcFrames from "../support/GrpcFrames.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const CLIENTS = 50
/** Of each metrics client that never reads. */
const STREAMS = 8
const IDLE_CONNECTIONS = 2_000
const GARBAGE = 60
const HUGE_HEADER_BYTES = 200_000
/** Rows arrive within this, whatever else goes on: far less than any limit that would end a stall. */
const ROWS_ARRIVE = "10 seconds"
/** A call is answered, or the job is about to exit. */
const OK = 0
const CANCELLED = 1
const UNAVAILABLE = 14

const message = (...bytes: ReadonlyArray<number>): Buffer => GrpcFrames.frame(Buffer.from(bytes))
const text = (value: string): ReadonlyArray<number> => [0x1a, value.length, ...Buffer.from(value)]

const CALLS: ReadonlyArray<readonly [path: string, body: Buffer]> = [
  ["/dbmazz.HealthService/Check", message()],
  ["/dbmazz.CdcStatusService/GetStatus", message()],
  ["/dbmazz.CdcControlService/Pause", message()],
  ["/dbmazz.CdcControlService/ReloadConfig", message(0x08, 0x64)],
  ["/dbmazz.CdcControlService/ReloadConfig", message(...text("nowhere"))],
  ["/dbmazz.CdcControlService/StartSnapshot", message()],
  ["/dbmazz.CdcControlService/PauseSnapshot", message()],
  ["/dbmazz.CdcControlService/ResumeSnapshot", message()],
  ["/dbmazz.CdcControlService/Resume", message()]
]
const DRAIN = "/dbmazz.CdcControlService/DrainAndStop"

const clients = (port: number) => Effect.forEach(Array.from({ length: CLIENTS }), () => GrpcFrames.session(port))

/** Every client makes every call, all of them at once; the statuses that came. */
const callAll = (sessions: ReadonlyArray<http2.ClientHttp2Session>) =>
  Effect.map(
    Effect.forEach(
      sessions.flatMap((session) => CALLS.map(([path, body]) => [session, path, body] as const)),
      ([session, path, body]) => GrpcFrames.send(session, path, body),
      { concurrency: "unbounded" }
    ),
    (all) => all.map(({ grpcStatus }) => grpcStatus)
  )

/** A metrics client that opens streams of a sample a millisecond, has room for one sample, and never reads it. */
const neverReading = (port: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 64 } })
      session.on("error", () => undefined)
      for (let stream = 0; stream < STREAMS; stream++) {
        const path = "/dbmazz.CdcMetricsService/StreamMetrics"
        const request = session.request({ ...GrpcFrames.HEADERS, ":path": path })
        request.on("error", () => undefined)
        request.end(message(0x08, 0x01))
      }
      return session
    }),
    (session) => Effect.sync(() => session.destroy())
  ))

/** Writes the bytes, and is done when the server has hung up, or has answered, or has said nothing for a while. */
const spit = (port: number, bytes: Buffer): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const socket = net.connect({ port, host: "127.0.0.1" }, () => socket.write(bytes))
    const end = () => {
      socket.destroy()
      resume(Effect.void)
    }
    socket.setTimeout(1_000, end)
    socket.on("error", end).on("close", end).on("data", end)
  })

const garbage = (random: SeededRandom): Buffer => {
  const huge = "x".repeat(HUGE_HEADER_BYTES)
  return random.pick([
    random.bytes(random.between(1, 5_000)),
    Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    Buffer.from(`GET /healthz HTTP/1.1\r\nhost: x\r\nx-huge: ${huge}\r\n\r\n`),
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), random.bytes(random.between(9, 500))]),
    Buffer.from("POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{"),
    Buffer.from("POST /api/v1/cdc/stop HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
  ])
}

const idle = (port: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const socket = net.connect({ port, host: "127.0.0.1" })
      const opened = () => resume(Effect.succeed(socket))
      socket.on("connect", opened).on("error", opened)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ))

const ready = (port: number) =>
  Effect.promise(() => fetch(`http://127.0.0.1:${port}/readyz`).then((reply) => reply.ok, () => false)).pipe(
    Effect.repeat({ schedule: PostgresServer.pollEvery, until: (is) => is })
  )

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A daemon under bad input",
  (it) => {
    it.effect(
      "calls in every state, readers that never read, garbage and idle crowds cost neither the job nor a row",
      () =>
        Effect.gen(function*() {
          const replica = yield* Replica.start
          const [grpcPort, httpPort] = yield* Effect.promise(async () =>
            [await FreePort.find(), await FreePort.find()] as const
          )
          const job = yield* DbmazzProcess.start(
            ["run"],
            replica.environment({
              GRPC_PORT: String(grpcPort),
              HTTP_PORT: String(httpPort),
              TABLES: "items,late",
              RETRY_BASE_MS: "50",
              RETRY_MAX_MS: "500"
            })
          )
          let rows = 0
          const arrive = Effect.suspend(() => {
            rows += 500
            const more = run(
              replica.source,
              `insert into items select n, 'x' from generate_series(${rows - 499}, ${rows}) n`
            )
            return Effect.andThen(more, Effect.timeout(replica.caughtUp, ROWS_ARRIVE))
          })

          // The setup has failed.
          yield* job.logged("Table 'public.late' not found in PostgreSQL")
          const sessions = yield* clients(grpcPort)
          assert.isTrue((yield* callAll(sessions)).every((status) => status === OK))
          yield* run(replica.source, "create table late (id bigint primary key)")
          yield* replica.query(
            `CREATE TABLE ${replica.sink.database}.late (id BIGINT NOT NULL)
             PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
          )
          const resume = GrpcFrames.send(sessions[0]!, "/dbmazz.CdcControlService/Resume", message())
          yield* resume
          yield* ready(httpPort)

          // It replicates.
          const writing = yield* Effect.forkChild(
            run(replica.source, "insert into late select n from generate_series(1, 2000) n")
          )
          assert.isTrue((yield* callAll(sessions)).every((status) => status === OK))
          yield* Fiber.join(writing)
          yield* resume
          yield* Effect.forEach(Array.from({ length: 4 }), () => neverReading(grpcPort), { discard: true })
          yield* arrive
          const random = new SeededRandom(1)
          yield* Effect.forEach(
            Array.from({ length: GARBAGE }, (_, index) => index % 2 === 0 ? grpcPort : httpPort),
            (port) => spit(port, garbage(random)),
            { concurrency: 10, discard: true }
          )
          yield* arrive
          yield* Effect.scoped(Effect.gen(function*() {
            yield* Effect.forEach(
              Array.from({ length: IDLE_CONNECTIONS * 2 }, (_, index) => index % 2 === 0 ? grpcPort : httpPort),
              idle,
              { concurrency: 100, discard: true }
            )
            yield* arrive
            // Who has business comes through on gRPC, where idle connections give way.
            const client = yield* GrpcFrames.session(grpcPort)
            const answer = yield* GrpcFrames.send(client, CALLS[0]![0], message())
            assert.strictEqual(answer.grpcStatus, OK, answer.message)
          }))
          yield* ready(httpPort)
          yield* arrive

          // It drains, with a load that takes its time.
          replica.endpoint.faults.on("hold-commit")
          yield* run(replica.source, "insert into items values (0, 'last')")
          yield* Effect.sync(() => replica.endpoint.faults.held() > 0).pipe(
            Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (is) => is })
          )
          const others = yield* clients(grpcPort)
          const drained = yield* GrpcFrames.send(others[0]!, DRAIN, message())
          assert.strictEqual(drained.grpcStatus, OK, drained.message)
          const last = yield* callAll(others)
          assert.isTrue(last.every((status) => status === OK || status === CANCELLED || status === UNAVAILABLE))
          assert.isAbove(last.filter((status) => status === OK).length, CLIENTS)
          replica.endpoint.faults.off("hold-commit")
          assert.strictEqual(yield* job.exit, 0, job.log().slice(-2_000))
          yield* Effect.timeout(replica.caughtUp, "1 second")
          const late = yield* replica.query(`SELECT count(*) AS n FROM ${replica.sink.database}.late`)
          assert.strictEqual(late[0]?.["n"], "2000")
          const { checkpoint, confirmed } = yield* replica.positions
          assert.strictEqual(checkpoint, confirmed)
        })
    )
  }
)
