/**
 * One replication job for as long as it runs: setup, pipeline, and again from the checkpoint after whatever time can mend.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Settings } from "../domain/config/Settings.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as Backoff from "../domain/streamload/Backoff.ts"
import { Progress } from "../layers/Progress.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Setup from "./Setup.ts"

const attempt = Effect.fnUntraced(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  const progress = yield* Progress
  yield* progress.update((state) => ({ ...state, phase: "setup" }))
  const job = yield* Setup.apply(settings, yield* Setup.inspect(settings))
  yield* Effect.logInfo("replicating", {
    slot: settings.slot,
    start: Lsn.format(job.start),
    tables: job.tables.map((table) => `${table.source.schema}.${table.source.name}`)
  })
  yield* Pipeline.run(job, stop)
})

const wait = Effect.fnUntraced(function*(
  settings: Settings,
  stop: Deferred.Deferred<void>,
  error: TransientError,
  failures: number
) {
  const delayMs = Backoff.delayMs(settings.retry, failures, error.retryAfterMs, yield* Random.next)
  const progress = yield* Progress
  yield* progress.update((state) => ({ ...state, phase: "waiting", reason: error.message }))
  yield* Effect.logWarning(error.message, { code: error.code, retryInMs: delayMs, remediation: error.remediation })
  yield* Effect.raceFirst(Effect.sleep(delayMs), Deferred.await(stop))
})

/**
 * Replicates until `stop` is done, then loads and confirms what was received and returns. Transient failures are waited
 * out for ever, with a line in the log each time; every attempt starts at the stored checkpoint and leaves nothing behind.
 * A `SetupError` or a `PermanentError` ends it, and so does a failure of the drain that `stop` asks for: what was received
 * is then not all confirmed. The slot stays.
 */
export const run = Effect.fn("Replication.run")(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  let failures = 0
  while (true) {
    const startedAt = yield* Clock.currentTimeMillis
    const result = yield* Effect.result(attempt(settings, stop))
    if (Result.isSuccess(result)) return
    const error = result.failure
    if (error._tag !== "TransientError") return yield* error
    // What ran for longer than the longest wait was well: its backoff starts anew.
    failures = (yield* Clock.currentTimeMillis) - startedAt > settings.retry.maxMs ? 1 : failures + 1
    if (yield* Deferred.isDone(stop)) return yield* error
    yield* wait(settings, stop, error, failures)
    // Stopped while it waited: nothing was in flight.
    if (yield* Deferred.isDone(stop)) return
  }
})
