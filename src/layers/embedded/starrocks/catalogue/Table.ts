/** What a table is: its columns, its model and how a primary key is measured. */
import type * as ColumnType from "../values/ColumnType.ts"

/** A column's default: none, a constant, or the time of the load. */
export type Default =
  | { readonly kind: "none" }
  | { readonly kind: "constant"; readonly text: string | null }
  | { readonly kind: "now" }

/** A column. */
export interface Column {
  readonly name: string
  readonly type: ColumnType.ColumnType
  readonly nullable: boolean
  readonly key: boolean
  readonly default: Default
  readonly comment: string
}

/** Which rows of equal key a table keeps: the last one (primary) or all (duplicate). */
export type Model = "PRI_KEYS" | "DUP_KEYS"

/** What a statement says of a table. */
export interface TableClauses {
  readonly name: string
  readonly model: Model
  readonly columns: ReadonlyArray<Column>
  readonly distribution: ReadonlyArray<string>
  readonly buckets: number
  readonly orderBy: ReadonlyArray<string>
  readonly comment: string
  readonly properties: Readonly<Record<string, string>>
}

/** A table's definition. */
export interface Table extends TableClauses {
  readonly id: number
  readonly database: string
  readonly createdAtMs: number
}

/** Name of the field that says whether a row is an upsert or a delete. */
export const operationName = "__op"
/** Name of the staging column that holds a row's place in its body. */
export const placeName = "__row"

/** Whether a name is kept for the endpoint's own columns. */
export const isReserved = (name: string): boolean => {
  const lower = name.toLowerCase()
  return lower === operationName || lower === placeName
}

/** Encoded bytes of the longest primary key; a longer one fails the whole load. */
export const keyBytesMax = 128

/** The column of that name; names of columns are case-insensitive. */
export const column = (table: Table, name: string): Column | undefined => {
  const wanted = name.toLowerCase()
  return table.columns.find((candidate) => candidate.name.toLowerCase() === wanted)
}

/** Whether the column of that name is CHAR or VARCHAR; undefined when there is no such column. */
export const holdsText = (table: Table, name: string): boolean | undefined => {
  const kind = column(table, name)?.type.kind
  return kind === undefined ? undefined : kind === "CHAR" || kind === "VARCHAR"
}

/** The key columns in declared order. */
export const keys = (table: Table): ReadonlyArray<Column> => table.columns.filter((candidate) => candidate.key)

const fixedKeyBytes: Readonly<Record<string, number>> = {
  BOOLEAN: 1,
  TINYINT: 1,
  SMALLINT: 2,
  INT: 4,
  BIGINT: 8,
  LARGEINT: 16,
  DATE: 4,
  DATETIME: 8
}

/** Bytes of the fixed-width part of the encoded key. */
export const fixedKeySize = (columns: ReadonlyArray<Column>): number =>
  columns.reduce((sum, key) => sum + (fixedKeyBytes[key.type.kind] ?? 0), 0)

/** Encoded bytes of one text key column: the last one is raw, an inner one is escaped and terminated. */
export const textKeySize = (text: string, last: boolean): number => {
  const bytes = Buffer.byteLength(text)
  if (last) return bytes
  let zeros = 0
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) === 0) zeros += 1
  return bytes + zeros + 2
}

/** Writes an identifier for DuckDB. */
export const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

/** Writes a string literal for DuckDB. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const reservedSchemas = new Set(["main", "temp", "system", "pg_catalog", "information_schema"])

/** The DuckDB schema that holds a database: the same name, unless DuckDB keeps that name for itself. */
export const schemaOf = (database: string): string =>
  reservedSchemas.has(database.toLowerCase()) || database.startsWith("endpoint_") ? `endpoint_db_${database}` : database

/** The qualified DuckDB name of a table. */
export const physical = (database: string, table: string): string => `${quoted(schemaOf(database))}.${quoted(table)}`
