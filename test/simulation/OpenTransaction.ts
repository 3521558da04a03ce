/** A transaction of the model source that is open: what it sees, what it locks, and what it has changed. */
import type { ModelPostgres } from "./ModelPostgres.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Change } from "./Wal.ts"

export class OpenTransaction {
  readonly xid: number
  readonly changes: Array<Change> = []
  readonly #postgres: ModelPostgres
  readonly #own = new Map<string, SourceTables.Row | undefined>()
  readonly #altered = new Map<number, SourceTables.Table>()
  /** Tables of which it has locked rows, which keeps others from altering them. */
  readonly #touched = new Set<number>()
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
    this.changes.push(change)
  }

  /** Gives the table another shape; false when another transaction has locked anything of it. */
  alter(table: SourceTables.Table): boolean {
    if (!this.#lockTable(table)) return false
    const lsn = this.#postgres.wal.write()
    this.firstLsn ??= lsn
    this.#altered.set(table.relationId, table)
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

  /** The tables that it altered or truncated. */
  get invalidated(): ReadonlyArray<number> {
    return [...this.#exclusive]
  }

  #lockTable({ relationId }: SourceTables.Table): boolean {
    const others = this.#postgres.othersOf(this)
    if (others.some((other) => other.#touched.has(relationId) || other.#exclusive.has(relationId))) return false
    this.#exclusive.add(relationId)
    return true
  }
}
