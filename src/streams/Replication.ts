/**
 * One replication job for as long as it runs: setup, pipeline, and again from the checkpoint after whatever time can mend.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Settings } from "../domain/config/Settings.ts"
import * as Policy from "../domain/errors/Policy.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as SourceRetry from "../domain/postgres/SourceRetry.ts"
import { Progress } from "../layers/Progress.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Setup from "./Setup.ts"

const attempt = Effect.fnUntraced(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  const progress = yield* Progress
  yield* progress.update((state) => ({ ...state, phase: "setup" }))
  const { position } = yield* progress.get
  const job = yield* Setup.apply(settings, yield* Setup.inspect(settings, position))
  yield* Effect.logInfo("replicating", {
    slot: settings.slot,
    start: Lsn.format(job.start),
    tables: job.tables.map((table) => `${table.source.schema}.${table.source.name}`)
  })
  yield* Pipeline.run(job, stop)
})

const wait = Effect.fnUntraced(function*(stop: Deferred.Deferred<void>, error: Policy.Failure, afterMs: number) {
  const progress = yield* Progress
  yield* progress.update((state) => ({ ...state, phase: "waiting", reason: error.message }))
  yield* Effect.logWarning(error.message, { code: error.code, retryInMs: afterMs, remediation: error.remediation })
  yield* Effect.raceFirst(Effect.sleep(afterMs), Deferred.await(stop))
})

/**
 * Replicates until `stop` is done, then loads and confirms what was received and returns. What time can mend is waited
 * out, as `Policy.decide` says, with a line in the log each time; every attempt starts at the stored checkpoint and leaves
 * nothing behind. Every other failure ends it, and so does a failure of the drain that `stop` asks for: what was received
 * is then not all confirmed. The slot stays.
 */
export const run = Effect.fn("Replication.run")(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  const progress = yield* Progress
  let failures = 0
  let failingSinceMs = 0
  let source = SourceRetry.START
  while (true) {
    const startedAtMs = yield* Clock.currentTimeMillis
    const result = yield* Effect.result(attempt(settings, stop))
    if (Result.isSuccess(result)) return
    const nowMs = yield* Clock.currentTimeMillis
    // What replicated for longer than the longest wait was well: its backoff starts anew. A setup may take long to fail.
    const wasWell = (yield* progress.get).phase === "replicating" && nowMs - startedAtMs > settings.retry.maxMs
    failures = wasWell ? 1 : failures + 1
    if (failures === 1) failingSinceMs = nowMs
    const seen = SourceRetry.next(wasWell ? SourceRetry.START : source, result.failure, nowMs)
    source = seen.state
    const error = seen.failure
    const attempts = { failures, elapsedMs: nowMs - failingSinceMs, random: yield* Random.next }
    const policy = Policy.decide(error, settings.retry, attempts)
    if (policy._tag !== "Retry") return yield* error
    if (yield* Deferred.isDone(stop)) {
      // Nothing was received yet, so there is nothing to drain.
      if ((yield* progress.get).phase !== "replicating") return
      return yield* error
    }
    yield* wait(stop, error, policy.afterMs)
    // Stopped while it waited: nothing was in flight.
    if (yield* Deferred.isDone(stop)) return
  }
})
