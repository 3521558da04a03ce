import { assert, describe, it } from "@effect/vitest"
import * as Lifecycle from "../../src/domain/Lifecycle.ts"

const STAGES = ["init", "setup", "snapshot", "cdc"] as const
const STATES = ["running", "paused", "draining", "stopped"] as const
const FAILURE: Lifecycle.Failure = { message: "why", remediation: "what", waitsForOperator: true }

const ALL: ReadonlyArray<Lifecycle.Lifecycle> = STAGES.flatMap((stage) =>
  STATES.flatMap((state) =>
    [undefined, FAILURE].map((failure) => ({ ...Lifecycle.INITIAL, stage, state, failure, detail: `in ${stage}` }))
  )
)

/** By state and command: success, text, and the state that follows. `!` marks what only a failure allows. */
const ANSWERS: Readonly<Record<string, readonly [boolean, string, Lifecycle.State]>> = {
  "running Pause": [true, "CDC paused successfully", "paused"],
  "paused Pause": [false, "CDC is already paused", "paused"],
  "draining Pause": [false, "Cannot pause CDC in state: Draining", "draining"],
  "stopped Pause": [false, "Cannot pause CDC in state: Stopped", "stopped"],
  "running Resume": [false, "CDC is already running", "running"],
  "running Resume!": [true, "CDC resumed successfully", "running"],
  "paused Resume": [true, "CDC resumed successfully", "running"],
  "draining Resume": [false, "Cannot resume CDC in state: Draining", "draining"],
  "stopped Resume": [false, "Cannot resume CDC in state: Stopped", "stopped"],
  "running DrainAndStop": [true, "CDC is draining and will stop", "draining"],
  "paused DrainAndStop": [true, "CDC is draining and will stop", "draining"],
  "draining DrainAndStop": [false, "CDC is already draining", "draining"],
  "stopped DrainAndStop": [false, "CDC is already stopped", "stopped"],
  "running Stop": [true, "CDC stopped (slot will be cleaned up)", "stopped"],
  "paused Stop": [true, "CDC stopped (slot will be cleaned up)", "stopped"],
  "draining Stop": [true, "CDC stopped (slot will be cleaned up)", "stopped"],
  "stopped Stop": [false, "CDC is already stopped", "stopped"]
}

const COMMANDS: ReadonlyArray<Lifecycle.Command> = [
  { _tag: "Pause" },
  { _tag: "Resume" },
  { _tag: "DrainAndStop" },
  { _tag: "Stop", skipSlotCleanup: false }
]

describe("Lifecycle", () => {
  it("answers every command in every stage and state as v1 did, and changes nothing it refuses", () => {
    for (const current of ALL) {
      for (const command of COMMANDS) {
        const plain = `${current.state} ${command._tag}`
        const [success, message, state] = ANSWERS[current.failure === undefined ? plain : `${plain}!`] ??
          ANSWERS[plain]!
        const [answer, next] = Lifecycle.command(current, command)
        assert.deepStrictEqual(answer, { success, message }, plain)
        assert.strictEqual(next.state, state, plain)
        if (!success) assert.strictEqual(next, current, plain)
        assert.deepStrictEqual([next.stage, next.detail, next.failure], [
          current.stage,
          current.detail,
          current.failure
        ])
        const goesOn = command._tag === "Resume" && success && current.failure !== undefined
        const resumes = goesOn ? current.resumes + 1 : current.resumes
        assert.strictEqual(next.resumes, resumes, plain)
      }
    }
  })

  it("drops the slot only when it is stopped without keeping it", () => {
    for (const current of ALL.filter(({ state }) => state !== "stopped")) {
      const [kept, keeping] = Lifecycle.command(current, { _tag: "Stop", skipSlotCleanup: true })
      assert.deepStrictEqual(kept, { success: true, message: "CDC stopped (slot preserved for restart)" })
      assert.isFalse(keeping.dropSlot)
      assert.isTrue(Lifecycle.command(current, { _tag: "Stop", skipSlotCleanup: false })[1].dropSlot)
      for (const command of COMMANDS.slice(0, 3)) assert.isFalse(Lifecycle.command(current, command)[1].dropSlot)
      // What was decided stays: a second Stop is refused.
      assert.isFalse(Lifecycle.command(keeping, { _tag: "Stop", skipSlotCleanup: false })[1].dropSlot)
    }
  })

  it("goes through the stages by what the job reports, and a failure stays until replication runs", () => {
    for (const current of ALL.filter(({ state }) => state !== "stopped")) {
      const after = (event: Lifecycle.Event) => Lifecycle.after(current, event)
      const failed = after({ _tag: "Failed", failure: FAILURE })
      assert.deepStrictEqual([failed.stage, failed.detail, failed.failure], ["setup", "Setup failed", FAILURE])
      const step = after({ _tag: "Step", detail: "Running automatic setup" })
      if (current.failure !== undefined) assert.strictEqual(step, current)
      else assert.deepStrictEqual([step.stage, step.detail], ["setup", "Running automatic setup"])
      const tables = [{ schema: "public", name: "t" }]
      const attempted = after({ _tag: "Attempt", tables, atMs: 7 })
      assert.deepStrictEqual(attempted, { ...current, attempt: { tables, resumes: current.resumes, atMs: 7 } })
      const running = after({ _tag: "Replicating" })
      assert.deepStrictEqual([running.stage, running.detail, running.failure], ["cdc", "Replicating", undefined])
      assert.strictEqual(running.beginnings, current.beginnings + 1)
      const stopped = Lifecycle.after(running, { _tag: "TableStopped", failure: FAILURE })
      assert.deepStrictEqual([stopped.stage, stopped.detail, stopped.failure], ["cdc", "Replicating", FAILURE])
      for (const next of [failed, step, running, stopped]) assert.strictEqual(next.state, current.state)
      assert.strictEqual(after({ _tag: "Ended" }).state, "stopped")
    }
  })

  it("has an end: nothing that is reported afterwards changes it", () => {
    for (const current of ALL.filter(({ state }) => state === "stopped")) {
      for (
        const event of [
          { _tag: "Attempt", tables: [], atMs: 7 },
          { _tag: "Step", detail: "x" },
          { _tag: "Replicating" },
          { _tag: "Failed", failure: FAILURE },
          { _tag: "TableStopped", failure: FAILURE },
          { _tag: "Ended" }
        ] as const
      ) assert.strictEqual(Lifecycle.after(current, event), current)
    }
  })
})
