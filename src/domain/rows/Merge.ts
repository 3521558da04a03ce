/** The rows of a table's changes: one final row a key, so that a load holds a key once. */
import type { RowChange } from "../Change.ts"
import * as EncodedKey from "../EncodedKey.ts"
import type { Lsn } from "../Lsn.ts"
import * as Gaps from "./Gaps.ts"
import type { RowKey } from "./RowKeys.ts"

/** The last state of one key: the change it comes from, and whether it is a (soft) delete. */
export interface FinalRow {
  readonly change: RowChange
  readonly deleted: boolean
  /** Values that the change does not carry; undefined: none. */
  readonly gaps: Gaps.Gaps | undefined
  /** Commit of the first change of the key, as in `Trust`. */
  readonly since: Lsn
}

export interface Merged {
  /** In the order of the changes that made them. */
  readonly rows: ReadonlyArray<FinalRow>
  /** Rows whose key StarRocks cannot hold, with its encoded bytes. */
  readonly tooLong: ReadonlyMap<FinalRow, number>
  readonly hasGaps: boolean
}

/** Where the row's own values lie in its change's bytes. */
export const tupleOf = ({ change, deleted }: FinalRow): number => deleted ? change.oldTuple : change.newTuple

const oldOf = ({ bytes, keyOnly, oldTuple, route }: RowChange): Gaps.Old | undefined =>
  oldTuple < 0 ? undefined : {
    bytes,
    tuple: oldTuple,
    has: keyOnly ? (column) => route.encoder.isIdentity(column) : () => true
  }

const beforeOf = (earlier: FinalRow | undefined): Gaps.Earlier =>
  earlier === undefined
    ? "untouched"
    : earlier.deleted
    ? "none"
    : { bytes: earlier.change.bytes, tuple: earlier.change.newTuple, gaps: earlier.gaps }

/**
 * Merges changes of one route, in commit order. Replaying the result is the same as replaying the changes: a row leaves
 * nothing of the key's earlier row but what neither of them carries, and that StarRocks has. An update that moves a row to
 * another key is a delete of the old key and an upsert of the new one. `changes` are not empty.
 */
export const merge = (changes: ReadonlyArray<RowChange>): Merged => {
  const { encoder, mapping } = changes[0]!.route
  const { keys } = encoder
  const excess = EncodedKey.excess(mapping)
  const positions = new Map<RowKey, number>()
  const rows: Array<FinalRow | undefined> = []
  const tooLong = new Map<FinalRow, number>()
  let replaced = 0
  let hasGaps = false
  const put = (key: RowKey, change: RowChange, deleted: boolean, gaps: Gaps.Gaps | undefined): void => {
    const earlier = positions.get(key)
    const since = earlier === undefined ? change.transaction.commitLsn : rows[earlier]!.since
    const row: FinalRow = { change, deleted, gaps, since }
    if (excess !== undefined) {
      const bytes = excess(key)
      if (bytes !== undefined) tooLong.set(row, bytes)
    }
    if (earlier !== undefined) {
      rows[earlier] = undefined
      replaced += 1
    }
    positions.set(key, rows.length)
    rows.push(row)
  }
  const gapsOf = (change: RowChange, columns: ReadonlyArray<number>, key: RowKey, moved: boolean) => {
    const place = positions.get(key)
    const earlier = beforeOf(place === undefined ? undefined : rows[place])
    const gaps = Gaps.of(columns, oldOf(change), earlier, (column) => !moved && !keys.has(column))
    hasGaps ||= gaps !== undefined
    return gaps
  }
  for (const change of changes) {
    const { bytes, keyOnly, newTuple, oldTuple, unchanged } = change
    const oldKey = oldTuple >= 0 ? keys.of(bytes, oldTuple, -1) : undefined
    if (newTuple < 0) {
      const gaps = keyOnly ? gapsOf(change, encoder.beyondIdentity, oldKey!, false) : undefined
      put(oldKey!, change, true, gaps)
      continue
    }
    const newKey = keys.of(bytes, newTuple, oldTuple)
    const moved = oldKey !== undefined && oldKey !== newKey
    const gaps = unchanged
      ? gapsOf(change, encoder.unchanged(bytes, newTuple), moved ? oldKey : newKey, moved)
      : undefined
    if (moved) {
      const left = keyOnly ? gapsOf(change, encoder.beyondIdentity, oldKey, false) : undefined
      put(oldKey, change, true, left)
    }
    put(newKey, change, false, gaps)
  }
  return { rows: replaced === 0 ? rows as Array<FinalRow> : rows.filter((row) => row !== undefined), tooLong, hasGaps }
}
