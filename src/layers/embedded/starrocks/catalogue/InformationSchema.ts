/** The rows of information_schema, kept in ordinary tables beside the data so that any SELECT works on them. */
import * as ColumnType from "../values/ColumnType.ts"
import { literal, type Table } from "./Table.ts"
import * as TableOf from "./Table.ts"

/** The DuckDB schema that holds the tables. */
export const schema = "endpoint_information_schema"

/** Tables that are there for clients which ask, and have no rows. */
const empty: Readonly<Record<string, string>> = {
  views: "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, IS_UPDATABLE, DEFINER, " +
    "SECURITY_TYPE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION",
  materialized_views: "MATERIALIZED_VIEW_ID, TABLE_SCHEMA, TABLE_NAME, REFRESH_TYPE, IS_ACTIVE, INACTIVE_REASON",
  triggers:
    "TRIGGER_CATALOG, TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE",
  events: "EVENT_CATALOG, EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS",
  routines: "SPECIFIC_NAME, ROUTINE_CATALOG, ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_COMMENT",
  statistics:
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, NON_UNIQUE, INDEX_SCHEMA, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME",
  key_column_usage:
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, " +
    "COLUMN_NAME, ORDINAL_POSITION, POSITION_IN_UNIQUE_CONSTRAINT, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, " +
    "REFERENCED_COLUMN_NAME",
  referential_constraints: "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_CATALOG, " +
    "UNIQUE_CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_NAME, MATCH_OPTION, UPDATE_RULE, DELETE_RULE, TABLE_NAME, " +
    "REFERENCED_TABLE_NAME",
  table_constraints:
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_TYPE",
  user_privileges: "GRANTEE, TABLE_CATALOG, PRIVILEGE_TYPE, IS_GRANTABLE",
  schema_privileges: "GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE",
  table_privileges: "GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE",
  column_privileges: "GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE",
  be_configs: "BE_ID, NAME, VALUE, TYPE, \"DEFAULT\", MUTABLE",
  task_runs: "QUERY_ID, TASK_NAME, CREATE_TIME, FINISH_TIME, STATE, \"DATABASE\", DEFINITION, ERROR_CODE, ERROR_MESSAGE"
}

/** Tables and views of information_schema, in the lower case of SHOW TABLES. `loads` belongs to the load history. */
export const tableNames: ReadonlyArray<string> = [
  ...Object.keys(empty),
  "character_sets",
  "collations",
  "columns",
  "engines",
  "loads",
  "partitions_meta",
  "schemata",
  "tables",
  "tables_config"
].sort()

/** Whether information_schema has a table of that name, in any case. */
export const hasTable = (name: string): boolean => tableNames.includes(name.toLowerCase())

/** Creates the tables when they are not there yet. */
export const create: ReadonlyArray<string> = [
  `create schema if not exists ${schema}`,
  `create table if not exists ${schema}.schemata (CATALOG_NAME varchar, SCHEMA_NAME varchar,
    DEFAULT_CHARACTER_SET_NAME varchar, DEFAULT_COLLATION_NAME varchar, SQL_PATH varchar)`,
  `create table if not exists ${schema}.tables (TABLE_CATALOG varchar, TABLE_SCHEMA varchar, TABLE_NAME varchar,
    TABLE_TYPE varchar, ENGINE varchar, VERSION bigint, ROW_FORMAT varchar, TABLE_ROWS bigint, AVG_ROW_LENGTH bigint,
    DATA_LENGTH bigint, MAX_DATA_LENGTH bigint, INDEX_LENGTH bigint, DATA_FREE bigint, AUTO_INCREMENT bigint,
    CREATE_TIME timestamp, UPDATE_TIME timestamp, CHECK_TIME timestamp, TABLE_COLLATION varchar, CHECKSUM bigint,
    CREATE_OPTIONS varchar, TABLE_COMMENT varchar)`,
  `create table if not exists ${schema}.columns (TABLE_CATALOG varchar, TABLE_SCHEMA varchar, TABLE_NAME varchar,
    COLUMN_NAME varchar, ORDINAL_POSITION bigint, COLUMN_DEFAULT varchar, IS_NULLABLE varchar, DATA_TYPE varchar,
    CHARACTER_MAXIMUM_LENGTH bigint, CHARACTER_OCTET_LENGTH bigint, NUMERIC_PRECISION bigint, NUMERIC_SCALE bigint,
    DATETIME_PRECISION bigint, CHARACTER_SET_NAME varchar, COLLATION_NAME varchar, COLUMN_TYPE varchar,
    COLUMN_KEY varchar, EXTRA varchar, PRIVILEGES varchar, COLUMN_COMMENT varchar, COLUMN_SIZE bigint,
    DECIMAL_DIGITS bigint, GENERATION_EXPRESSION varchar, SRS_ID bigint)`,
  `create table if not exists ${schema}.tables_config (TABLE_SCHEMA varchar, TABLE_NAME varchar, TABLE_ENGINE varchar,
    TABLE_MODEL varchar, PRIMARY_KEY varchar, PARTITION_KEY varchar, DISTRIBUTE_KEY varchar, DISTRIBUTE_TYPE varchar,
    DISTRIBUTE_BUCKET bigint, SORT_KEY varchar, PROPERTIES varchar, TABLE_ID bigint)`,
  ...Object.entries(empty).map(([name, columns]) =>
    `create table if not exists ${schema}.${name} (${
      columns.split(", ").map((column) => `${column} varchar`).join(", ")
    })`
  ),
  `create or replace view ${schema}.engines as select 'OLAP' as ENGINE, 'YES' as SUPPORT,
    'Default storage engine of StarRocks' as COMMENT, 'NO' as TRANSACTIONS, 'NO' as XA, 'NO' as SAVEPOINTS`,
  `create or replace view ${schema}.character_sets as select 'utf8' as CHARACTER_SET_NAME,
    'utf8_general_ci' as DEFAULT_COLLATE_NAME, 'UTF-8 Unicode' as DESCRIPTION, 3::bigint as MAXLEN`,
  `create or replace view ${schema}.collations as select 'utf8_general_ci' as COLLATION_NAME,
    'utf8' as CHARACTER_SET_NAME, 33::bigint as ID, 'Yes' as IS_DEFAULT, 'Yes' as IS_COMPILED, 1::bigint as SORTLEN`,
  // A table has one partition, which is called like the table.
  `create or replace view ${schema}.partitions_meta as select TABLE_SCHEMA as DB_NAME, TABLE_NAME,
    TABLE_NAME as PARTITION_NAME, TABLE_ID as PARTITION_ID, 1::bigint as VISIBLE_VERSION,
    DISTRIBUTE_KEY as DISTRIBUTION_KEY, '' as PARTITION_KEY, '' as PARTITION_VALUE,
    DISTRIBUTE_BUCKET as BUCKETS, 1::bigint as REPLICATION_NUM, 'HDD' as STORAGE_MEDIUM
    from ${schema}.tables_config`
]

const names = (columns: ReadonlyArray<string>): string => columns.map((name) => `\`${name}\``).join(", ")
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
  const created = `make_timestamp(${table.createdAtMs}::bigint * 1000)`
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
  ["tables", "columns", "tables_config"].map((name) =>
    `delete from ${schema}.${name} where TABLE_SCHEMA = ${literal(database)} and TABLE_NAME = ${literal(table)}`
  )

/** The statement that writes the row of a database. */
export const describeDatabase = (database: string): string =>
  `insert into ${schema}.schemata values ('def', ${literal(database)}, 'utf8', 'utf8_general_ci', NULL)`

/** Statements that take a database's rows out. */
export const forgetDatabase = (database: string): ReadonlyArray<string> => [
  `delete from ${schema}.schemata where SCHEMA_NAME = ${literal(database)}`,
  ...["tables", "columns", "tables_config"].map((name) =>
    `delete from ${schema}.${name} where TABLE_SCHEMA = ${literal(database)}`
  )
]
