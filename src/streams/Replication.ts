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
import * as PostgresPlan from "../domain/PostgresSetup.ts"
import * as SeenColumns from "../domain/schema/SeenColumns.ts"
import * as Seen from "../domain/Seen.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as Metrics from "../layers/Metrics.ts"
import { type Begun, Progress } from "../layers/Progress.ts"
import * as ReplicaIdentity from "../layers/ReplicaIdentity.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Setup from "./Setup.ts"
import * as Told from "./Told.ts"

const log = Log.module("Replication")

/**
 * An attempt that is told to begin anew has no successor before it is so old, in ms: each one opens sessions on PostgreSQL,
 * which ends those of its predecessor when it gets to it, and a burst of calls would use up what it has. What is told
 * meanwhile is one new beginning.
 */
const ATTEMPT_MS_MIN = 250

/**
 * Done when the job is to begin anew: since the last attempt began its tables have become others, or it was told to go on in
 * spite of a failure. What is told between two looks counts, since both are compared with what the attempt set out with.
 */
export const newBeginning = Effect.gen(function*() {
  const { lifecycle, live } = yield* JobControl
  const { attempt } = yield* SubscriptionRef.get(lifecycle)
  const otherTables = Stream.filter(SubscriptionRef.changes(live), (now) => now.tables !== attempt?.tables)
  const resumed = Stream.filter(SubscriptionRef.changes(lifecycle), (now) => now.resumes > (attempt?.resumes ?? 0))
  yield* Effect.raceFirst(Stream.runHead(otherTables), Stream.runHead(resumed))
  const ageMs = Math.max(0, (yield* Clock.currentTimeMillis) - (attempt?.atMs ?? 0))
  yield* Effect.sleep(Math.max(0, ATTEMPT_MS_MIN - ageMs))
})

/** What has not failed yet. */
const none = (): Policy.Failure | undefined => undefined

/** Whether this process has come as far as a replication connection. */
const isBegun = Progress.use(({ get }) => Effect.map(get, ({ begun }) => begun !== undefined))

/** Sets out with the tables that are wanted now. */
const setOut = Effect.gen(function*() {
  const { live, report } = yield* JobControl
  const { tables } = yield* SubscriptionRef.get(live)
  yield* report({ _tag: "Attempt", tables, atMs: yield* Clock.currentTimeMillis })
  return tables
})

/** A table that fitted a pattern and does not any more was dropped or renamed: what it had left to load would be skipped. */
const lostTable = (
  begun: Begun | undefined,
  attempt: Lifecycle.Attempt | undefined,
  job: Pipeline.Job
): Identifier.QualifiedName | undefined => {
  if (begun === undefined || begun.attempt.tables !== attempt?.tables || begun.attempt.resumes !== attempt.resumes) {
    return undefined
  }
  const found = new Set(job.tables.map(({ source }) => Identifier.show(source)))
  return begun.tables.find((source) => !found.has(Identifier.show(source)))
}

const prepare = Effect.fnUntraced(function*(settings: Settings, configured: Settings["tables"]) {
  const { lifecycle, live, report } = yield* JobControl
  const progress = yield* Progress
  const { begun, columns, keys, position, published: known } = yield* progress.get
  const { attempt } = yield* SubscriptionRef.get(lifecycle)
  const { joined } = yield* SubscriptionRef.get(live)
  yield* report({ _tag: "Step", detail: Lifecycle.STEPS.setup })
  // The lists of columns belong to the configured tables, and are judged by them at the start: later a table may be left
  // out, or a column dropped, and the others are not to wait for that.
  const hasOtherTables = begun !== undefined || settings.tables !== configured
  const plan = yield* Setup.inspect(settings, { reached: position, hasOtherTables })
  // What a process before this one has seen counts until this one has looked.
  const left = plan.source.facts.storedIdentity?.published
  const isLeft = begun === undefined && left?.publication === settings.publication
  const seen = isLeft ? left.tables : known
  const remembered = begun === undefined && left !== undefined ? left : { keys, columns }
  yield* progress.update((state) => ({
    ...state,
    published: seen,
    keys: remembered.keys,
    columns: remembered.columns
  }))
  const published = Seen.accepted(seen, attempt?.resumes ?? 0)
  const source = PostgresPlan.leaveUnpublished(plan.source, (table) => published.has(Identifier.show(table)))
  const job = yield* Setup.apply(settings, { ...plan, source })
  const lost = lostTable(begun, attempt, job)
  if (lost !== undefined) return yield* SetupError.make({ _tag: "PgTableGone", table: Identifier.show(lost) })
  const tables = job.tables.map((mapping) => {
    const from = joined.get(Identifier.show(mapping.source))
    const exchanged = left?.exchanged.get(Identifier.show(mapping.source))
    const isWidened = settings.schemaChangePolicy === "evolve"
    return {
      ...mapping,
      ...(isWidened ? { retyped: SeenColumns.retyped(mapping, remembered.columns) } : {}),
      ...(from === undefined ? {} : { from }),
      ...(exchanged === undefined ? {} : { exchanged })
    }
  })
  yield* log.info("replicating", {
    slot: settings.slot,
    start: Lsn.format(job.start),
    tables: tables.map(({ source }) => Identifier.show(source))
  })
  yield* report({ _tag: "Step", detail: Lifecycle.STEPS.replication })
  const sources = tables.map(({ source }) => source)
  if (attempt !== undefined) yield* progress.update((state) => ({ ...state, begun: { attempt, tables: sources } }))
  return { ...job, tables }
})

const wait = Effect.fnUntraced(function*(stop: Deferred.Deferred<void>, error: Policy.Failure, afterMs: number) {
  const { report } = yield* JobControl
  const { message, remediation } = error
  yield* report({ _tag: "Failed", failure: { message, remediation, waitsForOperator: false } })
  yield* Metrics.retrying(error.code)
  yield* log.warn(message, { code: error.code, retryInMs: afterMs, remediation })
  yield* Effect.raceFirst(Effect.raceFirst(Effect.sleep(afterMs), newBeginning), Deferred.await(stop))
})

/**
 * Replicates until `stop` is done, then loads and confirms what was received and returns. What time can mend is waited
 * out, as `Policy.decide` says, with a line in the log each time; every attempt starts at the stored checkpoint and leaves
 * nothing behind. Every other failure ends it, and so does a failure of the drain that `stop` asks for: what was received
 * is then not all confirmed. The slot stays.
 */
export const run = Effect.fn("Replication.run")(function*(settings: Settings, stop: Deferred.Deferred<void>) {
  let failure = none()
  let failures = 0
  let failingSinceMs = 0
  let source = SourceRetry.START
  while (true) {
    const startedAtMs = yield* Clock.currentTimeMillis
    const wanted = { ...settings, tables: yield* setOut }
    let receives = false
    // What was received before is still to be loaded: a drain then waits for the setup.
    const cut = (yield* Told.isOwing) ? Effect.never : Deferred.await(stop)
    const job = Effect.raceFirst(prepare(wanted, settings.tables), cut)
    const ended = Effect.flatMap(job, (ready) => {
      // Whatever the setup waits for: nothing is owed, so there is nothing to drain.
      if (ready === undefined) return Effect.succeed(true)
      receives = true
      const partitioned = settings.replicaIdentity === "keep" ? [] : ready.tables.filter((table) => table.partitioned)
      const watch = ReplicaIdentity.watch(partitioned.map(({ source }) => source))
      return Effect.as(Effect.raceFirst(Pipeline.run(ready, stop), watch), true)
    })
    const result = yield* Effect.result(Effect.raceFirst(ended, Effect.as(newBeginning, false)))
    if (Result.isSuccess(result)) {
      if (result.success && failure !== undefined && !receives && (yield* isBegun)) return yield* Effect.fail(failure)
      if (result.success) return
      yield* log.info("beginning anew from the checkpoint, as told")
      continue
    }
    // Before replication has begun there is nothing to drain; later, what was received is not all loaded.
    if (!receives && (yield* Deferred.isDone(stop)) && !(yield* isBegun)) return
    const nowMs = yield* Clock.currentTimeMillis
    // What replicated for longer than the longest wait was well: its backoff starts anew. A setup may take long to fail.
    const { stage } = yield* SubscriptionRef.get((yield* JobControl).lifecycle)
    const wasWell = stage === "cdc" && nowMs - startedAtMs > settings.retry.maxMs
    failures = wasWell ? 1 : failures + 1
    if (failures === 1) failingSinceMs = nowMs
    const seen = SourceRetry.next(wasWell ? SourceRetry.START : source, result.failure, nowMs)
    source = seen.state
    const error = seen.failure
    failure = error
    const attempts = { failures, elapsedMs: nowMs - failingSinceMs, random: yield* Random.next }
    const policy = Policy.decide(error, settings.retry, attempts)
    if (policy._tag !== "Retry" || (yield* Deferred.isDone(stop))) return yield* error
    yield* wait(stop, error, policy.afterMs)
    if (!(yield* Deferred.isDone(stop))) continue
    if (yield* isBegun) return yield* error
    return
  }
})
