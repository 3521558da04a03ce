/** The tables and columns of a job: its lists against PostgreSQL's catalogue. Changes nothing. */
import * as Effect from "effect/Effect"
import * as ColumnLists from "../domain/ColumnLists.ts"
import type { Settings } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type { QualifiedName } from "../domain/Identifier.ts"
import type { TableFacts } from "../domain/PostgresSetup.ts"
import * as TableLists from "../domain/TableLists.ts"
import * as PostgresCatalog from "./PostgresCatalog.ts"
import type { PostgresSql } from "./PostgresSql.ts"

/** The settings that say what is replicated. Without `lists` nothing is left out. */
export type Selected = Pick<Settings, "tables"> & Partial<Pick<Settings, "lists">>

export interface SourceTables {
  /** Every table of the job, whether it exists or not. */
  readonly names: ReadonlyArray<QualifiedName>
  /** Those that exist, with the columns that are replicated. */
  readonly tables: ReadonlyArray<TableFacts>
  /** What is wrong with the lists, each with its variable. */
  readonly problems: ReadonlyArray<string>
  /** Entries of the column lists that match no column of these tables. */
  readonly unmatched: ReadonlyArray<string>
}

/** Reads them; patterns are looked up anew each time, so a table that came later is among them. */
export const read = Effect.fnUntraced(function*(
  { lists = TableLists.NONE, tables: entries }: Selected
): Effect.fn.Return<SourceTables, PgSqlError | TransientError | SetupError, PostgresSql> {
  const patterns = TableLists.patterns(entries)
  const found = patterns.length === 0 ? [] : yield* PostgresCatalog.matchTables(patterns)
  if (found.length > TableLists.MATCHED_MAX) {
    const problem = `TABLES: its patterns match more than ${TableLists.MATCHED_MAX} tables; make them narrower, or ` +
      `replicate the tables in several jobs`
    return { names: [], tables: [], problems: [problem], unmatched: [] }
  }
  const resolved = TableLists.resolve(entries, lists.tablesExclude, found)
  const selected = ColumnLists.apply(lists, yield* PostgresCatalog.readTables(resolved.tables))
  return {
    names: resolved.tables,
    tables: selected.tables,
    problems: [...resolved.problems, ...selected.problems],
    unmatched: selected.unmatched
  }
})
