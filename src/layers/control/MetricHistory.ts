/** The samples of the last minute, so that a request for some of them is answered at once. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { MetricsResponse } from "../../domain/control/Operations.ts"
import * as Log from "../Log.ts"
import type { ControlCalls } from "./ControlCalls.ts"

const log = Log.module("Control")

/** As in dbmazz v2, whose samples are a second apart. */
export const SAMPLES_MAX = 60
const SAMPLE_EVERY_MS = 1_000

/** After a defect of the sampling, until it is tried again, in ms. */
const RESTART_MS = 5_000

export interface MetricHistory {
  /**
   * At most so many samples, the newest last, at least so many ms apart: whole seconds, rounded up. Fewer when the process
   * is younger. Waits for the first sample.
   */
  readonly last: (count: number, intervalMs: number) => Effect.Effect<ReadonlyArray<MetricsResponse>>
}

/** One in `step`, counted from the newest. */
const spaced = <A>(all: ReadonlyArray<A>, count: number, step: number): ReadonlyArray<A> =>
  all.filter((_, index) => {
    const fromEnd = all.length - 1 - index
    return fromEnd % step === 0 && fromEnd / step < count
  })

/** Samples until the scope ends. */
export const make: (calls: ControlCalls) => Effect.Effect<MetricHistory, never, Scope.Scope> = Effect.fnUntraced(
  function*(calls) {
    const samples: Array<MetricsResponse> = []
    const sampled = yield* Latch.make(false)
    yield* calls.StreamMetrics({ interval_ms: SAMPLE_EVERY_MS }).pipe(
      Stream.runForEach((sample) => {
        samples.push(sample)
        if (samples.length > SAMPLES_MAX) samples.shift()
        return sampled.open
      }),
      Effect.tapCause((cause) => log.error("the metrics cannot be sampled", {}, cause)),
      Effect.sandbox,
      Effect.retry(Schedule.spaced(RESTART_MS)),
      Effect.forkScoped
    )
    return {
      last: (count, intervalMs) =>
        Effect.map(sampled.await, () => spaced(samples, count, Math.max(1, Math.ceil(intervalMs / SAMPLE_EVERY_MS))))
    }
  }
)
