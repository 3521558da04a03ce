/** What a transaction leaves of its wanted tables, and what a sink's row must hold for it. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { SinkRow } from "./Ledger.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Change } from "./Wal.ts"

/** The state in which a transaction left one key. */
export interface Effect {
  readonly table: SourceTables.Table
  readonly version: bigint
  readonly deleted: boolean
  /** The row, or the last one before it was deleted. */
  readonly row: SourceTables.Row
  /** 0 insert, 1 update, 2 delete. */
  readonly operation: number
}

/** By key. A truncation has no effect: no program carries one over. */
export const of = (changes: ReadonlyArray<Change>, version: bigint): ReadonlyMap<string, Effect> => {
  const effects = new Map<string, Effect>()
  for (const change of changes) {
    const { kind, table } = change
    if (!table.wanted || kind === "truncate") continue
    if (kind === "delete") {
      const key = SourceTables.keyOf(table, change.before)
      effects.set(key, { table, version, deleted: true, row: change.before, operation: 2 })
      continue
    }
    const key = SourceTables.keyOf(table, change.after)
    if (kind === "update") {
      const oldKey = SourceTables.keyOf(table, change.before)
      if (oldKey !== key) effects.set(oldKey, { table, version, deleted: true, row: change.before, operation: 2 })
    }
    effects.set(key, { table, version, deleted: false, row: change.after, operation: kind === "insert" ? 0 : 1 })
  }
  return effects
}

/** What differs between the effect and the sink's row of its key; undefined when nothing does. */
export const difference = (effect: Effect, found: SinkRow | undefined): string | undefined => {
  if (found === undefined) return `missing, committed at ${effect.version.toString(16)}`
  if (found.version !== effect.version) {
    return `has version ${found.version.toString(16)}, not ${effect.version.toString(16)}`
  }
  const expected: Record<string, unknown> = {
    ...SourceTables.jsonOf(effect.table, effect.row),
    dbmazz_op_type: effect.operation,
    dbmazz_is_deleted: effect.deleted
  }
  for (const [column, value] of Object.entries(expected)) {
    const there = found.values[column]
    if (JSON.stringify(there) !== JSON.stringify(value)) {
      return `${column} is ${JSON.stringify(there)}, not ${JSON.stringify(value)} (version ${
        effect.version.toString(16)
      })`
    }
  }
  // A column that the row's table did not have yet.
  const more = Object.keys(found.values).find((column) =>
    !(column in expected) && !AuditColumns.NAMES.includes(column) && found.values[column] !== null
  )
  return more === undefined ? undefined : `${more} is ${JSON.stringify(found.values[more])}, and never was`
}
