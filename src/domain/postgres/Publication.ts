/** The publication of a job: what it publishes, and what has to be set, added or created. Pure. */
import * as Identifier from "../Identifier.ts"
import * as Generated from "./GeneratedColumns.ts"
import type * as ReplicaIdentity from "./ReplicaIdentity.ts"
import { key, PARTITIONED_TABLE, type TableFacts } from "./SourceFacts.ts"

/** WHERE of a table in a publication. */
export interface RowFilter {
  /** SQL over the table's columns. */
  readonly text: string
  readonly columns: ReadonlyArray<string>
}

export interface PublicationFacts {
  readonly allTables: boolean
  readonly owned: boolean
  readonly insert: boolean
  readonly update: boolean
  readonly delete: boolean
  /** Absent: it does. */
  readonly truncate?: boolean
  /** `publish_via_partition_root`; absent: it does not. */
  readonly viaRoot?: boolean
  /** `publish_generated_columns = stored`; absent: the server has no such option (before 18). */
  readonly generated?: boolean
  /** The job's published tables by `schema.name`, with their columns where the server tells (15 and later). */
  readonly tables: ReadonlyMap<string, ReadonlyArray<string> | undefined>
  /** Tables that it names itself, also those whose rows it publishes under other names. */
  readonly members?: ReadonlySet<string>
  /** Tables that it names with a column list. */
  readonly columnLists?: ReadonlySet<string>
  readonly rowFilters?: ReadonlyMap<string, RowFilter>
}

/** A publication that is not the job's, and publishes some of its tables. */
export interface OtherPublication extends PublicationFacts {
  readonly name: string
}

/** Options that have to be set. */
export interface Options {
  readonly generated?: boolean
  readonly viaRoot?: boolean
}

/** What decides about the publication. */
export interface Context {
  readonly name: string
  readonly policy: ReplicaIdentity.ReplicaIdentity
  readonly role: string
  readonly serverVersion: number
  readonly publication: PublicationFacts | undefined
  readonly others: ReadonlyArray<OtherPublication>
}

/** Tables that the publication does not have; a partitioned one that it has under the names of its partitions is there. */
export const missing = (publication: PublicationFacts, tables: ReadonlyArray<TableFacts>): ReadonlyArray<TableFacts> =>
  publication.allTables ?
    [] :
    tables.filter((table) => !publication.tables.has(key(table)) && !(publication.members?.has(key(table)) ?? false))

/** Options of a publication that is there which the job needs and which are not set. */
export const unsetOptions = ({ policy, publication, serverVersion }: Context, tables: ReadonlyArray<TableFacts>): {
  readonly generated: boolean
  readonly viaRoot: boolean
} => ({
  generated: Generated.mustBePublished(serverVersion, policy, tables) && publication?.generated === false,
  viaRoot: publication !== undefined && publication.viaRoot !== true &&
    tables.some((table) => table.kind === PARTITIONED_TABLE)
})

/** Options of a publication that the setup creates. Generated columns always: one that is added later breaks nothing then. */
export const initialOptions = ({ serverVersion }: Context, tables: ReadonlyArray<TableFacts>): Options => ({
  ...(serverVersion >= Generated.PUBLISHED_SINCE ? { generated: true } : {}),
  ...(tables.some((table) => table.kind === PARTITIONED_TABLE) ? { viaRoot: true } : {})
})

/** The options as SQL has them. */
export const optionsSql = (options: Options): string =>
  [
    ...(options.viaRoot === true ? ["publish_via_partition_root = true"] : []),
    ...(options.generated === true ? ["publish_generated_columns = stored"] : [])
  ].join(", ")

const withOptions = (options: Options): string => {
  const text = optionsSql(options)
  return text === "" ? "" : ` with (${text})`
}

/** Without the tables that inherit from it: PostgreSQL refuses their UPDATEs while they are published and have no identity. */
const alone = (table: Identifier.QualifiedName): string => `only ${Identifier.quotePgTable(table)}`

export const tableList = (tables: ReadonlyArray<Identifier.QualifiedName>): string => tables.map(alone).join(", ")

export const createSql = (name: string, tables: ReadonlyArray<Identifier.QualifiedName>, options: Options): string =>
  `create publication ${Identifier.quotePg(name)} for table ${tableList(tables)}${withOptions(options)}`
