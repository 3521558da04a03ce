/** A Stream Load transaction as the BE holds it in memory, between begin and prepare, commit or rollback. */
import * as Scope from "effect/Scope"
import { taking } from "../body/BodyChunks.ts"
import type { Session } from "../catalogue/Storage.ts"
import type { LabelRecord } from "../load/Labels.ts"
import type { OpenLoad } from "../load/LoadEngine.ts"
import * as LoadReply from "../load/LoadReply.ts"
import type { Times } from "./TransactionHeaders.ts"
import type { TransactionRefused } from "./TransactionReply.ts"

/** The rows of one table. */
export interface Part {
  readonly load: OpenLoad
  readonly progress: LoadReply.Progress
  /** Whether the last body ended where a row ends; the server joins the bodies of a CSV load without looking. */
  endsRow: boolean
}

/** The transaction. */
export interface OpenTransaction {
  readonly record: LabelRecord
  /** The table of all its loads; undefined when it spans the tables that the FE announced. */
  readonly table: string | undefined
  readonly announced: Set<string>
  readonly times: Times
  readonly progress: LoadReply.Progress
  readonly parts: Map<string, Part>
  /** Holds the session that the staged rows live in. */
  readonly scope: Scope.Closeable
  session: Session | undefined
  lastActiveMs: number
  /** Bytes of all bodies as their headers declared them. */
  declaredBytes: number
  /** What all loads have to agree in; undefined before the first. */
  signature: string | undefined
  /** Whether a request works on it. */
  busy: boolean
  /** Whether the BE holds it no longer; who works on it then closes it. */
  ended: boolean
  /** Why it cannot commit; told at prepare or commit, as the server reads bodies in the background. */
  failure: TransactionRefused | undefined
}

/** A transaction that has just begun. */
export const make = (
  record: LabelRecord,
  table: string | undefined,
  times: Times,
  progress: LoadReply.Progress
): OpenTransaction => ({
  record,
  table,
  announced: new Set(),
  times,
  progress,
  parts: new Map(),
  scope: Scope.makeUnsafe(),
  session: undefined,
  lastActiveMs: Date.now(),
  declaredBytes: 0,
  signature: undefined,
  busy: false,
  ended: false,
  failure: undefined
})

/** The transaction in an error message. */
export const brief = ({ record }: OpenTransaction): string =>
  `txn_id: ${record.txnId}, label=${record.label}, db=${record.database}`

/** How far the transaction came, over all its tables. */
export const total = ({ parts, progress }: OpenTransaction): LoadReply.Progress => {
  const sum = { ...progress }
  for (const { progress: part } of parts.values()) {
    sum.total += part.total
    sum.loaded += part.loaded
    sum.filtered += part.filtered
    sum.unselected += part.unselected
    sum.bytes += part.bytes
    sum.planMs += part.planMs
    sum.readMs += part.readMs
    sum.writeMs += part.writeMs
    sum.errorUrl ??= part.errorUrl
  }
  return sum
}

/** The body, which tells at its end whether its last bytes are these; a body without bytes tells nothing. */
export const endingWith = async function*(
  body: AsyncIterable<Buffer>,
  ending: Buffer,
  tell: (ends: boolean) => void
): AsyncIterable<Buffer> {
  let tail = Buffer.alloc(0)
  for await (const bytes of taking(body)) {
    tail = bytes.length >= ending.length
      ? Buffer.from(bytes.subarray(bytes.length - ending.length))
      : Buffer.concat([tail, bytes]).subarray(-ending.length)
    yield bytes
  }
  if (tail.length > 0) tell(tail.equals(ending))
}

/** Why the transaction has lived too long; undefined when it has not. */
export const expired = (open: OpenTransaction, nowMs: number): string | undefined => {
  const { idle, timeout } = open.times
  if (nowMs - open.progress.startedAtMs > timeout * 1000) return `transaction is aborted by timeout ${timeout} seconds.`
  if (idle !== undefined && nowMs - open.lastActiveMs > idle * 1000) {
    return `transaction is aborted by idle timeout ${idle} seconds.`
  }
  return undefined
}
