/** Replies of Stream Load transactions: status names, fields and their order are part of the contract. Pure. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { exception } from "../http/FrontEndFailure.ts"
import type { LoadRefused } from "../load/LoadRefusal.ts"
import type { Progress } from "../load/LoadReply.ts"

/** What is done to a transaction. */
export const operations = ["begin", "load", "prepare", "commit", "rollback"] as const

/** An operation. */
export type Operation = typeof operations[number]

/** The names of statuses, as the BE writes them. */
export type Status =
  | "LABEL_ALREADY_EXISTS"
  | "TXN_NOT_EXISTS"
  | "TXN_IN_PROCESSING"
  | "INVALID_ARGUMENT"
  | "INTERNAL_ERROR"
  | "ANALYSIS_ERROR"
  | "ABORTED"
  | "SERVICE_UNAVAILABLE"

/** An operation that did not succeed. */
export class TransactionRefused extends Data.TaggedError("TransactionRefused")<{
  readonly status: Status
  readonly message: string
  /** State of the transaction that holds the label; empty when the BE itself holds it. */
  readonly existing?: string | undefined
  readonly errorUrl?: string | undefined
}> {}

/** An operation's refusal. */
export const refusal = (status: Status, message: string): TransactionRefused =>
  new TransactionRefused({ status, message })

/** Messages of header and argument checks, which the server reports as INVALID_ARGUMENT. */
const argument = /^(Invalid |Can not specify both|Only one of|load_mem_limit must)/

/** A load's refusal as a transaction reports it; `otherwise` is the status of what is no matter of arguments. */
export const fromLoad = (
  { outcome }: LoadRefused,
  otherwise: "ANALYSIS_ERROR" | "INTERNAL_ERROR",
  errorUrl?: string
): TransactionRefused =>
  new TransactionRefused(
    outcome.status === "Label Already Exists"
      ? { status: "LABEL_ALREADY_EXISTS", message: outcome.message, existing: outcome.existing }
      : { status: argument.test(outcome.message) ? "INVALID_ARGUMENT" : otherwise, message: outcome.message, errorUrl }
  )

/** An effect of a load as part of an operation: its refusal is an internal error, unless it is a matter of arguments. */
export const internal = <A, R>(effect: Effect.Effect<A, LoadRefused, R>): Effect.Effect<A, TransactionRefused, R> =>
  Effect.mapError(effect, (error) => fromLoad(error, "INTERNAL_ERROR"))

const indent = 4

const counters = (progress: Progress) => ({
  NumberTotalRows: progress.total,
  NumberLoadedRows: progress.loaded,
  NumberFilteredRows: progress.filtered,
  NumberUnselectedRows: progress.unselected,
  LoadBytes: progress.bytes,
  LoadTimeMs: Math.round(Date.now() - progress.startedAtMs),
  StreamLoadPlanTimeMs: Math.round(progress.planMs),
  ReceivedDataTimeMs: Math.round(progress.readMs),
  WriteDataTimeMs: Math.round(progress.writeMs),
  CommitAndPublishTimeMs: Math.round(progress.commitMs)
})

const fields = (operation: Operation, progress: Progress | undefined): object => {
  if (progress === undefined) return {}
  switch (operation) {
    case "begin":
      return { TxnId: progress.txnId, BeginTxnTimeMs: Math.round(progress.beginMs) }
    case "load":
      return {
        TxnId: progress.txnId,
        LoadBytes: progress.bytes,
        StreamLoadPlanTimeMs: Math.round(progress.planMs),
        ReceivedDataTimeMs: Math.round(progress.readMs)
      }
    case "prepare":
    case "commit":
      return { TxnId: progress.txnId, ...counters(progress) }
    case "rollback":
      return {}
  }
}

/** The BE's reply to an operation that succeeded; a rollback has no progress. */
export const succeeded = (operation: Operation, label: string, progress: Progress | undefined): string =>
  JSON.stringify(
    {
      Status: "OK",
      Message: "",
      Label: label,
      ...fields(operation, progress),
      ...(progress?.errorUrl === undefined ? {} : { ErrorURL: progress.errorUrl })
    },
    null,
    indent
  )

/** The BE's reply to an operation that did not. */
export const refused = (label: string, { errorUrl, existing, message, status }: TransactionRefused): string =>
  JSON.stringify(
    {
      Status: status,
      ...(status === "LABEL_ALREADY_EXISTS" ? { ExistingJobStatus: existing ?? "" } : {}),
      ...(status === "TXN_IN_PROCESSING" ? { Label: label } : {}),
      Message: message,
      ...(errorUrl === undefined ? {} : { ErrorURL: errorUrl })
    },
    null,
    indent
  )

const frontEndIndent = 2

/** The FE's reply to an operation that it did itself. */
export const byFrontEnd = (label: string, txnId: number, message = ""): string =>
  JSON.stringify({ Status: "OK", TxnId: txnId, Message: message, Label: label }, null, frontEndIndent)

/** The FE's reply to an operation that it refuses. */
export const failedByFrontEnd = (message: string, thrown = "com.starrocks.common.StarRocksException"): string =>
  JSON.stringify(exception(message, thrown), null, frontEndIndent)

/** The FE's reply to a begin whose label is held. */
export const heldByFrontEnd = (message: string, existing: string): string =>
  JSON.stringify(
    { Status: "LABEL_ALREADY_EXISTS", ExistingJobStatus: existing, Message: message },
    null,
    frontEndIndent
  )
