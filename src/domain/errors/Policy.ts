/**
 * What follows from a failure: one total function from an error to a decision, so that nothing else in the program has
 * an opinion on it.
 */
import type { RetryLimits } from "../config/Settings.ts"
import * as Backoff from "./Backoff.ts"
import type { PermanentCode, PermanentError } from "./PermanentError.ts"
import type { SetupError } from "./SetupError.ts"
import type { TransientError } from "./TransientError.ts"

/** Everything that may stop a row on its way. */
export type Failure = SetupError | TransientError | PermanentError

/**
 * - `Retry`: the same thing again after `afterMs`, from the checkpoint or with the same label and bytes
 * - `StopTable`: the table's rows wait in the slot; the other tables go on, and nothing more is confirmed
 * - `StopPipeline`: nothing that follows in the WAL can be trusted; the slot keeps all of it
 * - `WaitForOperator`: nothing goes on until a person has changed something
 */
export type Policy =
  | { readonly _tag: "Retry"; readonly afterMs: number }
  | { readonly _tag: "StopTable" }
  | { readonly _tag: "StopPipeline" }
  | { readonly _tag: "WaitForOperator" }

/** How the retrying has gone so far. */
export interface Attempts {
  /** Failures in a row, this one included. */
  readonly failures: number
  /** Time since the first of them, in ms. */
  readonly elapsedMs: number
  /** In [0, 1): spreads the waits of those who failed together. */
  readonly random: number
}

/** How far the failure of a code reaches. */
const REACH: Readonly<Record<PermanentCode, "table" | "pipeline">> = {
  WAL_MALFORMED: "pipeline",
  WAL_RELATION_UNKNOWN: "pipeline",
  WAL_ORDER_BROKEN: "pipeline",
  SCHEMA_CHANGED: "table",
  REPLICA_IDENTITY_NOT_FULL: "table",
  VALUE_UNREPRESENTABLE: "table",
  TOAST_VALUE_UNKNOWN: "table",
  TRUNCATE_UNSUPPORTED: "table",
  ROW_TOO_LARGE: "table",
  SR_REJECTED_ROWS: "table",
  SR_REJECTED_LOAD: "table",
  SR_ACCESS_DENIED: "table",
  SR_ROWS_MISSING: "table",
  SR_RETRIES_EXHAUSTED: "table",
  PG_TABLE_UNPUBLISHED: "table",
  PG_PUBLICATION_CHANGED: "pipeline",
  PG_SLOT_KEPT: "pipeline",
  PG_REFUSED: "pipeline"
}

/** Whether the failure is one table's alone. */
export const isOfTable = (code: PermanentCode): boolean => REACH[code] === "table"

/** Whether a failure that time could mend has had its time. */
export const isExhausted = (limits: RetryLimits, elapsedMs: number): boolean =>
  limits.maxElapsedMs > 0 && elapsedMs >= limits.maxElapsedMs

/** The decision. */
export const decide = (failure: Failure, limits: RetryLimits, attempts: Attempts): Policy => {
  switch (failure._tag) {
    case "SetupError":
      return { _tag: "WaitForOperator" }
    case "PermanentError":
      return { _tag: isOfTable(failure.code) ? "StopTable" : "StopPipeline" }
    case "TransientError": {
      if (isExhausted(limits, attempts.elapsedMs)) return { _tag: "WaitForOperator" }
      const { failures, random } = attempts
      return { _tag: "Retry", afterMs: Backoff.delayMs(limits, failures, failure.retryAfterMs, random) }
    }
  }
}
