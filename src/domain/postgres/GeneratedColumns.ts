/**
 * Generated columns at the source: which are sent, and where REPLICA IDENTITY FULL makes PostgreSQL refuse changes because of
 * them. Pure.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import type { SourceColumn } from "../Table.ts"
import * as ReplicaIdentity from "./ReplicaIdentity.ts"
import { allColumns, key, type TableFacts } from "./SourceFacts.ts"

/** The first version that can publish stored generated columns, and that has virtual ones. */
export const PUBLISHED_SINCE = 180_000

export const stored = (table: TableFacts): ReadonlyArray<SourceColumn> =>
  allColumns(table).filter((column) => column.computed === "stored")

const virtual = (table: TableFacts): ReadonlyArray<SourceColumn> =>
  allColumns(table).filter((column) => column.computed === "virtual")

/** Whether PostgreSQL refuses UPDATE and DELETE of the table unless every publication of it has generated columns. */
export const needsPublishing = (table: TableFacts, policy: ReplicaIdentity.ReplicaIdentity): boolean =>
  stored(table).length > 0 && ReplicaIdentity.isFull(table, policy)

export const mustBePublished = (
  serverVersion: number,
  policy: ReplicaIdentity.ReplicaIdentity,
  tables: ReadonlyArray<TableFacts>
): boolean => serverVersion >= PUBLISHED_SINCE && tables.some((table) => needsPublishing(table, policy))

/** Virtual columns are never published, so FULL is out of reach for a table that has one. */
export const problems = (table: TableFacts, policy: ReplicaIdentity.ReplicaIdentity): ReadonlyArray<SetupReason> => {
  const columns = virtual(table)
  return columns.length === 0 || !ReplicaIdentity.isFull(table, policy)
    ? []
    : [{ _tag: "PgVirtualColumns", table: key(table), columns: columns.map((column) => column.name).join(", ") }]
}
