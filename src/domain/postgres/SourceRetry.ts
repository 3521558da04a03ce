/**
 * What becomes of PostgreSQL's failures when they come again and again: most are waited out for ever, a slot that stays in
 * use becomes a question to a person after its time, and a failure that nobody knows a refusal after its tries.
 */
import { PermanentError } from "../errors/PermanentError.ts"
import type { SetupError } from "../errors/SetupError.ts"
import { TransientError } from "../errors/TransientError.ts"
import * as SlotTakeover from "./SlotTakeover.ts"

/** What the failures before have left. */
export interface State {
  /** Since when the slot has been found in use each time. */
  readonly busySinceMs: number | undefined
  /** Failures in a row that nobody knows. */
  readonly unknownTries: number
}

/** Nothing has failed, or what ran since was well. */
export const START: State = { busySinceMs: undefined, unknownTries: 0 }

const isOfPostgres = (error: TransientError): boolean => error.code.startsWith("PG_")

const refused = (error: TransientError, tries: number): PermanentError =>
  new PermanentError({
    code: "PG_REFUSED",
    message: `${error.message} (${tries} times in a row)`,
    remediation:
      "Look at the server's log for the cause; dbmazz does not know this failure. Then start again: the slot " +
      "keeps everything.",
    context: error.context
  })

/** Takes one more failure: the state after it, and what the failure is by now. */
export const next = <E>(
  state: State,
  failure: E | TransientError,
  nowMs: number
): { readonly state: State; readonly failure: E | TransientError | SetupError | PermanentError } => {
  if (!(failure instanceof TransientError) || !isOfPostgres(failure)) return { state: START, failure }
  if (failure.code === "PG_SLOT_BUSY") {
    const busySinceMs = state.busySinceMs ?? nowMs
    return {
      state: { busySinceMs, unknownTries: 0 },
      failure: SlotTakeover.decide(failure, nowMs - busySinceMs)
    }
  }
  if (failure.triesMax === undefined) return { state: START, failure }
  const unknownTries = state.unknownTries + 1
  return {
    state: { busySinceMs: undefined, unknownTries },
    failure: unknownTries >= failure.triesMax ? refused(failure, unknownTries) : failure
  }
}
