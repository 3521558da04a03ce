/** Attempts of one load or statement until StarRocks acknowledged it or said that it never will. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { RetryLimits } from "../domain/config/Settings.ts"
import * as Backoff from "../domain/errors/Backoff.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Policy from "../domain/errors/Policy.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientCode, TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import { type LoadRequest, type LoadResult, LoadTooLarge } from "../domain/Load.ts"
import * as Outcome from "../domain/streamload/Outcome.ts"
import * as Rejection from "../domain/streamload/Rejection.ts"
import * as Log from "./Log.ts"
import * as Metrics from "./Metrics.ts"
import { StreamLoadClient } from "./StreamLoadClient.ts"

const log = Log.module("StreamLoader")

/** Pause between two questions for the state of a label whose transaction still runs, in ms. */
export const POLL_EVERY_MS = 1_000

/**
 * How long such a label is asked for, in ms. A back end that lost the transaction leaves the label running until the
 * load's timeout; resending then is safe, because the server refuses a label that is held.
 */
export const POLL_MS_MAX = 60_000

/** Refusals for want of memory after which the load is to be split: once it may have been the others' fault. */
const MEMORY_TRIES_MAX = 2

/** What ends a load without its rows. */
export type LoadFailure = PermanentError | TransientError | SetupError | LoadTooLarge

/** Why a table's load is being sent again. `table` is the target. */
export interface Retrying {
  readonly table: string
  readonly label: string
  readonly attempt: number
  readonly code: TransientCode
  readonly why: string
}

/** Called when a load is to be sent again, and with undefined when it is over. */
export type OnRetrying = (table: string, retrying: Retrying | undefined) => Effect.Effect<void>

/** One attempt on the wire, its label in the store before. */
export type Send = (request: LoadRequest) => Effect.Effect<Outcome.Outcome, SetupError | TransientError>

/** What the label's state says: committed, or to be sent again and why. */
type Settlement =
  | { readonly _tag: "Committed"; readonly visible: boolean }
  | { readonly _tag: "NotCommitted"; readonly why: string }
  | Outcome.Transient

const committed = ({ label, rowCount }: LoadRequest, visible: boolean, attempts: number): LoadResult => ({
  label,
  loadedRows: rowCount,
  visible,
  alreadyLoaded: true,
  attempts
})

const unsettled = (why: string): Settlement => ({ _tag: "Transient", code: "SR_LABEL_UNSETTLED", why })

/** For all tables; stateless between two loads. */
export const make = Effect.fnUntraced(function*(retry: RetryLimits, onRetrying: OnRetrying) {
  const client = yield* StreamLoadClient

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

  /** Says that it will be sent again, and why. */
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

  /** Says it, and waits as long as the failure asks for. */
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

  return { tell, wait, untilOver }
})
