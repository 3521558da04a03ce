/** Between the pipeline and those who steer and watch it: what it is told, and what it tells. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type * as Lifecycle from "../domain/Lifecycle.ts"
import type { Lsn } from "../domain/Lsn.ts"
import type { StoppedTable } from "../domain/StoppedTable.ts"
import { JobControl } from "../layers/JobControl.ts"
import { Progress } from "../layers/Progress.ts"

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

/** What the stop of these tables is to the job. */
export const stopped = (tables: ReadonlyArray<StoppedTable>): Lifecycle.Event => ({
  _tag: "TableStopped",
  failure: {
    message: tables.map(({ error }) => error.message).join(" "),
    remediation: tables.map(({ error }) => error.remediation).join(" "),
    waitsForOperator: true
  }
})

/** Where the server's WAL ends, and whether anything of it that concerns us is still on its way. */
export const serverAt = (walEnd: Lsn, nothingPending: boolean): Effect.Effect<void, never, Progress> =>
  Progress.use(({ update }) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (nowMs) => update((state) => ({ ...state, walEnd, upToDateMs: nothingPending ? nowMs : state.upToDateMs }))
    )
  )
