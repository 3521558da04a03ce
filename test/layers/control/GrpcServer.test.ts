import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as GrpcServer from "../../../src/layers/control/GrpcServer.ts"
import { ask, connect, drain, OPEN, start, STATUS, UINT64_MAX, until } from "../../support/GrpcStage.ts"

describe("gRPC: an orchestrator written for dbmazz v1 that gets another answer stops working", () => {
  it.live("answers every control operation, with what it carried", () =>
    Effect.gen(function*() {
      const stage = yield* start()
      const { control } = yield* connect(stage.port)
      const reload = { flush_size: String(UINT64_MAX), flush_interval_ms: 250, tables: ["a", "s.b"] }
      const answers = [
        yield* ask(control.Pause.bind(control, {})),
        yield* ask(control.Resume.bind(control, {})),
        yield* ask(control.DrainAndStop.bind(control, {})),
        yield* ask(control.Stop.bind(control, { skip_slot_cleanup: true })),
        yield* ask(control.ReloadConfig.bind(control, reload)),
        yield* ask(control.ReloadConfig.bind(control, {})),
        yield* ask(control.StartSnapshot.bind(control, {})),
        yield* ask(control.PauseSnapshot.bind(control, {})),
        yield* ask(control.ResumeSnapshot.bind(control, {}))
      ]
      assert.deepStrictEqual(answers, stage.asked.map(([name]) => ({ success: true, message: `${name} done` })))
      assert.deepStrictEqual(stage.asked, [
        ["Pause", undefined],
        ["Resume", undefined],
        ["DrainAndStop", undefined],
        ["Stop", { skip_slot_cleanup: true }],
        ["ReloadConfig", { flush_size: UINT64_MAX, flush_interval_ms: 250n, tables: ["a", "s.b"] }],
        ["ReloadConfig", { flush_size: 0n, flush_interval_ms: 0n, tables: [] }],
        ["StartSnapshot", undefined],
        ["PauseSnapshot", undefined],
        ["ResumeSnapshot", undefined]
      ])
    }))

  it.live("GetStatus and Check: every field, 64-bit numbers exactly", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const { health, status } = yield* connect(port)
      assert.deepEqual(yield* ask(status.GetStatus.bind(status, {})), {
        state: "PAUSED",
        current_lsn: "18446744073709551615",
        confirmed_lsn: "97500059720",
        pending_events: "9007199254740993",
        slot_name: "dbmazz_slot",
        tables: [...STATUS.tables],
        snapshot_active: true,
        snapshot_chunks_total: "7",
        snapshot_chunks_done: "3",
        snapshot_rows_synced: "123456789012",
        table_progress: [
          { table_name: "public.orders", chunks_total: "7", chunks_done: "3", rows_synced: "18446744073709551615" }
        ],
        snapshot_paused: true
      })
      assert.deepEqual(yield* ask(health.Check.bind(health, { service: "whatever" })), {
        status: "SERVING",
        stage: "STAGE_CDC",
        stage_detail: "Initializing",
        error_detail: ""
      })
    }))

  it.live("StreamMetrics: one sample at once, then one every interval, until the client goes away", () =>
    Effect.gen(function*() {
      const { port, samples } = yield* start()
      const { metrics } = yield* connect(port)
      const stream = metrics.StreamMetrics({ interval_ms: 20 })
      const ended = yield* Effect.forkChild(drain(stream), { startImmediately: true })
      yield* until(() => samples.taken >= 3)
      assert.strictEqual(samples.open, 1)
      stream.cancel()
      const { answers, code } = yield* Fiber.join(ended)
      assert.strictEqual(code, status.CANCELLED)
      assert.deepEqual(answers[0], {
        timestamp: "0",
        events_per_second: 1234.5,
        lag_bytes: "18446744073709551615",
        lag_events: "2",
        memory_bytes: "3",
        total_events_processed: "9007199254740993",
        total_batches_sent: "5",
        cpu_millicores: "6",
        replication_lag_ms: "7"
      })
      yield* until(() => samples.open === 0)
    }))

  it.live("StreamMetrics with an interval of 0 is refused in v1's words", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const { metrics } = yield* connect(port)
      assert.deepEqual(yield* drain(metrics.StreamMetrics({ interval_ms: 0 })), {
        answers: [],
        code: status.INVALID_ARGUMENT,
        details: "interval_ms must be > 0"
      })
    }))
})

describe("gRPC: an error inside that reaches a client shows what is not its business, or is never seen", () => {
  it.live("a defect is INTERNAL without details, and a line in the log with them", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const log = Logger.layer([Logger.map(Logger.formatJson, (line: string) => void lines.push(line))])
      const boom = () => Effect.die(new Error("row 42 of secret_table"))
      yield* Effect.gen(function*() {
        const { port } = yield* start(OPEN, { GetStatus: boom })
        const { health, status: state } = yield* connect(port)
        const error = yield* Effect.flip(ask(state.GetStatus.bind(state, {})))
        assert.strictEqual(error.code, status.INTERNAL)
        assert.strictEqual(error.details, "an error inside dbmazz: see its log")
        assert.deepInclude(yield* ask(health.Check.bind(health, {})), { status: "SERVING" })
      }).pipe(Effect.scoped, Effect.provide(log))
      const logged = lines.filter((line) => line.includes("a gRPC call failed") && line.includes("GetStatus"))
      assert.lengthOf(logged, 1)
      assert.include(logged[0], "row 42 of secret_table")
    }))

  it.live("a client that has gone stops what it asked for", () =>
    Effect.gen(function*() {
      const seen = { begun: false, interrupted: false }
      const { port } = yield* start(OPEN, {
        GetStatus: () =>
          Effect.sync(() => {
            seen.begun = true
          }).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                seen.interrupted = true
              })
            )
          )
      })
      const { status } = yield* connect(port)
      const call = status.GetStatus({}, () => undefined)
      yield* until(() => seen.begun)
      call.cancel()
      yield* until(() => seen.interrupted)
    }))
})

describe("gRPC: a release that waits for clients, or forgets answers, keeps the job from ending well", () => {
  it.live("ends streams with a text, lets the answer to a command through, and frees the port", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let finish = (): void => undefined
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      let begun = false
      const stage = yield* start(OPEN, {
        GetStatus: () =>
          Effect.promise(() => {
            begun = true
            return finished
          }).pipe(Effect.as(STATUS))
      }).pipe(Scope.provide(scope))
      const clients = yield* connect(stage.port)
      const watched = yield* Effect.forkChild(drain(clients.metrics.StreamMetrics({ interval_ms: 10 })), {
        startImmediately: true
      })
      const answered = yield* Effect.forkChild(ask(clients.status.GetStatus.bind(clients.status, {})), {
        startImmediately: true
      })
      yield* until(() => begun && stage.samples.taken > 1)
      const closed = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const { code, details } = yield* Fiber.join(watched)
      assert.deepEqual({ code, details }, { code: status.UNAVAILABLE, details: "dbmazz is shutting down" })
      finish()
      assert.deepInclude(yield* Fiber.join(answered), { slot_name: "dbmazz_slot" })
      yield* Fiber.join(closed)
      const again = yield* Effect.acquireRelease(
        Effect.callback<net.Server, Error>((resume) => {
          const server = net.createServer().once("error", (cause) => resume(Effect.fail(cause)))
          server.listen(stage.port, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      assert.isTrue(again.listening)
    }))

  it.live("does not wait longer than it may for a call that never ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let begun = false
      const stuck = Effect.sync(() => {
        begun = true
      }).pipe(Effect.andThen(Effect.never))
      const { port } = yield* start(OPEN, { GetStatus: () => stuck }).pipe(Scope.provide(scope))
      const { status: state } = yield* connect(port)
      const answered = yield* Effect.forkChild(Effect.flip(ask(state.GetStatus.bind(state, {}))), {
        startImmediately: true
      })
      yield* until(() => begun)
      const beganMs = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - beganMs, GrpcServer.RELEASE_MS_MAX + 1_000)
      assert.include([status.UNAVAILABLE, status.CANCELLED], (yield* Fiber.join(answered)).code)
    }))
})

describe("gRPC: an address that cannot be used, and a text that does not say what to do", () => {
  it.live("names a port that is in use", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const error = yield* Effect.flip(
        Effect.scoped(start(OPEN, {}, port))
      )
      assert.strictEqual(error.code, "ConfigurationInvalid")
      assert.include(
        error.message,
        `GRPC_PORT: 127.0.0.1:${port} is in use: stop the process that listens there, or choose another port`
      )
    }))

  it.live("names an address that is not this machine's", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(start({ ...OPEN, host: "192.0.2.1" })))
      assert.include(error.message, "CONTROL_HOST: '192.0.2.1' is not an address of this machine")
    }))
})
