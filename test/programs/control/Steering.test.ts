import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { run } from "../../support/CommandRun.ts"
import * as ControlServer from "../../support/ControlServer.ts"

const COMMANDS: ReadonlyArray<readonly [ReadonlyArray<string>, ControlServer.Operation, object]> = [
  [["pause"], "Pause", {}],
  [["resume"], "Resume", {}],
  [["drain"], "DrainAndStop", {}],
  [["stop", "--keep-slot"], "Stop", { skip_slot_cleanup: true }],
  [["stop", "--drop-slot"], "Stop", { skip_slot_cleanup: false }],
  [["snapshot", "start"], "StartSnapshot", {}],
  [["snapshot", "pause"], "PauseSnapshot", {}],
  [["snapshot", "resume"], "ResumeSnapshot", {}],
  [["reload", "--flush-size", "9007199254740991"], "ReloadConfig", {
    flush_size: "9007199254740991",
    flush_interval_ms: "0",
    tables: []
  }],
  [["reload", "--flush-interval", "250", "--tables", "orders, sales.\"a,b\""], "ReloadConfig", {
    flush_size: "0",
    flush_interval_ms: "250",
    tables: ["orders", "sales.\"a,b\""]
  }]
]

describe("a command that steers the job", () => {
  for (const [args, operation, request] of COMMANDS) {
    it.live(`${args.join(" ")} calls ${operation} once, prints the answer and ends with 0`, () =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        server.answers[operation] = { success: true, message: "CDC did\nso" }
        const human = yield* run(...args, "--address", server.address)
        assert.deepStrictEqual(human, { code: 0, output: "CDC did so\n", complaint: "" })
        assert.deepStrictEqual(server.asked, [{ operation, request, authorization: [] }])
        const json = yield* run(...args, "--address", server.address, "--json")
        assert.strictEqual(json.output, "{\"success\":true,\"message\":\"CDC did\\nso\"}\n")
      }).pipe(Effect.scoped))

    it.live(`${args.join(" ")} ends with 1 when the server refuses`, () =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        server.answers[operation] = { success: false, message: "Cannot in state: Draining" }
        const human = yield* run(...args, "--address", server.address)
        assert.deepStrictEqual(human, { code: 1, output: "Cannot in state: Draining\n", complaint: "" })
        const json = yield* run(...args, "--address", server.address, "--json")
        assert.deepStrictEqual(json, {
          code: 1,
          output: "{\"success\":false,\"message\":\"Cannot in state: Draining\"}\n",
          complaint: ""
        })
      }).pipe(Effect.scoped))
  }

  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, words: string]> = [
    [["stop"], "is not said"],
    [["stop", "--keep-slot", "--drop-slot"], "are both given"],
    [["stop", "--no-keep-slot"], "--no-keep-slot"],
    [["reload"], "nothing to change"],
    [["reload", "--flush-size", "0"], "from 1 on"],
    [["reload", "--flush-size", "-5"], "flush-size"],
    [["reload", "--flush-interval", "1.5"], "flush-interval"],
    [["reload", "--tables", ""], "table names"],
    [["reload", "--tables", "a,,b"], "table names"],
    [["drain", "--wait-timeout", "1s"], "without --wait"],
    [["drain", "--wait", "--wait-timeout", "10"], "with its unit"],
    [["snapshot"], "nothing to do"]
  ]
  it.live.each(wrong)(
    "%j is a wrong command line: exit 2, and the server is not asked",
    ([args, words]) =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        // A command without a subcommand of its own has no flags.
        const where = args.length === 1 && args[0] === "snapshot" ? [] : ["--address", server.address]
        const ended = yield* run(...args, ...where)
        assert.strictEqual(ended.code, 2, ended.complaint)
        assert.include(ended.complaint, words)
        assert.deepStrictEqual(server.asked, [])
      }).pipe(Effect.scoped)
  )
})

describe("drain --wait", () => {
  it.live("ends with 0 only when nobody answers any more", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = { state: "DRAINING" }
      const draining = yield* Effect.forkChild(run("drain", "--wait", "--address", server.address))
      yield* ControlServer.until(() => server.asked.filter(({ operation }) => operation === "GetStatus").length >= 2)
      assert.isUndefined(draining.pollUnsafe())
      server.end()
      assert.deepStrictEqual(yield* Fiber.join(draining), { code: 0, output: "done\n", complaint: "" })
    }).pipe(Effect.scoped))

  it.live("takes a running job at the address for the next one, started in place of the drained one", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = { state: "RUNNING" }
      assert.strictEqual((yield* run("drain", "--wait", "--address", server.address)).code, 0)
    }).pipe(Effect.scoped))

  it.live("waits for a drain that somebody else has asked for", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.DrainAndStop = { success: false, message: "CDC is already draining" }
      server.answers.GetStatus = { state: "DRAINING" }
      const draining = yield* Effect.forkChild(run("drain", "--wait", "--address", server.address))
      yield* ControlServer.until(() => server.asked.filter(({ operation }) => operation === "GetStatus").length >= 2)
      server.end()
      assert.strictEqual((yield* Fiber.join(draining)).code, 0)
    }).pipe(Effect.scoped))

  it.live("ends with 1 at once when it is refused for another reason", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.DrainAndStop = { success: false, message: "no" }
      server.answers.GetStatus = { state: "RUNNING" }
      assert.deepStrictEqual(yield* run("drain", "--wait", "--address", server.address), {
        code: 1,
        output: "no\n",
        complaint: ""
      })
    }).pipe(Effect.scoped))

  it.live("ends with 1 after --wait-timeout, also when the server hangs: a silent process is not gone", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = "silence"
      const args = ["--wait", "--wait-timeout", "300ms", "--timeout", "50ms", "--address", server.address]
      const ended = yield* run("drain", ...args)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.complaint, "has not ended within 300ms")
    }).pipe(Effect.scoped))

  it.live("ends with 77 when the token is not taken any more", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = ControlServer.status(grpc.status.UNAUTHENTICATED, "no")
      assert.strictEqual((yield* run("drain", "--wait", "--address", server.address)).code, 77)
    }).pipe(Effect.scoped))
})
