/** The tables and columns of a job: its lists against PostgreSQL's catalogue. Changes nothing. */
import * as Effect from "effect/Effect"
import * as ColumnLists from "../domain/ColumnLists.ts"
import type { Settings } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { OtherPublication, PublicationFacts } from "../domain/postgres/Publication.ts"
import * as PublishedColumns from "../domain/postgres/PublishedColumns.ts"
import type { TableFacts } from "../domain/postgres/SourceFacts.ts"
import * as SourceKey from "../domain/postgres/SourceKey.ts"
import * as TableLists from "../domain/TableLists.ts"
import * as TargetNames from "../domain/TargetNames.ts"
import * as PostgresCatalog from "./PostgresCatalog.ts"
import type { PostgresSql } from "./PostgresSql.ts"
import * as PublicationCatalogue from "./PublicationCatalogue.ts"
import * as TableCatalogue from "./TableCatalogue.ts"

/** The settings that say what is replicated. Without `lists` nothing is left out. */
export type Selected =
  & Pick<Settings, "tables">
  & Partial<Pick<Settings, "lists" | "publication" | "replicaIdentity">>

export interface SourceTables {
  /** Every table of the job, whether it exists or not. */
  readonly names: ReadonlyArray<Identifier.QualifiedName>
  /** Those that exist, with their keys, the columns that are replicated, and the names of their targets. */
  readonly tables: ReadonlyArray<TableFacts>
  readonly publication: PublicationFacts | undefined
  /** Others that publish some of them. */
  readonly otherPublications: ReadonlyArray<OtherPublication>
  /** What is wrong with the lists, each with its variable. */
  readonly problems: ReadonlyArray<string>
  /** Entries of the column lists that match no column of these tables. */
  readonly unmatched: ReadonlyArray<string>
}

/** The tables, and what is below and above partitioned ones: publications may name any of them. */
const related = (tables: ReadonlyArray<TableFacts>): ReadonlyArray<Identifier.QualifiedName> => [
  ...new Map(
    tables.flatMap((table) => [
      table.name,
      ...(table.partitions ?? []).map((partition) => partition.name),
      ...(table.ancestors ?? [])
    ]).map((name) => [Identifier.show(name), name])
  ).values()
]

/**
 * Tables and publications are read by two statements, and a column that is dropped between them looks as if a column list hid it.
 * So many looks are enough, unless one does.
 */
const LOOKS_MAX = 3

/** Whether the publication lacks a column that it should have without a list of its own. */
const isTorn = (tables: ReadonlyArray<TableFacts>, publication: PublicationFacts | undefined): boolean =>
  tables.some(({ columns, name }) => {
    const table = Identifier.show(name)
    const published = publication?.tables.get(table)
    return published !== undefined && publication?.columnLists?.has(table) !== true &&
      columns.some((column) => column.computed === undefined && !published.includes(column.name))
  })

/** Reads them; patterns are looked up anew each time, so a table that came later is among them. */
export const read = Effect.fnUntraced(function*(
  { lists = TableLists.NONE, publication: name = "", replicaIdentity: policy = "full", tables: entries }: Selected
): Effect.fn.Return<SourceTables, PgSqlError | TransientError | SetupError, PostgresSql> {
  const patterns = TableLists.patterns(entries)
  const found = patterns.length === 0 ? [] : yield* TableCatalogue.matchTables(patterns)
  if (found.length > TableLists.MATCHED_MAX) {
    const problem = `TABLES: its patterns match more than ${TableLists.MATCHED_MAX} tables; make them narrower, or ` +
      `replicate the tables in several jobs`
    return { names: [], tables: [], problems: [problem], unmatched: [], publication: undefined, otherPublications: [] }
  }
  const resolved = TableLists.resolve(entries, lists.tablesExclude, found)
  const look = Effect.gen(function*() {
    const tables = (yield* TableCatalogue.readTables(resolved.tables)).map((table) => SourceKey.choose(table, policy))
    return { keyed: tables, ...(yield* PublicationCatalogue.read(name, related(tables))) }
  })
  let seen = yield* look
  for (let looks = 1; looks < LOOKS_MAX && isTorn(seen.keyed, seen.own); looks++) seen = yield* look
  const { keyed, others, own } = seen
  const serverVersion = yield* PostgresCatalog.readVersion
  const selected = ColumnLists.apply(lists, keyed)
  const idle = TargetNames.idle(lists.targetTables, selected.tables)
  const absent = idle.length === 0 ? [] : yield* TableCatalogue.matchTables(idle)
  const named = TargetNames.apply(lists.targetTables, selected.tables, absent.map((table) => table.name))
  return {
    names: resolved.tables,
    tables: PublishedColumns.apply({ policy, serverVersion, publication: own }, named.tables),
    problems: [...resolved.problems, ...selected.problems, ...named.problems],
    unmatched: selected.unmatched,
    publication: own,
    otherPublications: others
  }
})
