/** The retrying sink: a load is over when StarRocks acknowledged every row of it, or said that it never will. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import type { RetryLimits } from "../domain/config/Settings.ts"
import * as Backoff from "../domain/errors/Backoff.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Policy from "../domain/errors/Policy.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientCode, TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import { type LoadRequest, type LoadResult, LoadTooLarge } from "../domain/Load.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as Outcome from "../domain/streamload/Outcome.ts"
import * as Rejection from "../domain/streamload/Rejection.ts"
import type * as Reply from "../domain/streamload/Reply.ts"
import * as Target from "../domain/streamload/Target.ts"
import { BODY_START_MS_MAX } from "./Heartbeat.ts"
import { InFlightLoads, type LeftLoad } from "./InFlightLoads.ts"
import * as Log from "./Log.ts"
import * as Metrics from "./Metrics.ts"
import { StreamLoadClient } from "./StreamLoadClient.ts"

const log = Log.module("StreamLoader")

/** Pause between two questions for the state of a label whose transaction still runs, in ms. */
const POLL_EVERY_MS = 1_000

/**
 * How long such a label is asked for, in ms. A back end that lost the transaction leaves the label running until the
 * load's timeout; resending then is safe, because the server refuses a label that is held.
 */
export const POLL_MS_MAX = 60_000

/** Refusals for want of memory after which the load is to be split: once it may have been the others' fault. */
const MEMORY_TRIES_MAX = 2

/** What ends a load without its rows. */
export type LoadFailure = PermanentError | TransientError | SetupError | LoadTooLarge

/** A change of a table between two of its loads. */
export interface Operation extends Pick<LoadRequest, "target" | "label" | "run" | "lastCommitLsn"> {
  /** It reads the table: what was loaded before it must be visible. */
  readonly readsRows: boolean
}

/** Why a table's load is being sent again. `table` is the target. */
export interface Retrying {
  readonly table: string
  readonly label: string
  readonly attempt: number
  readonly code: TransientCode
  readonly why: string
}

export interface Options {
  /** Called when a load is to be sent again, and with undefined when it is over. For those who show the state. */
  readonly onRetrying?: (table: string, retrying: Retrying | undefined) => Effect.Effect<void>
}

export class StreamLoader extends Context.Service<StreamLoader, {
  /**
   * Sends the load until it is acknowledged: transient failures are retried, for ever unless limited, with jittered
   * exponential backoff, an uncertain outcome is settled by asking for the label's state, and every retry is the same label
   * and bytes. Success means durable, loaded rows = sent rows. Interruption leaves the outcome to the label. Loads of one
   * table run one after the other, in the order in which they were asked for, and none before a load that an interrupted run
   * or a killed program may have left is over. Fails with the store's error when a label cannot be remembered: nothing is
   * sent; and with `LoadTooLarge` when the back end's memory is not enough for it and StarRocks has aborted it.
   */
  readonly load: (request: LoadRequest) => Effect.Effect<LoadResult, LoadFailure>
  /**
   * As `load`, for a change of the table that is made in SQL: in the table's turn, when every load of it that was left is
   * over (and visible, when the statement reads rows), tried until it is acknowledged. An attempt runs `remember` before
   * it sends anything, and sends nothing when it fails. Whoever comes after an attempt without a result gives it the time
   * to begin, and waits for the end of its label when StarRocks knows it.
   */
  readonly operate: (
    operation: Operation,
    attempt: (remember: Effect.Effect<void, SetupError | TransientError>) => Effect.Effect<
      Outcome.Outcome,
      SetupError | TransientError
    >
  ) => Effect.Effect<LoadResult, Exclude<LoadFailure, LoadTooLarge>>
}>()("dbmazz/layers/StreamLoader") {
  static readonly layer = (
    retry: RetryLimits,
    options: Options = {}
  ): Layer.Layer<StreamLoader, never, StreamLoadClient | InFlightLoads> =>
    Layer.effect(StreamLoader, make(retry, options))
}

/** What the label's state says: committed, or to be sent again and why. */
type Settlement =
  | { readonly _tag: "Committed"; readonly visible: boolean }
  | { readonly _tag: "NotCommitted"; readonly why: string }
  | Outcome.Transient

/** So long after its label was stored a load of another program may still begin, in ms; and some for clocks. */
export const BEGIN_MS = BODY_START_MS_MAX + 2_000

/** A wait for another load's end is told this often, in ms: most are over before. */
const TELL_EVERY_MS = 10_000

/** A load without a result. Until then it may begin, once more perhaps; one of our own began when we were there, or never. */
interface AbandonedLoad extends LeftLoad {
  readonly beginsUntilMs: number
}

/** One attempt on the wire, its label in the store before. */
type Send = (request: LoadRequest) => Effect.Effect<Outcome.Outcome, SetupError | TransientError>

/** What is remembered of an interrupted load is its label. */
const NO_BODY = new Uint8Array(0)

const committed = ({ label, rowCount }: LoadRequest, visible: boolean, attempts: number): LoadResult => ({
  label,
  loadedRows: rowCount,
  visible,
  alreadyLoaded: true,
  attempts
})

/** Whether a load of which this is known can no longer commit, and, for who reads the table, no longer become visible. */
const isOver = (answer: Reply.LabelAnswer, mayNotBegin: boolean, mayNotRun: boolean, visibly: boolean): boolean => {
  if (answer._tag === "Unanswered") return mayNotRun
  switch (answer.state) {
    case "VISIBLE":
      return true
    case "COMMITTED":
      return !visibly
    // What was aborted may be sent again under its label, as long as its program may begin.
    case "ABORTED":
    case "UNKNOWN":
      return mayNotBegin
    case "PREPARE":
    case "PREPARED":
      return false
  }
}

const unsettled = (why: string): Settlement => ({ _tag: "Transient", code: "SR_LABEL_UNSETTLED", why })

const outcomeOf = (exit: Exit.Exit<LoadResult, LoadFailure>): Metrics.LoadOutcome => {
  if (Exit.isSuccess(exit)) return exit.value.alreadyLoaded ? "already_loaded" : "loaded"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  return Option.getOrUndefined(Cause.findErrorOption(exit.cause))?._tag === "LoadTooLarge" ? "split" : "failed"
}

const measure = (request: LoadRequest, table: string, askedMs: number, exit: Exit.Exit<LoadResult, LoadFailure>) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Metrics.loadFinished({
      table,
      outcome: outcomeOf(exit),
      ms: nowMs - askedMs,
      rows: request.rowCount,
      bytes: request.body.length
    }))

const make = Effect.fnUntraced(function*(retry: RetryLimits, options: Options) {
  const client = yield* StreamLoadClient
  const inFlight = yield* InFlightLoads
  const onRetrying = options.onRetrying ?? (() => Effect.void)

  /** Settles an outcome that only the label knows. `cause` is what a resend is then blamed on. */
  const settle = Effect.fnUntraced(function*(request: LoadRequest, cause: Outcome.Transient) {
    const deadline = (yield* Clock.currentTimeMillis) + POLL_MS_MAX
    while (true) {
      const answer = yield* client.labelState(request.target.schema, request.label)
      if (answer._tag === "Unanswered") return unsettled(`${cause.why}; state of the label: ${answer.why}`)
      switch (answer.state) {
        case "VISIBLE":
        case "COMMITTED":
          return { _tag: "Committed", visible: answer.state === "VISIBLE" } satisfies Settlement
        case "ABORTED":
        case "UNKNOWN":
          return { _tag: "NotCommitted", why: `${cause.why}; state of the label: ${answer.state}` } satisfies Settlement
        case "PREPARE":
        case "PREPARED":
          if ((yield* Clock.currentTimeMillis) >= deadline) {
            return unsettled(`${cause.why}; the label is still ${answer.state} after ${POLL_MS_MAX} ms`)
          }
          yield* Effect.sleep(POLL_EVERY_MS)
      }
    }
  })

  /** As `settle`; a label that did not commit is to be sent again, blamed on the cause. */
  const resolve = (request: LoadRequest, cause: Outcome.Transient) =>
    Effect.map(
      settle(request, cause),
      (settlement) => (settlement._tag === "NotCommitted" ? { ...cause, why: settlement.why } : settlement)
    )

  const sendLoad: Send = Effect.fnUntraced(function*(request: LoadRequest) {
    // Taken before the store is asked: what happens after the question makes it stale.
    const permit = yield* client.permit
    yield* inFlight.remember(Identifier.show(request.target), request)
    const outcome = yield* client.load(request, permit)
    return outcome
  })

  /** One attempt, and what follows from it: a result, a rejection, or another attempt. */
  const attempt = Effect.fnUntraced(function*(request: LoadRequest, send: Send) {
    const outcome = yield* send(request)
    if (outcome._tag === "InUse") {
      if (outcome.job === "finished") return { _tag: "Committed", visible: false } as const
      return yield* resolve(request, { _tag: "Transient", code: "SR_LABEL_UNSETTLED", why: outcome.why })
    }
    if (outcome._tag !== "Uncertain") return outcome
    return yield* resolve(request, { _tag: "Transient", code: outcome.code, why: outcome.why })
  })

  const tell = Effect.fnUntraced(function*(
    request: LoadRequest,
    attempts: number,
    failure: Outcome.Transient,
    waitMs: number
  ) {
    const table = Identifier.show(request.target)
    yield* log.warn(request.rowCount === 0 ? "statement will be sent again" : "stream load will be sent again", {
      label: request.label,
      table,
      attempt: attempts,
      code: failure.code,
      reason: failure.why,
      waitMs
    })
    yield* Metrics.retrying(failure.code)
    yield* onRetrying(table, { table, label: request.label, attempt: attempts, code: failure.code, why: failure.why })
  })

  const wait = Effect.fnUntraced(function*(request: LoadRequest, attempts: number, failure: Outcome.Transient) {
    const waitMs = Backoff.delayMs(retry, attempts, failure.retryAfterMs, yield* Random.next)
    yield* tell(request, attempts, failure, waitMs)
    yield* Effect.sleep(waitMs)
  })

  /** A load that the back ends have no memory for is given back to be split, once StarRocks has aborted it. */
  const giveBack = Effect.fnUntraced(function*(request: LoadRequest, failure: Outcome.Transient, attempts: number) {
    const settlement = yield* settle(request, failure)
    if (settlement._tag === "Committed") return committed(request, settlement.visible, attempts)
    if (settlement._tag === "Transient") return undefined
    yield* wait(request, attempts, failure)
    return yield* new LoadTooLarge({ label: request.label, rowCount: request.rowCount })
  })

  const untilOver = Effect.fnUntraced(function*(request: LoadRequest, send: Send) {
    // Refusals that are tried a bounded number of times count by code; other failures between them do not excuse them.
    const refusals = new Map<TransientCode, number>()
    let failingSinceMs: number | undefined = undefined
    for (let attempts = 1;; attempts++) {
      const outcome = yield* attempt(request, send)
      if (outcome._tag === "Loaded") {
        const { loadedRows, visible } = outcome
        return { label: request.label, loadedRows, visible, alreadyLoaded: false, attempts } satisfies LoadResult
      }
      if (outcome._tag === "Committed") return committed(request, outcome.visible, attempts)
      if (outcome._tag === "Permanent") return yield* Rejection.make(outcome, request, attempts)
      const tries = (refusals.get(outcome.code) ?? 0) + 1
      refusals.set(outcome.code, tries)
      const failure = Outcome.afterTries(outcome, tries)
      if (failure._tag === "Permanent") return yield* Rejection.make(failure, request, attempts)
      if (outcome.code === "SR_MEMORY" && tries >= MEMORY_TRIES_MAX && request.rowCount > 1) {
        const loaded: LoadResult | undefined = yield* giveBack(request, failure, attempts)
        if (loaded !== undefined) return loaded
      }
      const nowMs: number = yield* Clock.currentTimeMillis
      failingSinceMs ??= nowMs
      if (Policy.isExhausted(retry, nowMs - failingSinceMs)) {
        const why = `${failure.why} (retried for ${nowMs - failingSinceMs} ms)`
        return yield* Rejection.make({ _tag: "Permanent", code: "SR_RETRIES_EXHAUSTED", why }, request, attempts)
      }
      yield* wait(request, attempts, failure)
    }
  })

  /** One turn a table: a label whose state is unknown may be resent only while nothing newer of its keys was sent. */
  const turns = new Map<string, Semaphore.Semaphore>()
  const turnOf = (table: string): Semaphore.Semaphore => {
    const turn = turns.get(table) ?? Semaphore.makeUnsafe(1)
    turns.set(table, turn)
    return turn
  }

  /** Loads that ended without a result after they may have been sent, by table: StarRocks may still be committing them. */
  const abandoned = new Map<string, AbandonedLoad>()
  /** The last load of each table that came to its result, here or, as far as the store knows, in another program. */
  const finished = new Map<string, Pick<LoadResult, "label" | "visible">>()
  let learntFor: string | undefined = undefined

  /** What programs before this run left, ours included, is read from the store once a run: another may have had the slot. */
  const learnOfPredecessors = (run: string) =>
    Effect.suspend(() =>
      learntFor === run ? Effect.void : Effect.map(inFlight.left, (left) => {
        learntFor = run
        for (const [table, load] of left) {
          const ours = finished.get(table)?.label === load.label || abandoned.get(table)?.label === load.label
          if (ours) continue
          if (load.isLoaded === true) finished.set(table, { label: load.label, visible: false })
          else abandoned.set(table, { ...load, beginsUntilMs: load.sinceMs + BEGIN_MS })
        }
      })
    )

  /**
   * A load of older rows that commits after a newer one would win: wait until the older one is over. One that runs is waited
   * for, because StarRocks ends it at its timeout; a sink that cannot be asked for labels (a back end's address) is waited out.
   */
  const settleAbandoned = Effect.fnUntraced(function*(table: string, next: LoadRequest, visibly: boolean) {
    const left = abandoned.get(table)
    if (left === undefined || left.label === next.label) return
    const older: LoadRequest = { ...next, label: left.label, body: NO_BODY }
    const overMs = left.sinceMs + Target.LOAD_TIMEOUT_SECONDS * 1000
    let toldMs = yield* Clock.currentTimeMillis
    let silences = 0
    for (let looks = 1;; looks++) {
      const answer = yield* client.labelState(next.target.schema, left.label)
      const nowMs = yield* Clock.currentTimeMillis
      if (isOver(answer, nowMs >= left.beginsUntilMs, nowMs >= overMs, visibly)) break
      const why = `an earlier load of the table is awaited: ${answer._tag === "Known" ? answer.state : answer.why}`
      const failure: Outcome.Transient = { _tag: "Transient", code: "SR_LABEL_UNSETTLED", why }
      silences = answer._tag === "Known" ? 0 : silences + 1
      if (silences > 0) yield* wait(older, silences, failure)
      else {
        if (nowMs - toldMs >= TELL_EVERY_MS) {
          toldMs = nowMs
          yield* tell(older, looks, failure, POLL_EVERY_MS)
        }
        yield* Effect.sleep(POLL_EVERY_MS)
      }
    }
    abandoned.delete(table)
  })

  /** Sends it, and keeps what is known of its end; without a result nobody knows for `beginMs` whether it still begins. */
  const settled = (request: LoadRequest, send: Send, beginMs: number) => {
    const table = Identifier.show(request.target)
    return untilOver(request, send).pipe(
      Effect.onExit((exit) =>
        Effect.map(Clock.currentTimeMillis, (sinceMs) => {
          // Without a result, nobody knows what StarRocks still makes of it.
          if (Exit.isSuccess(exit)) {
            abandoned.delete(table)
            finished.set(table, exit.value)
          } else abandoned.set(table, { label: request.label, sinceMs, beginsUntilMs: sinceMs + beginMs })
        })
      )
    )
  }

  const inTurn = <A, E>(request: LoadRequest, effect: Effect.Effect<A, E>) => {
    const table = Identifier.show(request.target)
    return turnOf(table).withPermit(Effect.ensuring(effect, onRetrying(table, undefined)))
  }

  const load = Effect.fn("StreamLoader.load")(function*(request: LoadRequest) {
    const table = Identifier.show(request.target)
    const sent = Effect.gen(function*() {
      yield* learnOfPredecessors(request.run)
      yield* settleAbandoned(table, request, false)
      const startedMs = yield* Clock.currentTimeMillis
      const result = yield* settled(request, sendLoad, 0)
      const endedMs = yield* Clock.currentTimeMillis
      yield* log.debug("load acknowledged", () => ({
        label: request.label,
        table,
        rows: request.rowCount,
        bytes: request.body.byteLength,
        ms: endedMs - startedMs,
        attempts: result.attempts,
        alreadyLoaded: result.alreadyLoaded,
        visible: result.visible,
        lastCommit: Lsn.format(request.lastCommitLsn)
      }))
      return result
    })
    yield* Effect.annotateCurrentSpan({
      table,
      label: request.label,
      rows: request.rowCount,
      bytes: request.body.length
    })
    const askedMs = yield* Clock.currentTimeMillis
    return yield* inTurn(request, sent).pipe(
      Effect.tap(({ attempts }) => Effect.annotateCurrentSpan({ attempts })),
      Effect.onExit((exit) => measure(request, table, askedMs, exit))
    )
  })

  const operate: StreamLoader["Service"]["operate"] = Effect.fn("StreamLoader.operate")(
    function*({ readsRows, ...operation }, attempted) {
      const request: LoadRequest = { ...operation, columns: undefined, body: NO_BODY, rowCount: 0 }
      const table = Identifier.show(request.target)
      const remember = inFlight.remember(table, request)
      yield* Effect.annotateCurrentSpan({ table, label: request.label })
      const done = Effect.gen(function*() {
        yield* learnOfPredecessors(request.run)
        const before = finished.get(table)
        if (readsRows && before?.visible === false && !abandoned.has(table)) {
          const sinceMs = yield* Clock.currentTimeMillis
          abandoned.set(table, { label: before.label, sinceMs, beginsUntilMs: sinceMs })
        }
        yield* settleAbandoned(table, request, readsRows)
        return yield* settled(request, () => attempted(remember), BEGIN_MS)
      })
      // Nothing without rows is split.
      return yield* Effect.catchTag(inTurn(request, done), "LoadTooLarge", Effect.die)
    }
  )

  return { load, operate }
})
