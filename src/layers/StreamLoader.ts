/** The retrying sink: a load is over when StarRocks acknowledged every row of it, or said that it never will. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import type { RetryLimits } from "../domain/config/Settings.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { LoadRequest, LoadResult, LoadTooLarge } from "../domain/Load.ts"
import * as LoadFormat from "../domain/LoadFormat.ts"
import * as Lsn from "../domain/Lsn.ts"
import type * as Outcome from "../domain/streamload/Outcome.ts"
import { InFlightLoads } from "./InFlightLoads.ts"
import * as LoadAttempts from "./LoadAttempts.ts"
import * as LoadFence from "./LoadFence.ts"
import * as Log from "./Log.ts"
import * as Metrics from "./Metrics.ts"
import { StreamLoadClient } from "./StreamLoadClient.ts"

const log = Log.module("StreamLoader")

/** A change of a table between two of its loads. */
export interface Operation extends Pick<LoadRequest, "target" | "label" | "run" | "lastCommitLsn"> {
  /** It reads the table: what was loaded before it must be visible. */
  readonly readsRows: boolean
}

export interface Options {
  /** Called when a load is to be sent again, and with undefined when it is over. For those who show the state. */
  readonly onRetrying?: LoadAttempts.OnRetrying
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
  readonly load: (request: LoadRequest) => Effect.Effect<LoadResult, LoadAttempts.LoadFailure>
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
  ) => Effect.Effect<LoadResult, Exclude<LoadAttempts.LoadFailure, LoadTooLarge>>
  /**
   * Waits until nothing that was begun before, by whomever, can still change the table; with `visibly`, also until a query
   * sees all that was loaded. Fails with the store's error when it cannot say what was begun.
   */
  readonly settled: (
    at: Pick<LoadRequest, "target" | "run" | "lastCommitLsn">,
    visibly: boolean
  ) => Effect.Effect<void, SetupError | TransientError>
}>()("dbmazz/layers/StreamLoader") {
  static readonly layer = (
    retry: RetryLimits,
    options: Options = {}
  ): Layer.Layer<StreamLoader, never, StreamLoadClient | InFlightLoads> =>
    Layer.effect(StreamLoader, make(retry, options))
}

const outcomeOf = (exit: Exit.Exit<LoadResult, LoadAttempts.LoadFailure>): Metrics.LoadOutcome => {
  if (Exit.isSuccess(exit)) return exit.value.alreadyLoaded ? "already_loaded" : "loaded"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  return Option.getOrUndefined(Cause.findErrorOption(exit.cause))?._tag === "LoadTooLarge" ? "split" : "failed"
}

const measure = (
  request: LoadRequest,
  table: string,
  askedMs: number,
  exit: Exit.Exit<LoadResult, LoadAttempts.LoadFailure>
) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Metrics.loadFinished({
      table,
      outcome: outcomeOf(exit),
      ms: nowMs - askedMs,
      rows: request.rowCount,
      bytes: request.body.length
    }))

/** What is remembered of a statement is its label. */
const NO_BODY = new Uint8Array(0)

const make = Effect.fnUntraced(function*(retry: RetryLimits, options: Options) {
  const client = yield* StreamLoadClient
  const inFlight = yield* InFlightLoads
  const onRetrying = options.onRetrying ?? (() => Effect.void)
  const attempts = yield* LoadAttempts.make(retry, onRetrying)
  const fence = yield* LoadFence.make(attempts)

  const sendLoad: LoadAttempts.Send = Effect.fnUntraced(function*(request: LoadRequest) {
    // Taken before the store is asked: what happens after the question makes it stale.
    const permit = yield* client.permit
    yield* inFlight.remember(Identifier.show(request.target), request)
    return yield* client.load(request, permit)
  })

  /** One turn a table: a label whose state is unknown may be resent only while nothing newer of its keys was sent. */
  const turns = new Map<string, Semaphore.Semaphore>()
  const turnOf = (table: string): Semaphore.Semaphore => {
    const turn = turns.get(table) ?? Semaphore.makeUnsafe(1)
    turns.set(table, turn)
    return turn
  }

  const inTurn = <A, E>(request: LoadRequest, effect: Effect.Effect<A, E>) => {
    const table = Identifier.show(request.target)
    return turnOf(table).withPermit(Effect.ensuring(effect, onRetrying(table, undefined)))
  }

  const load = Effect.fn("StreamLoader.load")(function*(request: LoadRequest) {
    const table = Identifier.show(request.target)
    const sent = Effect.gen(function*() {
      yield* fence.passed(request, false)
      const startedMs = yield* Clock.currentTimeMillis
      const result = yield* fence.kept(request, attempts.untilOver(request, sendLoad), 0)
      const endedMs = yield* Clock.currentTimeMillis
      yield* log.debug("load acknowledged", () => ({
        label: request.label,
        table,
        rows: request.rowCount,
        bytes: request.body.byteLength,
        format: request.format ?? LoadFormat.DEFAULT,
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
      Effect.tap((result) => Effect.annotateCurrentSpan({ attempts: result.attempts })),
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
        yield* fence.passed(request, readsRows)
        return yield* fence.kept(request, attempts.untilOver(request, () => attempted(remember)), LoadFence.BEGIN_MS)
      })
      // Nothing without rows is split.
      return yield* Effect.catchTag(inTurn(request, done), "LoadTooLarge", Effect.die)
    }
  )

  const awaitSettled: StreamLoader["Service"]["settled"] = (at, visibly) => {
    const next: LoadRequest = { ...at, label: "", columns: undefined, body: NO_BODY, rowCount: 0 }
    return inTurn(next, fence.passed(next, visibly))
  }

  return { load, operate, settled: awaitSettled }
})
