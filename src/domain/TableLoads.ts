/**
 * The loads of one table's share of a batch: the rows of a key are merged to the last one, then written as JSON lines in
 * parts of bounded size, each of rows with the same columns. Synchronous; a part's body is a view of the writer, valid until
 * the next part is asked for.
 */
import * as Result from "effect/Result"
import * as AuditColumns from "./AuditColumns.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { RowChange, TableRoute, Transaction } from "./Change.ts"
import * as EncodedKey from "./EncodedKey.ts"
import { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import * as Label from "./Label.ts"
import type { LoadRequest } from "./Load.ts"
import * as Lsn from "./Lsn.ts"
import type { ValueProblem } from "./RowEncoder.ts"
import * as KeyLookup from "./rows/KeyLookup.ts"
import * as Merge from "./rows/Merge.ts"
import type { FinalRow } from "./rows/Merge.ts"
import * as Omission from "./rows/Omission.ts"
import type { TableMapping } from "./Table.ts"

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
    const { encoder, mapping } = this.#route
    this.#groups = hasGaps
      ? Omission.groups(rows, encoder, mapping, this.questions, versions)
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
    const writer = this.#writer
    const encoder = this.#route.encoder
    const end = start + rows.length
    const { tooLong } = this.#merged
    writer.truncate()
    let at = from
    while (at < end && at - from < this.#rowsMax && writer.length < this.#options.bytesMax) {
      const row = rows[at - start]!
      const { bytes, newTuple, oldTuple } = row.change
      const keyBytes = tooLong.size === 0 ? undefined : tooLong.get(row)
      if (keyBytes !== undefined) return Result.fail(keyTooLong(row, keyBytes))
      const tail = this.#tailOf(row)
      const problem = row.gaps !== undefined
        ? encoder.encodeGaps(writer, bytes, Merge.tupleOf(row), row.gaps, columns.omits, tail)
        : encoder.encode(writer, bytes, row.deleted ? oldTuple : newTuple, tail)
      if (problem !== undefined) return Result.fail(unrepresentable(row, problem))
      at += 1
    }
    this.#from = from
    this.#next = at
    return Result.succeed({
      target: this.#route.mapping.target,
      label: Label.make(this.#scope, {
        first: { commitLsn: this.#first.transaction.commitLsn, ordinal: this.#first.ordinal },
        last: { commitLsn: this.#last.transaction.commitLsn, ordinal: this.#last.ordinal },
        from,
        to: at,
        columns: columns.tag
      }),
      columns: columns.header,
      partialUpdate: columns.partial,
      body: writer.view(),
      rowCount: at - from,
      run: this.#options.origin.run,
      lastCommitLsn: this.lastCommitLsn
    })
  }

  /** Gives the last part again, in halves, and no later part larger than they are. Their labels name their own rows. */
  halve(): void {
    this.#rowsMax = Math.max(1, Math.ceil((this.#next - this.#from) / 2))
    this.#next = this.#from
  }

  #tailOf(row: FinalRow): Buffer {
    const operation = operationOf(row)
    const transaction = row.change.transaction
    if (transaction !== this.#tailTransaction || operation !== this.#tailOperation) {
      const version = Lsn.toBigint(transaction.commitLsn)
      this.#tail = Buffer.from(AuditColumns.jsonTail(operation, this.#options.syncedAt, version), "latin1")
      this.#tailTransaction = transaction
      this.#tailOperation = operation
    }
    return this.#tail
  }
}

/** Which row it is: its key as people write it, its source table and the position of its commit. */
const placeOf = ({ change, deleted }: FinalRow) => {
  const { bytes, newTuple, oldTuple, route, transaction } = change
  const key = deleted
    ? route.encoder.describeKey(bytes, oldTuple, -1)
    : route.encoder.describeKey(bytes, newTuple, oldTuple)
  return { table: Identifier.show(route.mapping.source), key, lsn: Lsn.format(transaction.commitLsn) }
}

const unknown = (row: FinalRow, { column }: ValueProblem): PermanentError => {
  const { key, lsn, table } = placeOf(row)
  const { source, target } = row.change.route.mapping
  return new PermanentError({
    code: "TOAST_VALUE_UNKNOWN",
    message: `the row ${key} of ${table}, changed by the transaction committed at ${lsn}, needs its value of column ` +
      `'${column}', which PostgreSQL leaves out because it did not change and StarRocks does not have`,
    remediation: `Copy the row as it is now in PostgreSQL into ${Identifier.quoteSrTable(target)}, with ` +
      `dbmazz_cdc_version ${
        Lsn.toBigint(row.change.transaction.commitLsn) + 1n
      } (of a row that is gone by now its key ` +
      `alone), and start again: replication goes on where it stopped. With ALTER TABLE ${
        Identifier.quotePgTable(source)
      } REPLICA IDENTITY FULL PostgreSQL sends such values.`,
    context: { table, key, column, lsn }
  })
}

const unrepresentable = (row: FinalRow, problem: ValueProblem): PermanentError => {
  if (problem.isMissing === true) return unknown(row, problem)
  const { key, lsn, table } = placeOf(row)
  return new PermanentError({
    code: "VALUE_UNREPRESENTABLE",
    message: `the row ${key} of ${table}, committed at ${lsn}, has a value in column '${problem.column}' that ` +
      `StarRocks cannot hold: ${problem.problem}`,
    remediation:
      `Make column '${problem.column}' of ${Identifier.quoteSrTable(row.change.route.mapping.target)} a STRING, ` +
      `which holds every value as text, and start again.`,
    context: { table, key, column: problem.column, lsn }
  })
}

const keyTooLong = (row: FinalRow, keyBytes: number): PermanentError => {
  const { key, lsn, table } = placeOf(row)
  const column = row.change.route.mapping.key.join(", ")
  return new PermanentError({
    code: "VALUE_UNREPRESENTABLE",
    message:
      `the row ${key} of ${table}, committed at ${lsn}, has a primary key (${column}) that StarRocks cannot hold: ` +
      `it takes ${keyBytes} bytes there, and at most ${EncodedKey.BYTES_MAX} are possible`,
    remediation:
      `Take table ${table} out of the job with TABLES_EXCLUDE, and start again; to replicate it, give it a shorter primary ` +
      `key, and reload it.`,
    context: { table, key, column, lsn }
  })
}
