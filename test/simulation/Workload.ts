/** What the source's users do: several sessions whose transactions interleave and meet on few keys. */
import type { ModelPostgres } from "./ModelPostgres.ts"
import type { OpenTransaction } from "./OpenTransaction.ts"
import type { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export interface WorkloadPlan {
  readonly transactions: number
  readonly sessions: number
  /** Changes of an ordinary transaction, at most. */
  readonly changesMax: number
  /** Share of transactions that are many times larger. */
  readonly largeShare: number
  /** Longest pause of a session between two statements, in ms. */
  readonly pauseMsMax: number
  /** Characters of the largest values. */
  readonly largestValue: number
  /** Columns that are added to wanted tables, at most. */
  readonly columnsAdded: number
  /** Columns of wanted tables that get another name, and another type, at most. */
  readonly columnsRenamed: number
  readonly columnsRetyped: number
  /** Wanted tables that are truncated, at most. */
  readonly truncations: number
  /** How often a wanted table leaves the publication or comes back, with or without a list of columns, at most. */
  readonly republications: number
  /** How often a partition of a wanted table leaves it or comes back, at most. */
  readonly repartitions: number
  /** Share of statements that change a table as a whole, as long as the plan wants more of them. */
  readonly tableShare: number
}

const TABLE_CHANGES: ReadonlyArray<TableChange> = ["add", "rename", "retype", "truncate", "publish", "partition"]
/** A large transaction has this many times the changes. */
const LARGE_FACTOR = 8
const ROLLBACK_SHARE = 0.08
/** Share of commits upon which those of all sessions that are about to commit follow without a gap. */
const TOGETHER_SHARE = 0.4
const UNPUBLISHED_SHARE = 0.1
const IDLE_WAL_SHARE = 0.06
const IDLE_WAL_BYTES_MAX = 3 * 1024 * 1024

type TableChange = "add" | "rename" | "retype" | "truncate" | "publish" | "partition"
/** Share of the changes of the publication that take the table out of it, and do not only list its columns. */
const OUT_SHARE = 0.4
const BACK_SHARE = 0.7
/** Share of rows of a partition that are changed while it is a table of its own. */
const ASIDE_SHARE = 0.8
const ASIDE_GONE_SHARE = 0.2

interface Session {
  transaction: OpenTransaction | undefined
  left: number
}

export class Workload {
  readonly #prng: Prng
  readonly #plan: WorkloadPlan
  readonly #postgres: ModelPostgres
  readonly #time: VirtualTime
  readonly #sessions: ReadonlyArray<Session>
  /** What may still be done to tables as a whole. */
  readonly #left: Record<TableChange, number>
  #started = 0
  #running = 0

  constructor(prng: Prng, plan: WorkloadPlan, postgres: ModelPostgres, time: VirtualTime) {
    this.#prng = prng
    this.#plan = plan
    this.#postgres = postgres
    this.#time = time
    this.#left = {
      add: plan.columnsAdded,
      rename: plan.columnsRenamed,
      retype: plan.columnsRetyped,
      truncate: plan.truncations,
      publish: plan.republications,
      partition: plan.repartitions
    }
    this.#sessions = Array.from({ length: plan.sessions }, () => ({ transaction: undefined, left: 0 }))
  }

  start(): void {
    this.#running = this.#sessions.length
    for (const session of this.#sessions) this.#later(session)
  }

  /** Every transaction has ended. */
  get over(): boolean {
    return this.#started > 0 && this.#running === 0
  }

  #later(session: Session): void {
    // Sessions take turns at the same moment often, as busy ones do.
    const pause = this.#prng.chance(0.3) ? 0 : this.#prng.int(0, this.#plan.pauseMsMax)
    this.#time.after(pause, () => this.#step(session))
  }

  #step(session: Session): void {
    if (!this.#postgres.up) return this.#later(session)
    const prng = this.#prng
    const open = session.transaction
    if (open === undefined || !this.#postgres.isOpen(open)) {
      if (this.#started >= this.#plan.transactions) {
        session.transaction = undefined
        this.#running -= 1
        return
      }
      this.#started += 1
      session.transaction = this.#postgres.begin()
      const factor = prng.chance(this.#plan.largeShare) ? LARGE_FACTOR : 1
      session.left = prng.int(1, this.#plan.changesMax * factor)
    } else if (session.left > 0) {
      for (let count = prng.int(1, 4); count > 0 && session.left > 0; count--) {
        this.#change(open)
        session.left -= 1
      }
    } else this.#finish(session, open)
    this.#later(session)
  }

  #finish(session: Session, open: OpenTransaction): void {
    const prng = this.#prng
    if (prng.chance(ROLLBACK_SHARE)) this.#postgres.rollback(open)
    else this.#postgres.commit(open)
    session.transaction = undefined
    if (prng.chance(TOGETHER_SHARE)) {
      for (const other of this.#sessions) {
        if (other.transaction === undefined || other.transaction.changes.length === 0) continue
        if (!this.#postgres.isOpen(other.transaction)) continue
        this.#postgres.commit(other.transaction)
        other.transaction = undefined
      }
    } else if (prng.chance(UNPUBLISHED_SHARE)) this.#postgres.commitUnpublished()
    else if (prng.chance(IDLE_WAL_SHARE)) this.#postgres.writeIdle(IDLE_WAL_BYTES_MAX)
  }

  /** One statement: what it does depends on what is there, and what others hold. */
  #change(open: OpenTransaction): void {
    const prng = this.#prng
    if (this.#wanted.length > 0 && prng.chance(this.#plan.tableShare)) return this.#changeTable(open)
    const [first, ...others] = open.tables
    if (first === undefined) return
    const table = prng.pick([first, ...others])
    const key = this.#key(open, table)
    if (key === undefined || !open.lock(table, key)) return
    const row = open.row(table, key)
    if (row === undefined) {
      open.change({ kind: "insert", table, after: this.#row(table, key), lsn: 0n })
      return
    }
    const act = prng.fraction()
    if (act < 0.2) {
      open.change({ kind: "delete", table, before: row, lsn: 0n })
      if (prng.chance(0.4)) open.change({ kind: "insert", table, after: this.#row(table, key), lsn: 0n })
      return
    }
    const to = prng.pick(table.keys)
    if (act < 0.6 || to === key || !open.lock(table, to)) {
      open.change({ kind: "update", table, before: row, after: this.#changed(table, row, key), lsn: 0n })
      return
    }
    const there = open.row(table, to)
    if (there === undefined) {
      open.change({ kind: "update", table, before: row, after: this.#changed(table, row, to), lsn: 0n })
    } else this.#swap(open, table, row, there, key, to)
  }

  /** One of a row, or of none: of none only while the table's list of columns has the server refuse updates and deletes. */
  #key(open: OpenTransaction, table: SourceTables.Table): SourceTables.Row | undefined {
    if (table.listed === undefined) return this.#prng.pick(table.keys)
    const [first, ...others] = table.keys.filter((key) => open.row(table, key) === undefined)
    return first === undefined ? undefined : this.#prng.pick([first, ...others])
  }

  get #wanted(): ReadonlyArray<TableChange> {
    return TABLE_CHANGES.filter((change) => this.#left[change] > 0)
  }

  /** DDL, in the midst of whatever the transaction does. */
  #changeTable(open: OpenTransaction): void {
    const prng = this.#prng
    const [first, ...others] = this.#wanted
    if (first === undefined) return
    const change = prng.pick([first, ...others])
    const { relationId } = change === "partition" ? SourceTables.PARTITIONED : prng.pick(SourceTables.WANTED)
    // A table is soon published as it was.
    const back = change === "publish" && prng.chance(BACK_SHARE)
    const now = (back ? open.tables.find((table) => !SourceTables.isWhole(table)) : undefined) ??
      open.tables.find((table) => table.relationId === relationId)
    if (now === undefined) return
    if (change === "publish" || change === "partition") {
      if (change === "publish" ? this.#republish(open, now) : this.#repartition(open, now)) this.#left[change] -= 1
      return
    }
    const next = change === "add"
      ? SourceTables.widened(now)
      : change === "rename"
      ? SourceTables.renamed(now)
      : change === "retype"
      ? SourceTables.retyped(now, prng)
      : now
    if (next === undefined) return
    if (change === "truncate" ? open.truncate(now) : open.alter(next)) this.#left[change] -= 1
  }

  #republish(open: OpenTransaction, table: SourceTables.Table): boolean {
    const next = !SourceTables.isWhole(table)
      ? SourceTables.whole(table)
      : this.#prng.chance(OUT_SHARE)
      ? SourceTables.out(table)
      : SourceTables.narrowed(table)
    return next !== undefined && open.publish(next)
  }

  #repartition(open: OpenTransaction, table: SourceTables.Table): boolean {
    const prng = this.#prng
    const next = SourceTables.repartitioned(table)
    return next !== undefined && open.repartition(next, (row, key) => {
      if (!prng.chance(ASIDE_SHARE)) return row
      if (row === undefined) return this.#row(next, key)
      return prng.chance(ASIDE_GONE_SHARE) ? undefined : this.#changed(next, row, key)
    })
  }

  /** Two rows change keys, over a third one, as a unique index wants it. */
  #swap(
    open: OpenTransaction,
    table: SourceTables.Table,
    row: SourceTables.Row,
    there: SourceTables.Row,
    key: SourceTables.Row,
    to: SourceTables.Row
  ): void {
    const free = table.keys.find((each) => open.row(table, each) === undefined && open.lock(table, each))
    if (free === undefined) return
    const aside = this.#changed(table, row, free)
    open.change({ kind: "update", table, before: row, after: aside, lsn: 0n })
    open.change({ kind: "update", table, before: there, after: this.#changed(table, there, key), lsn: 0n })
    open.change({ kind: "update", table, before: aside, after: this.#changed(table, aside, to), lsn: 0n })
  }

  #row(table: SourceTables.Table, key: SourceTables.Row): SourceTables.Row {
    return SourceTables.rowOf(table, key, this.#prng, this.#plan.largestValue)
  }

  /** The row with this key and some of its other columns new. */
  #changed(table: SourceTables.Table, row: SourceTables.Row, key: SourceTables.Row): SourceTables.Row {
    const fresh = this.#row(table, key)
    return fresh.map((cell, index) => table.key.includes(index) || this.#prng.chance(0.4) ? cell : row[index] ?? null)
  }
}
