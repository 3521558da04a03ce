/**
 * One replication job for as long as it runs: setup, pipeline, and again from the checkpoint after whatever time can mend.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Settings } from "../domain/config/Settings.ts"
import * as Policy from "../domain/errors/Policy.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Lifecycle from "../domain/Lifecycle.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as SourceRetry from "../domain/postgres/SourceRetry.ts"
import { JobControl, type LiveSettings } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as Metrics from "../layers/Metrics.ts"
import { type Begun, Progress } from "../layers/Progress.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Setup from "./Setup.ts"

const log = Log.module("Replication")

/** Done when the job is told to go on in spite of a failure, after the last attempt began; a pause that ends is none. */
const resumed = Effect.gen(function*() {
  const { lifecycle } = yield* JobControl
  const { attempted } = yield* (yield* Progress).get
  yield* SubscriptionRef.changes(lifecycle).pipe(
    Stream.filter((now) => now.resumes > attempted.resumes && now.failure !== undefined),
    Stream.runHead
  )
})

/** Done when the job is to begin anew: its tables are others than those of the last attempt, or it was told to go on. */
export const newBeginning = Effect.gen(function*() {
  const { live } = yield* JobControl
  const { attempted } = yield* (yield* Progress).get
  const otherTables = Stream.filter(SubscriptionRef.changes(live), (now) => now.tables !== attempted.tables)
  yield* Effect.raceFirst(Stream.runHead(otherTables), resumed)
})

/** One try, from the setup to the end of the pipeline. */
interface Attempt {
  readonly settings: Settings
  readonly live: LiveSettings
  readonly resumes: number
}

/** A table that fitted a pattern and does not any more was dropped or renamed: what it had left to load would be skipped. */
const lostTable = (
  begun: Begun | undefined,
  next: Attempt,
  job: Pipeline.Job
): Identifier.QualifiedName | undefined => {
  if (begun === undefined || begun.entries !== next.live.tables || begun.resumes !== next.resumes) return undefined
  const found = new Set(job.tables.map(({ source }) => Identifier.show(source)))
  return begun.tables.find((source) => !found.has(Identifier.show(source)))
}

const prepare = Effect.fnUntraced(function*(attempt: Attempt) {
  const { live, settings } = attempt
  const { begun, position } = yield* (yield* Progress).get
  const wanted = { ...settings, tables: live.tables }
  const job = yield* Setup.apply(wanted, yield* Setup.inspect(wanted, position))
  const lost = lostTable(begun, attempt, job)
  if (lost !== undefined) return yield* SetupError.make({ _tag: "PgTableGone", table: Identifier.show(lost) })
  const tables = job.tables.map((mapping) => {
    const from = live.joined.get(Identifier.show(mapping.source))
    return from === undefined ? mapping : { ...mapping, from }
  })
  yield* log.info("replicating", {
    slot: settings.slot,
    start: Lsn.format(job.start),
    tables: tables.map(({ source }) => Identifier.show(source))
  })
  return { ...job, tables }
})

const wait = Effect.fnUntraced(function*(stop: Deferred.Deferred<void>, error: Policy.Failure, afterMs: number) {
  const { report } = yield* JobControl
  const { message, remediation } = error
  yield* report({ _tag: "Failed", failure: { message, remediation, waitsForOperator: false } })
  yield* Metrics.retrying(error.code)
  yield* log.warn(message, { code: error.code, retryInMs: afterMs, remediation })
  yield* Effect.raceFirst(Effect.raceFirst(Effect.sleep(afterMs), resumed), Deferred.await(stop))
})

/**
 * Replicates until `stop` is done, then loads and confirms what was received and returns. What time can mend is waited
 * out, as `Policy.decide` says, with a line in the log each time; every attempt starts at the stored checkpoint and leaves
 * nothing behind. Every other failure ends it, and so does a failure of the drain that `stop` asks for: what was received
 * is then not all confirmed. The slot stays.
 */
export const run = Effect.fn("Replication.run")(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  const { lifecycle, live, report } = yield* JobControl
  const progress = yield* Progress
  let failures = 0
  let failingSinceMs = 0
  let source = SourceRetry.START
  while (true) {
    const startedAtMs = yield* Clock.currentTimeMillis
    const attempt: Attempt = {
      settings,
      live: yield* SubscriptionRef.get(live),
      resumes: (yield* SubscriptionRef.get(lifecycle)).resumes
    }
    yield* progress.update((state) => ({
      ...state,
      attempted: { tables: attempt.live.tables, resumes: attempt.resumes }
    }))
    yield* report({ _tag: "Step", detail: Lifecycle.STEPS.setup })
    const ended = Effect.gen(function*() {
      const job = yield* prepare(attempt)
      yield* report({ _tag: "Step", detail: Lifecycle.STEPS.replication })
      const begun: Begun = {
        entries: attempt.live.tables,
        resumes: attempt.resumes,
        tables: job.tables.map(({ source }) => source)
      }
      yield* progress.update((state) => ({ ...state, begun }))
      yield* Pipeline.run(job, stop)
      return true
    })
    const result = yield* Effect.result(Effect.raceFirst(ended, Effect.as(newBeginning, false)))
    if (Result.isSuccess(result)) {
      if (result.success) return
      yield* log.info("beginning anew from the checkpoint, as told")
      continue
    }
    const nowMs = yield* Clock.currentTimeMillis
    // What ran for longer than the longest wait was well: its backoff starts anew.
    const wasWell = nowMs - startedAtMs > settings.retry.maxMs
    failures = wasWell ? 1 : failures + 1
    if (failures === 1) failingSinceMs = nowMs
    const seen = SourceRetry.next(wasWell ? SourceRetry.START : source, result.failure, nowMs)
    source = seen.state
    const error = seen.failure
    const attempts = { failures, elapsedMs: nowMs - failingSinceMs, random: yield* Random.next }
    const policy = Policy.decide(error, settings.retry, attempts)
    if (policy._tag !== "Retry") return yield* error
    if (yield* Deferred.isDone(stop)) {
      // Nothing was received yet, so there is nothing to drain; otherwise what was received is not all loaded.
      if ((yield* progress.get).begun === undefined) return
      return yield* error
    }
    yield* wait(stop, error, policy.afterMs)
    if (!(yield* Deferred.isDone(stop))) continue
    if ((yield* progress.get).begun === undefined) return
    return yield* error
  }
})
