import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { Batch } from "../../src/domain/Batch.ts"
import { TransientError } from "../../src/domain/errors/TransientError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { CheckpointStore } from "../../src/layers/CheckpointStore.ts"
import type { ReplicationSession } from "../../src/layers/ReplicationSession.ts"
import * as Checkpoints from "../../src/streams/Checkpoints.ts"

const at = (lsn: bigint) => Lsn.Lsn.make(lsn)
const START = at(100n)

/** A batch of one row's weight whose last boundary is here. */
const batch = (boundary: bigint | undefined): Batch => {
  const made = new Batch()
  made.rowCount = 1
  if (boundary !== undefined) {
    made.add({ _tag: "Boundary", position: at(boundary), commitTime: 0n, weight: 1 })
  }
  return made
}

const loaded = (boundary: bigint | undefined, complete = true) => ({ batch: batch(boundary), complete })

/** What was stored and confirmed, in order; `save` fails while `broken`, and takes as long as `writing` does. */
const world = (writing: Effect.Effect<void> = Effect.void) => {
  const events: Array<string> = []
  const state = { broken: false }
  const session: ReplicationSession = {
    pull: Effect.never,
    lost: Effect.never,
    confirm: (position) => Effect.sync(() => void events.push(`confirm ${position}`)),
    release: () => Effect.void,
    drain: Effect.void,
    flushConfirmations: Effect.succeed(true),
    state: Effect.never
  }
  const failure = new TransientError({ code: "PG_CONNECTION_LOST", message: "gone", remediation: "", context: {} })
  const store = CheckpointStore.of({
    prepare: Effect.void,
    load: () => Effect.succeed(Option.none()),
    save: () => Effect.die("a run saves what it has claimed"),
    claim: () => Effect.void,
    walEnd: Effect.never,
    confirm: () => Effect.void,
    advance: (slot, run, position) =>
      Effect.suspend(() => {
        if (state.broken) return Effect.fail(failure)
        return Effect.andThen(writing, Effect.sync(() => void events.push(`save ${slot} ${run} ${position}`)))
      })
  })
  const made = Checkpoints.make({ start: START, origin: { slot: "s", run: "r" }, tables: [] }, session).pipe(
    Effect.provideService(CheckpointStore, store)
  )
  return { events, state, made }
}

describe("Checkpoints: a position confirmed before it is stored is lost with the next crash", () => {
  it.effect("stores first, then confirms, and never the same position twice or an earlier one", () =>
    Effect.gen(function*() {
      const { events, made } = world()
      const checkpoints = yield* made
      for (const boundary of [200n, 200n, 150n, undefined, 300n]) yield* checkpoints.commit(loaded(boundary))
      assert.deepStrictEqual(events, ["save s r 200", "confirm 200", "save s r 300", "confirm 300"])
    }))

  it("is stored without a row as soon as a table's joining is behind it, and otherwise not for a few bytes", () => {
    const idle = (boundary: bigint) => ({ boundary: Lsn.Lsn.make(boundary), rowCount: 0, rowsBehind: 0 })
    const at = (position: bigint) => ({ position: Lsn.Lsn.make(position), rowsBehind: false })
    const joined = [Lsn.Lsn.make(150n)]
    assert.strictEqual(Checkpoints.next(at(100n), idle(149n), joined).position, 100n)
    assert.strictEqual(Checkpoints.next(at(100n), idle(150n), joined).position, 150n)
    assert.strictEqual(Checkpoints.next(at(150n), idle(160n), joined).position, 150n)
  })

  it.effect("confirms nothing when the store fails, and tries again with the next batch", () =>
    Effect.gen(function*() {
      const { events, made, state } = world()
      const checkpoints = yield* made
      state.broken = true
      assert.isTrue(Exit.isFailure(yield* Effect.exit(checkpoints.commit(loaded(200n)))))
      assert.deepStrictEqual(events, [])
      state.broken = false
      yield* checkpoints.commit(loaded(200n))
      assert.deepStrictEqual(events, ["save s r 200", "confirm 200"])
    }))

  it.effect("confirms nothing of a batch that left rows of a stopped table out", () =>
    Effect.gen(function*() {
      const { events, made } = world()
      const checkpoints = yield* made
      yield* checkpoints.commit(loaded(200n))
      yield* checkpoints.commit(loaded(300n, false))
      assert.deepStrictEqual(events, ["save s r 200", "confirm 200"])
    }))

  it.effect("commits side by side are taken one after the other", () =>
    Effect.gen(function*() {
      const { events, made } = world()
      const checkpoints = yield* made
      yield* Effect.all([400n, 200n, 300n].map((boundary) => checkpoints.commit(loaded(boundary))), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(events, ["save s r 400", "confirm 400"])
    }))

  it.effect("T23 while a position is being stored a later batch that is done confirms neither of the two", () =>
    Effect.gen(function*() {
      const written = yield* Deferred.make<void>()
      const { events, made } = world(Deferred.await(written))
      const checkpoints = yield* made
      const commits = yield* Effect.forkChild(
        Effect.all([200n, 300n].map((boundary) => checkpoints.commit(loaded(boundary))), { concurrency: "unbounded" })
      )
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(events, [])
      yield* Deferred.succeed(written, undefined)
      yield* Fiber.join(commits)
      assert.deepStrictEqual(events, ["save s r 200", "confirm 200", "save s r 300", "confirm 300"])
    }))
})
