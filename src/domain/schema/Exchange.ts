/**
 * Whether StarRocks may have another row under a key than PostgreSQL: one of a partition that was exchanged for another. Of a
 * partition that is not REPLICA IDENTITY FULL yet an UPDATE tells no old row, and the large values that it leaves out are those that
 * StarRocks has under the key.
 *
 * Claim. Let a change of key K leave out a value that no old row tells. If StarRocks shows K at a version v ≥ `at`, then no exchange
 * is between that version and the change, of a partition that a look of this run has found, or that an earlier one has told of.
 *
 * 1. K gets another row without its changes only by two events: the partition P that has it leaves its table, by a commit X, and
 *    another one that has it, or P again, comes, by a commit Y ≥ X. Y sees X: whoever attaches a partition waits for whoever detaches
 *    one with the same keys. An exchange is known by the partition that comes: by its OID, and the transaction that attached it.
 *    When the one in its place left does not matter: an earlier run may have been the last that saw it.
 * 2. What StarRocks has of K from P has a version v ≤ X ≤ Y: who writes to a partition holds it until his commit, and X waits for him.
 *    v = Y says that one transaction has done it all.
 * 3. Let w be the first change of K after Y. Its partition is announced between the two, with its table, at a commit A with
 *    Y ≤ A ≤ w, and the look that follows has Y in it (`Trust`, 3), and X. Of all looks let L be the first that has Y: with L `until`
 *    becomes where L ended, which is above Y. That may be at an earlier announcement than A: a look may be ahead of the WAL.
 * 4. From L on each announcement, A too, raises `at` to its own commit or to `until`, whichever is less: to Y or above. If that is v
 *    itself, it is A = X = Y = v: P has left since the look before L, and the transaction that A belongs to has attached a partition,
 *    under its number or a higher one, which savepoints have: then `at` is above A. So v < `at` by w. `at` never falls. Once each
 *    transaction that the looks have found was announced itself, `at` is below none of their commits, and `until` becomes `at`.
 * 5. A later run reads the WAL from its start on, with the `until` that was stored. Is v below the start, it is below `at` from there
 *    on, because it is below both. Otherwise the run reads that change of K again, before Y, and 4 holds: what is announced
 *    without a look, because the setup's has it, is the first row of the run, and A is a later one.
 *
 * A partition that leaves raises nothing. One that comes raises `at` to the commit of its first row, which is not above its rows. Two
 * things can put it above some of them: a look that was ahead of the WAL, until the transaction that attached it is announced itself;
 * and another one that left between the same two looks, since rows of that transaction cannot be told apart then. Rows of others are
 * asked for only while those are not FULL either. Without FULL they always are: a table's older rows would all stop it after its first
 * new partition. So nothing is asked under `keep`.
 *
 * What was exchanged before the first look of a run is in it, and is not found, unless an earlier run has.
 */
import type { Transaction } from "../Change.ts"
import * as Lsn from "../Lsn.ts"
import type { Attached, FoundExchange, TableMapping } from "../Table.ts"

/** What is known of one table. */
export interface Known {
  /** As the last look has found them. */
  readonly attached: Attached
  /** Transactions that attached partitions, found by looks that were ahead of the WAL, and of which no announcement was. */
  readonly ahead: ReadonlyArray<number>
  readonly found: FoundExchange | undefined
  /** `until` of the one that an earlier run has found. */
  readonly floor: Lsn.Lsn
  /** Below it StarRocks may have rows of other partitions; 0: it has none. */
  readonly at: Lsn.Lsn
}

/** What an announcement that a look follows is known by. */
export type Announced = Pick<Transaction, "commitLsn" | "xid">

export interface Look {
  /** Undefined: the table is not there any more. */
  readonly attached?: Attached | undefined
  readonly lookedAt: Lsn.Lsn | undefined
}

/** As PostgreSQL compares numbers of transactions, which begin anew after 2³². */
const precedes = (xid: number, other: number): boolean => ((xid - other) | 0) < 0

const least = (one: Lsn.Lsn, other: Lsn.Lsn): Lsn.Lsn => (one < other ? one : other)

/** Of a run that begins at `start`. */
export const atStart = (start: Lsn.Lsn, { attached = {}, exchanged: found }: TableMapping): Known => ({
  attached,
  ahead: [],
  found,
  floor: found?.until ?? Lsn.ZERO,
  at: found === undefined ? Lsn.ZERO : least(start, found.until)
})

/** Where the rows begin that an announcement tells apart from those before an exchange (4). */
const reached = (announced: Announced | undefined, { until, xid }: FoundExchange): Lsn.Lsn => {
  // Outside of a transaction nobody knows which rows came before it.
  if (announced === undefined) return until
  const isItself = xid !== undefined && (announced.xid === undefined || !precedes(xid, announced.xid))
  return least(isItself ? Lsn.Lsn.make(announced.commitLsn + 1n) : announced.commitLsn, until)
}

/** Partitions of the second look, by the transactions that attached them, that are not in the first, or not by the same. */
const since = (before: Attached, after: Attached): ReadonlyArray<number> =>
  Object.entries(after).flatMap(([oid, xid]) => before[oid] === xid ? [] : [xid])

/** What a look has found that came after the one before. */
const foundBy = ({ attached: before, found }: Known, attached: Attached, until: Lsn.Lsn): FoundExchange => {
  const xids = since(attached, before).length === 0 ? [] : since(before, attached)
  const xid = [found?.xid, ...xids].reduce((newest, each) =>
    newest === undefined || (each !== undefined && precedes(newest, each)) ? each : newest
  )
  return { until, ...(xid === undefined ? {} : { xid }) }
}

/** What is known after a look that an announcement has caused; undefined: it came outside of a transaction. */
export const next = (
  known: Known,
  { attached = known.attached, lookedAt }: Look,
  announced: Announced | undefined
): Known => {
  const came = lookedAt === undefined ? [] : since(known.attached, attached)
  const found = lookedAt === undefined || came.length === 0 ? known.found : foundBy(known, attached, lookedAt)
  if (found === undefined) return { ...known, attached }
  const at = Lsn.max(known.at, reached(announced, found))
  const due = [...known.ahead, ...came]
  // All that was found came before `until`.
  const ahead = at === found.until ? [] : due.filter((xid) => xid !== announced?.xid)
  // The last of them is announced itself: what is behind it was only looked at.
  const isLast = due.length > 0 && ahead.length === 0
  return {
    attached,
    ahead,
    found: isLast ? { ...found, until: Lsn.max(at, known.floor) } : found,
    floor: known.floor,
    at
  }
}

/** Whether the version that StarRocks shows of a key is of the row that PostgreSQL has; null: other hands have loaded it. */
export const isSameRow = (version: Lsn.Lsn | null, exchangedAt: Lsn.Lsn): boolean =>
  exchangedAt === Lsn.ZERO || (version !== null && version >= exchangedAt)
