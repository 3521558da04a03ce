import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Lifecycle from "../../src/domain/Lifecycle.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as ControlSequences from "./ControlSequences.ts"
import * as Run from "./ControlSequencesRun.ts"

/** `CONTROL_SEQUENCES=200 CONTROL_SEED=7 npm test -- ControlSequences`: more of them, from another seed on. */
const SEQUENCES = Number(process.env["CONTROL_SEQUENCES"] ?? 6)
const SEED = Number(process.env["CONTROL_SEED"] ?? 1)
const SEQUENCE_MS_MAX = 60_000

const PAUSE: Lifecycle.Command = { _tag: "Pause" }
const RESUME: Lifecycle.Command = { _tag: "Resume" }
const yes = (message: string): Lifecycle.Answer => ({ success: true, message })
const no = (message: string): Lifecycle.Answer => ({ success: false, message })

// Each reload looks at the tables on a session of its own, and those of a burst end after it.
layer(PostgresServer.layer({ max_connections: "300" }), { excludeTestServices: true, timeout: "60 seconds" })(
  "Control sequences",
  (it) => {
    it.effect("the judge takes every order that explains the answers, and no other", () =>
      Effect.sync(() => {
        const running = new Set(["running"] as const)
        const paused = { command: PAUSE, answer: yes("CDC paused successfully") }
        const resumed = { command: RESUME, answer: yes("CDC resumed successfully") }
        assert.deepStrictEqual([...ControlSequences.afterAll(running, [resumed, paused], false)], ["running"])
        const already = { command: RESUME, answer: no("CDC is already running") }
        assert.deepStrictEqual([...ControlSequences.afterAll(running, [paused, already], false)], ["paused"])
        assert.strictEqual(ControlSequences.afterAll(running, [paused, paused], false).size, 0)
        assert.strictEqual(ControlSequences.afterAll(running, [resumed], false).size, 0)
        assert.deepStrictEqual([...ControlSequences.afterAll(running, [resumed], true)], ["running"])
      }))

    it.effect(
      "whatever a job is told, in whatever order and trouble, its states are the model's and the sink equals the source",
      () =>
        Effect.gen(function*() {
          for (let index = 0; index < SEQUENCES; index++) yield* Run.run(SEED + index)
        }),
      Math.max(1, SEQUENCES) * SEQUENCE_MS_MAX
    )
  }
)
