/**
 * After which position rows in StarRocks are trusted to have what an update leaves out: values that a row got without a
 * change of its own, or that it had under another name, are not there.
 */
import * as Lsn from "../Lsn.ts"
import type { SourceColumn, TableMapping } from "../Table.ts"

/**
 * A run knows of no row that another has loaded: that one may have had other tables, left columns out, or had other names for
 * them. Nor is it known what became of a table before it joined the job.
 */
export const atStart = (start: Lsn.Lsn, { from }: TableMapping): Lsn.Lsn =>
  from === undefined ? start : Lsn.max(start, from)

/**
 * Whether nothing that could give the table's rows other values was done between two looks: VACUUM, ANALYZE and indexes have
 * a table announced again as an ALTER has, and must not cost that its documents are sent again.
 */
export const isUntouched = (
  { lookedAt, sourceColumns }: Pick<TableMapping, "lookedAt" | "sourceColumns">,
  columns: ReadonlyArray<SourceColumn>
): boolean =>
  lookedAt !== undefined &&
  columns.every(({ name, version }) => version !== undefined && sourceColumns?.get(name)?.version === version)

/** What the announcement leaves of the trust: `lookedAt` is the look before; undefined: the table was touched since. */
export const next = (trusted: Lsn.Lsn, announcedAt: Lsn.Lsn | undefined, lookedAt: Lsn.Lsn | undefined): Lsn.Lsn => {
  // Outside of a transaction nobody knows which rows came before it.
  const at = announcedAt ?? (Lsn.MAX as Lsn.Lsn)
  if (lookedAt === undefined) return at
  // What was done before that look is in it, and did not show in a comparison with it.
  const untouchedFrom = Lsn.max(trusted, lookedAt)
  return untouchedFrom < at ? untouchedFrom : at
}
