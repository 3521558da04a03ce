/** The model source: committed rows, open transactions of several sessions, a slot, and the durable checkpoint. */
import type { Ledger } from "./Ledger.ts"
import { OpenTransaction } from "./OpenTransaction.ts"
import type { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"
import { type Commit, Wal } from "./Wal.ts"

const MICROS_PER_MS = 1000n
/** Share of transactions that came from another server by replication. */
const ORIGIN_SHARE = 0.1

export interface Slot {
  confirmed: bigint
  /** What survives a crash of the server: the slot is written at checkpoints only. */
  durable: bigint
  active: boolean
}

export class ModelPostgres {
  readonly wal: Wal
  readonly rows = new Map<string, SourceTables.Row>()
  /** Those of partitions that are tables of their own. */
  readonly aside = new Map<string, SourceTables.Row | undefined>()
  readonly locks = new Map<string, OpenTransaction>()
  readonly #prng: Prng
  readonly #time: VirtualTime
  readonly #ledger: Ledger
  readonly #trace: Trace
  readonly #open = new Set<OpenTransaction>()
  readonly #onWal = new Set<() => void>()
  /** Told of each table whose place in the publication is about to be another one, as it was before. */
  onPublished: (before: SourceTables.Table) => void = () => {}
  readonly #onCrash = new Set<() => void>()
  #xid = 700
  /** The catalogue, as what has committed left it. */
  tables: ReadonlyArray<SourceTables.Table> = SourceTables.ALL
  /** What each table ever was: its changes are read as they were made. */
  readonly versions: Array<SourceTables.Table> = [...SourceTables.ALL]
  slot: Slot | undefined = undefined
  checkpointTable = false
  publication = false
  up = true

  constructor(prng: Prng, time: VirtualTime, ledger: Ledger, trace: Trace) {
    this.#prng = prng
    this.#time = time
    this.#ledger = ledger
    this.#trace = trace
    this.wal = new Wal(prng)
  }

  begin(): OpenTransaction {
    const transaction = new OpenTransaction(this.#xid++, this)
    this.#open.add(transaction)
    return transaction
  }

  isOpen(transaction: OpenTransaction): boolean {
    return this.#open.has(transaction)
  }

  /** The other transactions that are open. */
  othersOf(transaction: OpenTransaction): ReadonlyArray<OpenTransaction> {
    return [...this.#open].filter((other) => other !== transaction)
  }

  rollback(transaction: OpenTransaction): void {
    this.#end(transaction)
    this.wal.write()
    this.#moved()
  }

  commit(transaction: OpenTransaction): Commit {
    this.#end(transaction)
    for (const [index, before] of this.tables.entries()) {
      if (before.membership !== transaction.tables[index]?.membership) this.onPublished(before)
    }
    this.tables = transaction.tables
    for (const table of [...transaction.changes.map((change) => change.table), ...this.tables]) {
      // How it is published adds nothing to what is known of its columns.
      const isKnown = this.versions.some(({ columns, listed, relationId }) =>
        relationId === table.relationId && columns === table.columns &&
        (listed === undefined || table.listed !== undefined)
      )
      if (!isKnown) this.versions.push(table)
    }
    for (const [key, row] of transaction.writes) {
      if (row === undefined) this.rows.delete(key)
      else this.rows.set(key, row)
    }
    for (const [key, row] of transaction.asideWrites) this.aside.set(key, row)
    for (const other of this.#open) other.invalidate(transaction.invalidated)
    const commit = this.wal.commit({
      xid: transaction.xid,
      firstLsn: transaction.firstLsn ?? this.wal.end,
      commitTime: BigInt(this.#time.nowMs) * MICROS_PER_MS,
      origin: this.#prng.chance(ORIGIN_SHARE) ? "elsewhere" : undefined,
      changes: transaction.changes,
      invalidated: transaction.invalidated
    })
    this.#ledger.committed(commit)
    this.#trace.add(`source commits ${transaction.changes.length} changes at ${commit.commitLsn.toString(16)}`)
    this.#moved()
    return commit
  }

  /** A transaction of the server or of somebody whose tables are not published. */
  commitUnpublished(): void {
    const firstLsn = this.wal.write()
    const commit = this.wal.commit({
      xid: this.#xid++,
      firstLsn,
      commitTime: BigInt(this.#time.nowMs) * MICROS_PER_MS,
      origin: undefined,
      changes: [],
      invalidated: []
    })
    this.#ledger.boundary(commit.endLsn)
    this.#moved()
  }

  /** WAL without any transaction, as VACUUM writes it. */
  writeIdle(bytesMax: number): void {
    this.wal.write(bytesMax)
    this.#moved()
  }

  createSlot(): bigint {
    if (this.slot !== undefined) {
      this.#ledger.verdict.broken("the model is used as it was meant to be", "the slot exists already")
    }
    const position = this.wal.end
    this.slot = { confirmed: position, durable: position, active: false }
    this.#ledger.begin(position)
    return position
  }

  /** Status of a standby: never moves the slot back. */
  confirm(position: bigint): void {
    if (this.slot === undefined || position <= this.slot.confirmed) return
    this.slot.confirmed = position
    this.#trace.add(`slot confirmed to ${position.toString(16)}`)
    if (this.#prng.chance(0.3)) this.slot.durable = position
  }

  /** Everything that is not on disk is gone: open transactions, and how far the slot was confirmed since. */
  crash(downMs: number): void {
    this.up = false
    for (const transaction of this.#open) this.#end(transaction)
    if (this.slot !== undefined) {
      this.slot.confirmed = this.slot.durable
      this.slot.active = false
    }
    for (const lost of this.#onCrash) lost()
    this.#time.after(downMs, () => {
      this.up = true
    })
  }

  onCrash(lost: () => void): () => void {
    this.#onCrash.add(lost)
    return () => this.#onCrash.delete(lost)
  }

  onWal(moved: () => void): () => void {
    this.#onWal.add(moved)
    return () => this.#onWal.delete(moved)
  }

  #moved(): void {
    for (const moved of this.#onWal) moved()
  }

  #end(transaction: OpenTransaction): void {
    this.#open.delete(transaction)
    for (const [key, holder] of this.locks) if (holder === transaction) this.locks.delete(key)
  }
}
