/** Takes samples of the running job and of this process. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Sample } from "../../domain/control/Sample.ts"
import { JobControl } from "../JobControl.ts"
import { Progress } from "../Progress.ts"

/**
 * What a table has not got since its rows are left out counts from the moment up to which everything was known to be there:
 * each new beginning finds it anew. Times in microseconds since 1970.
 */
const oldestOf = (pending: bigint | undefined, leftOutMs: number | undefined): bigint | undefined => {
  const since = leftOutMs === undefined ? undefined : BigInt(leftOutMs) * 1000n
  if (pending === undefined || since === undefined) return pending ?? since
  return pending < since ? pending : since
}

/** A sample of this moment: cheap, and without a question to either side. */
export const take: Effect.Effect<Sample, never, Progress | JobControl> = Effect.gen(function*() {
  const progress = yield* (yield* Progress).get
  const { stage } = yield* SubscriptionRef.get((yield* JobControl).lifecycle)
  const seen = progress.observe === undefined ? undefined : yield* progress.observe
  const upToDateMs = progress.upToDateMs ?? progress.found?.storedAtMs ?? progress.startedMs
  const leftOut = [...progress.stopped, ...progress.waiting].map(({ sinceMs }) => sinceMs)
  const oldest = oldestOf(seen?.oldest, leftOut.length === 0 ? undefined : Math.floor(Math.min(upToDateMs, ...leftOut)))
  const { system, user } = process.cpuUsage()
  return {
    nowMs: yield* Clock.currentTimeMillis,
    rows: progress.rows,
    batches: progress.batches,
    checkpoint: progress.position ?? progress.found?.checkpoint,
    walEnd: progress.walEnd,
    received: seen?.received,
    pending: seen?.pending ?? 0,
    settled: seen !== undefined && oldest === undefined && seen.pending === 0 && seen.bufferedBytes === 0,
    oldest,
    connected: stage === "cdc" && seen !== undefined,
    upToDateMs,
    memoryBytes: process.memoryUsage.rss(),
    cpuUs: system + user
  }
})
