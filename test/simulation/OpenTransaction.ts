/** A transaction of the model source that is open: what it sees, what it locks, and what it has changed. */
import type { ModelPostgres } from "./ModelPostgres.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Change } from "./Wal.ts"

export class OpenTransaction {
  readonly xid: number
  readonly changes: Array<Change> = []
  readonly #postgres: ModelPostgres
  readonly #own = new Map<string, SourceTables.Row | undefined>()
  /** Rows of partitions that are tables of their own. */
  readonly #aside = new Map<string, SourceTables.Row | undefined>()
  readonly #altered = new Map<number, SourceTables.Table>()
  /** Tables of which it has locked rows, which keeps others from altering them. */
  readonly #touched = new Set<number>()
  /** Tables whose place in the publication it has changed. */
  readonly #published = new Set<number>()
  /** Tables that others have altered meanwhile. */
  readonly #invalidated = new Set<number>()
  /** Tables that it has locked as a whole. */
  readonly #exclusive = new Set<number>()
  firstLsn: bigint | undefined = undefined

  constructor(xid: number, postgres: ModelPostgres) {
    this.xid = xid
    this.#postgres = postgres
  }

  /** The tables as this transaction sees them. */
  get tables(): ReadonlyArray<SourceTables.Table> {
    return this.#postgres.tables.map((table) => this.#altered.get(table.relationId) ?? table)
  }

  /** The row as this transaction sees it. */
  row(table: SourceTables.Table, key: SourceTables.Row): SourceTables.Row | undefined {
    const name = SourceTables.keyName(table, key)
    const row = this.#own.has(name) ? this.#own.get(name) : this.#postgres.rows.get(name)
    return row === undefined ? undefined : SourceTables.fitted(table, row)
  }

  /** Takes the lock of a key; false when another transaction holds it, or the table. */
  lock(table: SourceTables.Table, key: SourceTables.Row): boolean {
    const name = SourceTables.keyName(table, key)
    const holder = this.#postgres.locks.get(name)
    if (holder !== undefined && holder !== this) return false
    if (this.#postgres.othersOf(this).some((other) => other.#exclusive.has(table.relationId))) return false
    this.#touched.add(table.relationId)
    this.#postgres.locks.set(name, this)
    return true
  }

  change(change: Change): void {
    const { kind, table } = change
    change.lsn = this.#postgres.wal.write()
    this.firstLsn ??= change.lsn
    if (kind === "truncate") {
      for (const key of table.keys) {
        if (this.row(table, key) !== undefined) this.#own.set(SourceTables.keyName(table, key), undefined)
      }
    } else {
      if (kind !== "insert") this.#own.set(SourceTables.keyOf(table, change.before), undefined)
      if (kind !== "delete") this.#own.set(SourceTables.keyOf(table, change.after), change.after)
    }
    if (table.isOut === undefined) this.changes.push(change)
  }

  /** Gives the table another shape; false when another transaction has locked anything of it. */
  alter(table: SourceTables.Table): boolean {
    if (!this.#lockTable(table)) return false
    this.#put(table)
    return true
  }

  #put(table: SourceTables.Table): void {
    const lsn = this.#postgres.wal.write()
    this.firstLsn ??= lsn
    this.#altered.set(table.relationId, table)
  }

  /**
   * Changes how the table is published, while others change its rows; false when another transaction has it locked as a whole,
   * or changes that, too.
   */
  publish(table: SourceTables.Table): boolean {
    const { relationId } = table
    const others = this.#postgres.othersOf(this)
    if (others.some((other) => other.#exclusive.has(relationId) || other.#published.has(relationId))) return false
    this.#published.add(relationId)
    this.#touched.add(relationId)
    this.#put(table)
    return true
  }

  /** Takes the partition out of the table, or puts it back with rows that were changed meanwhile; false: it is locked. */
  repartition(
    table: SourceTables.Table,
    change: (row: SourceTables.Row | undefined, key: SourceTables.Row) => SourceTables.Row | undefined
  ): boolean {
    if (!this.#lockTable(table)) return false
    for (const key of SourceTables.partition(table)) {
      const name = SourceTables.keyName(table, key)
      if (SourceTables.isParted(table)) {
        this.#aside.set(name, this.row(table, key))
        this.#own.set(name, undefined)
      } else {
        const row = this.#aside.has(name) ? this.#aside.get(name) : this.#postgres.aside.get(name)
        this.#aside.set(name, undefined)
        this.#own.set(name, change(row === undefined ? undefined : SourceTables.fitted(table, row), key))
      }
    }
    this.#put(table)
    return true
  }

  /** Empties the table; false when another transaction has locked anything of it. */
  truncate(table: SourceTables.Table): boolean {
    if (!this.#lockTable(table)) return false
    this.change({ kind: "truncate", table, lsn: 0n })
    return true
  }

  get writes(): ReadonlyMap<string, SourceTables.Row | undefined> {
    return this.#own
  }

  get asideWrites(): ReadonlyMap<string, SourceTables.Row | undefined> {
    return this.#aside
  }

  /** The tables that it, or another one meanwhile, altered or truncated; all of them, when the publication was changed. */
  get invalidated(): ReadonlyArray<number> {
    const own = this.#published.size > 0 ? SourceTables.ALL.map(({ relationId }) => relationId) : this.#exclusive
    return [...new Set([...own, ...this.#invalidated])]
  }

  /** Another transaction that has altered tables, or the publication, is over: the server goes by it in this one, too. */
  invalidate(tables: ReadonlyArray<number>): void {
    if (this.firstLsn !== undefined) { for (const relationId of tables) this.#invalidated.add(relationId) }
  }

  #lockTable({ relationId }: SourceTables.Table): boolean {
    const others = this.#postgres.othersOf(this)
    if (others.some((other) => other.#touched.has(relationId) || other.#exclusive.has(relationId))) return false
    this.#exclusive.add(relationId)
    return true
  }
}
