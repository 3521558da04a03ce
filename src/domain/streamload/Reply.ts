/**
 * What StarRocks answers over HTTP, decoded: a back end's load reply, a front end's refusal, the state of a label.
 *
 * Members we do not know are ignored, because every version adds some. A body that is not such a reply (a proxy's HTML,
 * half a document, another JSON) is `Unreadable`, which is never a success.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Redaction from "./Redaction.ts"

/** A reply that names a status. Counts are absent when a front end refused the load, or none was begun. */
export interface Readable {
  readonly _tag: "Readable"
  readonly status: string
  readonly message: string
  /** `RUNNING` or `FINISHED`, beside the status `Label Already Exists` only. */
  readonly existingJobStatus: string | undefined
  readonly loadedRows: number | undefined
  readonly filteredRows: number | undefined
  /** Where a back end keeps samples of the rows it filtered; its host may be unreachable from here. */
  readonly errorUrl: string | undefined
}

/** Something else; `why` holds nothing of the body. */
export interface Unreadable {
  readonly _tag: "Unreadable"
  readonly why: string
}

export type Reply = Readable | Unreadable

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))
const Count = Schema.optionalKey(Schema.Int)

/** The back end's reply, and the front end's refusal with capital keys, which has two of these members. */
const Capital = Schema.Struct({
  Status: Schema.String,
  Message: Text,
  ExistingJobStatus: Text,
  NumberLoadedRows: Count,
  NumberFilteredRows: Count,
  ErrorURL: Text
})

/** The front end's refusal with lower-case keys (authentication, privileges, unexpected exceptions). */
const Lower = Schema.Struct({ status: Schema.String, msg: Text })

const decodeCapital = Schema.decodeUnknownResult(Capital)
const decodeLower = Schema.decodeUnknownResult(Lower)

const parseJson = (body: string): Result.Result<unknown, Unreadable> => {
  if (body.trim() === "") return Result.fail({ _tag: "Unreadable", why: "the reply is empty" })
  try {
    return Result.succeed(JSON.parse(body))
  } catch {
    const html = /^\s*<(?:!doctype|html|\?xml)/i.test(body)
    return Result.fail({ _tag: "Unreadable", why: html ? "the reply is HTML, not JSON" : "the reply is not JSON" })
  }
}

/** Decodes the body of an answer to a load. Total: bad bytes give `Unreadable`. */
export const decode = (body: string): Reply => {
  const json = parseJson(body)
  if (Result.isFailure(json)) return json.failure
  const capital = decodeCapital(json.success)
  if (Result.isSuccess(capital)) {
    const reply = capital.success
    return {
      _tag: "Readable",
      status: reply.Status,
      message: reply.Message ?? "",
      existingJobStatus: reply.ExistingJobStatus ?? undefined,
      loadedRows: reply.NumberLoadedRows,
      filteredRows: reply.NumberFilteredRows,
      errorUrl: reply.ErrorURL ?? undefined
    }
  }
  const lower = decodeLower(json.success)
  if (Result.isFailure(lower)) return { _tag: "Unreadable", why: "the reply is JSON without a status" }
  return {
    _tag: "Readable",
    status: lower.success.status,
    message: lower.success.msg ?? "",
    existingJobStatus: undefined,
    loadedRows: undefined,
    filteredRows: undefined,
    errorUrl: undefined
  }
}

/** The states of a label's transaction; `UNKNOWN` is never begun, or evicted after it ended. */
const LabelStates = Schema.Literals(["VISIBLE", "COMMITTED", "PREPARED", "PREPARE", "ABORTED", "UNKNOWN"])
export type LabelState = typeof LabelStates.Type

/** The front end's answer to `get_load_state`: the state, or why there is none (without row values). */
export type LabelAnswer =
  | { readonly _tag: "Known"; readonly state: LabelState }
  | { readonly _tag: "Unanswered"; readonly why: string }

const decodeLabelState = Schema.decodeUnknownResult(Schema.Struct({ state: LabelStates }))

/** Decodes an answer to `get_load_state`. Total. */
export const decodeLabelAnswer = (httpStatus: number, body: string): LabelAnswer => {
  if (httpStatus === 404) {
    return { _tag: "Unanswered", why: "only a front end knows label states, and this address is not one (HTTP 404)" }
  }
  if (httpStatus !== 200) return { _tag: "Unanswered", why: `HTTP ${httpStatus}` }
  const json = parseJson(body)
  if (Result.isFailure(json)) return { _tag: "Unanswered", why: json.failure.why }
  const known = decodeLabelState(json.success)
  if (Result.isSuccess(known)) return { _tag: "Known", state: known.success.state }
  const refused = decode(body)
  return {
    _tag: "Unanswered",
    why: refused._tag === "Readable" ? Redaction.redact(refused.message) : "the reply holds no state of a label"
  }
}
