/** The key of a source table: its primary key, or a unique index that does the same. Pure. */
import type { ReplicaIdentity } from "./ReplicaIdentity.ts"
import type { TableFacts, UniqueIndex } from "./SourceFacts.ts"

const order = (identityFirst: boolean) => (a: UniqueIndex, b: UniqueIndex): number =>
  (identityFirst ? Number(b.isIdentity) - Number(a.isIdentity) : 0) ||
  a.columns.length - b.columns.length ||
  (a.name < b.name ? -1 : 1)

/**
 * The table with its key. Without a primary key that is a unique index over NOT NULL columns: the one that the replica
 * identity names, then the one with the fewest columns, then the first by name. Under `full` the identity does not count: the
 * setup replaces it, and the next start would choose another key.
 */
export const choose = (table: TableFacts, policy: ReplicaIdentity): TableFacts => {
  if (table.primaryKey.length > 0) return table
  const [first] = (table.uniqueIndexes ?? []).toSorted(order(policy === "keep"))
  return first === undefined ? table : { ...table, primaryKey: first.columns, keyIndex: first.name }
}
