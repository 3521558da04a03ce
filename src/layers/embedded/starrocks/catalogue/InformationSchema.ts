/** The rows of information_schema, kept in ordinary tables beside the data so that any SELECT works on them. */
import { quotedName } from "../syntax/Quoting.ts"
import * as ColumnType from "../values/ColumnType.ts"
import { type InformationColumn, type InformationTable, tables } from "./InformationTables.ts"
import { literal, quoted, type Table } from "./Table.ts"
import * as TableOf from "./Table.ts"

/** The DuckDB schema that holds the tables. */
export const schema = "endpoint_information_schema"

/** Its name, as SHOW DATABASES writes it. */
export const name = "information_schema"

/** Whether a database is information_schema, which may be written in any case. */
export const is = (database: string): boolean => database.toLowerCase() === name

/** Tables and views of information_schema, in the lower case of SHOW TABLES. */
export const tableNames: ReadonlyArray<string> = Object.keys(tables).sort()

/** Whether information_schema has a table of that name, in any case. */
export const hasTable = (table: string): boolean => Object.hasOwn(tables, table.toLowerCase())

/** A table of information_schema as DESC shows it; undefined when there is none of that name. */
export const tableOf = (named: string): Table | undefined => {
  const found = hasTable(named) ? tables[named.toLowerCase()] : undefined
  if (found === undefined) return undefined
  const columns = found.columns.map((column): TableOf.Column => ({
    ...column,
    nullable: true,
    key: false,
    default: { kind: "none" },
    comment: ""
  }))
  return {
    id: 0,
    database: name,
    name: named.toLowerCase(),
    model: "DUP_KEYS",
    columns,
    distribution: [],
    buckets: 1,
    orderBy: [],
    comment: "",
    properties: {},
    createdAtMs: 0
  }
}

const columnList = (columns: ReadonlyArray<InformationColumn>): string =>
  columns.map((column) => `${quoted(column.name)} ${ColumnType.stored(column.type)}`).join(", ")

const creation = ([table, { columns, rows }]: readonly [string, InformationTable]): ReadonlyArray<string> => {
  const target = `${schema}.${table}`
  if (rows === "elsewhere") return []
  // Without rows there is nothing to keep, and a file of an earlier version may have fewer columns.
  if (rows === "none") return [`create or replace table ${target} (${columnList(columns)})`]
  if (rows === "kept") return [`create table if not exists ${target} (${columnList(columns)})`]
  const names = columns.map((column) => quoted(column.name)).join(", ")
  const query = rows.query.replaceAll("{schema}", schema)
  const typed = columns.map(({ name: column, type }) =>
    `${quoted(column)}::${ColumnType.stored(type)} as ${quoted(column)}`
  )
  return [`create or replace view ${target} as select ${typed.join(", ")} from (select ${query}) as q(${names})`]
}

/** The statement that writes the row of a database. */
export const describeDatabase = (database: string): string =>
  `insert into ${schema}.schemata values ('def', ${literal(database)}, 'utf8', 'utf8_general_ci', NULL)`

const forgetSchema = (database: string): string =>
  `delete from ${schema}.schemata where SCHEMA_NAME = ${literal(database)}`

/** Creates the tables when they are not there yet, tables before the views over them. */
export const create: ReadonlyArray<string> = [
  `create schema if not exists ${schema}`,
  ...Object.entries(tables).filter(([, { rows }]) => typeof rows === "string").flatMap(creation),
  ...Object.entries(tables).filter(([, { rows }]) => typeof rows !== "string").flatMap(creation),
  forgetSchema(name),
  describeDatabase(name)
]

const names = (columns: ReadonlyArray<string>): string => columns.map(quotedName).join(", ")
const text = (value: string | undefined): string => value === undefined ? "NULL" : literal(value)

const numericDigits: Readonly<Record<string, number>> = {
  TINYINT: 3,
  SMALLINT: 5,
  INT: 10,
  BIGINT: 19,
  LARGEINT: 39,
  FLOAT: 7,
  DOUBLE: 15
}

const columnRow = (table: Table, column: TableOf.Column, position: number): string => {
  const { type } = column
  const { columnType, dataType } = ColumnType.described(type)
  const bytes = type.kind === "CHAR" || type.kind === "VARCHAR" || type.kind === "VARBINARY"
    ? String(type.bytes)
    : "NULL"
  const precision = type.kind === "DECIMAL" ? type.precision : numericDigits[type.kind]
  const scale = type.kind === "DECIMAL" ? type.scale : precision === undefined ? undefined : 0
  const value = column.default.kind === "constant" ?
    column.default.text ?? undefined
    : column.default.kind === "now"
    ? "CURRENT_TIMESTAMP"
    : undefined
  const key = column.key ? (table.model === "PRI_KEYS" ? "PRI" : "DUP") : ""
  return `('def', ${literal(table.database)}, ${literal(table.name)}, ${literal(column.name)}, ${position}, ${
    text(value)
  }, ` +
    `'${column.nullable ? "YES" : "NO"}', ${literal(dataType)}, ${bytes}, ${bytes}, ${precision ?? "NULL"}, ${
      scale ?? "NULL"
    }, ` +
    `${type.kind === "DATETIME" ? 6 : "NULL"}, NULL, NULL, ${literal(columnType)}, '${key}', '', '', ` +
    `${literal(column.comment)}, ${bytes === "NULL" ? precision ?? "NULL" : bytes}, ${scale ?? "NULL"}, '', NULL)`
}

/** Statements that write the rows of a table. */
export const describe = (table: Table): ReadonlyArray<string> => {
  const keys = TableOf.keys(table).map((column) => column.name)
  const created = `make_timestamp(${Math.floor(table.createdAtMs / 1000)}::bigint * 1000000)`
  return [
    `insert into ${schema}.tables values ('def', ${literal(table.database)}, ${literal(table.name)}, 'BASE TABLE',
      'StarRocks', NULL, '', 0, 0, 0, NULL, NULL, NULL, NULL, ${created}, ${created}, NULL, 'utf8_general_ci', NULL, '',
      ${literal(table.comment)})`,
    `insert into ${schema}.columns values ${
      table.columns.map((column, index) => columnRow(table, column, index + 1)).join(",\n")
    }`,
    `insert into ${schema}.tables_config values (${literal(table.database)}, ${literal(table.name)}, 'OLAP',
      '${table.model}', ${literal(table.model === "PRI_KEYS" ? names(keys) : "")}, '', ${
      literal(names(table.distribution))
    },
      '${table.distribution.length === 0 ? "RANDOM" : "HASH"}', ${table.buckets}, ${
      literal(names(table.orderBy.length === 0 ? keys : table.orderBy))
    },
      ${literal(JSON.stringify({ replication_num: "1", ...table.properties }))}, ${table.id})`
  ]
}

/** Statements that take the rows of a table out. */
export const forget = (database: string, table: string): ReadonlyArray<string> =>
  ["tables", "columns", "tables_config"].map((kept) =>
    `delete from ${schema}.${kept} where TABLE_SCHEMA = ${literal(database)} and TABLE_NAME = ${literal(table)}`
  )

/** Statements that take a database's rows out. */
export const forgetDatabase = (database: string): ReadonlyArray<string> => [
  forgetSchema(database),
  ...["tables", "columns", "tables_config"].map((kept) =>
    `delete from ${schema}.${kept} where TABLE_SCHEMA = ${literal(database)}`
  )
]
