/** Keeps the gauges of docs/metrics.md at what a sample of the job shows. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Sample from "../../domain/control/Sample.ts"
import { JobControl } from "../JobControl.ts"
import * as Metrics from "../Metrics.ts"
import { Progress } from "../Progress.ts"
import * as Sampler from "./Sampler.ts"

/** Prometheus asks every 15 s; a sample costs microseconds. */
const EVERY = "1 second"

/** Observes until the scope closes; `bufferBytesMax` is the configured limit, which the buffer is shown against. */
export const layer = (bufferBytesMax: number): Layer.Layer<never, never, Progress | JobControl> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { lifecycle } = yield* JobControl
    const progress = yield* Progress
    let before: Sample.Sample | undefined = undefined
    const observe = Effect.gen(function*() {
      const sample = yield* Sampler.take
      const { observe, slot, stopped, waiting } = yield* progress.get
      const seen = observe === undefined ? undefined : yield* observe
      const lagBytes = Sample.lagBytes(sample)
      yield* Metrics.observe({
        replicating: sample.connected,
        paused: (yield* SubscriptionRef.get(lifecycle)).state === "paused",
        lagBytes: lagBytes === undefined ? undefined : Number(lagBytes),
        lagMs: Sample.lagMs(sample),
        slotRetainedBytes: slot?.health.retainedBytes,
        slotSafeBytes: slot?.health.safeWalBytes,
        bufferBytes: seen?.bufferedBytes ?? 0,
        bufferLimitBytes: bufferBytesMax,
        readingPaused: seen?.full ?? false,
        stoppedTables: stopped.length,
        waitingTables: waiting.length,
        eventsPerSecond: Sample.metrics(sample, before).events_per_second,
        pendingEvents: sample.pending
      })
      before = sample
    })
    yield* observe.pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.forkScoped)
  }))
