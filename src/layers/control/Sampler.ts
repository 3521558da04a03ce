/** Takes samples of the running job and of this process. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Sample } from "../../domain/control/Sample.ts"
import { JobControl } from "../JobControl.ts"
import { Progress } from "../Progress.ts"

/** A sample of this moment: cheap, and without a question to either side. */
export const take: Effect.Effect<Sample, never, Progress | JobControl> = Effect.gen(function*() {
  const progress = yield* (yield* Progress).get
  const { stage } = yield* SubscriptionRef.get((yield* JobControl).lifecycle)
  const seen = progress.observe === undefined ? undefined : yield* progress.observe
  const { system, user } = process.cpuUsage()
  return {
    nowMs: yield* Clock.currentTimeMillis,
    rows: progress.rows,
    batches: progress.batches,
    checkpoint: progress.position,
    walEnd: progress.walEnd,
    received: seen?.received,
    pending: seen?.pending ?? 0,
    settled: seen !== undefined && seen.pending === 0 && seen.bufferedBytes === 0,
    oldest: seen?.oldest,
    connected: stage === "cdc" && seen !== undefined,
    upToDateMs: progress.upToDateMs,
    memoryBytes: process.memoryUsage.rss(),
    cpuUs: system + user
  }
})
