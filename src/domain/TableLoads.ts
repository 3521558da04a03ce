/**
 * The loads of one table's share of a batch: the rows of a key are merged to the last one, then written as JSON lines in
 * parts of bounded size. Synchronous; a part's body is a view of the writer, valid until the next part is asked for.
 */
import * as Result from "effect/Result"
import * as AuditColumns from "./AuditColumns.ts"
import { Bisection } from "./Bisection.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import type { RowChange, TableRoute, Transaction } from "./Change.ts"
import * as EncodedKey from "./EncodedKey.ts"
import { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import * as Label from "./Label.ts"
import type { LoadRequest } from "./Load.ts"
import * as Lsn from "./Lsn.ts"
import * as RejectedRow from "./RejectedRow.ts"
import type { RowKey, ValueProblem } from "./RowEncoder.ts"

/** The last state of one key: the change it comes from, and whether it is a (soft) delete. */
interface FinalRow {
  readonly change: RowChange
  readonly deleted: boolean
}

/** Rows whose key StarRocks cannot hold, with its encoded bytes. */
type TooLong = Map<FinalRow, number>

/**
 * Merges changes of one route, in commit order, to one final row a key, ordered by the change that made it. Replaying the
 * result is the same as replaying the changes: full rows leave nothing of an earlier row. An update that moves a row to
 * another key is a delete of the old key and an upsert of the new one. `changes` are not empty.
 */
const merge = (changes: ReadonlyArray<RowChange>, tooLong: TooLong): ReadonlyArray<FinalRow> => {
  const excess = EncodedKey.excess(changes[0]!.route.mapping)
  const positions = new Map<RowKey, number>()
  const rows: Array<FinalRow | undefined> = []
  let replaced = 0
  const put = (key: RowKey, row: FinalRow): void => {
    if (excess !== undefined) {
      const bytes = excess(key)
      if (bytes !== undefined) tooLong.set(row, bytes)
    }
    const earlier = positions.get(key)
    if (earlier !== undefined) {
      rows[earlier] = undefined
      replaced += 1
    }
    positions.set(key, rows.length)
    rows.push(row)
  }
  for (const change of changes) {
    const { bytes, newTuple, oldTuple } = change
    const encoder = change.route.encoder
    const oldKey = oldTuple >= 0 ? encoder.key(bytes, oldTuple, -1) : undefined
    if (newTuple < 0) {
      put(oldKey!, { change, deleted: true })
      continue
    }
    const newKey = encoder.key(bytes, newTuple, oldTuple)
    if (oldKey !== undefined && oldKey !== newKey) put(oldKey, { change, deleted: true })
    put(newKey, { change, deleted: false })
  }
  return replaced === 0 ? rows as Array<FinalRow> : rows.filter((row) => row !== undefined)
}

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
}

export class TableLoads {
  readonly #route: TableRoute
  readonly #options: LoadOptions
  readonly #writer: ByteWriter
  readonly #rows: ReadonlyArray<FinalRow>
  readonly #tooLong: TooLong = new Map()
  readonly #first: RowChange
  readonly #last: RowChange
  readonly #scope: string
  #next = 0
  /** The last part, from this row on. */
  #from = 0
  #rowsMax = Number.POSITIVE_INFINITY
  readonly #bisection = new Bisection()
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
    this.#rows = merge(changes, this.#tooLong)
    this.#scope = Label.scope(options.origin, this.#route.mapping.source, this.#route.mapping.target)
  }

  /** The next part, or undefined after the last one. The body of the part before is overwritten. */
  next(): Result.Result<LoadRequest | undefined, PermanentError> {
    if (this.#next >= this.#rows.length) return Result.succeed(undefined)
    const writer = this.#writer
    const encoder = this.#route.encoder
    const from = this.#next
    writer.truncate()
    let at = from
    this.#from = from
    const end = this.#bisection.end(from, this.#rows.length)
    while (at < end && at - from < this.#rowsMax && writer.length < this.#options.bytesMax) {
      const row = this.#rows[at]!
      const { bytes, newTuple, oldTuple } = row.change
      const keyBytes = this.#tooLong.size === 0 ? undefined : this.#tooLong.get(row)
      // The rows before one that cannot be written are a part of their own: a label names rows without a gap.
      if (keyBytes !== undefined && at > from) break
      if (keyBytes !== undefined) return Result.fail(keyTooLong(row, keyBytes))
      const tail = this.#tailOf(row)
      const problem = row.deleted
        ? encoder.encode(writer, bytes, oldTuple, -1, tail, at === this.#bare)
        : encoder.encode(writer, bytes, newTuple, oldTuple, tail)
      if (problem !== undefined && at > from) break
      if (problem !== undefined) return Result.fail(unrepresentable(row, problem))
      at += 1
    }
    this.#next = at
    return Result.succeed({
      target: this.#route.mapping.target,
      label: this.#label(from, at),
      columns: encoder.columnsHeader,
      body: writer.view(),
      rowCount: at - from,
      run: this.#options.origin.run,
      lastCommitLsn: this.#last.transaction.commitLsn
    })
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
    const row = this.#rows[from]!
    const isKnown = this.#next - from <= 1
    const isWhole = row.deleted && this.#bare !== from && !this.#tooLong.has(row)
    if (!isKnown || isWhole) {
      this.#bisection.refused(from, isKnown ? from + 1 : this.#next)
      if (isKnown) this.#bare = from
      this.#next = from
      return undefined
    }
    this.#next = from + 1
    const { mapping } = this.#route
    const { transaction } = row.change
    return {
      source: mapping.source,
      target: mapping.target,
      position: { commitLsn: transaction.commitLsn, ordinal: row.change.ordinal },
      commitTime: transaction.commitTime,
      operation: row.deleted ? "delete" : row.change.kind,
      label: this.#label(from, from + 1),
      ...textsOf(row),
      refusal
    }
  }

  #label(from: number, to: number): string {
    return Label.make(this.#scope, {
      first: { commitLsn: this.#first.transaction.commitLsn, ordinal: this.#first.ordinal },
      last: { commitLsn: this.#last.transaction.commitLsn, ordinal: this.#last.ordinal },
      from,
      to,
      bare: from === this.#bare
    })
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

/** Its values: the old ones of a row that is deleted. */
const textsOf = ({ change, deleted }: FinalRow): Pick<RejectedRow.RejectedRow, "key" | "values"> => {
  const { bytes, newTuple, oldTuple, route } = change
  const [tuple, other] = deleted ? [oldTuple, -1] : [newTuple, oldTuple]
  return {
    key: route.encoder.keyTexts(bytes, tuple, other),
    values: () =>
      change.weight > RejectedRow.VALUES_BYTES_MAX ? undefined : route.encoder.valueTexts(bytes, tuple, other)
  }
}

const unrepresentable = (row: FinalRow, problem: ValueProblem): PermanentError => {
  const { key, lsn, table } = placeOf(row)
  return new PermanentError({
    code: "VALUE_UNREPRESENTABLE",
    message: `the row ${key} of ${table}, committed at ${lsn}, has a value in column '${problem.column}' that ` +
      `StarRocks cannot hold: ${problem.problem}`,
    remediation:
      `Make column '${problem.column}' of ${Identifier.quoteSrTable(row.change.route.mapping.target)} a STRING, ` +
      `which holds every value as text, and start again.`,
    context: { table, key, column: problem.column, lsn, reason: problem.problem }
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
    context: { table, key, column, lsn, reason: `a primary key of ${keyBytes} bytes, at most ${EncodedKey.BYTES_MAX}` }
  })
}
