/**
 * Whether a value that an UPDATE leaves out as unchanged may be left to StarRocks, although the old row would tell it.
 *
 * Claim. Let a change of key K leave out column c, and `since` be the commit of K's first change in the load. If StarRocks shows K
 * at a version v with `trusted` < v < `since`, then what it has committed for c is what PostgreSQL has there.
 *
 * 1. The run reads every change after its start, and loads those of K one after the other. So v is the commit of a change of K
 *    that this run has loaded before, even if another run had, too. What is not visible yet is newer than v, and what a partial
 *    load is applied to. What another run has loaded, and this one is still to read, is not below `since`.
 * 2. c of K gets another value by a change of K, or by an event X of its table: an ALTER (another value, or another column of this
 *    name), what was done to a partition outside of its table, to a table while it was not published. Before the start, and
 *    before its table joined the job, everything may be an event.
 * 3. `trusted` is at no X below the commit of X. The table is announced again, at a commit A ≥ X, before its first row after X. The
 *    look at the catalogue that follows has X in it: it waits for the transaction of A (`SourceShape`), and any other that writes a
 *    table has waited for its ALTER. Either it differs from the look before, then `trusted` is A; or that one had X in it as well, so
 *    that X ≤ its `lookedAt`, and `trusted` is at least the smaller one of that and A. Later it does not fall below X: each
 *    announcement leaves at least what there was, or its own A.
 * 4. Let X be the last event before the change, and w the first change of K after X. v > `trusted` ≥ X, so there is w ≤ v. At w StarRocks
 *    had K at X or before, or not at all: c was sent. Since then each change of K has sent c, or has left it as it was (by 1 to 4).
 *
 * Rows that the transaction of X has changed have its commit as their version. An ALTER waits for all others who write the table; a
 * change of a publication does not, but who had changed K by then holds it until a commit above X, which is none before w.
 *
 * A row that was left out breaks 4: `KnownKeys` forgets what StarRocks has of K from before it. A change whose old row does not
 * tell c leaves no choice: it is not asked for trust but whether the row is the same (`Exchange`), and `ShapeNews` says what to run. Not noticed: what changes how PostgreSQL
 * writes a value and leaves the table alone, as a new name for a label of an enum; a publication `FOR TABLES IN SCHEMA` that lost
 * the schema for a while; and a change of a publication that a standby keeps unseen, while others commit without waiting for it.
 */
import * as Lsn from "../Lsn.ts"
import type { SourceColumn, TableMapping } from "../Table.ts"

/** Where the trust begins (2): another run may have had other tables, columns and names, and nobody remembers. */
export const atStart = (start: Lsn.Lsn, { from }: TableMapping): Lsn.Lsn =>
  from === undefined ? start : Lsn.max(start, from)

/**
 * Whether no event (2) is in the second of two looks alone: VACUUM, ANALYZE and indexes have a table announced again as an ALTER has,
 * and must not cost that its documents are sent again.
 */
export const isUntouched = (
  { lookedAt, sourceColumns }: Pick<TableMapping, "lookedAt" | "sourceColumns">,
  columns: ReadonlyArray<SourceColumn>
): boolean =>
  lookedAt !== undefined &&
  columns.every(({ name, version }) => version !== undefined && sourceColumns?.get(name)?.version === version)

/** What an announcement leaves of the trust (3): `lookedAt` is the look before; undefined: an event is not in it. */
export const next = (trusted: Lsn.Lsn, announcedAt: Lsn.Lsn | undefined, lookedAt: Lsn.Lsn | undefined): Lsn.Lsn => {
  // Outside of a transaction nobody knows which rows came before it.
  const at = announcedAt ?? (Lsn.MAX as Lsn.Lsn)
  if (lookedAt === undefined) return at
  const untouchedFrom = Lsn.max(trusted, lookedAt)
  return untouchedFrom < at ? untouchedFrom : at
}
