/** The handlers of the operations: what every adapter of the control plane calls. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Health from "../../domain/control/Health.ts"
import { type CdcState, ControlResponse, InvalidArgument, Operations } from "../../domain/control/Operations.ts"
import * as Sample from "../../domain/control/Sample.ts"
import * as Identifier from "../../domain/Identifier.ts"
import type { Answer, Command, State } from "../../domain/Lifecycle.ts"
import { JobControl } from "../JobControl.ts"
import { Progress } from "../Progress.ts"
import * as Sampler from "./Sampler.ts"

const STATES: Readonly<Record<State, CdcState>> = {
  running: "RUNNING",
  paused: "PAUSED",
  draining: "DRAINING",
  stopped: "STOPPED"
}

const NO_SNAPSHOT: Answer = { success: true, message: "No snapshot running" }
const SNAPSHOT_UNAVAILABLE: Answer = {
  success: false,
  message: "Snapshots are not available in this version; load existing rows otherwise"
}

const answer = (given: Answer): ControlResponse => new ControlResponse(given)

/** The live handlers; `slot` is the job's. */
export const layer = (slot: string) =>
  Operations.toLayer(Effect.gen(function*() {
    const control = yield* JobControl
    const progress = yield* Progress
    const sample = Sampler.take.pipe(
      Effect.provideService(JobControl, control),
      Effect.provideService(Progress, progress)
    )
    const command = (given: Command) => Effect.map(control.command(given), answer)
    return Operations.of({
      Check: () =>
        Effect.gen(function*() {
          const { rejected, retrying, stopped, waiting } = yield* progress.get
          const lifecycle = yield* SubscriptionRef.get(control.lifecycle)
          const nowMs = yield* Clock.currentTimeMillis
          return Health.of(lifecycle, stopped, [...retrying.values()], nowMs, [...rejected.values()], waiting)
        }),
      Pause: () => command({ _tag: "Pause" }),
      Resume: () => command({ _tag: "Resume" }),
      DrainAndStop: () => command({ _tag: "DrainAndStop" }),
      Stop: ({ skip_slot_cleanup }) => command({ _tag: "Stop", skipSlotCleanup: skip_slot_cleanup }),
      ReloadConfig: (request) => Effect.map(control.reload(request), answer),
      StartSnapshot: () => Effect.succeed(answer(SNAPSHOT_UNAVAILABLE)),
      PauseSnapshot: () => Effect.succeed(answer(NO_SNAPSHOT)),
      ResumeSnapshot: () => Effect.succeed(answer(NO_SNAPSHOT)),
      GetStatus: () =>
        Effect.gen(function*() {
          const { state } = yield* SubscriptionRef.get(control.lifecycle)
          const { names, tables } = yield* SubscriptionRef.get(control.live)
          const resolved = (yield* progress.get).begun?.tables ?? []
          // What a pattern stands for says more than the pattern.
          const shown = resolved.length > 0 && tables.some(({ wild }) => wild !== undefined)
            ? resolved.map(Identifier.show)
            : names
          return Sample.status(yield* sample, { state: STATES[state], slot, tables: shown })
        }),
      StreamMetrics: ({ interval_ms }) =>
        interval_ms <= 0
          ? Stream.fail(new InvalidArgument({ message: "interval_ms must be > 0" }))
          // The stream is pulled: a reader that is slow gets fewer samples, never old ones.
          : Stream.fromEffectSchedule(sample, Schedule.spaced(interval_ms)).pipe(
            Stream.mapAccum(
              (): Sample.Sample | undefined => undefined,
              (before, now) => [now, [Sample.metrics(now, before)]] as const
            )
          )
    })
  }))
