/** Tables as the two catalogues describe them, and the pairing that a row's way follows. */
import type { QualifiedName } from "./Identifier.ts"
import type { LoadFormat } from "./LoadFormat.ts"
import type { Lsn } from "./Lsn.ts"
import type { NamePattern } from "./NamePattern.ts"
import type { Policies } from "./values/ValuePolicy.ts"

/** The rules for the columns of one table. */
export interface ColumnSelection {
  readonly key: ReadonlyArray<string>
  /** Only these and the key; undefined: every column that is not excluded. */
  readonly includes: ReadonlyArray<NamePattern> | undefined
  readonly excludes: ReadonlyArray<NamePattern>
}

/** A column of a PostgreSQL table, from `pg_attribute`. */
export interface SourceColumn {
  readonly name: string
  /** The built-in type whose values it has: of a domain its base type, `text` for enums, composites and extensions' types. */
  readonly typeOid: number
  /** `atttypid`, the type that Relation messages name; undefined: `typeOid`. */
  readonly declaredOid?: number
  /** `format_type` text, for people. */
  readonly typeName: string
  /** `atttypmod`, or that of the domain; −1 when there is none. */
  readonly typmod: number
  readonly notNull: boolean
  /** Not in the rows that PostgreSQL sends: a generated column that is not published. */
  readonly generated: boolean
  /** GENERATED ALWAYS AS (…), published or not; undefined: an ordinary column. */
  readonly computed?: "stored" | "virtual"
  /** Of what it is computed by, from `pg_attrdef`: another one after every SET EXPRESSION. Null or undefined: unknown, or none. */
  readonly expression?: number | null
  /** `attnum`: stays when the column is renamed, and never comes again. */
  readonly attnum?: number
  /**
   * `attmissingval` as text: what the rows show that were there when the column was added; of a timestamptz its moment in UTC
   * without a zone. Null or undefined: NULL, or nobody knows.
   */
  readonly missing?: string | null
  /**
   * It, or its type, has a default, it is an identity column, or PostgreSQL keeps a value for rows that were there when it was
   * added, of the table or of a partition: they may have been given values.
   */
  readonly filled?: boolean
  /**
   * Another one after every ALTER of the column, the table's partitions or its publications, after which rows may have other
   * values; undefined: unknown.
   */
  readonly version?: string
  /** GENERATED ALWAYS AS IDENTITY: nobody may set it. */
  readonly always?: boolean
  /** The highest `attnum` that a column of its table has had when it was looked up; undefined: unknown. */
  readonly width?: number
  /** The highest `attnum` below its own of a column that is gone; undefined: unknown, 0: none. */
  readonly dropped?: number
  /** Becomes larger when the rows of the table, or of one of its partitions, are written anew; undefined: unknown. */
  readonly storage?: number
}

/** Partitions of a table at every level, by OID: the transaction that attached each, without the epoch. */
export type Attached = Readonly<Record<string, number>>

/** The last partition that was found to have come to a table, perhaps in exchange for another: see `Exchange`. */
export interface FoundExchange {
  /** Where the look ended that found it: it is not later. */
  readonly until: Lsn
  /** The newest transaction that attached one when another had left since the look before, without the epoch; undefined: none has. */
  readonly xid?: number
}

/** A PostgreSQL table with its key from `pg_index`, in index order. */
export interface SourceTable {
  readonly name: QualifiedName
  readonly oid: number
  /** `relkind`: `r` is an ordinary table, `p` a partitioned one. */
  readonly kind: string
  /** `relreplident`: `f` is FULL. */
  readonly replicaIdentity: string
  /** The columns that are replicated. */
  readonly columns: ReadonlyArray<SourceColumn>
  /** The columns that `selection` leaves out; undefined: none. */
  readonly leftOut?: ReadonlyArray<SourceColumn>
  /** The job's rules for columns of this table; undefined: every column is replicated. */
  readonly selection?: ColumnSelection | undefined
  /** The key: of the primary key, or of the index `keyIndex`. */
  readonly primaryKey: ReadonlyArray<string>
  /** The unique index that is the key of a table without a primary key; undefined: it has one. */
  readonly keyIndex?: string
  readonly primaryKeyDeferrable: boolean
  /** The role may SELECT from it. */
  readonly readable: boolean
  /** See `TableMapping`. */
  readonly lookedAt?: Lsn
  /** Undefined: it is not partitioned, or nobody has looked. */
  readonly attached?: Attached
  /** Its table's name in StarRocks; undefined: its own. */
  readonly target?: string
  /** The publication's WHERE, SQL over the columns; undefined: every row is published. */
  readonly rowFilter?: string
}

/** A column of a StarRocks table, from `information_schema.columns`. */
export interface TargetColumn {
  readonly name: string
  /** `COLUMN_TYPE`, for example `varchar(65533)`. */
  readonly type: string
  readonly nullable: boolean
  /** Computed by StarRocks from other columns. */
  readonly generated?: boolean
  /** `COLUMN_DEFAULT`: what rows get that are loaded without the column; undefined: NULL. */
  readonly default?: string
}

/** A StarRocks table with its model and key from `information_schema.tables_config`. */
export interface TargetTable {
  readonly name: QualifiedName
  /** `TABLE_MODEL`: `PRI_KEYS` is a PRIMARY KEY table. */
  readonly model: string
  readonly key: ReadonlyArray<string>
  readonly columns: ReadonlyArray<TargetColumn>
}

/**
 * The way of one table's rows, made by the setup after it has checked both sides. Columns are found by name when a
 * Relation message arrives, so the order here means nothing.
 */
export interface TableMapping {
  readonly source: QualifiedName
  /** The source's, as the setup has found it: stays when the table is renamed. Undefined: unknown. */
  readonly oid?: number
  readonly target: QualifiedName
  /** Names of the primary key's columns. */
  readonly key: ReadonlyArray<string>
  /** Its rows are those of partitions, published under its name. */
  readonly partitioned?: boolean
  /** Every target column's type by name; audit columns included. */
  readonly targetColumns: ReadonlyMap<string, TargetColumn>
  /** Of source columns whose declared type is not a built-in one: the built-in type whose values they have, by OIDs. */
  readonly types?: ReadonlyMap<number, number>
  /** The source's columns by name, as the setup has found them; undefined: unknown. */
  readonly sourceColumns?: ReadonlyMap<string, SourceColumn>
  /** Where the WAL ended after they were looked up: no later commit is in what was found. Undefined: unknown. */
  readonly lookedAt?: Lsn
  /** As the setup has found them; undefined: it is not partitioned. */
  readonly attached?: Attached
  /** The exchange of its partitions that earlier runs have found last; undefined: none. */
  readonly exchanged?: FoundExchange
  /** Columns that had another type when the table was known last, and whose target holds less than the one they have. */
  readonly retyped?: ReadonlySet<string>
  /** Names under which the target may have values of another column, or of another time: see `DoubtfulNames`. */
  readonly doubtful?: ReadonlySet<string>
  /** `storage` of its columns when the setup looked; undefined: that of `sourceColumns`. */
  readonly storageAtSetup?: number
  /** `attnum` of the source's columns that were not replicated when the setup looked; undefined: there were none. */
  readonly hiddenColumns?: ReadonlySet<number>
  /** A schema change of the target was running when its columns were read: they may be others by now. */
  readonly isChanging?: boolean
  /** Columns that the setup has added to the target, and told of; undefined: none. */
  readonly addedAtStart?: ReadonlySet<string>
  /** What becomes of values that a target column cannot hold; undefined: they stop the table. */
  readonly policies?: Policies
  /** How rows are sent; undefined: as JSON lines. */
  readonly format?: LoadFormat
  /** Which source columns are written, those that are added later included; undefined: every one. */
  readonly selection?: ColumnSelection | undefined
  /**
   * `keep`: the source's replica identity is left as it is, and an old row may be its key alone, which `key` is part of.
   * Undefined: `full`.
   */
  readonly identity?: "full" | "keep"
  /** It joined a running job: what was committed before this position is not its. Undefined: it was there from the start. */
  readonly from?: Lsn
}
