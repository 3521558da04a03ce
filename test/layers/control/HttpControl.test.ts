import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import { HealthCheckResponse } from "../../../src/domain/control/Operations.ts"
import { BODY_BYTES_MAX } from "../../../src/layers/control/HttpGuard.ts"
import { CONNECTIONS_MAX } from "../../../src/layers/control/HttpListener.ts"
import * as LogLevels from "../../../src/layers/LogLevels.ts"
import * as Metrics from "../../../src/layers/Metrics.ts"
import * as World from "./HttpWorld.ts"

const json = ({ text }: World.Answer): unknown => JSON.parse(text)

const FAILURE = {
  status: "NOT_SERVING",
  stage: "STAGE_SETUP",
  stage_detail: "Setup failed",
  error_detail: "Table 'x' not found in PostgreSQL"
} as const
const FAILED = new HealthCheckResponse(FAILURE)

describe("HTTP probes: an orchestrator must neither kill a job that lives nor route to one that does not replicate", () => {
  it.live("healthz answers 200 without a token, also while the setup fails; readyz answers 503 with the reason", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      assert.deepInclude(json(yield* World.ask(port, "/readyz")), { ready: true, stage: "cdc" })
      job.health = FAILED
      const alive = yield* World.ask(port, "/healthz")
      assert.strictEqual(alive.status, 200)
      assert.deepStrictEqual(json(alive), { status: "ok", stage: "init", uptime_secs: 0 })
      const ready = yield* World.ask(port, "/readyz")
      assert.strictEqual(ready.status, 503)
      assert.deepInclude(json(ready), { ready: false, reason: FAILED.error_detail })
    }))

  it.live("a job that serves and is still in its setup is not ready", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      job.health = new HealthCheckResponse({ ...FAILURE, status: "SERVING", error_detail: "" })
      const { port } = yield* World.start(job)
      assert.strictEqual((yield* World.ask(port, "/readyz")).status, 503)
    }))
})

describe("Prometheus", () => {
  it.live("metrics is the text format with what was counted, at the address of v1 too", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      yield* Metrics.retrying("SR_BUSY")
      for (const path of ["/metrics", "/metrics/prometheus"]) {
        const answer = yield* World.ask(port, path)
        assert.strictEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        assert.include(answer.text, "# TYPE dbmazz_retries_total counter\ndbmazz_retries_total{reason=\"SR_BUSY\"} 1\n")
      }
    }).pipe(Effect.provide(World.freshMetrics)))
})

describe("The JSON endpoints of v2: programs that were written for it go on working", () => {
  it.live("health carries v2's words, and 503 when the job does not serve, so that curl -f notices", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      const well = yield* World.ask(port, "/api/v1/health")
      assert.strictEqual(well.status, 200)
      assert.deepStrictEqual(json(well), {
        status: "serving",
        stage: "cdc",
        stage_detail: "Replicating",
        error_detail: ""
      })
      job.health = FAILED
      const ill = yield* World.ask(port, "/api/v1/health")
      assert.strictEqual(ill.status, 503)
      assert.deepInclude(json(ill), { status: "not_serving", stage: "setup", error_detail: FAILED.error_detail })
    }))

  it.live("status has the fields of GetStatus, numbers as numbers, and no digit of a large one is lost", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      const status = yield* World.ask(port, "/api/v1/cdc/status")
      assert.strictEqual(status.headers["content-type"], "application/json")
      assert.deepStrictEqual(json(status), {
        state: "running",
        current_lsn: Number(World.CURRENT_LSN),
        confirmed_lsn: "9223372036854775808",
        pending_events: 3,
        slot_name: "dbmazz_slot",
        tables: ["public.orders"],
        snapshot_active: false,
        snapshot_chunks_total: 0,
        snapshot_chunks_done: 0,
        snapshot_rows_synced: 0,
        table_progress: [],
        snapshot_paused: false
      })
      assert.deepInclude(json(yield* World.ask(port, "/status")), { current_lsn: "0x16b374d848" })
    }))

  it.live("every command reaches its operation with what came with it, and a refused one is 200 with success false", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      const first = yield* World.post(port, "/api/v1/cdc/pause")
      assert.deepStrictEqual([first.status, json(first)], [200, { success: true, message: "Pause accepted" }])
      const again = yield* World.post(port, "/api/v1/cdc/pause", {})
      assert.deepStrictEqual([again.status, json(again)], [200, { success: false, message: "CDC is already paused" }])
      yield* World.post(port, "/api/v1/cdc/resume")
      yield* World.post(port, "/api/v1/cdc/snapshot/start")
      yield* World.post(port, "/api/v1/cdc/snapshot/pause")
      yield* World.post(port, "/api/v1/cdc/snapshot/resume")
      yield* World.post(port, "/api/v1/cdc/reload", { flush_size: 5, flush_interval_ms: "18446744073709551615" })
      yield* World.post(port, "/api/v1/cdc/reload", { tables: ["orders"] })
      yield* World.post(port, "/api/v1/cdc/drain")
      yield* World.post(port, "/api/v1/cdc/stop", { skip_slot_cleanup: true })
      yield* World.post(port, "/api/v1/cdc/stop")
      assert.deepStrictEqual(job.commands, [
        ["Pause", {}],
        ["Pause", {}],
        ["Resume", {}],
        ["StartSnapshot", {}],
        ["PauseSnapshot", {}],
        ["ResumeSnapshot", {}],
        ["ReloadConfig", { flush_size: 5n, flush_interval_ms: 18_446_744_073_709_551_615n, tables: [] }],
        ["ReloadConfig", { flush_size: 0n, flush_interval_ms: 0n, tables: ["orders"] }],
        ["DrainAndStop", {}],
        ["Stop", { skip_slot_cleanup: true }],
        ["Stop", { skip_slot_cleanup: false }]
      ])
    }))

  it.live("v1's commands say ok for what is so already", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      assert.deepInclude(json(yield* World.post(port, "/pause")), { ok: true, state: "paused" })
      assert.deepInclude(json(yield* World.post(port, "/pause")), { ok: true, state: "paused" })
      assert.deepInclude(json(yield* World.post(port, "/resume")), { ok: true, state: "running" })
      assert.deepInclude(json(yield* World.post(port, "/drain-stop")), { ok: true, state: "draining" })
    }))

  it.live("metrics answers at once with the latest samples, and refuses counts that v2 refused", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      const latest = yield* World.ask(port, "/api/v1/cdc/metrics?samples=60&interval_ms=60000")
      assert.strictEqual(latest.status, 200)
      assert.deepStrictEqual(json(latest), [{
        timestamp: 1_760_000_000,
        events_per_second: 2.5,
        lag_bytes: 7,
        lag_events: 3,
        memory_bytes: 1,
        total_events_processed: 1,
        total_batches_sent: 4,
        cpu_millicores: 5,
        replication_lag_ms: 6,
        schema_evolution_skipped_total: 0
      }])
      for (const samples of ["0", "61", "x", "-1"]) {
        const refused = yield* World.ask(port, `/api/v1/cdc/metrics?samples=${samples}`)
        assert.deepStrictEqual([refused.status, json(refused)], [400, { error: "samples must be between 1 and 60" }])
      }
      assert.strictEqual((yield* World.ask(port, "/api/v1/cdc/metrics?interval_ms=0")).status, 400)
      assert.strictEqual(job.streams, 1)
    }))
})

describe("Bad input: it gets a clear answer, and the next request is served", () => {
  it.live("malformed, misspelt, unknown, mistyped and oversized requests", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      const status = (answer: World.Answer) => answer.status
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/stop", "{")), 400)
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/stop", "[]")), 400)
      // Taken for an empty body it would drop the slot.
      const misspelt = yield* World.post(port, "/api/v1/cdc/stop", { skip_slot_cleanupp: true })
      assert.strictEqual(status(misspelt), 400)
      assert.include(misspelt.text, "skip_slot_cleanupp")
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/stop", { skip_slot_cleanup: "true" })), 400)
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/pause", { now: true })), 400)
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/reload", { flush_size: -1 })), 400)
      assert.strictEqual(status(yield* World.post(port, "/api/v1/cdc/reload", { flush_size: 1.5 })), 400)
      assert.strictEqual(status(yield* World.post(port, "/rpc", "{")), 400)
      assert.strictEqual(status(yield* World.post(port, "/rpc", "null")), 400)
      assert.strictEqual(status(yield* World.post(port, "/rpc", { _tag: "Request", id: "1", tag: "Pause" })), 400)
      const nothing = yield* World.ask(port, "/nothing")
      assert.deepStrictEqual([status(nothing), json(nothing)], [404, { error: "there is nothing at this path" }])
      assert.strictEqual(status(yield* World.ask(port, "/%")), 404)
      const wrong = yield* World.ask(port, "/api/v1/cdc/pause")
      assert.deepStrictEqual([status(wrong), wrong.headers.allow], [405, "POST"])
      assert.strictEqual(status(yield* World.ask(port, "/healthz", { method: "DELETE" })), 405)
      assert.strictEqual(status(yield* World.ask(port, "/rpc/ws")), 426)
      const large = yield* World.post(port, "/api/v1/cdc/reload", " ".repeat(BODY_BYTES_MAX + 1))
      assert.strictEqual(status(large), 413)
      assert.strictEqual(status(yield* World.post(port, "/rpc", " ".repeat(BODY_BYTES_MAX + 1))), 413)
      assert.deepStrictEqual(job.commands, [])
      assert.strictEqual(status(yield* World.ask(port, "/healthz")), 200)
    }))

  it.live("what a browser can send from any page steers nothing", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      for (const type of ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]) {
        const form = yield* World.post(port, "/api/v1/cdc/pause", "{}", { "content-type": type })
        assert.strictEqual(form.status, 415)
      }
      const headers = { origin: "https://evil.example" }
      assert.strictEqual((yield* World.post(port, "/pause", undefined, headers)).status, 403)
      const upgrade = {
        ...headers,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="
      }
      assert.strictEqual((yield* World.ask(port, "/rpc/ws", { headers: upgrade })).status, 403)
      const options = yield* World.ask(port, "/pause", { method: "OPTIONS" })
      assert.isUndefined(options.headers["access-control-allow-origin"])
      assert.deepStrictEqual(job.commands, [])
    }))

  it.live("a defect of a handler is that request's 500, and tells the client nothing of it", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      job.defect = new Error("inner secret")
      const answer = yield* World.ask(port, "/api/v1/health")
      assert.strictEqual(answer.status, 500)
      assert.deepStrictEqual(json(answer), { error: "the control plane has a defect; its log says which" })
      job.defect = undefined
      assert.strictEqual((yield* World.ask(port, "/api/v1/health")).status, 200)
    }))

  it.live("crowds of idle connections keep no probe out; requests under way and websockets go on", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job)
      const connect = Effect.callback<net.Socket>((resume) => {
        const socket = net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        socket.on("error", () => socket.destroy())
        socket.resume()
      })
      const opened: Array<net.Socket> = []
      yield* Effect.addFinalizer(() => Effect.sync(() => opened.forEach((socket) => socket.destroy())))
      const websocket = yield* connect
      opened.push(websocket)
      const request = ["GET /rpc/ws HTTP/1.1", "host: x", "connection: Upgrade", "upgrade: websocket"]
      const key = ["sec-websocket-version: 13", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]
      yield* Effect.callback<void>((resume) => {
        websocket.once("data", () => resume(Effect.void))
        websocket.write([...request, ...key].join("\r\n"))
      })
      for (let round = 0; round < 4; round++) {
        opened.push(...(yield* Effect.all(Array.from({ length: CONNECTIONS_MAX }, () => connect), { concurrency: 64 })))
        assert.strictEqual((yield* World.ask(port, "/healthz")).status, 200)
      }
      const open = Effect.sync(() => opened.filter((socket) => !socket.destroyed && !socket.readableEnded).length)
      yield* Effect.repeat(open, { schedule: Schedule.spaced("10 millis"), until: (count) => count <= CONNECTIONS_MAX })
      assert.isFalse(websocket.destroyed)
    }))
})

describe("The token: a stranger learns and moves nothing", () => {
  const TOKEN = "correct horse battery staple"
  const control = { ...World.CONTROL, token: Redacted.make(TOKEN) }

  it.live("every path but healthz is 401 without it, with a wrong one, and for paths that do not exist", () =>
    Effect.gen(function*() {
      const job = World.makeJob()
      const { port } = yield* World.start(job, control)
      const paths = [
        "/readyz",
        "/metrics",
        "/api/v1/health",
        "/api/v1/cdc/status",
        "/nothing",
        "/rpc/ws",
        "/status",
        "/"
      ]
      const tricks = ["//healthz", "/healthz/", "/healthz;/status", "/%68ealthz", "/healthz/../status"]
      for (const path of [...paths, ...tricks]) {
        for (const authorization of [undefined, "Bearer wrong", `Basic ${TOKEN}`, "Bearer ", TOKEN]) {
          const headers = authorization === undefined ? {} : { authorization }
          const answer = yield* World.ask(port, path, { headers })
          assert.strictEqual(answer.status, 401, path)
          assert.match(String(answer.headers["www-authenticate"]), /^Bearer/)
        }
      }
      for (const path of ["/api/v1/cdc/stop", "/pause", "/rpc", "/api/v1/cdc/reload"]) {
        assert.strictEqual((yield* World.post(port, path, {})).status, 401, path)
      }
      assert.deepStrictEqual(job.commands, [])
      assert.strictEqual((yield* World.ask(port, "/healthz")).status, 200)
      const headers = { authorization: `Bearer ${TOKEN}` }
      assert.strictEqual((yield* World.ask(port, "/readyz", { headers })).status, 200)
      assert.strictEqual((yield* World.post(port, "/pause", undefined, headers)).status, 200)
      assert.strictEqual((yield* World.ask(port, "/nothing", { headers })).status, 404)
    }))
})

describe("Log levels: a running job is looked into without a restart", () => {
  const levels = LogLevels.layer({ default: "info", modules: new Map([["Loads", "debug"]]) })

  it.live("are shown, and changed for all modules or for one; a word that is not known is refused and changes nothing", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      const path = "/api/v1/log-level"
      const put = (body: unknown) =>
        World.ask(port, path, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body)
        })
      const held = yield* LogLevels.LogLevels
      assert.deepStrictEqual(json(yield* World.ask(port, path)), { default: "info", modules: { Loads: "debug" } })
      assert.deepStrictEqual(json(yield* put({ module: "streamloader", level: "TRACE" })), {
        default: "info",
        modules: { Loads: "debug", StreamLoader: "trace" }
      })
      assert.isTrue(held.isEnabled("StreamLoader", "trace"))
      yield* put({ module: "Loads", level: "default" })
      assert.deepStrictEqual(json(yield* put({ level: "warn" })), {
        default: "warn",
        modules: { StreamLoader: "trace" }
      })
      assert.isFalse(held.isEnabled("Loads", "info"))
      const mistakes = [
        [{ level: "loud" }, "'loud' is no log level: use trace, debug"],
        [{ module: "Nowhere", level: "info" }, "'Nowhere' is no module: use "],
        [{ module: "Loads" }, "level"],
        [{ modul: "Loads", level: "debug" }, "modul"]
      ] as const
      for (const [body, why] of mistakes) {
        const refused = yield* put(body)
        assert.strictEqual(refused.status, 400)
        assert.include(refused.text, why)
      }
      assert.deepStrictEqual(json(yield* World.ask(port, path)), {
        default: "warn",
        modules: { StreamLoader: "trace" }
      })
      assert.strictEqual((yield* World.post(port, path, {})).headers.allow, "GET, HEAD, PUT")
    }).pipe(Effect.provide(levels)))

  it.live("cannot be changed by a form of a web page", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      const headers = { "content-type": "text/plain" }
      const answer = yield* World.ask(port, "/api/v1/log-level", {
        method: "PUT",
        headers,
        body: "{\"level\":\"off\"}"
      })
      assert.strictEqual(answer.status, 415)
    }))
})

describe("The server's life", () => {
  it.live("a port that is in use is an error that names it and says what to do", () =>
    Effect.gen(function*() {
      const { port } = yield* World.start(World.makeJob())
      const error = yield* Effect.flip(World.start(World.makeJob(), { ...World.CONTROL, httpPort: port }))
      assert.strictEqual(error._tag, "SetupError")
      assert.include(error.message, `127.0.0.1:${port}`)
      assert.include(error.message, "EADDRINUSE")
    }))

  const WEBSOCKET = [
    "GET /rpc/ws HTTP/1.1",
    "host: x",
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    "",
    ""
  ].join("\r\n")
  const STUBBORN: ReadonlyArray<readonly [title: string, sent: string, answered: RegExp]> = [
    ["half a request", "POST /api/v1/cdc/pause HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{", /^$/],
    ["an answer to half a request", "POST /pause HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{", /^HTTP\/1.1 200/],
    ["a websocket that does not answer its closing", WEBSOCKET, /^HTTP\/1.1 101/]
  ]
  for (const [title, sent, answered] of STUBBORN) {
    it.live(`the end does not wait for ${title}, and leaves no connection open`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { port } = yield* Scope.provide(World.start(World.makeJob()), scope)
        const socket = net.connect(port, "127.0.0.1")
        let received = ""
        socket.on("data", (bytes) => (received += bytes.toString("latin1")))
        socket.on("error", () => socket.destroy())
        const closed = Effect.callback<void>((resume) => {
          if (socket.destroyed) return resume(Effect.void)
          socket.on("close", () => resume(Effect.void))
        })
        yield* Effect.callback<void>((resume) => {
          socket.write(sent, () => resume(Effect.void))
        })
        // Connections are taken in their order: when this one is answered, the other one is known.
        yield* World.ask(port, "/healthz").pipe(Effect.repeat({ until: () => answered.test(received) }))
        yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("4 seconds"))
        yield* closed.pipe(Effect.timeout("500 millis"))
      }))
  }
})
