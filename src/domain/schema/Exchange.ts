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
 *    one with the same keys. An exchange is known by its partitions: by their OIDs, and the transactions that attached them.
 * 2. What StarRocks has of K from P has a version v ≤ X ≤ Y: who writes to a partition holds it until his commit, and X waits for him.
 *    v = Y says that one transaction has done it all.
 * 3. Let w be the first change of K after Y. Its partition is announced between the two, with its table, at a commit A with
 *    Y ≤ A ≤ w, and the look that follows has Y in it (`Trust`, 3), and X. Of all looks let L be the first that has Y; a look before
 *    it had P. So P is found to have left by L at the latest, and with L `until` becomes where L ended, which is above Y. That may be
 *    at an earlier announcement than A: a look may be ahead of the WAL.
 * 4. From L on each announcement, A too, raises `at` to its own commit or to `until`, whichever is less: to Y or above. If that is v
 *    itself, it is A = Y = v, and the transaction that A belongs to has attached a partition, under its number or a higher one, which
 *    savepoints have: then `at` is above A. So v < `at` by w. `at` never falls.
 * 5. A later run reads the WAL from its start on, with the `until` that was stored. Is v below the start, it is below `at` from there
 *    on, because it is below both. Otherwise the run reads that change of K again, before Y, and 4 holds: what is announced
 *    without a look, because the setup's has it, is the first row of the run, and A is a later one.
 *
 * A partition that leaves raises nothing alone, nor one that comes alone: both are everyday's. When old ones have left, one that comes
 * raises `at` to the commit of its first row at most: its rows are not below it. Rows of others are asked for only while
 * those are not FULL either. Without FULL they always are: a table's older rows would all stop it after its first partition was replaced
 * by a newer one. So nothing is asked under `keep`.
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
  /** Whether a partition has left since the first look. */
  readonly hasLeft: boolean
  readonly found: FoundExchange | undefined
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
  hasLeft: false,
  found,
  at: found === undefined ? Lsn.ZERO : least(start, found.until)
})

/** Where the rows begin that an announcement tells apart from those before an exchange (4). */
const reached = (announced: Announced | undefined, { until, xid }: FoundExchange): Lsn.Lsn => {
  // Outside of a transaction nobody knows which rows came before it.
  if (announced === undefined) return until
  const isItself = announced.xid === undefined || !precedes(xid, announced.xid)
  return least(isItself ? Lsn.Lsn.make(announced.commitLsn + 1n) : announced.commitLsn, until)
}

/** What is known after a look that an announcement has caused; undefined: it came outside of a transaction. */
export const next = (known: Known, { attached, lookedAt }: Look, announced: Announced | undefined): Known => {
  if (attached === undefined || lookedAt === undefined) return known
  const came = Object.entries(attached).flatMap(([oid, xid]) => known.attached[oid] === xid ? [] : [xid])
  const hasLeft = known.hasLeft || Object.entries(known.attached).some(([oid, xid]) => attached[oid] !== xid)
  const found = hasLeft && came.length > 0
    ? {
      until: lookedAt,
      xid: came.reduce((newest, xid) => (precedes(newest, xid) ? xid : newest), known.found?.xid ?? came[0]!)
    }
    : known.found
  const at = found === undefined ? known.at : Lsn.max(known.at, reached(announced, found))
  return { attached, hasLeft, found, at }
}

/** Whether the version that StarRocks shows of a key is of the row that PostgreSQL has; null: other hands have loaded it. */
export const isSameRow = (version: Lsn.Lsn | null, exchangedAt: Lsn.Lsn): boolean =>
  exchangedAt === Lsn.ZERO || (version !== null && version >= exchangedAt)
