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
import type { Failure } from "../domain/errors/Policy.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { Lifecycle, State } from "../domain/Lifecycle.ts"
import * as JobControl from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as OwnSession from "../layers/OwnSession.ts"
import { Progress } from "../layers/Progress.ts"
import * as SlotRemoval from "../layers/SlotRemoval.ts"
import * as Unpublish from "../layers/Unpublish.ts"
import * as Replication from "./Replication.ts"
import * as Setup from "./Setup.ts"

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

const untilDrained = Effect.fnUntraced(function*(settings: Settings, drain: Deferred.Deferred<void>) {
  const { report } = yield* JobControl.JobControl
  let told = ""
  while (true) {
    const result = yield* Effect.result(Replication.run(settings, drain))
    if (Result.isSuccess(result)) return
    if (yield* Deferred.isDone(drain)) return yield* result.failure
    const { code, message, remediation } = result.failure
    yield* report({ _tag: "Failed", failure: { message, remediation, waitsForOperator: true } })
    // The same failure is said once, not at each look.
    yield* message === told ? log.debug(message, () => ({ code })) : log.error(message, { code, remediation })
    told = message
    yield* untilWorthATry(result.failure, drain)
    if (yield* Deferred.isDone(drain)) return
  }
})

/** Looks at both sides with the new tables; nothing is changed when something is wrong with them. */
const problemWith = Effect.fnUntraced(function*(settings: Settings, tables: Reload.Tables) {
  const plan = yield* Setup.inspect({ ...settings, tables: tables.wanted }).pipe(
    OwnSession.run(settings.source),
    Effect.result
  )
  if (Result.isFailure(plan)) return plan.failure.message
  const [problem] = [...plan.success.source.problems, ...plan.success.target.problems]
  return problem === undefined ? undefined : `${SetupError.describe(problem)} ${SetupError.remedy(problem)}`
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

/**
 * The pipeline begins anew with the new tables, since the running one would go past the first rows of a table that joins the
 * publication. Whoever asked hears of it then: what changes from the answer on is replicated.
 */
const changeTables = Effect.fnUntraced(function*(settings: Settings, { reload, reply }: JobControl.ReloadRequest) {
  const { lifecycle, live } = yield* JobControl.JobControl
  const wanted = reload.tables
  const problem = yield* problemWith(settings, wanted)
  if (problem !== undefined) return yield* Deferred.succeed(reply, Reload.refused(problem))
  // A drain that has begun is not cut short by a new beginning; who asked has been told.
  const { state } = yield* SubscriptionRef.get(lifecycle)
  if (state === "draining" || state === "stopped") return
  const progress = yield* Progress
  const { tables: had } = yield* progress.get
  const begun = yield* Effect.forkChild(beginningWith(wanted), { startImmediately: true })
  // The flush limits may have been changed since the request came.
  yield* SubscriptionRef.update(live, (current) => JobControl.apply(current, reload))
  const failure = yield* Fiber.join(begun)
  if (failure !== undefined) return yield* Deferred.succeed(reply, Reload.failedAfter(failure.message))
  const changes = Reload.changes(had, (yield* progress.get).tables)
  yield* Deferred.succeed(reply, Reload.done(reload, changes))
  const { removed } = changes
  if (removed.length === 0) return
  yield* Unpublish.tables(settings.publication, removed).pipe(
    OwnSession.run(settings.source),
    Effect.catch((error) => log.warn("the tables are left out, and stay in the publication", { reason: error.message }))
  )
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
  const job = isWatched ? untilDrained(settings, drain) : Replication.run(settings, drain)
  yield* Effect.raceFirst(job, reached(["stopped"])).pipe(Effect.ensuring(report({ _tag: "Ended" })))
  const { dropSlot } = yield* SubscriptionRef.get(lifecycle)
  if (!dropSlot) return
  yield* SlotRemoval.drop(settings.slot)
  yield* log.info("the replication slot is dropped, as told; changes from here on are lost to it", {
    slot: settings.slot
  })
}, Effect.scoped)
