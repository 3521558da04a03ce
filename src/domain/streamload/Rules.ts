/**
 * The texts with which StarRocks refuses a load, and what each means for the one who sent it. Servers give no error
 * codes here, so the texts are the interface; several are frozen because other clients match on them too.
 */
import type { PermanentCode } from "../errors/PermanentError.ts"
import type { TransientCode } from "../errors/TransientError.ts"

/**
 * - `InUse`: the label is held by an earlier attempt: ask for its state
 * - `Uncertain`: the load may have been committed: ask for the label's state
 * - `Transient`: send the same again later; `retryAfterMs` is the least wait, `triesMax` how often before giving up
 * - `Permanent`: sending it again cannot help
 */
export type Verdict =
  | { readonly _tag: "InUse" }
  | { readonly _tag: "Uncertain"; readonly code: TransientCode }
  | {
    readonly _tag: "Transient"
    readonly code: TransientCode
    readonly retryAfterMs?: number
    readonly triesMax?: number
  }
  | { readonly _tag: "Permanent"; readonly code: PermanentCode }

export interface Rule {
  readonly name: string
  readonly text: RegExp
  readonly verdict: Verdict
}

/** Least wait in ms after "too many versions": compaction needs that long to make room; more loads only hinder it. */
const COMPACTION_WAIT_MS = 30_000

/** Tries of a load that is refused with a text no rule knows: it may be new and passing, or new and final. */
export const UNMATCHED_TRIES_MAX = 5

/** A body that arrived short is sent once more: the connection may be to blame, then the writer is. */
const BODY_SHORT_TRIES_MAX = 2

const permanent = (code: PermanentCode): Verdict => ({ _tag: "Permanent", code })
const transient = (code: TransientCode): Verdict => ({ _tag: "Transient", code })

/** The first rule that matches `status message` decides, so narrow texts stand above wide ones. */
export const RULES: ReadonlyArray<Rule> = [
  // The label decides, not this reply.
  { name: "label in use", text: /label \[.*\] has already been used/i, verdict: { _tag: "InUse" } },
  {
    name: "commit reply lost",
    text: /transaction status unknown/i,
    verdict: { _tag: "Uncertain", code: "SR_REPLY_LOST" }
  },

  // Who may write where.
  {
    name: "access denied",
    text: /access denied|no valid basic authorization|need auth information/i,
    verdict: permanent("SR_ACCESS_DENIED")
  },
  { name: "unknown database", text: /unknown database/i, verdict: permanent("SR_REJECTED_LOAD") },
  { name: "unknown table", text: /unknown table/i, verdict: permanent("SR_REJECTED_LOAD") },
  { name: "unknown partition", text: /unknown partition/i, verdict: permanent("SR_REJECTED_LOAD") },

  // What the rows hold.
  { name: "rows filtered", text: /too many filtered rows/i, verdict: permanent("SR_REJECTED_ROWS") },
  { name: "key too long", text: /primary key size exceed the limit/i, verdict: permanent("SR_REJECTED_ROWS") },
  { name: "no rows", text: /all partitions have no load data/i, verdict: permanent("SR_REJECTED_LOAD") },

  // What the request asks for.
  { name: "label malformed", text: /label format error/i, verdict: permanent("SR_REJECTED_LOAD") },
  { name: "column without default", text: /column has no default value/i, verdict: permanent("SR_REJECTED_LOAD") },
  {
    name: "partial update without key",
    text: /key column .* not in partial update columns/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  {
    name: "partial update on another model",
    text: /only primary key table support partial update/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  {
    name: "merge condition",
    text: /conditional update only support primary key table|merge condition column/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  { name: "unknown column reference", text: /unknown reference column/i, verdict: permanent("SR_REJECTED_LOAD") },
  {
    name: "header syntax",
    text: /invalid .*format|unknown data format|can not specify both|only one of http header|100-continue header/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  {
    name: "body too large",
    text: /body size \d+ exceed limit|size of this batch exceed the max size/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  {
    name: "JSON shape",
    text: /strip_outer_array|illegal json started with|unrecognized json format|failed to (?:parse|iterate)/i,
    verdict: permanent("SR_REJECTED_LOAD")
  },
  { name: "quota", text: /exceeds quota/i, verdict: permanent("SR_REJECTED_LOAD") },

  // What passes.
  {
    name: "too many versions",
    text: /too many versions/i,
    verdict: { _tag: "Transient", code: "SR_TOO_MANY_VERSIONS", retryAfterMs: COMPACTION_WAIT_MS }
  },
  {
    name: "lake compaction",
    text: /too large compaction score|delay commit/i,
    verdict: { _tag: "Transient", code: "SR_TOO_MANY_VERSIONS", retryAfterMs: COMPACTION_WAIT_MS }
  },
  {
    name: "memory",
    text: /memory (?:of .* )?exceed limit|mem usage has exceed the limit/i,
    verdict: transient("SR_MEMORY")
  },
  { name: "no nodes", text: /no backend (?:or compute node )?alive/i, verdict: transient("SR_UNAVAILABLE") },
  { name: "leader moved", text: /current fe is not master/i, verdict: transient("SR_UNAVAILABLE") },
  { name: "shutdown", text: /service is shutting down/i, verdict: transient("SR_UNAVAILABLE") },
  {
    name: "transaction timeout",
    text: /timeout by txn manager|transaction is aborted by timeout/i,
    verdict: transient("SR_BUSY")
  },
  { name: "running transactions", text: /current running txns on db/i, verdict: transient("SR_BUSY") },
  {
    name: "concurrency cap",
    text: /exceed http cuncurrent limit|exceed http concurrent limit|stream_load_max_txn_num_per_be|TXN_IN_PROCESSING/i,
    verdict: transient("SR_BUSY")
  },
  { name: "commit lock", text: /lock wait timeout|locktimeout/i, verdict: transient("SR_BUSY") },
  {
    name: "replica quorum",
    text: /success replica num \d+ is less th[ae]n quorum replica num/i,
    verdict: transient("SR_UNAVAILABLE")
  },
  {
    name: "schema change",
    text: /state is not normal|tablet .*(?:not found|meta changed)/i,
    verdict: transient("SR_BUSY")
  },
  {
    name: "body short",
    text: /receive body don't equal with body bytes/i,
    verdict: { _tag: "Transient", code: "SR_REFUSED", triesMax: BODY_SHORT_TRIES_MAX }
  }
]

/** The verdict on a text; undefined when no rule knows it. */
export const match = (text: string): Verdict | undefined => RULES.find((rule) => rule.text.test(text))?.verdict

const WITHOUT_DEFAULT = /column has no default value\. column: (.+)$/i

/** The target column that a row would have to be given, by the text of rule "column without default"; undefined: another text. */
export const requiredColumn = (text: string): string | undefined => WITHOUT_DEFAULT.exec(text)?.[1]?.trim()
