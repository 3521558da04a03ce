/**
 * Where the rows of a table end that nobody can carry over: at the first change, a truncation too, of a shape that the sink does
 * not have, since the shape is announced before it, and at a truncation when the policy is `fail`. Until the sink has the shape,
 * what comes after must not be loaded, and nothing after it be confirmed.
 */
import type { PermanentCode } from "../../src/domain/errors/PermanentError.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import * as Effects from "./Effects.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Change, Commit } from "./Wal.ts"

export interface Stop {
  /** The transaction within which the table stops. */
  readonly commitLsn: bigint
  /** The first change of that transaction that is not carried over. */
  readonly index: number
  /** The keys that it touched before. */
  readonly before: ReadonlySet<string>
  /** Whether it truncated the table before. */
  readonly truncatedBefore: boolean
}

export class Stops {
  readonly #fits: (table: SourceTables.Table) => boolean
  readonly #policy: TruncatePolicy
  readonly #byTable = new Map<string, Stop>()
  /** Tables and what may be in their way for a session that was set up before the sink had what it has now. */
  readonly #ever = new Set<string>()

  /** `fits`: whether the sink has room for this version of a table. */
  constructor(fits: (table: SourceTables.Table) => boolean, policy: TruncatePolicy) {
    this.#fits = fits
    this.#policy = policy
  }

  get size(): number {
    return this.#byTable.size
  }

  /** Takes the next transaction in commit order. */
  add(commit: Commit): void {
    for (const [index, change] of commit.changes.entries()) {
      const { table } = change
      const name = SourceTables.nameOf(table)
      if (!table.wanted) continue
      if (!SourceTables.ALL.includes(table)) this.#ever.add(`${name} column`)
      const truncates = change.kind === "truncate"
      const stops = truncates && this.#policy === "fail"
      if (stops) this.#ever.add(`${name} truncate`)
      if (this.#byTable.has(name) || !(stops || !this.#fits(table))) continue
      const { commitLsn } = commit
      const mine = commit.changes.slice(0, index).filter((each) => SourceTables.nameOf(each.table) === name)
      const before = Effects.apply(new Map(), mine, commitLsn, this.#policy)
      const truncatedBefore = mine.some(({ kind }) => kind === "truncate")
      this.#byTable.set(name, { commitLsn, index, before, truncatedBefore })
    }
  }

  /** The sink has changed: looks again. */
  again(commits: ReadonlyArray<Commit>): void {
    this.#byTable.clear()
    for (const commit of commits) this.add(commit)
  }

  of(table: SourceTables.Table): Stop | undefined {
    return this.#byTable.get(SourceTables.nameOf(table))
  }

  /** The changes of a transaction that come before the stops of their tables. */
  carriedOver({ changes, commitLsn }: Commit): ReadonlyArray<Change> {
    if (this.#byTable.size === 0) return changes
    return changes.filter(({ table }, index) => {
      const stop = this.of(table)
      return stop === undefined || commitLsn < stop.commitLsn || (commitLsn === stop.commitLsn && index < stop.index)
    })
  }

  /** Whether a program may stop this table, `schema.name`, for a reason of this code. */
  mayStop(name: string, code: PermanentCode): boolean {
    if (code === "SCHEMA_CHANGED") return this.#ever.has(`${name} column`)
    return code === "TRUNCATE_UNSUPPORTED" && this.#ever.has(`${name} truncate`)
  }

  /** The commit behind which nothing may be confirmed. */
  first(): bigint | undefined {
    let first: bigint | undefined = undefined
    for (const { commitLsn } of this.#byTable.values()) if (first === undefined || commitLsn < first) first = commitLsn
    return first
  }
}
