/** What the decoded WAL is made of, in commit order: row changes of mapped tables, and positions that may be confirmed. */
import type { PermanentError } from "./errors/PermanentError.ts"
import type { Lsn } from "./Lsn.ts"
import type { Relation } from "./pgoutput/Message.ts"
import type { RowEncoder } from "./RowEncoder.ts"
import type { PendingRoute } from "./schema/PendingRoute.ts"
import type { TableMapping } from "./Table.ts"

/** A table's rows with the shape its last Relation message announced. */
export interface TableRoute {
  readonly mapping: TableMapping
  readonly encoder: RowEncoder
}

/** The transaction a row belongs to: shared by its rows, not copied. */
export interface Transaction {
  /** LSN of the commit record: the rows' version. */
  readonly commitLsn: Lsn
  /** Commit time in microseconds since 1970. */
  readonly commitTime: bigint
  /** Its number at the source, without the epoch; undefined: unknown. */
  readonly xid?: number
}

export type RowKind = "insert" | "update" | "delete"

/**
 * One row change; its values stay in the frame's bytes until they are encoded. `newTuple` is −1 for a delete, `oldTuple`
 * −1 when the change carries no old row. `ordinal` counts the changes of this table within the transaction, so that
 * commit LSN and ordinal name a row change of a table for ever.
 */
export interface RowChange {
  readonly _tag: "Row"
  readonly kind: RowKind
  readonly route: TableRoute
  readonly transaction: Transaction
  readonly ordinal: number
  readonly bytes: Buffer
  readonly oldTuple: number
  readonly newTuple: number
  /** The old row holds the columns of the replica identity only. */
  readonly keyOnly: boolean
  /** The new row leaves values out, as unchanged. */
  readonly unchanged: boolean
  /** Bytes of WAL frames this change accounts for in the buffer. */
  readonly weight: number
}

/**
 * The table was emptied at this point of the transaction: everything of it that was given before is gone, what comes after
 * is not touched. `ordinal` is its place among the table's changes of the transaction, as a row's.
 */
export interface Truncation {
  readonly _tag: "Truncate"
  readonly mapping: TableMapping
  readonly transaction: Transaction
  readonly ordinal: number
  readonly weight: number
}

/**
 * From here on the table's rows have another shape, which the target may not have: whoever loads them must change the target
 * and settle `route` before the first of them. `before` is the shape until here; undefined: the first one of the session.
 */
export interface Reshape {
  readonly _tag: "Reshape"
  readonly mapping: TableMapping
  readonly relation: Relation
  readonly before: Relation | undefined
  readonly route: PendingRoute
  /** Undefined: announced outside of one. */
  readonly transaction: Transaction | undefined
  /** Changes of the table in the transaction before it. */
  readonly ordinal: number
  readonly weight: number
}

/**
 * The table was announced once more, or for the first time after a transaction that the setup has not seen, and its rows can be
 * written as they are: something may have been done to it that they do not show, perhaps to its key or to the values of all
 * rows, or to a column that has gone and come again.
 */
export interface Reannouncement {
  readonly _tag: "Reannounced"
  readonly mapping: TableMapping
  readonly relation: Relation
  /** Undefined: this is the first announcement. */
  readonly before: Relation | undefined
  /** Undefined: announced outside of one. */
  readonly transaction: Transaction | undefined
  readonly weight: number
}

/**
 * A position up to which every change has been given: the end of a commit, or a keepalive of a server that had nothing
 * more to send. May be confirmed once everything before it is durable.
 */
export interface Boundary {
  readonly _tag: "Boundary"
  readonly position: Lsn
  /** Commit time in microseconds since 1970; undefined for a keepalive. */
  readonly commitTime: bigint | undefined
  readonly weight: number
}

/**
 * The rows of a table end here: something of it cannot be carried over, and what comes after it is left out. Whoever sees
 * it must not confirm the position or any later one.
 */
export interface TableStop {
  readonly _tag: "Stop"
  readonly mapping: TableMapping
  readonly error: PermanentError
  readonly weight: number
}

export type Change = RowChange | Truncation | Reshape | Reannouncement | Boundary | TableStop
