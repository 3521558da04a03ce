/** What the catalogue says about a job's tables beyond what their rows need. */
import * as Identifier from "../Identifier.ts"
import type { SourceTable } from "../Table.ts"

/** A unique index whose columns could stand in for a primary key: valid, immediate, whole, over NOT NULL columns. */
export interface UniqueIndex {
  readonly name: string
  /** In index order. */
  readonly columns: ReadonlyArray<string>
  /** The table's REPLICA IDENTITY names it. */
  readonly isIdentity: boolean
}

/** A table below a partitioned one that holds rows itself. */
export interface Partition {
  readonly name: Identifier.QualifiedName
  readonly oid: number
  /** `relkind`, `relpersistence` and `relreplident`. */
  readonly kind: string
  readonly persistence: string
  readonly replicaIdentity: string
  readonly identityColumns: ReadonlyArray<string>
  readonly owned: boolean
}

export interface TableFacts extends SourceTable {
  /** The role owns it, is a member of its owner, or is a superuser. */
  readonly owned: boolean
  /** `relpersistence`: `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string
  readonly uniqueIndexes?: ReadonlyArray<UniqueIndex>
  /** The columns of the old row that its REPLICA IDENTITY, DEFAULT or an index, has written; empty also with FULL. */
  readonly identityColumns?: ReadonlyArray<string>
  /** Of a partitioned table, near and far. */
  readonly partitions?: ReadonlyArray<Partition>
  /** The partitioned tables that it is a partition of, near and far. */
  readonly ancestors?: ReadonlyArray<Identifier.QualifiedName>
}

export const ORDINARY_TABLE = "r"
export const PARTITIONED_TABLE = "p"
/** `relreplident`. */
export const FULL = "f"
export const NOTHING = "n"

export const key = (table: { readonly name: Identifier.QualifiedName }): string => Identifier.show(table.name)

/** Every column of the table, replicated or not. */
export const allColumns = (table: SourceTable) => [...table.columns, ...(table.leftOut ?? [])]

/** The names under which its rows may be published. */
export const publishedNames = (table: TableFacts): ReadonlyArray<string> => [
  key(table),
  ...(table.partitions ?? []).map(key)
]
