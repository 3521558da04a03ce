/** Takes samples of the running job and of this process. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Sample } from "../../domain/control/Sample.ts"
import type { StoppedTable } from "../../domain/StoppedTable.ts"
import { JobControl } from "../JobControl.ts"
import { Progress } from "../Progress.ts"

/** A stopped table waits at least since it stopped; times in microseconds since 1970. */
const oldestOf = (pending: bigint | undefined, stopped: ReadonlyArray<StoppedTable>): bigint | undefined => {
  const since = stopped[0] === undefined ? undefined : BigInt(stopped[0].sinceMs) * 1000n
  if (pending === undefined || since === undefined) return pending ?? since
  return pending < since ? pending : since
}

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
    checkpoint: progress.position ?? progress.found?.checkpoint,
    walEnd: progress.walEnd,
    received: seen?.received,
    pending: seen?.pending ?? 0,
    settled: seen !== undefined && progress.stopped.length === 0 && seen.pending === 0 && seen.bufferedBytes === 0,
    oldest: oldestOf(seen?.oldest, progress.stopped),
    connected: stage === "cdc" && seen !== undefined,
    upToDateMs: progress.upToDateMs ?? progress.found?.storedAtMs ?? progress.startedMs,
    memoryBytes: process.memoryUsage.rss(),
    cpuUs: system + user
  }
})
