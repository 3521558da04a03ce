/** One round: traffic, faults under it, quiet, and then both sides must become equal and every promise must have held. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Equality from "./Equality.ts"
import * as Fault from "./Fault.ts"
import { inflict } from "./Inflict.ts"
import * as Positions from "./Positions.ts"
import type { Planned, Round } from "./Schedule.ts"
import * as Standing from "./Standing.ts"
import * as Watch from "./Watch.ts"
import type { World } from "./World.ts"
import * as Writing from "./Writing.ts"

export interface Outcome {
  readonly round: number
  /** Each fault, when it began and when it was over, in ms since the round's first fault could begin. */
  readonly faults: ReadonlyArray<string>
  readonly caughtUpMs: number
  readonly seconds: number
  readonly equality: Equality.Equality
  /** What was wrong; empty for a round that went well. */
  readonly problems: ReadonlyArray<string>
}

/** Traffic before the faults and after them. */
const BEFORE_MS = 500
const AFTER_MS = 300
/**
 * After the last fault the sink is to catch up in this: a load's question for its label waits for up to 10 s and is asked
 * again, a reader that lost its server notices within `wal_sender_timeout`, and the rest is reading and loading.
 */
const CATCH_UP_MS_MAX = 60_000
const POLL = Schedule.spaced("50 millis")

/** The session of the round's last transaction. */
const marker = (round: number): number => round * Writing.SESSIONS_PER_ROUND

/** Writes the last transaction before the comparison. */
const mark = (world: World, round: number) =>
  world.postgres.query("insert into ledger values ($1, 0, 'marker') on conflict do nothing", [
    marker(round)
  ]).pipe(Effect.retry({ schedule: POLL }), Effect.orDie)

/** Waits until the checkpoint is past the marker, whose row carries its commit's position. */
const caughtUp = (world: World, round: number) =>
  Effect.gen(function*() {
    const positions = yield* Positions.read(world)
    const rows = yield* world.starrocks.query(
      `SELECT dbmazz_cdc_version AS version FROM ${world.sink.database}.ledger
        WHERE session = ${marker(round)} AND seq = 0`
    )
    const version = rows[0]?.["version"] ?? undefined
    return positions !== undefined && version !== undefined && positions.checkpoint > BigInt(version)
  }).pipe(
    Effect.orElseSucceed(() => false),
    Effect.repeat({ schedule: POLL, until: (done) => done }),
    Effect.timeoutOption(CATCH_UP_MS_MAX)
  )

const sinceMs = (startedAtMs: number): number => Math.round(performance.now() - startedAtMs)

/** All faults of the round, from beginning to end; one line each. */
const storm = Effect.fnUntraced(function*(world: World, faults: ReadonlyArray<Planned>) {
  const startedAtMs = performance.now()
  const circumstances = {
    alone: faults.length === 1,
    postgresRestarts: faults.some(({ fault }) => fault._tag === "PostgresRestarted")
  }
  return yield* Effect.forEach(faults, ({ atMs, fault }) =>
    Effect.gen(function*() {
      yield* Effect.sleep(atMs)
      const beganMs = sinceMs(startedAtMs)
      yield* inflict(world, fault, circumstances)
      return `${Fault.show(fault)} (at ${beganMs} to ${sinceMs(startedAtMs)} ms)`
    }), { concurrency: "unbounded" })
})

/** Runs one round. */
export const run = Effect.fnUntraced(
  function*(world: World, plan: Round, seed: number, figures: Watch.Figures) {
    const startedAtMs = performance.now()
    const writing = yield* Writing.start(world, plan.round, seed)
    const watch = yield* Effect.forkScoped(Watch.run(world, writing.committed, figures))
    yield* Effect.sleep(BEFORE_MS)
    const faults = yield* storm(world, plan.faults)
    yield* Effect.sleep(AFTER_MS)
    yield* writing.stop
    const quietAtMs = performance.now()
    yield* mark(world, plan.round)
    const done = yield* caughtUp(world, plan.round)
    const late = done._tag === "Some"
      ? []
      : [`the sink has not caught up within ${CATCH_UP_MS_MAX} ms: ${yield* Standing.show(world, marker(plan.round))}`]
    const caughtUpMs = sinceMs(quietAtMs)
    const equality = yield* Equality.compare(world)
    yield* Fiber.interrupt(watch)
    figures.committed += writing.committed().length
    for (const [state, count] of writing.refusals()) {
      figures.refusals.set(state, (figures.refusals.get(state) ?? 0) + count)
    }
    const problems = [
      ...world.violations.splice(0),
      ...late,
      ...equality.differences
    ]
    const outcome: Outcome = {
      round: plan.round,
      faults,
      caughtUpMs,
      seconds: (performance.now() - startedAtMs) / 1000,
      equality,
      problems
    }
    return outcome
  },
  Effect.scoped
)
