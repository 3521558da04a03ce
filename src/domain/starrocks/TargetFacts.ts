/** What StarRocks' catalogue says of a job's database and target tables. */
import type * as Table from "../Table.ts"

/** A column with what decides whether a row may leave it out. */
export interface ColumnFacts extends Table.TargetColumn {
  /** Computed by StarRocks from other columns. */
  readonly generated: boolean
}

export interface TableFacts extends Table.TargetTable {
  readonly columns: ReadonlyArray<ColumnFacts>
}

/** The columns as a mapping has them. */
export const columnsByName = ({ columns }: Pick<TableFacts, "columns">): Map<string, Table.TargetColumn> =>
  new Map(columns.map(({ generated, ...column }) => [column.name, generated ? { ...column, generated } : column]))

export interface Facts {
  readonly database: string
  readonly databaseExists: boolean
  /** The job's target tables that exist, by name. */
  readonly tables: ReadonlyMap<string, TableFacts>
  /** Of these, those that a schema change is at work on; undefined: none. */
  readonly changing?: ReadonlySet<string>
}
