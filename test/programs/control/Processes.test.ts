import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Certificates from "../../support/Certificates.ts"
import * as ControlServer from "../../support/ControlServer.ts"
import * as DbmazzProcess from "../../support/DbmazzProcess.ts"
import * as TemporaryDirectory from "../../support/TemporaryDirectory.ts"

const MAIN = path.join(import.meta.dirname, "../../../src/programs/Main.ts")
const TOKEN = "hunter2-and-more"

/** A process whose standard output is read by hand, or not at all. */
const unread = (args: ReadonlyArray<string>): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] })),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const exit = once(child, "exit")
        child.kill("SIGKILL")
        await exit
      })
  )

const exitOf = (child: ChildProcess): Effect.Effect<unknown> =>
  Effect.promise(async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    return child.exitCode ?? child.signalCode
  })

describe("the commands as processes", () => {
  it.live("take address and token from the environment, and flags over it", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start({ token: TOKEN })
      const environment = { DBMAZZ_ADDRESS: server.address, CONTROL_TOKEN: TOKEN }
      const good = yield* DbmazzProcess.start(["health"], environment)
      assert.strictEqual(yield* good.exit, 0, good.log())
      assert.strictEqual(good.output(), "SERVING  cdc  Replicating\n")
      assert.strictEqual(good.log(), "")
      const denied = yield* DbmazzProcess.start(["health", "--token", "another"], environment)
      assert.strictEqual(yield* denied.exit, 77)
      const nobody = yield* DbmazzProcess.start(["health", "--address", "127.0.0.1:1"], environment)
      assert.strictEqual(yield* nobody.exit, 69)
      assert.strictEqual(nobody.output(), "")
      assert.match(nobody.log(), /^dbmazz: no answer from 127\.0\.0\.1:1: connection refused\n  to do: .+\n$/)
      assert.notInclude(denied.log() + nobody.log(), TOKEN)
    }).pipe(Effect.scoped))

  it.live("say nothing but the answer over TLS to an IP address, of which Node.js would warn", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority
      const server = yield* ControlServer.start({ tls: yield* authority.issue("dbmazz", { altNames: "IP:127.0.0.1" }) })
      const health = yield* DbmazzProcess.start(["health", "--address", server.address, "--tls-ca", authority.ca], {})
      assert.strictEqual(yield* health.exit, 0)
      assert.strictEqual(health.log(), "")
    }).pipe(Effect.scoped))

  it.live("exit with 1 when refused and with 2 on a wrong command line, which explains itself", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Pause = { success: false, message: "CDC is already paused" }
      const refused = yield* DbmazzProcess.start(["pause", "--address", server.address], {})
      assert.strictEqual(yield* refused.exit, 1)
      assert.strictEqual(refused.output(), "CDC is already paused\n")
      const unclear = yield* DbmazzProcess.start(["stop", "--address", server.address], {})
      assert.strictEqual(yield* unclear.exit, 2)
      assert.include(unclear.log(), "--keep-slot")
      const unknown = yield* DbmazzProcess.start(["pause", "--nonsense"], {})
      assert.strictEqual(yield* unknown.exit, 2)
    }).pipe(Effect.scoped))

  it.live.each(["SIGINT", "SIGTERM"] as const)(
    "metrics ends cleanly on %s: exit 0, and the stream is cancelled",
    (signal) =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        server.metrics = ControlServer.flood(ControlServer.sample).metrics
        const metrics = yield* DbmazzProcess.start(["metrics", "--json", "--address", server.address], {})
        yield* ControlServer.until(() => metrics.output().includes("\n"))
        yield* metrics.kill(signal)
        assert.strictEqual(yield* metrics.exit, 0)
        assert.strictEqual(metrics.log(), "")
        yield* ControlServer.until(() => server.openStreams === 0)
      }).pipe(Effect.scoped)
  )

  it.live("metrics ends cleanly when its reader has gone, as with `| head`", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = ControlServer.flood(ControlServer.sample).metrics
      const metrics = yield* unread(["metrics", "--address", server.address])
      let log = ""
      metrics.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString("utf8")
      })
      yield* Effect.promise(() => once(metrics.stdout!, "data"))
      metrics.stdout?.destroy()
      assert.strictEqual(yield* exitOf(metrics), 0, log)
      assert.strictEqual(log, "")
      yield* ControlServer.until(() => server.openStreams === 0)
    }).pipe(Effect.scoped))

  it.live("a command that answers once ends with its own exit code when nobody reads it", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Check = { ...ControlServer.HEALTHY, status: "NOT_SERVING" }
      const health = yield* unread(["health", "--address", server.address])
      health.stdout?.destroy()
      assert.strictEqual(yield* exitOf(health), 1)
      assert.strictEqual(server.asked.length, 1)
    }).pipe(Effect.scoped))

  it.live("a reader that does not read stops the stream at the server, and a signal still ends the command", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      const flood = ControlServer.flood(ControlServer.sample)
      server.metrics = flood.metrics
      const metrics = yield* unread(["metrics", "--json", "--address", server.address])
      // The flow has stopped when nothing more is written for a while.
      let before = -1
      let still = 0
      yield* ControlServer.until(() => {
        still = flood.written === before && flood.written > 0 ? still + 1 : 0
        before = flood.written
        return still > STILL_LOOKS
      })
      assert.isBelow(flood.written, SAMPLES_BUFFERED_MAX)
      metrics.kill("SIGINT")
      assert.strictEqual(yield* exitOf(metrics), 0)
    }).pipe(Effect.scoped))

  it.live("a full disk is an error, not a success", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      const full = fs.openSync("/dev/full", "w")
      const status = spawn(process.execPath, [MAIN, "status", "--address", server.address], {
        stdio: ["ignore", full, "pipe"]
      })
      fs.closeSync(full)
      let log = ""
      status.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString("utf8")
      })
      assert.strictEqual(yield* exitOf(status), 1)
      yield* ControlServer.until(() => log.includes("standard output failed: ENOSPC"))
    }).pipe(Effect.scoped))

  it.live("start without the drivers that they do not need: a script calls health often", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      const file = path.join(yield* TemporaryDirectory.make("modules"), "loaded")
      const hook = `import { registerHooks } from "node:module"; import { appendFileSync } from "node:fs";
        registerHooks({ load: (url, context, next) => { appendFileSync(${
        JSON.stringify(file)
      }, url + "\\n"); return next(url, context) } })`
      const health = spawn(
        process.execPath,
        ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, MAIN, "health", "--address", server.address],
        { stdio: "ignore" }
      )
      assert.strictEqual(yield* exitOf(health), 0)
      const loaded = fs.readFileSync(file, "utf8")
      assert.include(loaded, "/programs/control/Health.ts")
      assert.notMatch(loaded, /duckdb|embedded|mysql2|node_modules\/pg|src\/streams|Run\.ts|Demo\.ts/)
    }).pipe(Effect.scoped))
})

/** So many looks, 5 ms apart, without another sample. */
const STILL_LOOKS = 100
/** A sample is about 120 bytes on the wire; windows of HTTP/2 and buffers of sockets and pipes hold far less than 4 MB. */
const SAMPLES_BUFFERED_MAX = 30_000
