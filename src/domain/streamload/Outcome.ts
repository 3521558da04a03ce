/**
 * What one exchange with StarRocks means for the load: pure, so that every case is a test. HTTP 200 means nothing until
 * the status in the body is read, and a success means nothing until its row count is the one that was sent.
 */
import type { PermanentCode } from "../errors/PermanentError.ts"
import type { TransientCode } from "../errors/TransientError.ts"
import type * as ErrorLog from "./ErrorLog.ts"
import * as Redaction from "./Redaction.ts"
import * as Reply from "./Reply.ts"
import * as Rules from "./Rules.ts"

/** What came of one attempt on the wire, redirects followed. `bodySent`: at least one byte of the body left us. */
export type Exchange =
  | { readonly _tag: "Answered"; readonly httpStatus: number; readonly body: string; readonly bodySent: boolean }
  | { readonly _tag: "Lost"; readonly why: string; readonly bodySent: boolean }
  | { readonly _tag: "Unsendable"; readonly why: string }

/** How far the transaction that holds a label has come, as far as the reply says. */
export type Job = "running" | "finished" | "unknown"

/**
 * - `Loaded`: committed, every row counted; `visible` false: readable a little later
 * - `InUse`: an earlier attempt holds the label; `finished` is as good as loaded
 * - `Uncertain`: it may have been committed; only the label's state can tell
 * - `Transient`: not committed, the same request may succeed later
 * - `Permanent`: the same request cannot succeed
 *
 * `why` holds no row value and no secret.
 */
export type Outcome =
  | { readonly _tag: "Loaded"; readonly loadedRows: number; readonly visible: boolean }
  | { readonly _tag: "InUse"; readonly job: Job; readonly why: string }
  | { readonly _tag: "Uncertain"; readonly code: TransientCode; readonly why: string }
  | Transient
  | Permanent

export interface Transient {
  readonly _tag: "Transient"
  readonly code: TransientCode
  readonly why: string
  /** The least wait before the next try, in ms. */
  readonly retryAfterMs?: number
  /** After so many tries with this very code it counts as permanent. */
  readonly triesMax?: number
}

export interface Permanent {
  readonly _tag: "Permanent"
  readonly code: PermanentCode
  readonly why: string
  readonly errorUrl?: string
  /** What the error log says of the first row that was filtered, or the message of a column. */
  readonly reason?: ErrorLog.Reason
}

/** The outcome with what the back end's error log says. */
export const explained = (outcome: Permanent, reason: ErrorLog.Reason): Permanent => ({
  ...outcome,
  why: `${outcome.why}: ${reason.text}`,
  reason
})

/** What a refusal means that came back `tries` times: permanent when it was to be tried only so often. */
export const afterTries = (outcome: Transient, tries: number): Transient | Permanent =>
  outcome.triesMax === undefined || tries < outcome.triesMax
    ? outcome
    : { _tag: "Permanent", code: "SR_REJECTED_LOAD", why: `${outcome.why} (${tries} times)` }

const unmatched = (why: string): Outcome => ({
  _tag: "Transient",
  code: "SR_REFUSED",
  why,
  triesMax: Rules.UNMATCHED_TRIES_MAX
})

/** A failure that ends the attempt: uncertain once the body was on its way, because the reply is what got lost. */
const broken = (code: TransientCode, why: string, bodySent: boolean): Outcome =>
  bodySent ? { _tag: "Uncertain", code, why } : { _tag: "Transient", code, why }

const accepted = (reply: Reply.Readable, rowCount: number): Outcome => {
  const filtered = reply.filteredRows ?? 0
  if (reply.loadedRows === rowCount && filtered === 0) {
    return { _tag: "Loaded", loadedRows: reply.loadedRows, visible: reply.status === "Success" }
  }
  const loaded = reply.loadedRows === undefined ? "an unknown number of" : String(reply.loadedRows)
  return {
    _tag: "Permanent",
    code: "SR_ROWS_MISSING",
    why: `'${reply.status}' reports ${loaded} rows loaded and ${filtered} filtered, ${rowCount} were sent`
  }
}

const jobOf = (existingJobStatus: string | undefined): Job =>
  existingJobStatus === "FINISHED" ? "finished" : existingJobStatus === "RUNNING" ? "running" : "unknown"

/** What the message itself says of a column. */
const reasonOf = (why: string): Pick<Permanent, "reason"> => {
  const column = Rules.requiredColumn(why)
  return column === undefined ? {} : { reason: { text: `'${column}' is NOT NULL and has no default`, column } }
}

const refused = (reply: Reply.Readable): Outcome => {
  const text = `${reply.status}: ${reply.message}`
  const why = Redaction.redact(text)
  const verdict = Rules.match(text)
  switch (verdict?._tag) {
    case undefined:
      return unmatched(why)
    case "InUse":
      return { _tag: "InUse", job: jobOf(reply.existingJobStatus), why }
    case "Uncertain":
      return { ...verdict, why }
    case "Transient":
      return { ...verdict, why }
    case "Permanent":
      return {
        ...verdict,
        why,
        ...(reply.errorUrl === undefined ? {} : { errorUrl: Redaction.redact(reply.errorUrl) }),
        ...reasonOf(why)
      }
  }
}

const replied = (reply: Reply.Reply, rowCount: number, bodySent: boolean): Outcome => {
  if (reply._tag === "Unreadable") return broken("SR_REPLY_UNREADABLE", reply.why, bodySent)
  switch (reply.status) {
    case "Success":
    case "Publish Timeout":
      return accepted(reply, rowCount)
    case "Label Already Exists":
      return { _tag: "InUse", job: jobOf(reply.existingJobStatus), why: Redaction.redact(reply.message) }
    default:
      return refused(reply)
  }
}

/** HTTP statuses of front ends and of proxies; a back end answers 200 to everything that reached its load handler. */
const answered = (httpStatus: number, body: string, rowCount: number, bodySent: boolean): Outcome => {
  if (httpStatus === 200) return replied(Reply.decode(body), rowCount, bodySent)
  const reply = Reply.decode(body)
  const why = `HTTP ${httpStatus}${reply._tag === "Readable" ? `, ${Redaction.redact(reply.message)}` : ""}`
  if (httpStatus === 401 || httpStatus === 403) return { _tag: "Permanent", code: "SR_ACCESS_DENIED", why }
  if (httpStatus === 404 || httpStatus === 405) return { _tag: "Permanent", code: "SR_REJECTED_LOAD", why }
  if (httpStatus === 408 || httpStatus === 429) return broken("SR_BUSY", why, bodySent)
  if (httpStatus >= 500) return broken("SR_UNAVAILABLE", why, bodySent)
  if (httpStatus >= 300 && httpStatus < 400) {
    return { _tag: "Transient", code: "SR_UNAVAILABLE", why: `${why}: a redirect that leads nowhere` }
  }
  return unmatched(why)
}

/** Classifies an exchange of a load that carried `rowCount` rows. Total. */
export const classify = (exchange: Exchange, rowCount: number): Outcome => {
  switch (exchange._tag) {
    case "Answered":
      return answered(exchange.httpStatus, exchange.body, rowCount, exchange.bodySent)
    case "Lost":
      return broken(exchange.bodySent ? "SR_REPLY_LOST" : "SR_UNREACHABLE", exchange.why, exchange.bodySent)
    case "Unsendable":
      return { _tag: "Permanent", code: "SR_REJECTED_LOAD", why: exchange.why }
  }
}
