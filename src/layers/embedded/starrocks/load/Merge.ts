/** The statements that bring staged rows into their table, for every way a load can be asked to do it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Session, StorageError } from "../catalogue/Storage.ts"
import type { Column, Table } from "../catalogue/Table.ts"
import * as TableOf from "../catalogue/Table.ts"
import { quoted } from "../catalogue/Table.ts"
import * as ColumnType from "../values/ColumnType.ts"
import * as Staging from "./Staging.ts"

/** The rows cannot be merged as they are. */
export class MergeRefused extends Data.TaggedError("MergeRefused")<{ readonly message: string }> {}

/** What a merge has to know of its load. */
export interface MergePlan {
  readonly table: Table
  /** The staged columns of the table. */
  readonly targets: ReadonlyArray<{ readonly column: Column }>
  readonly partial: boolean
  readonly mergeCondition: Column | undefined
}

/**
 * The merge on the table as it is now, with columns that came after the load was planned. Fails when the table is another
 * one, or a column that the load carries is gone or holds another type.
 */
export const onto = (plan: MergePlan, current: Table | undefined): Result.Result<MergePlan, string> => {
  const { database, id, name } = plan.table
  if (current === undefined || current.id !== id) return Result.fail(`unknown table "${database}.${name}"`)
  if (current === plan.table) return Result.succeed(plan)
  const targets: Array<{ readonly column: Column }> = []
  for (const { column } of plan.targets) {
    const now = TableOf.column(current, column.name)
    if (now === undefined || ColumnType.stored(now.type) !== ColumnType.stored(column.type)) {
      return Result.fail(`column ${column.name} of table "${database}.${name}" has changed since the load began`)
    }
    targets.push({ column: now })
  }
  return Result.succeed({ ...plan, table: current, targets })
}

/** Names used by all statements of a load. */
interface Names {
  readonly staged: string
  readonly target: string
  readonly keys: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
}

const namesOf = (plan: MergePlan, staged: string): Names => ({
  staged,
  target: TableOf.physical(plan.table.database, plan.table.name),
  keys: TableOf.keys(plan.table).map((column) => quoted(column.name)),
  columns: plan.targets.map((target) => quoted(target.column.name))
})

const sameKey = (names: Names, left: string, right: string): string =>
  names.keys.map((key) => `${left}.${key} = ${right}.${key}`).join(" and ")

const deleteStaged = (names: Names): string =>
  `delete from ${names.target} as t using ${names.staged} as s where ${sameKey(names, "t", "s")}`

const insertStaged = (names: Names, from: string): string =>
  `insert into ${names.target} (${names.columns.join(", ")}) select ${names.columns.join(", ")} from ${from} ` +
  `where ${Staging.operation} = 0`

const keepLast = (names: Names): string =>
  `delete from ${names.staged} where ${Staging.place} not in (select max(${Staging.place}) from ${names.staged} ` +
  `group by ${names.keys.join(", ")})`

/** Of the upserts of a key the one with the greatest condition survives, the later one among equals; NULL is least. */
const keepGreatest = (names: Names, condition: string): string =>
  `delete from ${names.staged} where ${Staging.place} not in (select ${Staging.place} from (select ${Staging.place}, ` +
  `row_number() over (partition by ${
    names.keys.join(", ")
  } order by ${condition} desc nulls last, ${Staging.place} desc) ` +
  `as rank from ${names.staged}) where rank = 1)`

const dropBeforeDelete = (names: Names): string =>
  `delete from ${names.staged} as s using (select ${names.keys.join(", ")}, max(${Staging.place}) as last from ` +
  `${names.staged} where ${Staging.operation} = 1 group by ${names.keys.join(", ")}) as d ` +
  `where ${sameKey(names, "s", "d")} and s.${Staging.place} < d.last`

const dropLosers = (names: Names, condition: string): string =>
  `delete from ${names.staged} as s using ${names.target} as t where ${sameKey(names, "s", "t")} ` +
  `and t.${condition} is not null and (s.${condition} is null or s.${condition} < t.${condition})`

/** Staged rows of a partial update with all their columns. */
const filled = "temp.main.filled"

/** Fills the columns that a partial update does not carry from the stored row, or from their defaults. */
const fillPartial = (plan: MergePlan, names: Names): string => {
  const carried = new Set(plan.targets.map((target) => target.column.name))
  const values = plan.table.columns.map((column) => {
    const own = quoted(column.name)
    if (carried.has(column.name)) return `s.${own}`
    const value = column.default
    const fallback = value.kind === "now"
      ? "current_localtimestamp()"
      : value.kind === "constant" && value.text !== null
      ? TableOf.literal(value.text)
      : "null"
    return `case when t.rowid is null then ${fallback} else t.${own} end as ${own}`
  })
  return `create temp table filled as select ${values.join(", ")}, s.${Staging.operation} from ${names.staged} as s ` +
    `left join ${names.target} as t on ${sameKey(names, "s", "t")}`
}

/** Merges the staged rows; runs inside the load's transaction. */
export const merge = (
  plan: MergePlan,
  session: Session,
  staged: Staging.Staged
): Effect.Effect<void, StorageError | MergeRefused> =>
  Effect.gen(function*() {
    const names = namesOf(plan, staged.table)
    if (plan.table.model === "DUP_KEYS") {
      yield* session.run(insertStaged(names, names.staged))
      return
    }
    const [repeated] = yield* session.run(
      `select 1 from ${names.staged} group by ${names.keys.join(", ")} having count(*) > 1 limit 1`
    )
    const condition = plan.mergeCondition === undefined ? undefined : quoted(plan.mergeCondition.name)
    if (condition === undefined && !plan.partial) {
      if (repeated !== undefined) yield* session.run(keepLast(names))
      yield* session.run(deleteStaged(names))
      yield* session.run(insertStaged(names, names.staged))
      return
    }
    // Deletes come first and ignore the condition; what follows a delete in the body then meets no stored row.
    if (staged.deletes > 0) {
      if (repeated !== undefined) yield* session.run(dropBeforeDelete(names))
      yield* session.run(`${deleteStaged(names)} and s.${Staging.operation} = 1`)
      yield* session.run(`delete from ${names.staged} where ${Staging.operation} = 1`)
    }
    if (repeated !== undefined) {
      yield* session.run(condition === undefined ? keepLast(names) : keepGreatest(names, condition))
    }
    if (condition !== undefined) yield* session.run(dropLosers(names, condition))
    if (!plan.partial) {
      yield* session.run(deleteStaged(names))
      yield* session.run(insertStaged(names, names.staged))
      return
    }
    yield* session.run(fillPartial(plan, names))
    for (const column of plan.table.columns) {
      if (column.nullable) continue
      const [missing] = yield* session.run(`select 1 from ${filled} where ${quoted(column.name)} is null limit 1`)
      if (missing !== undefined) {
        return yield* new MergeRefused({ message: `Column has no default value. column: ${column.name}` })
      }
    }
    yield* session.run(deleteStaged(names))
    const all = { ...names, columns: plan.table.columns.map((column) => quoted(column.name)) }
    yield* session.run(insertStaged(all, filled))
    // The next table of the same transaction makes its own.
    yield* session.run(`drop table ${filled}`)
  })
