/** What the model sink says over HTTP, and what a client sees of a connection that broke. */
import type { Answer } from "../../src/layers/HttpExchange.ts"
import type { Load } from "./ModelStarRocks.ts"

export const HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
export const DENIED = "Access denied for root@10.0.0.7"
export const OUT_OF_MEMORY = "Memory of process exceed limit. try consume:1024 limit: 2048"

/** Refusals of a back end after which nothing is committed. */
export const REFUSALS = [
  "too many versions. tablet_id: 10123, version_count: 1001, limit: 1000",
  "[E1008]Reached timeout=600000ms transaction is aborted by timeout",
  "current running txns on db 10002 is 1000, larger than limit 1000",
  "tablet 10123 has few replicas: 1, success replica num 1 is less than quorum replica num 2"
] as const

export const json = (value: unknown): string => JSON.stringify(value)

export const answered = (httpStatus: number, body: string, bodySent: boolean, location?: string): Answer => ({
  _tag: "Answered",
  httpStatus,
  location,
  body,
  bodySent
})

export const lost = (why: string, bodySent: boolean): Answer => ({ _tag: "Lost", why, bodySent, pooled: false })

/** A back end's refusal, before the body or after it. */
export const failed = (message: string, bodySent = true): Answer =>
  answered(200, json({ TxnId: bodySent ? 9 : -1, Status: "Fail", Message: message }), bodySent)

/** A label that is taken: older servers name the state of its load in a member of their own. */
export const duplicate = ({ label, state }: Load, classic: boolean): Answer => {
  const Message = `Label [${label}] has already been used, relate to txn [9]`
  const ExistingJobStatus = state === "PREPARE" ? "RUNNING" : "FINISHED"
  return classic
    ? answered(200, json({ TxnId: -1, Status: "Label Already Exists", ExistingJobStatus, Message }), false)
    : answered(200, json({ TxnId: -1, Status: "Fail", Message }), false)
}

/** A front end that redirects nowhere. */
export const FRONT_END_TROUBLE: readonly [Answer, ...ReadonlyArray<Answer>] = [
  answered(200, json({ Status: "FAILED", Message: "No backend alive." }), false),
  answered(200, json({ status: "FAILED", msg: "current fe is not master" }), false),
  answered(503, HTML, false),
  answered(429, "", false)
]
