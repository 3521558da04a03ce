import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FreePort from "../../../src/layers/embedded/FreePort.ts"
import { run } from "../../support/CommandRun.ts"
import * as ControlServer from "../../support/ControlServer.ts"

const SETUP = { status: "SERVING", stage: "STAGE_SETUP", stage_detail: "Loading checkpoint", error_detail: "" }
const FAILED = {
  status: "NOT_SERVING",
  stage: "STAGE_SETUP",
  stage_detail: "Setup failed",
  error_detail: "Table 'public.orders' not found.\nCreate the table."
}

describe("health", () => {
  it.live("is one line, and exit code 0 when the job serves", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      const ended = yield* run("health", "--address", server.address)
      assert.deepStrictEqual(ended, { code: 0, output: "SERVING  cdc  Replicating\n", complaint: "" })
    }).pipe(Effect.scoped))

  it.live("shows the error and ends with 1 when it does not", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Check = FAILED
      const ended = yield* run("health", "--address", server.address)
      assert.deepStrictEqual(ended, {
        code: 1,
        output: "NOT_SERVING  setup  Setup failed\n  Table 'public.orders' not found. Create the table.\n",
        complaint: ""
      })
      const json = yield* run("health", "--address", server.address, "--json")
      assert.strictEqual(json.code, 1)
      assert.deepStrictEqual(JSON.parse(json.output), FAILED)
    }).pipe(Effect.scoped))

  it.live("ends with 1 while the status is UNKNOWN, and prints the fields that the wire left out", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Check = {}
      const ended = yield* run("health", "--address", server.address, "--json")
      assert.strictEqual(ended.code, 1)
      assert.strictEqual(
        ended.output,
        "{\"status\":\"UNKNOWN\",\"stage\":\"STAGE_UNKNOWN\",\"stage_detail\":\"\",\"error_detail\":\"\"}\n"
      )
    }).pipe(Effect.scoped))

  it.live("an answer of a newer server that means nothing here is an error, not a guess", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Check = { ...ControlServer.HEALTHY, stage: 17 }
      const ended = yield* run("health", "--address", server.address)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.complaint, "is not understood")
    }).pipe(Effect.scoped))
})

describe("health --wait", () => {
  it.live("waits through a start: nobody there, then a setup, then replication", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(FreePort.find)
      const waiting = yield* Effect.forkChild(run("health", "--wait", "STAGE_CDC", "--address", `127.0.0.1:${port}`), {
        startImmediately: true
      })
      const server = yield* ControlServer.start({ port })
      server.answers.Check = SETUP
      yield* ControlServer.until(() => server.asked.length >= 2)
      assert.isUndefined(waiting.pollUnsafe())
      server.answers.Check = ControlServer.HEALTHY
      const ended = yield* Fiber.join(waiting)
      assert.deepStrictEqual(ended, { code: 0, output: "SERVING  cdc  Replicating\n", complaint: "" })
    }).pipe(Effect.scoped))

  const goals: ReadonlyArray<readonly [stage: string, answer: object, code: number]> = [
    ["setup", SETUP, 0],
    ["setup", ControlServer.HEALTHY, 0],
    ["snapshot", SETUP, 1],
    ["cdc", { ...ControlServer.HEALTHY, stage: "STAGE_SNAPSHOT" }, 1],
    ["cdc", { ...ControlServer.HEALTHY, status: "NOT_SERVING" }, 1]
  ]
  it.live.each(goals)(
    "%s is reached by that stage or a later one, and only while it serves: %j",
    ([stage, answer, code]) =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        server.answers.Check = answer
        const ended = yield* run("health", "--wait", stage, "--wait-timeout", "300ms", "--address", server.address)
        assert.strictEqual(ended.code, code, ended.complaint)
      }).pipe(Effect.scoped)
  )

  it.live("says after --wait-timeout what it saw last, and ends with 1", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Check = FAILED
      const args = ["--wait", "cdc", "--wait-timeout", "300ms", "--address", server.address]
      const ended = yield* run("health", ...args)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.complaint, "not at stage cdc within 300ms")
      assert.include(ended.complaint, "'public.orders' not found")
      const json = yield* run("health", ...args, "--json")
      assert.deepStrictEqual(JSON.parse(json.output), FAILED)
    }).pipe(Effect.scoped))

  it.live("does not wait for what cannot come: a refused token ends it at once with 77", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start({ token: "secret" })
      const ended = yield* run("health", "--wait", "cdc", "--address", server.address)
      assert.strictEqual(ended.code, 77)
      assert.strictEqual(server.asked.length, 1)
    }).pipe(Effect.scoped))

  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, words: string]> = [
    [["--wait", "ready"], "init, setup, snapshot, cdc"],
    [["--wait-timeout", "1s"], "without --wait"]
  ]
  it.live.each(wrong)("%j is a wrong command line", ([args, words]) =>
    Effect.gen(function*() {
      const ended = yield* run("health", ...args)
      assert.strictEqual(ended.code, 2)
      assert.include(ended.complaint, words)
    }))
})
