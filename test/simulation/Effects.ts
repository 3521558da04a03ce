/** What transactions leave of their wanted tables, and what a sink's row must hold for it. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import type { SinkRow } from "./Ledger.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Change } from "./Wal.ts"

/** The state in which a transaction left one key. */
export interface Effect {
  readonly table: SourceTables.Table
  readonly version: bigint
  /** The last truncation since, when one marked the row: it may have marked it again, if it could not see that yet. */
  readonly markedUntil: bigint | undefined
  readonly deleted: boolean
  /** A truncation has left nothing of it in the sink. */
  readonly gone: boolean
  /** The row, or the last one before it was deleted. */
  readonly row: SourceTables.Row
  /** 0 insert, 1 update, 2 delete. */
  readonly operation: number
}

/** By key. */
export type State = Map<string, Effect>

/** What the sink makes of a truncation; with `fail` and `ignore` nothing. */
export const carriesOver = (policy: TruncatePolicy): boolean => policy === "soft-delete" || policy === "truncate"

const truncated = (effect: Effect, version: bigint, policy: TruncatePolicy): Effect => {
  if (policy === "truncate") return { ...effect, version, gone: true }
  if (!effect.deleted) return { ...effect, version, deleted: true, operation: 2, markedUntil: version }
  return effect.markedUntil === undefined ? effect : { ...effect, markedUntil: version }
}

/** Carries the changes of wanted tables over into the state, in order; gives the keys that they touched. */
export const apply = (
  state: State,
  changes: ReadonlyArray<Change>,
  version: bigint,
  policy: TruncatePolicy
): ReadonlySet<string> => {
  const touched = new Set<string>()
  const put = (key: string, effect: Pick<Effect, "table" | "deleted" | "row" | "operation">): void => {
    state.set(key, { ...effect, version, markedUntil: undefined, gone: false })
    touched.add(key)
  }
  for (const change of changes) {
    const { kind, table } = change
    if (!table.wanted) continue
    if (kind === "truncate") {
      if (!carriesOver(policy)) continue
      for (const [key, effect] of state) {
        if (effect.table.relationId !== table.relationId) continue
        state.set(key, truncated(effect, version, policy))
        touched.add(key)
      }
      continue
    }
    if (kind === "delete") {
      put(SourceTables.keyOf(table, change.before), { table, deleted: true, row: change.before, operation: 2 })
      continue
    }
    const key = SourceTables.keyOf(table, change.after)
    if (kind === "update") {
      const oldKey = SourceTables.keyOf(table, change.before)
      if (oldKey !== key) put(oldKey, { table, deleted: true, row: change.before, operation: 2 })
    }
    put(key, { table, deleted: false, row: change.after, operation: kind === "insert" ? 0 : 1 })
  }
  return touched
}

const versionDiffers = ({ markedUntil, version }: Effect, found: SinkRow): boolean =>
  found.version < version || found.version > (markedUntil ?? version)

/**
 * What differs between the effect and the sink's row of its key; undefined when nothing does. While there is more to come, a
 * row that a truncation has marked may hold later values of an earlier session: they are loaded again. So may the columns that
 * a row did not have yet.
 */
export const difference = (effect: Effect, found: SinkRow | undefined, moreToCome = false): string | undefined => {
  const version = effect.version.toString(16)
  if (effect.gone) return found === undefined ? undefined : `is there, and was taken by the truncation at ${version}`
  if (found === undefined) return `missing, committed at ${version}`
  if (versionDiffers(effect, found)) return `has version ${found.version.toString(16)}, not ${version}`
  const isLoose = moreToCome && effect.markedUntil !== undefined
  const expected: Record<string, unknown> = {
    ...(isLoose ? {} : SourceTables.jsonOf(effect.table, effect.row)),
    dbmazz_op_type: effect.operation,
    dbmazz_is_deleted: effect.deleted
  }
  // What the publication's list left out of the row was never sent: nobody knows what stands there.
  const sent = SourceTables.sentColumns(effect.table)
  const unsent = effect.table.columns.filter((column) => !sent.includes(column)).map(({ name }) => name)
  for (const [column, value] of Object.entries(expected)) {
    if (unsent.includes(column)) continue
    const there = found.values[column]
    if (there === value) continue
    // A number whose column has become a text since.
    const isText = typeof value === "number" && there === String(value)
    if (!isText && JSON.stringify(there) !== JSON.stringify(value)) {
      return `${column} is ${JSON.stringify(there)}, not ${JSON.stringify(value)} (version ${version})`
    }
  }
  // A row that is read again in an older shape keeps what a later one has put beside it, until that is read again, too.
  if (moreToCome) return undefined
  const former = effect.table.former ?? []
  // A column that the row's table did not have yet.
  const more = Object.keys(found.values).find((column) =>
    !(column in expected) && !former.includes(column) && !AuditColumns.NAMES.includes(column) &&
    found.values[column] !== null
  )
  return more === undefined ? undefined : `${more} is ${JSON.stringify(found.values[more])}, and never was`
}
