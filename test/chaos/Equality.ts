/** Whether both sides are equal, cell by cell: the live rows, and the rows that are gone with the values they had last. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash } from "node:crypto"
import * as ComparedRows from "../../src/layers/ComparedRows.ts"
import * as Comparison from "../../src/layers/Comparison.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as Tables from "./Tables.ts"
import type { World } from "./World.ts"

export interface Equality {
  /** One line a difference; empty when everything is equal. No values, at most their hash. */
  readonly differences: ReadonlyArray<string>
  readonly liveRows: number
  readonly deletedRows: number
}

const HASH_DIGITS = 12

const hash = (row: ComparedRows.ComparedRow | undefined): string =>
  row === undefined
    ? "none"
    : createHash("sha256").update(JSON.stringify(row.values)).digest("hex").slice(0, HASH_DIGITS)

const allSource = Effect.fnUntraced(function*(pair: ComparedRows.Pair) {
  const { query } = yield* PostgresSql.PostgresSql
  const rows = new Map<string, ComparedRows.ComparedRow>()
  yield* query(ComparedRows.openSource(pair))
  while (true) {
    const page = yield* ComparedRows.fetchSource(pair)
    if (page.length === 0) break
    for (const row of page) rows.set(ComparedRows.keyId(row.key), row)
  }
  yield* query("rollback")
  return rows
})

/** Rows that are gone from the source, against the soft-deleted rows of the sink. */
const compareDeleted = Effect.fnUntraced(function*(pair: ComparedRows.Pair) {
  const buried = yield* allSource({ ...pair, source: { schema: Tables.BURIED, name: pair.source.name } })
  const differences: Array<string> = []
  const missing = new Set(buried.keys())
  let rows = 0
  let after: ReadonlyArray<string> | undefined
  while (true) {
    const page: ReadonlyArray<ComparedRows.ComparedRow> = yield* ComparedRows.fetchTarget(pair, after)
    if (page.length === 0) break
    after = page.at(-1)?.key
    for (const row of page) {
      const id = ComparedRows.keyId(row.key)
      if (!row.deleted) continue
      rows += 1
      missing.delete(id)
      const last = buried.get(id)
      const columns = pair.columns.filter((_, index) => last?.values[index] !== row.values[index])
      if (last !== undefined && columns.length === 0) continue
      differences.push(
        last === undefined
          ? `${pair.source.name} ${id} is soft-deleted in the sink and was never deleted in the source`
          : `${pair.source.name} ${id} (deleted) differs in ${columns.map((column) => column.name).join(", ")}: ` +
            `source ${hash(last)}, sink ${hash(row)}`
      )
    }
  }
  for (const id of missing) {
    differences.push(`${pair.source.name} ${id} was deleted and is not soft-deleted in the sink`)
  }
  return { differences, rows }
})

const describe = (table: string, difference: Comparison.Difference): string =>
  `${table} ${JSON.stringify(Object.values(difference.key))} ${difference.problem} ${difference.columns.join(", ")}`
    .trimEnd()

const compareAll = Effect.fnUntraced(function*(database: string) {
  const pairs = yield* ComparedRows.pairTables(
    { tables: Tables.TABLES.map((table) => ({ schema: "public", name: table.name })) },
    database
  )
  const differences: Array<string> = []
  let [liveRows, deletedRows] = [0, 0]
  for (const pair of pairs) {
    // Nothing is on its way any more: what differs now is wrong now.
    const live = yield* Comparison.compareTable(pair, 0)
    liveRows += live.source
    differences.push(...live.examples.map((example) => describe(pair.source.name, example)))
    if (live.different > live.examples.length) {
      differences.push(`${pair.source.name}: ${live.different} live rows differ in all`)
    }
    const deleted = yield* compareDeleted(pair)
    deletedRows += deleted.rows
    differences.push(...deleted.differences)
  }
  return { differences, liveRows, deletedRows }
})

/** Compares all tables; nothing may be on its way. */
export const compare = (world: World): Effect.Effect<Equality> =>
  compareAll(world.sink.database).pipe(
    Effect.provide(
      Layer.mergeAll(
        PostgresSql.layer(world.source, "chaos comparison", ComparedRows.SESSION),
        StarRocksSql.layer(world.sink)
      )
    ),
    Effect.orDie
  )
