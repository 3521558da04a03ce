/** What is loaded together: a stretch of changes, cut by rows, bytes or time, and split by target table as it grows. */
import type { Change, Reannouncement, Reshape, RowChange, TableStop, Truncation } from "./Change.ts"
import type { FlushLimits } from "./config/Settings.ts"
import * as Identifier from "./Identifier.ts"
import type { Lsn } from "./Lsn.ts"
import type { TableMapping } from "./Table.ts"

/** Changes of one target in commit order; a segment ends where the table's shape changed or the table was emptied. */
export interface TableShare {
  readonly mapping: TableMapping
  readonly segments: Array<Array<RowChange>>
  /** What is done to the table as a whole, each with the number of segments that come before it, in order. */
  readonly operations: Array<{ readonly after: number; readonly change: Truncation | Reshape | Reannouncement }>
}

/** Changes of a share that were carried over; of a segment that was cut short none is counted. */
export interface Carried {
  rows: number
  truncations: number
}

/** Mutable while it grows, handed on once and then only read. */
export class Batch {
  /** By target, in the order of the first change. */
  readonly tables = new Map<string, TableShare>()
  /** Row changes, a truncation counting as one: a position behind it is worth as much. */
  rowCount = 0
  /** Tables whose rows end in this batch. */
  readonly stops: Array<TableStop> = []
  /** Bytes of WAL frames in it: released from the buffer when it is done. */
  bytes = 0
  /** The last position in it up to which every change is in this batch or an earlier one. */
  boundary: Lsn | undefined = undefined
  /** Rows behind the boundary: of a transaction whose commit a later batch brings. */
  rowsBehind = 0
  /** Commit time of the last complete transaction, in microseconds since 1970. */
  commitTime: bigint | undefined = undefined
  #lastShare: TableShare | undefined = undefined
  #lastMapping: unknown = undefined

  add(change: Change): void {
    this.bytes += change.weight
    if (change._tag === "Boundary") {
      this.boundary = change.position
      this.rowsBehind = 0
      if (change.commitTime !== undefined) this.commitTime = change.commitTime
      return
    }
    if (change._tag === "Stop") {
      this.stops.push(change)
      return
    }
    if (change._tag === "Truncate" || change._tag === "Reshape" || change._tag === "Reannounced") {
      const { operations, segments } = this.#shareOf(change.mapping)
      operations.push({ after: segments.length, change })
      if (change._tag !== "Truncate") return
    }
    this.rowCount += 1
    this.rowsBehind += 1
    if (change._tag === "Truncate") return
    const { operations, segments } = this.#shareOf(change.route.mapping)
    const segment = segments[segments.length - 1]
    const continued = segment !== undefined && segment[0]!.route === change.route &&
      (operations.length === 0 || operations[operations.length - 1]!.after < segments.length)
    if (continued) segment.push(change)
    else segments.push([change])
  }

  isFull(limits: FlushLimits): boolean {
    return this.rowCount >= limits.rows || this.bytes >= limits.bytes
  }

  #shareOf(mapping: TableMapping): TableShare {
    if (this.#lastShare !== undefined && this.#lastMapping === mapping) return this.#lastShare
    const key = Identifier.show(mapping.target)
    let share = this.tables.get(key)
    if (share === undefined) {
      share = { mapping, segments: [], operations: [] }
      this.tables.set(key, share)
    }
    this.#lastShare = share
    this.#lastMapping = mapping
    return share
  }
}
