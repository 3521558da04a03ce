/**
 * Makes the steps of a plan. A transaction owns the keys and tables it has touched until it ends, and the others keep away
 * from them: so no statement ever waits for a lock, and the order of the plan is the order of the server.
 */
import type { Prng } from "../simulation/Prng.ts"
import * as Columns from "./Columns.ts"
import type { Operation, Step, Values } from "./Plan.ts"
import type { Target } from "./Targets.ts"
import * as Targets from "./Targets.ts"

const OPERATIONS_MOST = 7
const ROLLBACK_SHARE = 0.15
const SAVEPOINT_SHARE = 0.15
/** Of statements: they meet in a batch of their table. */
const SAME_TABLE_SHARE = 0.6

/** Of changes of columns; of the others, where a column can be widened. */
const RENAME_SHARE = 0.2
const WIDEN_SHARE = 0.5

/** Of restarts; a killed program's last load is waited for, 10 s. */
const KILL_SHARE = 0.4

interface Open {
  readonly transaction: number
  readonly session: number
  readonly rollsBack: boolean
  left: number
  /** The table of its last statement. */
  last: Target | undefined
  /** Inside it, newest last; those that will be rolled back to. */
  readonly savepoints: Array<{ readonly name: string; readonly rollsBack: boolean; readonly columns: ColumnsBefore }>
  readonly columnsBefore: ColumnsBefore
}

type ColumnsBefore = Map<Target, ReadonlyArray<Columns.Source>>

/** Of one plan: it is used once. `renames` says which columns may get another name. */
export class StepGenerator {
  readonly #prng: Prng
  readonly #targets: ReadonlyArray<Target>
  readonly #steps: Array<Step> = []
  readonly #open = new Map<number, Open>()
  /** A row that gets another key gets its large values with it. */
  readonly #movesLarge: boolean
  readonly #renames: (source: Columns.Source) => boolean

  constructor(
    prng: Prng,
    targets: ReadonlyArray<Target>,
    movesLarge: boolean,
    renames: (source: Columns.Source) => boolean
  ) {
    this.#prng = prng
    this.#targets = targets
    this.#movesLarge = movesLarge
    this.#renames = renames
  }

  steps(transactions: number, sessions: number, restarts: number): ReadonlyArray<Step> {
    const prng = this.#prng
    const restartAt = new Set(Array.from({ length: restarts }, () => prng.int(0, transactions - 1)))
    let begun = 0
    let restart = 0
    let isDown = false
    while (begun < transactions || this.#open.size > 0) {
      const session = prng.int(0, sessions - 1)
      const open = this.#open.get(session)
      if (open !== undefined) this.#advance(open)
      else if (begun < transactions) {
        if (isDown && prng.chance(0.5)) {
          this.#steps.push({ step: "start", restart })
          isDown = false
        } else if (!isDown && restartAt.delete(begun)) {
          restart += 1
          this.#steps.push({ step: prng.chance(KILL_SHARE) ? "kill" : "drain", restart })
          isDown = true
        }
        this.#begin(session, begun)
        begun += 1
      }
    }
    if (isDown) this.#steps.push({ step: "start", restart })
    return this.#steps
  }

  #begin(session: number, transaction: number): void {
    const prng = this.#prng
    this.#steps.push({ step: "begin", session, transaction })
    this.#open.set(session, {
      session,
      transaction,
      rollsBack: prng.chance(ROLLBACK_SHARE),
      left: prng.int(1, OPERATIONS_MOST),
      last: undefined,
      savepoints: [],
      columnsBefore: this.#columnsNow()
    })
  }

  #advance(open: Open): void {
    const prng = this.#prng
    const { session, transaction } = open
    const inner = open.savepoints.at(-1)
    if (inner !== undefined && (open.left <= 0 || prng.chance(0.3))) {
      open.savepoints.pop()
      this.#steps.push({ step: inner.rollsBack ? "rollback to" : "release", session, transaction, name: inner.name })
      if (inner.rollsBack) this.#restoreColumns(open, inner.columns)
      return
    }
    if (open.left <= 0) return this.#end(open)
    open.left -= 1
    if (prng.chance(SAVEPOINT_SHARE)) {
      const name = `s${open.left}`
      open.savepoints.push({ name, rollsBack: prng.chance(0.5), columns: this.#columnsNow() })
      this.#steps.push({ step: "savepoint", session, transaction, name })
      return
    }
    for (const operation of this.#operations(open)) {
      this.#steps.push({ step: "do", session, transaction, operation })
    }
  }

  #end(open: Open): void {
    const { rollsBack, session, transaction } = open
    this.#steps.push({ step: rollsBack ? "rollback" : "commit", session, transaction })
    if (rollsBack) this.#restoreColumns(open, open.columnsBefore)
    for (const target of this.#targets) {
      target.users.delete(transaction)
      if (target.owner === transaction) target.owner = undefined
      for (const [key, owner] of target.owners) if (owner === transaction) target.owners.delete(key)
    }
    this.#open.delete(session)
  }

  #columnsNow(): ColumnsBefore {
    return new Map(this.#targets.map((target) => [target, target.columns]))
  }

  /** Only tables that the transaction has to itself can have got other columns from it. */
  #restoreColumns(open: Open, before: ColumnsBefore): void {
    for (const [target, columns] of before) if (target.owner === open.transaction) target.columns = columns
  }

  #operations(open: Open): ReadonlyArray<Operation> {
    const { transaction } = open
    const free = this.#targets.filter((target) => target.owner === undefined || target.owner === transaction)
    if (free.length === 0) return []
    const last = free.find((target) => target === open.last)
    const target = last !== undefined && this.#prng.chance(SAME_TABLE_SHARE) ? last : this.#any(free)
    open.last = target
    target.users.add(transaction)
    const choice = this.#prng.fraction()
    if (choice < 0.1) return this.#whole(open, target)
    if (choice < 0.36) return this.#insert(open, target)
    if (choice < 0.64) return this.#update(open, target)
    if (choice < 0.82) return this.#move(open, target)
    return this.#delete(open, target)
  }

  #any<A>(all: ReadonlyArray<A>): A {
    return all[this.#prng.int(0, all.length - 1)]!
  }

  /** Makes the table this transaction's; false when another open one has touched it. */
  #take(open: Open, target: Target): boolean {
    if ([...target.users].some((user) => user !== open.transaction)) return false
    if (target.owner !== undefined && target.owner !== open.transaction) return false
    // What it had at the beginning, or at a savepoint, may be what others have undone since.
    if (target.owner === undefined) {
      for (const before of [open.columnsBefore, ...open.savepoints.map(({ columns }) => columns)]) {
        before.set(target, target.columns)
      }
    }
    target.owner = open.transaction
    target.users.add(open.transaction)
    return true
  }

  /** What concerns all of a table. */
  #whole(open: Open, target: Target): ReadonlyArray<Operation> {
    const prng = this.#prng
    if (!this.#take(open, target)) return []
    const table = target.table.name
    const isUndone = open.rollsBack || open.savepoints.some(({ rollsBack }) => rollsBack)
    if (prng.chance(isUndone ? 0.6 : 0.3)) return this.#ddl(target)
    if (prng.chance(0.25)) return [{ op: "update", table, keys: "all", values: this.#values(target, 2) }]
    if (prng.chance(0.2)) return [{ op: "delete", table, keys: "all" }]
    const others = prng.chance(0.4) ? this.#targets.filter((other) => other !== target && this.#take(open, other)) : []
    return [{ op: "truncate", tables: [table, ...others.map((other) => other.table.name)] }]
  }

  #ddl(target: Target): ReadonlyArray<Operation> {
    const prng = this.#prng
    const table = target.table.name
    if (prng.chance(RENAME_SHARE)) return this.#rename(target)
    if (prng.chance(WIDEN_SHARE)) {
      const widened = this.#widen(target)
      if (widened !== undefined) return [widened]
    }
    const last = target.columns.at(-1)
    if (last !== undefined && target.columns.length > 1 && prng.chance(0.4)) {
      target.columns = target.columns.slice(0, -1)
      return [{ op: "drop column", table, column: last.column.name }]
    }
    target.added += 1
    const source = Columns.make(prng, target.sources.length + target.added, true, prng.chance(0.2))
    target.columns = [...target.columns, source]
    const value = source.next(prng)
    const isCarried = Columns.hasDefault(source.column) && !value.includes("select")
    const fallback = prng.chance(0.5) && isCarried ? value : undefined
    return [{ op: "add column", table, column: source.column, fallback }]
  }

  #rename(target: Target): ReadonlyArray<Operation> {
    const sources = target.columns.filter(this.#renames)
    if (sources.length === 0) return []
    const source = this.#any(sources)
    target.added += 1
    const to = Columns.nameAt(this.#prng, target.sources.length + target.added)
    target.columns = target.columns.map((each) => each === source ? Columns.renamed(source, to) : each)
    return [{ op: "rename column", table: target.table.name, column: source.column.name, to }]
  }

  #widen(target: Target): Operation | undefined {
    for (const source of target.columns) {
      const wider = Columns.widened(source)
      if (wider === undefined) continue
      target.columns = target.columns.map((each) => each === source ? wider : each)
      return { op: "widen column", table: target.table.name, column: source.column.name, type: wider.column.type }
    }
    return undefined
  }

  #freeKeys(open: Open, target: Target, most: number): ReadonlyArray<number> {
    const keys = new Set<number>()
    for (let look = 0; look < most * 3 && keys.size < most; look++) {
      const key = this.#prng.int(0, target.keyCount - 1)
      const owner = target.owners.get(key)
      if (owner === undefined || owner === open.transaction) keys.add(key)
    }
    for (const key of keys) target.owners.set(key, open.transaction)
    return [...keys]
  }

  #values(target: Target, most: number): Values {
    const prng = this.#prng
    const values: Record<string, string> = {}
    for (let count = prng.int(1, most); count > 0 && target.columns.length > 0; count--) {
      const source = target.columns[prng.int(0, target.columns.length - 1)]!
      values[source.column.name] = source.next(prng)
    }
    return values
  }

  #count(target: Target): number {
    return target.keyCount === Targets.KEYS_MANY && this.#prng.chance(0.3)
      ? this.#prng.int(10, 40)
      : this.#prng.int(1, 3)
  }

  #insert(open: Open, target: Target): ReadonlyArray<Operation> {
    const prng = this.#prng
    const rows = this.#freeKeys(open, target, this.#count(target)).map((key) => ({
      key,
      values: Object.fromEntries(
        target.columns.filter(() => prng.chance(0.85)).map(({ column, next }) => [column.name, next(prng)])
      )
    }))
    if (rows.length === 0) return []
    return [{ op: "insert", table: target.table.name, rows, conflict: prng.pick(["nothing", "update"]) }]
  }

  #update(open: Open, target: Target): ReadonlyArray<Operation> {
    const keys = this.#freeKeys(open, target, this.#count(target))
    const values = this.#prng.chance(0.1) ? {} : this.#values(target, 3)
    return keys.length === 0 ? [] : [{ op: "update", table: target.table.name, keys, values }]
  }

  #move(open: Open, target: Target): ReadonlyArray<Operation> {
    const prng = this.#prng
    const table = target.table.name
    const [from, to, spare] = this.#freeKeys(open, target, 3)
    if (from === undefined || to === undefined) return []
    const large = (): Values =>
      Object.fromEntries(
        target.columns.filter(({ isLarge }) => this.#movesLarge && isLarge).map((
          { column, next }
        ) => [column.name, next(prng)])
      )
    const values = { ...large(), ...(prng.chance(0.5) ? {} : this.#values(target, 2)) }
    if (spare === undefined || prng.chance(0.6)) return [{ op: "move", table, from, to, values }]
    return [
      { op: "move", table, from, to: spare, values: large() },
      { op: "move", table, from: to, to: from, values },
      { op: "move", table, from: spare, to, values: large() }
    ]
  }

  #delete(open: Open, target: Target): ReadonlyArray<Operation> {
    const keys = this.#freeKeys(open, target, this.#count(target))
    return keys.length === 0 ? [] : [{ op: "delete", table: target.table.name, keys }]
  }
}
