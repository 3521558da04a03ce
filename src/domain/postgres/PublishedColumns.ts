/** Which columns of the job's tables are in the rows that PostgreSQL sends. Pure. */
import * as GeneratedColumns from "./GeneratedColumns.ts"
import type { PublicationFacts } from "./Publication.ts"
import type { ReplicaIdentity } from "./ReplicaIdentity.ts"
import { key, type TableFacts } from "./SourceFacts.ts"

/** What decides about it. `publication` undefined: the setup creates it. */
export interface Context {
  readonly policy: ReplicaIdentity
  readonly serverVersion: number
  readonly publication: PublicationFacts | undefined
}

/** Whether stored generated columns are published once the setup is through. */
const publishesGenerated = ({ policy, publication, serverVersion }: Context, tables: ReadonlyArray<TableFacts>) =>
  serverVersion >= GeneratedColumns.PUBLISHED_SINCE &&
  (publication === undefined || publication.generated === true ||
    (publication.owned && GeneratedColumns.mustBePublished(serverVersion, policy, tables)))

/**
 * The tables with the columns that rows bring: of generated columns those that are published (`generated` is false then), and
 * of a table with a column list only what is listed; the others are in `leftOut`. A row filter is taken along.
 */
export const apply = (context: Context, tables: ReadonlyArray<TableFacts>): ReadonlyArray<TableFacts> => {
  const { publication, serverVersion } = context
  const all = publishesGenerated(context, tables)
  return tables.map((table) => {
    const published = publication?.tables.get(key(table))
    // Before 18 the catalogue lists generated columns that are not sent.
    const listed = serverVersion >= GeneratedColumns.PUBLISHED_SINCE ? published ?? [] : []
    const columns = table.columns.map((column) =>
      column.computed === "stored" && (all || listed.includes(column.name)) ? { ...column, generated: false } : column
    )
    const rowFilter = publication?.rowFilters?.get(key(table))?.text
    const filtered = rowFilter === undefined ? table : { ...table, rowFilter }
    if (published === undefined || publication?.columnLists?.has(key(table)) !== true) return { ...filtered, columns }
    const isIn = (name: string): boolean => published.includes(name)
    return {
      ...filtered,
      columns: columns.filter((column) => column.generated || isIn(column.name)),
      leftOut: [
        ...(table.leftOut ?? []),
        ...columns.filter((column) => !column.generated && !isIn(column.name))
      ]
    }
  })
}
