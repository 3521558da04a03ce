/** Between the pipeline and those who steer and watch it: what it is told, and what it tells. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Batch } from "../domain/Batch.ts"
import type { FlushLimits } from "../domain/config/Settings.ts"
import * as Lsn from "../domain/Lsn.ts"
import { Pace } from "../domain/Pace.ts"
import type { StoppedTable } from "../domain/StoppedTable.ts"
import type { Tally } from "../domain/Tally.ts"
import { JobControl } from "../layers/JobControl.ts"
import type { Retrying } from "../layers/LoadAttempts.ts"
import * as Metrics from "../layers/Metrics.ts"
import { Progress } from "../layers/Progress.ts"
import type { ReplicationSession } from "../layers/ReplicationSession.ts"

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
      update((state) => ({ ...state, position: start, stopped: [], observe })),
      () =>
        Effect.flatMap(session.state, ({ bufferedBytes, whole }) =>
          update((state) => {
            const isSettled = bufferedBytes === 0 && tally.pending === 0 && state.stopped.length === 0
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

/** StarRocks has this batch, and `position` is durable. */
export const acknowledged = Effect.fnUntraced(function*(batch: Batch, position: Lsn.Lsn, tally: Tally) {
  tally.acknowledged(batch.rowCount)
  yield* Metrics.batchAcknowledged(Metrics.acknowledged(batch, yield* Clock.currentTimeMillis))
  yield* Progress.use(({ update }) =>
    update((state) => ({
      ...state,
      rows: state.rows + batch.rowCount,
      batches: state.batches + (batch.rowCount > 0 ? 1 : 0),
      position,
      commitTime: batch.commitTime ?? state.commitTime
    }))
  )
})

/** To be told all tables that have stopped, each time one more has. */
export const onStopped = Effect.gen(function*() {
  const { report } = yield* JobControl
  const { update } = yield* Progress
  return (stopped: ReadonlyArray<StoppedTable>): Effect.Effect<void> =>
    Effect.andThen(
      update((state) => ({ ...state, stopped })),
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

/** Where the server's WAL ends, and whether anything of it that concerns us is still on its way. */
export const serverAt = (walEnd: Lsn.Lsn, nothingPending: boolean): Effect.Effect<void, never, Progress> =>
  Progress.use(({ update }) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (nowMs) => update((state) => ({ ...state, walEnd, upToDateMs: nothingPending ? nowMs : state.upToDateMs }))
    )
  )
