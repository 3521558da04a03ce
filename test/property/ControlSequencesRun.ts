/** One control sequence on real servers: every step is judged by the model, and the rows at the end. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Lifecycle from "../../src/domain/Lifecycle.ts"
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as ControlSequences from "./ControlSequences.ts"
import * as World from "./ControlSequencesWorld.ts"

const STEPS = 14
/** Longer than any wait of the job in these sequences: the setup is looked at again every 10 s. */
const PATIENCE = "25 seconds"
/** Written by each session while the calls of one step are under way. */
const TRANSACTIONS_PER_STEP = 3
const KEEP = { flush_size: 0n, flush_interval_ms: 0n, tables: [] as ReadonlyArray<string> }

const DETAILS: Readonly<Record<string, ReadonlyArray<string>>> = {
  STAGE_INIT: ["Initializing"],
  STAGE_SETUP: [...Object.values(Lifecycle.STEPS), "Setup failed"],
  STAGE_CDC: ["Replicating"]
}

type Job = Effect.Success<ReturnType<typeof ControlledJob.start>>

class Running {
  readonly job: Job
  readonly scope: Scope.Closeable
  states: ControlSequences.States = new Set(["running"])
  /** What may excuse a failure: faults that were asked for. */
  disturbed: boolean
  linkWasReset = false
  constructor(job: Job, scope: Scope.Closeable, disturbed: boolean) {
    this.job = job
    this.scope = scope
    this.disturbed = disturbed
  }
}

const reloadRequest = (reload: ControlSequences.Reload) => {
  switch (reload._tag) {
    case "Flush":
      return { ...KEEP, flush_size: reload.rows, flush_interval_ms: reload.everyMs }
    case "Tables":
      return { ...KEEP, tables: reload.tables }
    case "Wrong":
      return { ...KEEP, flush_size: reload.rows, tables: reload.tables }
  }
}

const give = (client: Job["client"], call: ControlSequences.Call) => {
  if (call._tag === "Reload") return client.ReloadConfig(reloadRequest(call.reload))
  if (call._tag === "Snapshot") return client[call.which]()
  const { command } = call
  return command._tag === "Stop" ? client.Stop({ skip_slot_cleanup: command.skipSlotCleanup }) : client[command._tag]()
}

/** Runs it; fails with what was not allowed. */
export const run = Effect.fnUntraced(function*(seed: number) {
  const world = yield* World.make(seed)
  let tables: ReadonlyArray<string> = [ControlSequences.ALWAYS]
  /** Rows of the other table are to be equal from here on; undefined: not told that it is replicated. */
  let since: string | undefined
  const told: Array<string> = []

  const begin = Effect.fnUntraced(function*(disturbed: boolean) {
    const scope = yield* Scope.fork(yield* Scope.Scope)
    const job = yield* Scope.provide(ControlledJob.start(world.environment(tables)), scope)
    return new Running(job, scope, disturbed)
  })
  let now = yield* begin(false)
  // What is written before there is a slot is nobody's.
  yield* Effect.timeout(now.job.replicating, PATIENCE)

  const look = Effect.gen(function*() {
    const status = yield* now.job.client.GetStatus()
    const possible = [...now.states].map((state) => state.toUpperCase())
    assert.include(possible, status.state)
    assert.strictEqual(status.slot_name, world.replica.slot)
    const health = yield* now.job.client.Check()
    assert.include(DETAILS[health.stage] ?? [], health.stage_detail)
    if (health.stage_detail === "Setup failed") assert.strictEqual(health.status, "NOT_SERVING")
    if (health.status === "SERVING") {
      assert.isTrue([...now.states].some((state) => state !== "stopped"), "SERVING at the end")
      assert.notInclude(health.error_detail, "To do:")
    } else if (!now.states.has("stopped")) {
      assert.isTrue(now.disturbed, `NOT_SERVING without a cause: ${health.error_detail}`)
      assert.isNotEmpty(health.error_detail)
    }
    return status
  })

  const reloaded = Effect.fnUntraced(
    function*(reload: ControlSequences.Reload, answer: Lifecycle.Answer, ending: boolean) {
      if (reload._tag === "Wrong") {
        assert.isFalse(answer.success, answer.message)
        if (!ending && !now.disturbed) assert.include(answer.message, reload.says)
        return
      }
      const refused = answer.message.startsWith("Configuration not reloaded, nothing was changed: ")
      if (!ending && (reload._tag === "Flush" || !now.disturbed)) assert.isTrue(answer.success, answer.message)
      if (!answer.success && !refused) assert.include(answer.message, "has not begun yet")
      if (reload._tag === "Flush") return
      const hadOther = tables.includes(ControlSequences.SOMETIMES)
      if (ending && refused) {
        // The end came between: the answer speaks of the job, and the next one is started with the old tables.
        return
      }
      if (refused) return
      tables = reload.tables
      if (!tables.includes(ControlSequences.SOMETIMES)) since = undefined
      else if (answer.success && (!hadOther || since === undefined)) since = yield* world.revision
    }
  )

  /** The job has ended as it was told; another process takes over. */
  const restart = Effect.fnUntraced(function*() {
    const ended = yield* Effect.timeout(now.job.ended, PATIENCE)
    if (!now.linkWasReset) assert.strictEqual(ended, "drained")
    now.states = new Set(["stopped"])
    yield* look
    yield* Scope.close(now.scope, Exit.void)
    now = yield* begin(world.replica.endpoint.faults.rules().length > 0)
  })

  const calls = Effect.fnUntraced(function*(given: ReadonlyArray<ControlSequences.Call>) {
    const writing = yield* Effect.forkChild(world.write(TRANSACTIONS_PER_STEP))
    const answers = yield* Effect.timeout(
      Effect.forEach(given, (call) => give(now.job.client, call), { concurrency: "unbounded" }),
      PATIENCE
    )
    yield* Fiber.join(writing)
    told.push(...answers.map(({ message }) => `  ${message}`))
    const answered = given.flatMap((call, index) =>
      call._tag === "Command" ? [{ command: call.command, answer: answers[index]! }] : []
    )
    now.states = ControlSequences.afterAll(now.states, answered, now.disturbed)
    assert.isAbove(now.states.size, 0, "no order of the calls explains the answers")
    const ending = now.states.has("stopped")
    for (const [index, call] of given.entries()) {
      if (call._tag === "Reload") yield* reloaded(call.reload, answers[index]!, ending)
      if (call._tag !== "Snapshot") continue
      assert.strictEqual(answers[index]!.success, call.which !== "StartSnapshot")
    }
    const status = yield* look
    if (ending) return yield* restart()
    assert.deepStrictEqual(status.tables, tables)
  })

  const step = Effect.fnUntraced(function*(next: ControlSequences.Step) {
    switch (next._tag) {
      case "Calls":
        return yield* calls(next.calls)
      case "Traffic":
        yield* world.write(next.transactions)
        break
      case "SinkFault":
        now.disturbed = true
        world.replica.endpoint.faults.on(next.kind, { count: next.count })
        break
      case "ResetLink":
        now.disturbed = true
        now.linkWasReset = true
        yield* world.link.reset
        break
    }
    yield* look
  })

  const atTheEnd = Effect.gen(function*() {
    world.replica.endpoint.faults.off()
    yield* now.job.client.Resume()
    now.states = new Set(["running"])
    yield* Effect.timeout(now.job.replicating, PATIENCE)
    assert.deepStrictEqual((yield* look).tables, tables)
    const replicated = tables.includes(ControlSequences.SOMETIMES)
    const from = replicated ? since ?? (yield* world.revision) : undefined
    yield* world.write(TRANSACTIONS_PER_STEP)
    yield* Effect.timeout(world.replica.caughtUp, PATIENCE)
    if (from !== undefined) yield* Effect.timeout(world.sameSince(from), PATIENCE)
    yield* now.job.client.DrainAndStop()
    assert.strictEqual(yield* Effect.timeout(now.job.ended, PATIENCE), "drained")
    const { checkpoint, confirmed } = yield* world.replica.positions
    assert.strictEqual(checkpoint, confirmed)
  })

  const sequence = ControlSequences.sequence(new SeededRandom(seed), STEPS)
  yield* Effect.gen(function*() {
    for (const next of sequence) {
      told.push(JSON.stringify(next, (_, value: unknown) => typeof value === "bigint" ? String(value) : value))
      yield* step(next)
    }
    told.push("at the end")
    yield* atTheEnd
  }).pipe(Effect.onExit((exit) =>
    Effect.sync(() => {
      if (Exit.isFailure(exit)) process.stderr.write(`control sequence of seed ${seed}:\n${told.join("\n")}\n`)
    })
  ))
}, Effect.scoped)
