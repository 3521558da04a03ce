/** Between the pipeline and those who steer and watch it: what it is told, and what it tells. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { FlushLimits } from "../domain/config/Settings.ts"
import * as Lsn from "../domain/Lsn.ts"
import { Pace } from "../domain/Pace.ts"
import type { StoppedTable } from "../domain/StoppedTable.ts"
import type { Tally } from "../domain/Tally.ts"
import { JobControl } from "../layers/JobControl.ts"
import type { Retrying } from "../layers/LoadAttempts.ts"
import * as Metrics from "../layers/Metrics.ts"
import { Progress, type ProgressState } from "../layers/Progress.ts"
import type { ReplicationSession } from "../layers/ReplicationSession.ts"
import type { Loaded } from "./Loads.ts"

/** How often a drain looks whether what it owes has come again: it costs nothing, and a drain need not be slower. */
const RECEIVED_LOOK_EVERY = "20 millis"

/** Returns at once, or when the job is not paused any more. */
export const mayLoad: Effect.Effect<void, never, JobControl> = JobControl.use(({ lifecycle }) =>
  Effect.flatMap(SubscriptionRef.get(lifecycle), ({ state }) =>
    state !== "paused"
      ? Effect.void
      : SubscriptionRef.changes(lifecycle).pipe(
        Stream.filter((now) => now.state !== "paused"),
        Stream.take(1),
        Stream.runDrain
      ))
)

/** The limits of the next batch: those that hold now, and larger ones while StarRocks has too many versions to compact. */
export const limits: Effect.Effect<Effect.Effect<FlushLimits>, never, JobControl | Progress> = Effect.gen(function*() {
  const { live } = yield* JobControl
  const progress = yield* Progress
  const pace = new Pace()
  return Effect.gen(function*() {
    const { retrying } = yield* progress.get
    const complaining = [...retrying.values()].some(({ code }) => code === "SR_TOO_MANY_VERSIONS")
    return pace.limits((yield* SubscriptionRef.get(live)).flush, complaining, yield* Clock.currentTimeMillis)
  })
})

const leavesNothingOut = ({ stopped, waiting }: ProgressState): boolean => stopped.length === 0 && waiting.length === 0

/** From now on, until the scope closes, a pipeline runs that can be looked at. */
export const runs = (
  start: Lsn.Lsn,
  session: ReplicationSession,
  tally: Tally
): Effect.Effect<void, never, Progress | Scope.Scope> => {
  const observe = Effect.map(session.state, ({ bufferedBytes, paused, received }) => ({
    received,
    bufferedBytes,
    full: paused,
    pending: tally.pending,
    oldest: tally.oldest
  }))
  return Progress.use(({ update }) =>
    Effect.acquireRelease(
      update((state) => ({ ...state, position: start, stopped: [], waiting: [], observe })),
      () =>
        Effect.flatMap(session.state, ({ bufferedBytes, whole }) =>
          update((state) => {
            const isSettled = bufferedBytes === 0 && tally.pending === 0 && leavesNothingOut(state)
            const owed = isSettled && whole >= state.owed ? Lsn.ZERO : Lsn.max(whole, state.owed)
            return { ...state, observe: undefined, owed }
          }))
    )
  )
}

/** Whether something was received and is to be received again, since the pipeline began anew before it was loaded. */
export const isOwing = Progress.use(({ get }) => Effect.map(get, ({ owed }) => owed > Lsn.ZERO))

/** Waits until everything that earlier runs had received has been received again. */
export const receivedAgain = (session: ReplicationSession): Effect.Effect<void, never, Progress> =>
  Effect.flatMap(Progress, ({ get }) =>
    Effect.zipWith(get, session.state, ({ owed }, { whole }) => whole >= owed).pipe(
      Effect.repeat({ schedule: Schedule.spaced(RECEIVED_LOOK_EVERY), until: (received) => received }),
      Effect.asVoid
    ))

/** StarRocks has this batch, but for what was left out of it, and `position` is durable. */
export const acknowledged = Effect.fnUntraced(function*(loaded: Loaded, position: Lsn.Lsn, tally: Tally) {
  const { batch } = loaded
  tally.acknowledged(batch.rowCount)
  const counted = Metrics.acknowledged(batch, loaded.acknowledged, yield* Clock.currentTimeMillis)
  yield* Metrics.batchAcknowledged(counted)
  yield* Progress.use(({ update }) =>
    update((state) => ({
      ...state,
      rows: state.rows + counted.rows,
      batches: state.batches + (counted.rows > 0 ? 1 : 0),
      position,
      commitTime: batch.commitTime ?? state.commitTime
    }))
  )
})

/** A table that has stopped waits for a person, and for nothing else. */
const stillWaiting = (state: ProgressState): ProgressState => ({
  ...state,
  waiting: state.waiting.filter(({ table }) => state.stopped.every((stopped) => stopped.table !== table))
})

/** To be told all tables that have stopped, each time one more has. */
export const onStopped = Effect.gen(function*() {
  const { report } = yield* JobControl
  const { update } = yield* Progress
  return (stopped: ReadonlyArray<StoppedTable>): Effect.Effect<void> =>
    Effect.andThen(
      update((state) => stillWaiting({ ...state, stopped })),
      report({
        _tag: "TableStopped",
        failure: {
          message: stopped.map(({ error }) => error.message).join(" "),
          remediation: stopped.map(({ error }) => error.remediation).join(" "),
          waitsForOperator: true
        }
      })
    )
})

/** To be told of a table that waits for its columns to be changed. */
export const onWaiting = Progress.useSync(({ update }) => (table: string): Effect.Effect<void> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (sinceMs) => update((state) => stillWaiting({ ...state, waiting: [...state.waiting, { table, sinceMs }] }))
  )
)

/** To be told why a table's load is sent again, each time, and undefined when it has gone through. */
export const onRetrying = Progress.useSync(({ update }) => (table: string, retrying: Retrying | undefined) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    update((state) => {
      const before = state.retrying.get(table)
      if (retrying === undefined && before === undefined) return state
      const others = [...state.retrying].filter(([other]) => other !== table)
      if (retrying === undefined) return { ...state, retrying: new Map(others) }
      const trouble = { ...retrying, sinceMs: before?.sinceMs ?? nowMs }
      return { ...state, retrying: new Map([...others, [table, trouble]]) }
    }))
)

/** Where the server's WAL ended at a moment, in ms since 1970. */
interface End {
  readonly position: Lsn.Lsn
  readonly atMs: number
}

/**
 * To be told again and again where the server's WAL ends: what is known to be there is everything up to the last end that all
 * transactions were received to, and acknowledged.
 */
export const onWalEnd = (
  session: ReplicationSession,
  tally: Tally
): Effect.Effect<(walEnd: Lsn.Lsn) => Effect.Effect<void>, never, Progress> =>
  Effect.map(Progress, ({ update }) => {
    let awaited: End | undefined
    return Effect.fnUntraced(function*(walEnd: Lsn.Lsn) {
      const now: End = { position: walEnd, atMs: yield* Clock.currentTimeMillis }
      const { whole } = yield* session.state
      const { oldest } = tally
      const reached = oldest === undefined
        ? [now, awaited].find((end) => end !== undefined && end.position <= whole)
        : undefined
      if (reached !== undefined) awaited = undefined
      awaited ??= now
      // While there is always something on its way, everything before the oldest of it is there.
      const knownMs = oldest === undefined ? reached?.atMs : Math.min(now.atMs, Number(oldest / 1000n))
      yield* update((state) => {
        const isKnown = knownMs !== undefined && leavesNothingOut(state)
        return { ...state, walEnd, upToDateMs: isKnown ? Math.max(knownMs, state.upToDateMs ?? 0) : state.upToDateMs }
      })
    })
  })
