/**
 * REPLICA IDENTITY: what PostgreSQL writes of a row's old values. Either the setup makes it FULL, or it stays as it is and
 * must identify rows. Pure.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import type * as Identifier from "../Identifier.ts"
import { allColumns, FULL, key, NOTHING, type Partition, PARTITIONED_TABLE, type TableFacts } from "./SourceFacts.ts"

/** `full`: the setup makes every table's identity FULL. `keep`: it touches none. */
export const POLICIES = ["full", "keep"] as const
export type ReplicaIdentity = (typeof POLICIES)[number]

/** A relation whose identity is to be set. */
export interface Unset {
  readonly name: Identifier.QualifiedName
  readonly oid: number
}

/** Whether UPDATE and DELETE of this table are published with the whole old row. */
export const isFull = (table: TableFacts, policy: ReplicaIdentity): boolean =>
  policy === "full" || table.replicaIdentity === FULL

/**
 * What has to be altered under `full`. Partitions before the partitioned table: rows are announced with the identity of the
 * table that they are published under, and what is announced as whole must be.
 */
export const unset = (table: TableFacts): ReadonlyArray<Unset> =>
  [...(table.partitions ?? []), table].filter((each) => each.replicaIdentity !== FULL)

const fullProblems = (table: TableFacts, role: string): ReadonlyArray<SetupReason> =>
  [...(table.partitions ?? []), table]
    .filter((each) => each.replicaIdentity !== FULL && !each.owned)
    .map((each) => ({
      _tag: "PgReplicaIdentityFailed",
      table: key(each),
      error: `role '${role}' does not own the table`
    }))

const hint = (table: TableFacts): string =>
  table.keyIndex === undefined ? "DEFAULT" : `USING INDEX "${table.keyIndex.replaceAll("\"", "\"\"")}"`

const keptProblem = (table: TableFacts, part: TableFacts | Partition): SetupReason | undefined => {
  if (part.replicaIdentity === FULL) return undefined
  const columns = part.identityColumns ?? []
  const isEmpty = part.replicaIdentity === NOTHING || columns.length === 0
  if (!isEmpty && table.primaryKey.every((name) => columns.includes(name))) return undefined
  return {
    _tag: "PgIdentityUnfit",
    table: key(part),
    key: table.primaryKey.join(", "),
    identity: isEmpty ? "" : columns.join(", "),
    // The index of a partition has a name of its own.
    use: part === table || table.keyIndex === undefined ? hint(table) : "FULL"
  }
}

const keptProblems = (table: TableFacts): ReadonlyArray<SetupReason> => {
  const { partitions = [] } = table
  const rows: ReadonlyArray<TableFacts | Partition> = [table, ...partitions]
  const problems = rows.flatMap((part) => keptProblem(table, part) ?? [])
  if (table.kind !== PARTITIONED_TABLE || table.replicaIdentity !== FULL) return problems
  // Announced as whole old rows, of which all but the key would be NULL.
  return [
    ...problems,
    ...partitions.filter((part) => part.replicaIdentity !== FULL).map((part): SetupReason => ({
      _tag: "PgIdentityUnfit",
      table: key(part),
      key: allColumns(table).map((column) => column.name).join(", "),
      identity: (part.identityColumns ?? []).join(", "),
      use: "FULL"
    }))
  ]
}

/** What is wrong with a table's identity; nothing of a table without a key, which is told elsewhere. */
export const problems = (table: TableFacts, policy: ReplicaIdentity, role: string): ReadonlyArray<SetupReason> =>
  policy === "full" ? fullProblems(table, role) : table.primaryKey.length === 0 ? [] : keptProblems(table)
