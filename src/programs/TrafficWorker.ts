/**
 * One connection's share of the traffic. A worker changes only rows it has inserted or was given, so workers never wait
 * for each other's locks.
 */
import * as Effect from "effect/Effect"
import type { SeededRandom } from "../domain/SeededRandom.ts"
import type { PostgresSql } from "../layers/PostgresSql.ts"
import * as TrafficRows from "./TrafficRows.ts"

type Query = PostgresSql["Service"]["query"]
type Failure = Effect.Error<ReturnType<Query>>
type ByTable<A> = Readonly<Record<TrafficRows.TableName, A>>

/** What has been committed so far. */
export interface Report {
  readonly operations: number
  readonly inserts: number
  readonly updates: number
  readonly deletes: number
  readonly transactions: number
  /** By table, keys whose rows were deleted or given another key; the newest when there are very many. */
  readonly deletedKeys: Readonly<Record<TrafficRows.TableName, ReadonlyArray<number>>>
}

export interface Worker {
  /** Commits one transaction of at most `wanted` operations and says how many it had. */
  readonly transact: (wanted: number) => Effect.Effect<number, Failure>
  /** The rows that this worker changes from now on, besides those it inserts. */
  readonly adopt: (table: TrafficRows.TableName, ids: ReadonlyArray<number>) => void
  readonly report: () => Report
}

const INSERT_PROBABILITY = 0.7
const UPDATE_PROBABILITY = 0.25
/** Every other transaction is a single statement; the rest have up to this many operations, more when much is due. */
const SINGLE_PROBABILITY = 0.5
const TRANSACTION_OPERATIONS_MAX = 20
const BACKLOG_OPERATIONS_MAX = 500
const BACKLOG_SHARE = 4
/** Transactions that are rolled back, and never to be seen in the sink. */
const ROLLBACK_PROBABILITY = 0.02
/** Transactions that update the same rows a second time. */
const REPEAT_PROBABILITY = 0.1
/** Updates that give a row another key, and inserts that use the key of a deleted row again. */
const REKEY_PROBABILITY = 0.02
const REUSE_PROBABILITY = 0.02
/** Keys remembered for each table; older ones are forgotten, their rows stay as they are. */
const KEYS_MAX = 50_000

interface TableState {
  readonly live: Array<number>
  readonly deleted: Array<number>
}

const byTable = <A>(make: () => A): ByTable<A> => ({ orders: make(), order_items: make(), toast_test: make() })

const remember = (keys: Array<number>, added: ReadonlyArray<number>): void => {
  keys.push(...added)
  if (keys.length > KEYS_MAX) keys.splice(0, keys.length - KEYS_MAX)
}

const takeOne = (keys: Array<number>, random: SeededRandom): number | undefined => {
  const at = random.below(keys.length)
  const [taken, last] = [keys[at], keys.pop()]
  if (last !== undefined && at < keys.length) keys[at] = last
  return taken
}

const idsOf = (rows: Effect.Success<ReturnType<Query>>): ReadonlyArray<number> => rows.map((row) => Number(row["id"]))

export const make = (
  { query }: { readonly query: Query },
  random: SeededRandom
): Worker => {
  const state: ByTable<TableState> = byTable(() => ({ live: [], deleted: [] }))
  const totals = { inserts: 0, updates: 0, deletes: 0, transactions: 0 }

  const statement = ({ parameters, sql }: TrafficRows.Statement) => Effect.map(query(sql, parameters), idsOf)

  const insert = Effect.fnUntraced(function*(table: TrafficRows.TableName, count: number) {
    const { deleted } = state[table]
    const ids = Array.from(
      { length: count },
      () => random.chance(REUSE_PROBABILITY) ? takeOne(deleted, random) : undefined
    )
    const inserted = yield* statement(TrafficRows.insertRows(table, ids, random))
    remember(state[table].live, inserted)
    totals.inserts += inserted.length
  })

  const update = Effect.fnUntraced(function*(table: TrafficRows.TableName, count: number) {
    const { deleted, live } = state[table]
    if (live.length === 0) return
    if (random.chance(REKEY_PROBABILITY)) {
      const old = takeOne(live, random)
      const next = `nextval(pg_get_serial_sequence('${table}', 'id'))`
      const rows = yield* query(`update ${table} set id = ${next} where id = $1 returning id::text as id`, [old])
      remember(live, idsOf(rows))
      if (old !== undefined) remember(deleted, [old])
      totals.updates += rows.length
      return
    }
    const ids = [...new Set(Array.from({ length: count }, () => live[random.below(live.length)]!))]
    totals.updates += (yield* statement(TrafficRows.updateRows(table, ids, random))).length
    if (random.chance(REPEAT_PROBABILITY)) {
      totals.updates += (yield* statement(TrafficRows.updateRows(table, ids, random))).length
    }
  })

  const remove = Effect.fnUntraced(function*(table: TrafficRows.TableName, count: number) {
    const { deleted, live } = state[table]
    const ids = Array.from({ length: Math.min(count, live.length) }, () => takeOne(live, random))
    if (ids.length === 0) return
    const removed = idsOf(
      yield* query(`delete from ${table} where id = any($1::bigint[]) returning id::text as id`, [ids])
    )
    remember(deleted, removed)
    totals.deletes += removed.length
  })

  /** A transaction that ends in ROLLBACK: its rows and their keys are nobody's. */
  const rolledBack = Effect.fnUntraced(function*(table: TrafficRows.TableName) {
    yield* query("begin")
    yield* statement(TrafficRows.insertRows(table, [undefined, undefined], random))
    yield* query("rollback")
  })

  const transact = Effect.fnUntraced(function*(wanted: number) {
    if (random.chance(ROLLBACK_PROBABILITY)) yield* rolledBack(TrafficRows.pickTable(random))
    const picked = random.chance(SINGLE_PROBABILITY) ? 1 : random.between(2, TRANSACTION_OPERATIONS_MAX)
    const backlog = Math.min(BACKLOG_OPERATIONS_MAX, Math.ceil(wanted / BACKLOG_SHARE))
    const size = Math.min(wanted, Math.max(picked, backlog))
    const work = byTable(() => ({ inserts: 0, updates: 0, deletes: 0 }))
    for (let operation = 0; operation < size; operation++) {
      const table = TrafficRows.pickTable(random)
      const which = random.below(100) / 100
      if (which < INSERT_PROBABILITY || state[table].live.length === 0) work[table].inserts += 1
      else if (which < INSERT_PROBABILITY + UPDATE_PROBABILITY) work[table].updates += 1
      else work[table].deletes += 1
    }
    const busy = TrafficRows.TABLE_NAMES.filter((name) => Object.values(work[name]).some((count) => count > 0))
    if (size > 1) yield* query("begin")
    for (const table of busy) if (work[table].inserts > 0) yield* insert(table, work[table].inserts)
    for (const table of busy) if (work[table].updates > 0) yield* update(table, work[table].updates)
    for (const table of busy) if (work[table].deletes > 0) yield* remove(table, work[table].deletes)
    if (size > 1) yield* query("commit")
    totals.transactions += 1
    return size
  }, (effect) =>
    // A refused statement leaves its transaction open and aborted; a lost connection has ended it.
    Effect.tapError(effect, (error) => error._tag === "PgSqlError" ? Effect.ignore(query("rollback")) : Effect.void))

  return {
    transact,
    adopt: (table, ids) => {
      state[table].live.length = 0
      remember(state[table].live, ids)
    },
    report: () => ({
      ...totals,
      operations: totals.inserts + totals.updates + totals.deletes,
      deletedKeys: {
        orders: state.orders.deleted,
        order_items: state.order_items.deleted,
        toast_test: state.toast_test.deleted
      }
    })
  }
}

/** Shares the newest rows of each table out, so that updates and deletes also meet rows of earlier runs. */
export const share = Effect.fnUntraced(function*(query: Query, workers: ReadonlyArray<Worker>) {
  for (const table of TrafficRows.TABLE_NAMES) {
    const limit = KEYS_MAX * workers.length
    const ids = idsOf(yield* query(`select id::text as id from ${table} order by id desc limit ${limit}`)).toReversed()
    workers.forEach((worker, index) => worker.adopt(table, ids.filter((_, at) => at % workers.length === index)))
  }
})

/** The workers' reports as one. */
export const add = (reports: ReadonlyArray<Report>): Report => {
  const sum = (pick: (report: Report) => number): number => reports.reduce((total, report) => total + pick(report), 0)
  const deleted = (table: TrafficRows.TableName) => reports.flatMap((report) => report.deletedKeys[table])
  return {
    operations: sum((report) => report.operations),
    inserts: sum((report) => report.inserts),
    updates: sum((report) => report.updates),
    deletes: sum((report) => report.deletes),
    transactions: sum((report) => report.transactions),
    deletedKeys: { orders: deleted("orders"), order_items: deleted("order_items"), toast_test: deleted("toast_test") }
  }
}
