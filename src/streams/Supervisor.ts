/**
 * A job under control: replication that follows what it is told, waits for a person where only a person can help, and
 * ends when it is asked to.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Settings } from "../domain/config/Settings.ts"
import * as Reload from "../domain/control/Reload.ts"
import { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Policy from "../domain/errors/Policy.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type * as Identifier from "../domain/Identifier.ts"
import type { Lifecycle, State } from "../domain/Lifecycle.ts"
import * as Lsn from "../domain/Lsn.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import * as JobControl from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as OwnSession from "../layers/OwnSession.ts"
import { Progress } from "../layers/Progress.ts"
import * as SlotRemoval from "../layers/SlotRemoval.ts"
import * as Replication from "./Replication.ts"
import * as Setup from "./Setup.ts"
import * as Standstill from "./Standstill.ts"

const log = Log.module("Supervisor")

/** What a person may have mended is looked at again this often. */
const RECHECK_EVERY = "10 seconds"

const reached = (states: ReadonlyArray<State>) =>
  JobControl.JobControl.use(({ lifecycle }) =>
    SubscriptionRef.changes(lifecycle).pipe(Stream.filter(({ state }) => states.includes(state)), Stream.runHead)
  )

/** Waits until there is a reason to try again; a setup is tried again by itself, since what was wrong may be mended. */
const untilWorthATry = (error: Failure, drain: Deferred.Deferred<void>) => {
  const told = Effect.raceFirst(Replication.newBeginning, Deferred.await(drain))
  return error._tag === "SetupError" ? Effect.raceFirst(told, Effect.sleep(RECHECK_EVERY)) : told
}

/** What has not failed yet. */
const none = (): Failure | undefined => undefined

const untilDrained = Effect.fnUntraced(function*(settings: Settings, drain: Deferred.Deferred<void>) {
  const { lifecycle, report } = yield* JobControl.JobControl
  const progress = yield* Progress
  let last = none()
  while (true) {
    const result = yield* Effect.result(Replication.run(settings, drain))
    // A setup that was looked at again when the drain came: what had been received before its failure is not all loaded.
    const isMended = (yield* SubscriptionRef.get(lifecycle)).failure === undefined
    const isBegun = (yield* progress.get).begun !== undefined
    if (Result.isSuccess(result) && last !== undefined && isBegun && !isMended) return yield* Effect.fail(last)
    if (Result.isSuccess(result)) return
    const failure: Failure = result.failure
    if (yield* Deferred.isDone(drain)) return yield* failure
    const { code, message, remediation } = failure
    yield* report({ _tag: "Failed", failure: { message, remediation, waitsForOperator: true } })
    // The same failure is said once, not at each look; that of a table was, when the table stopped.
    const isSaid = message === last?.message || (failure._tag === "PermanentError" && Policy.isOfTable(failure.code))
    yield* isSaid ? log.debug(message, () => ({ code })) : log.error(message, { code, remediation })
    last = failure
    yield* untilWorthATry(failure, drain)
    if (!(yield* Deferred.isDone(drain))) continue
    if (isBegun) return yield* failure
    return
  }
})

/**
 * Waits until replication begins with these tables, or what keeps it from that until a person helps is known; what is tried
 * again by itself is waited for, and what others come to is not it.
 */
const beginningWith = Effect.fnUntraced(function*(tables: Reload.Tables) {
  const { lifecycle } = yield* JobControl.JobControl
  let before: Lifecycle | undefined
  const next = yield* SubscriptionRef.changes(lifecycle).pipe(
    Stream.filter((now) => {
      if (now.attempt?.tables !== tables.wanted) return false
      before ??= now
      return now.beginnings > before.beginnings ||
        (now.failure !== before.failure && now.failure?.waitsForOperator === true)
    }),
    Stream.runHead
  )
  return Option.getOrUndefined(next)?.failure
})

const shown = (tables: ReadonlyArray<Identifier.TableEntry>): string =>
  tables.map((table) => JSON.stringify(table)).sort().join()

/** Both sides with the new tables, and the end of the WAL: what is committed from there on is a joining table's. */
const look = Effect.fnUntraced(function*(settings: Settings, tables: Reload.Tables) {
  const plan = yield* Setup.inspect({ ...settings, tables: tables.wanted }, { hasOtherTables: true })
  return { plan, from: yield* (yield* CheckpointStore).walEnd }
})

/** The answer to a change of tables, once it is made: all of it or nothing. Undefined: the job ends, and who asked was told. */
const reloaded = Effect.fnUntraced(function*(settings: Settings, reload: Reload.OfTables) {
  const { lifecycle, live } = yield* JobControl.JobControl
  const wanted = reload.tables
  const isSameList = shown(wanted.wanted) === shown((yield* SubscriptionRef.get(live)).tables)
  const unchanged = SubscriptionRef.update(
    live,
    (current) => JobControl.apply(current, { ...reload, tables: undefined }, [], Lsn.ZERO)
  ).pipe(Effect.as(Reload.done(reload, Reload.UNCHANGED)))
  // What a pattern stands for may have changed meanwhile.
  if (isSameList && wanted.wanted.every(({ wild }) => wild === undefined)) return yield* unchanged
  const { from, plan } = yield* look(settings, wanted).pipe(OwnSession.run(settings.source))
  const [problem] = [...plan.source.problems, ...plan.target.problems]
  if (problem !== undefined) return Reload.refused(`${SetupError.describe(problem)} ${SetupError.remedy(problem)}`)
  // A drain that has begun is not cut short by a new beginning.
  const { state } = yield* SubscriptionRef.get(lifecycle)
  if (state === "draining" || state === "stopped") return undefined
  const { begun } = yield* (yield* Progress).get
  const now = plan.source.facts.tables.map(({ name }) => name)
  const changes = begun === undefined ? Reload.UNCHANGED : Reload.changes(begun.tables, now)
  if (isSameList && begun !== undefined && changes.added.length + changes.removed.length === 0) return yield* unchanged
  const begins = yield* Effect.forkChild(beginningWith(wanted), { startImmediately: true })
  // The flush limits may have been changed since the request came.
  yield* SubscriptionRef.update(live, (current) => JobControl.apply(current, reload, changes.added, from))
  const failure = yield* Fiber.join(begins)
  return failure === undefined ? Reload.done(reload, changes) : Reload.failedAfter(failure.message)
})

/**
 * The pipeline begins anew with the new tables, since the running one would go past the first rows of a table that joins the
 * publication. Whoever asked hears of it then: what changes from the answer on is replicated. A table that is left out stays
 * in the publication, which may be another job's, too.
 */
const changeTables = Effect.fnUntraced(function*(settings: Settings, { reload, reply }: JobControl.ReloadRequest) {
  const answer = yield* reloaded(settings, reload).pipe(
    Effect.catch((error) => Effect.succeed(Reload.refused(error.message)))
  )
  if (answer !== undefined) yield* Deferred.succeed(reply, answer)
})

const slotKept = (slot: string, error: Failure): PermanentError =>
  new PermanentError({
    code: "PG_SLOT_KEPT",
    message: `Replication slot '${slot}' was to be dropped and is not: ${error.message}`,
    remediation: `Run: SELECT pg_drop_replication_slot('${slot}'); until then it keeps WAL.`,
    context: { slot }
  })

/**
 * Runs the job until it is drained or stopped. Without a control plane (`isWatched` false) a failure that waits for a person
 * ends it, since nobody could tell it to go on; with one it stays, says what is wrong, and tries again when it is told to,
 * when its tables change, and now and then when it was the setup that failed. Fails when a drain fails: what was received is
 * then read again at the next start; and when the slot that was to be dropped could not be.
 */
export const run = Effect.fn("Supervisor.run")(function*(settings: Settings, isWatched: boolean) {
  const { lifecycle, reloads, report } = yield* JobControl.JobControl
  const drain = yield* Deferred.make<void>()
  yield* reached(["draining"]).pipe(Effect.andThen(Deferred.succeed(drain, undefined)), Effect.forkScoped)
  yield* Queue.take(reloads).pipe(
    Effect.flatMap((request) => changeTables(settings, request)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Effect.forkScoped(Standstill.watch(settings.source, settings.slot))
  const job = isWatched ? untilDrained(settings, drain) : Replication.run(settings, drain)
  yield* Effect.raceFirst(job, reached(["stopped"])).pipe(Effect.ensuring(report({ _tag: "Ended" })))
  const { beginnings, dropSlot } = yield* SubscriptionRef.get(lifecycle)
  if (!dropSlot) return
  const dropped = yield* SlotRemoval.drop(settings.slot, beginnings > 0).pipe(
    Effect.mapError((error) => slotKept(settings.slot, error))
  )
  yield* dropped
    ? log.info("the replication slot is dropped, as told; changes from here on are lost to it", { slot: settings.slot })
    : log.warn("the replication slot is kept: it is not there, or not a slot of dbmazz in this database", {
      slot: settings.slot
    })
}, Effect.scoped)
