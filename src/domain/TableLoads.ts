/**
 * The loads of one table's share of a batch: the rows of a key are merged to the last one, then written in parts of bounded
 * size, each of rows with the same columns and in one format. Synchronous; a part's body is a view of the writer, valid until
 * the next part is asked for.
 */
import * as Result from "effect/Result"
import * as AuditColumns from "./AuditColumns.ts"
import { Bisection } from "./Bisection.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { RowChange, TableRoute, Transaction } from "./Change.ts"
import { PermanentError } from "./errors/PermanentError.ts"
import * as Label from "./Label.ts"
import type { LoadRequest } from "./Load.ts"
import * as Lsn from "./Lsn.ts"
import type * as RejectedRow from "./RejectedRow.ts"
import type { ColumnSet } from "./rows/ColumnSet.ts"
import * as KeyLookup from "./rows/KeyLookup.ts"
import * as Merge from "./rows/Merge.ts"
import type { FinalRow } from "./rows/Merge.ts"
import * as Omission from "./rows/Omission.ts"
import * as RefusedRow from "./rows/RefusedRow.ts"
import type { RowWriter } from "./rows/RowWriter.ts"
import type { TableMapping } from "./Table.ts"
import * as Problem from "./values/Problem.ts"

const operationOf = (row: FinalRow): AuditColumns.OpType =>
  row.deleted
    ? AuditColumns.OP_DELETE
    : row.change.kind === "insert"
    ? AuditColumns.OP_INSERT
    : AuditColumns.OP_UPDATE

/** What all loads of a batch share. */
export interface LoadOptions {
  readonly origin: Label.Origin
  /** `dbmazz_synced_at` of every row. */
  readonly syncedAt: string
  /** A part is closed when it holds this much. */
  readonly bytesMax: number
  /** A row leaves unchanged values out that are together this large, if StarRocks has them; undefined: a few kB. */
  readonly partialBytesMin?: number | undefined
  /** `trusted` of the table, as in `Trust`. */
  readonly trustedAfter: Lsn.Lsn
  /** `at` of the table, as in `Exchange`; undefined: no partition of it was exchanged. */
  readonly exchangedAt?: Lsn.Lsn
}

const NOTHING_KNOWN: KeyLookup.Versions = new Map()

export class TableLoads {
  readonly #route: TableRoute
  readonly #options: LoadOptions
  readonly #writer: ByteWriter
  readonly #merged: Merge.Merged
  /** What `answer` is to say. None: nothing has to be known. */
  readonly questions: ReadonlyArray<Omission.Question>
  readonly lookup: KeyLookup.KeyLookup
  #groups: ReadonlyArray<Omission.Group> | undefined = undefined
  readonly #first: RowChange
  readonly #last: RowChange
  readonly #scope: string
  #next = 0
  /** The last part, from this row on. */
  #from = 0
  #rowsMax = Number.POSITIVE_INFINITY
  readonly #bisection = new Bisection()
  /** The columns of the last part. */
  #sent: ColumnSet | undefined = undefined
  /** The last row could not be written, because a column of it takes no NULL. */
  #isNull = false
  /** The row that is sent without its values; −1: none. */
  #bare = -1
  #tail: Buffer = Buffer.alloc(0)
  #tailTransaction: Transaction | undefined = undefined
  #tailOperation: AuditColumns.OpType | undefined = undefined

  /** `changes` are not empty, in commit order, and all of one route. */
  constructor(changes: ReadonlyArray<RowChange>, writer: ByteWriter, options: LoadOptions) {
    this.#first = changes[0]!
    this.#last = changes[changes.length - 1]!
    this.#route = this.#first.route
    this.#options = options
    this.#writer = writer
    this.#merged = Merge.merge(changes)
    this.lookup = KeyLookup.make(this.#route.mapping)
    const bytesMin = options.partialBytesMin ?? Omission.PARTIAL_BYTES_MIN
    this.questions = this.#merged.hasGaps ? Omission.questions(this.#merged.rows, this.lookup, bytesMin) : []
    this.#scope = Label.scope(options.origin, this.#route.mapping.source, this.#route.mapping.target)
  }

  get mapping(): TableMapping {
    return this.#route.mapping
  }

  /** Commit of the last change. */
  get lastCommitLsn(): Lsn.Lsn {
    return this.#last.transaction.commitLsn
  }

  /** Says which rows StarRocks has, before the first part is asked for; without it, it has none of them. */
  answer(versions: KeyLookup.Versions): void {
    const { hasGaps, rows } = this.#merged
    const { encoder } = this.#route
    this.#groups = hasGaps
      ? Omission.groups(rows, encoder, this.#options, this.questions, versions)
      : [{ columns: encoder.whole, rows }]
  }

  /** The next part, or undefined after the last one. The body of the part before is overwritten. */
  next(): Result.Result<LoadRequest | undefined, PermanentError> {
    if (this.#groups === undefined) this.answer(NOTHING_KNOWN)
    const from = this.#next
    let start = 0
    for (const group of this.#groups!) {
      if (from < start + group.rows.length) return this.#part(group, start, from)
      start += group.rows.length
    }
    return Result.succeed(undefined)
  }

  /** The part of a group, whose first row is the share's row `start`, that begins at the share's row `from`. */
  #part({ columns, rows }: Omission.Group, start: number, from: number): Result.Result<LoadRequest, PermanentError> {
    const request = this.#write(columns, rows, start, from)
    // Of the whole part, so that a value that only JSON can say costs no load of its own.
    return request ?? this.#write(columns.inJson ?? columns, rows, start, from)!
  }

  /** The part in the format of the set; undefined: a row of it can only be said in JSON. */
  #write(
    columns: ColumnSet,
    rows: ReadonlyArray<FinalRow>,
    start: number,
    from: number
  ): Result.Result<LoadRequest, PermanentError> | undefined {
    const writer = this.#writer
    const rowWriter = this.#route.encoder.writer(columns.format)
    const { tooLong } = this.#merged
    writer.truncate()
    this.#sent = columns
    this.#isNull = false
    this.#tailTransaction = undefined
    let at = from
    this.#from = from
    const end = Math.min(start + rows.length, this.#bisection.end(from, this.#merged.rows.length))
    while (at < end && at - from < this.#rowsMax && writer.length < this.#options.bytesMax) {
      const row = rows[at - start]!
      const { bytes } = row.change
      const keyBytes = tooLong.size === 0 ? undefined : tooLong.get(row)
      // The rows before one that cannot be written are a part of their own: a label names rows without a gap.
      if (keyBytes !== undefined && at > from) break
      if (keyBytes !== undefined) return Result.fail(RefusedRow.keyTooLong(row, keyBytes))
      const tail = this.#tailOf(row, rowWriter)
      const problem = row.gaps !== undefined
        ? rowWriter.encodeGaps(writer, bytes, Merge.tupleOf(row), row.gaps, columns.omits, tail)
        : rowWriter.encode(writer, bytes, Merge.tupleOf(row), tail, at === this.#bare)
      if (problem?.problem.kind === "onlyJson") return undefined
      if (problem !== undefined && at > from) break
      if (problem !== undefined) {
        this.#isNull = Problem.isOfNull(problem.problem)
        return Result.fail(RefusedRow.unrepresentable(row, problem))
      }
      at += 1
    }
    this.#next = at
    return Result.succeed({
      target: this.#route.mapping.target,
      label: this.#label(from, at, columns.tag),
      format: columns.format,
      columns: columns.header,
      partialUpdate: columns.partial,
      body: writer.view(),
      rowCount: at - from,
      run: this.#options.origin.run,
      lastCommitLsn: this.lastCommitLsn,
      targetColumns: this.#route.mapping.targetColumns
    })
  }

  /** Whether `next` could not write a row only because a column of it takes no NULL, as far as is known. */
  get isNull(): boolean {
    return this.#isNull
  }

  /** Rows of this shape are written for these columns of the target, those that `next` could not write again; false: as before. */
  relax(targetColumns: TableMapping["targetColumns"]): boolean {
    return this.#route.encoder.relax(targetColumns)
  }

  /** Gives the last part again, in halves, and no later part larger than they are. Their labels name their own rows. */
  halve(): void {
    this.#rowsMax = Math.max(1, Math.ceil((this.#next - this.#from) / 2))
    this.#next = this.#from
  }

  /**
   * What was given last is refused for what it holds: the part, or the row that `next` could not write. A row that is known
   * by now is left out and given; until then the parts that follow are smaller, and a deleted row is given once more
   * without its values, because the delete must arrive whatever the row held.
   */
  refused(refusal: PermanentError): RejectedRow.RejectedRow | undefined {
    const from = this.#from
    const row = this.#at(from)
    if (this.#next - from > 1) {
      this.#bisection.refused(from, this.#next)
      this.#next = from
      return undefined
    }
    if (this.bare()) return undefined
    this.#next = from + 1
    const { mapping } = this.#route
    const { transaction } = row.change
    return {
      source: mapping.source,
      target: mapping.target,
      commitTime: transaction.commitTime,
      operation: row.deleted ? "delete" : row.change.kind,
      label: this.#label(from, from + 1, this.#sent?.tag),
      ...RefusedRow.texts(row),
      refusal
    }
  }

  /**
   * The row that `next` could not write, or that was refused alone, is given once more without its values, by itself; false: it
   * is no delete, or was given so already.
   */
  bare(): boolean {
    const from = this.#from
    const row = this.#at(from)
    if (!row.deleted || this.#bare === from || this.#merged.tooLong.has(row)) return false
    this.#bisection.refused(from, from + 1)
    this.#bare = from
    this.#next = from
    return true
  }

  #at(index: number): FinalRow {
    let start = 0
    for (const { rows } of this.#groups!) {
      if (index < start + rows.length) return rows[index - start]!
      start += rows.length
    }
    throw new RangeError(`the share has no row ${index}`)
  }

  #label(from: number, to: number, columns: string | undefined): string {
    return Label.make(this.#scope, {
      first: { commitLsn: this.#first.transaction.commitLsn, ordinal: this.#first.ordinal },
      last: { commitLsn: this.#last.transaction.commitLsn, ordinal: this.#last.ordinal },
      from,
      to,
      bare: from === this.#bare,
      columns
    })
  }

  #tailOf(row: FinalRow, rowWriter: RowWriter): Buffer {
    const operation = operationOf(row)
    const transaction = row.change.transaction
    if (transaction !== this.#tailTransaction || operation !== this.#tailOperation) {
      const version = Lsn.toBigint(transaction.commitLsn)
      this.#tail = rowWriter.tail(operation, this.#options.syncedAt, version)
      this.#tailTransaction = transaction
      this.#tailOperation = operation
    }
    return this.#tail
  }
}
