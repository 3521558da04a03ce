/** The tables of information_schema: their columns, and where their rows come from. Pure. */
import { reserved } from "../syntax/Keywords.ts"
import type { ColumnType } from "../values/ColumnType.ts"
import { literal } from "./Table.ts"

/** A column. */
export interface InformationColumn {
  readonly name: string
  readonly type: ColumnType
}

/**
 * A table. Its rows are kept in a table of the same name, or come from a query, or there never are any; those of
 * `elsewhere` belong to another part of the endpoint.
 */
export interface InformationTable {
  readonly columns: ReadonlyArray<InformationColumn>
  readonly rows: "kept" | "none" | "elsewhere" | { readonly query: string }
}

/** Bytes that the texts are announced with. */
const textBytes = 2048

const types: Readonly<Record<string, ColumnType>> = {
  int: { kind: "BIGINT" },
  time: { kind: "DATETIME" },
  text: { kind: "VARCHAR", bytes: textBytes }
}

/** Reads `A, B int, C time`; a column of which nothing is said is text. */
const columns = (written: string): ReadonlyArray<InformationColumn> =>
  written.split(/,\s*/).map((column) => {
    const [name = "", type = "text"] = column.trim().split(" ")
    return { name, type: types[type] ?? { kind: "VARCHAR", bytes: textBytes } }
  })

const kept = (written: string): InformationTable => ({ columns: columns(written), rows: "kept" })
const empty = (written: string): InformationTable => ({ columns: columns(written), rows: "none" })
const query = (written: string, sql: string): InformationTable => ({ columns: columns(written), rows: { query: sql } })

/** The tables by their names in lower case; `{schema}` in a query is the schema that holds them. */
export const tables: Readonly<Record<string, InformationTable>> = {
  be_configs: empty("BE_ID int, NAME, VALUE, TYPE, DEFAULT, MUTABLE"),
  character_sets: query(
    "CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME, DESCRIPTION, MAXLEN int",
    "'utf8', 'utf8_general_ci', 'UTF-8 Unicode', 3"
  ),
  collations: query(
    "COLLATION_NAME, CHARACTER_SET_NAME, ID int, IS_DEFAULT, IS_COMPILED, SORTLEN int",
    "'utf8_general_ci', 'utf8', 33, 'Yes', 'Yes', 1"
  ),
  column_privileges: empty(
    "GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE"
  ),
  columns: kept(
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION int, COLUMN_DEFAULT, IS_NULLABLE, " +
      "DATA_TYPE, CHARACTER_MAXIMUM_LENGTH int, CHARACTER_OCTET_LENGTH int, NUMERIC_PRECISION int, NUMERIC_SCALE int, " +
      "DATETIME_PRECISION int, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_TYPE, COLUMN_KEY, EXTRA, PRIVILEGES, " +
      "COLUMN_COMMENT, COLUMN_SIZE int, DECIMAL_DIGITS int, GENERATION_EXPRESSION, SRS_ID int"
  ),
  engines: query(
    "ENGINE, SUPPORT, COMMENT, TRANSACTIONS, XA, SAVEPOINTS",
    "'OLAP', 'YES', 'Default storage engine of StarRocks', 'NO', 'NO', 'NO'"
  ),
  events: empty(
    "EVENT_CATALOG, EVENT_SCHEMA, EVENT_NAME, DEFINER, TIME_ZONE, EVENT_BODY, EVENT_DEFINITION, EVENT_TYPE, " +
      "EXECUTE_AT time, INTERVAL_VALUE, INTERVAL_FIELD, SQL_MODE, STARTS time, ENDS time, STATUS, ON_COMPLETION, " +
      "CREATED time, LAST_ALTERED time, LAST_EXECUTED time, EVENT_COMMENT, ORIGINATOR int, CHARACTER_SET_CLIENT, " +
      "COLLATION_CONNECTION, DATABASE_COLLATION"
  ),
  key_column_usage: empty(
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, " +
      "ORDINAL_POSITION int, POSITION_IN_UNIQUE_CONSTRAINT int, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, " +
      "REFERENCED_COLUMN_NAME"
  ),
  keywords: query(
    "WORD, RESERVED int",
    `unnest([${reserved.map(literal).join(", ")}]), 1`
  ),
  loads: {
    columns: columns(
      "JOB_ID int, LABEL, DATABASE_NAME, STATE, PROGRESS, TYPE, PRIORITY, SCAN_ROWS int, FILTERED_ROWS int, " +
        "UNSELECTED_ROWS int, SINK_ROWS int, ETL_INFO, TASK_INFO, CREATE_TIME time, ETL_START_TIME time, " +
        "ETL_FINISH_TIME time, LOAD_START_TIME time, LOAD_FINISH_TIME time, JOB_DETAILS, ERROR_MSG, TRACKING_URL, " +
        "TRACKING_SQL, REJECTED_RECORD_PATH"
    ),
    rows: "elsewhere"
  },
  materialized_views: empty(
    "MATERIALIZED_VIEW_ID int, TABLE_SCHEMA, TABLE_NAME, REFRESH_TYPE, IS_ACTIVE, INACTIVE_REASON"
  ),
  // A table has one partition, which is called like the table.
  partitions: query(
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_ORDINAL_POSITION int, " +
      "SUBPARTITION_ORDINAL_POSITION int, PARTITION_METHOD, SUBPARTITION_METHOD, PARTITION_EXPRESSION, " +
      "SUBPARTITION_EXPRESSION, PARTITION_DESCRIPTION, TABLE_ROWS int, AVG_ROW_LENGTH int, DATA_LENGTH int, " +
      "MAX_DATA_LENGTH int, INDEX_LENGTH int, DATA_FREE int, CREATE_TIME time, UPDATE_TIME time, CHECK_TIME time, " +
      "CHECKSUM int, PARTITION_COMMENT, NODEGROUP, TABLESPACE_NAME",
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_NAME, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, TABLE_ROWS, " +
      "AVG_ROW_LENGTH, DATA_LENGTH, NULL, NULL, NULL, CREATE_TIME, UPDATE_TIME, NULL, NULL, '', NULL, NULL " +
      "from {schema}.tables"
  ),
  partitions_meta: query(
    "DB_NAME, TABLE_NAME, PARTITION_NAME, PARTITION_ID int, VISIBLE_VERSION int, DISTRIBUTION_KEY, PARTITION_KEY, " +
      "PARTITION_VALUE, BUCKETS int, REPLICATION_NUM int, STORAGE_MEDIUM",
    "TABLE_SCHEMA, TABLE_NAME, TABLE_NAME, TABLE_ID, 1, DISTRIBUTE_KEY, '', '', DISTRIBUTE_BUCKET, 1, 'HDD' " +
      "from {schema}.tables_config"
  ),
  referential_constraints: empty(
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_CATALOG, UNIQUE_CONSTRAINT_SCHEMA, " +
      "UNIQUE_CONSTRAINT_NAME, MATCH_OPTION, UPDATE_RULE, DELETE_RULE, TABLE_NAME, REFERENCED_TABLE_NAME"
  ),
  routines: empty(
    "SPECIFIC_NAME, ROUTINE_CATALOG, ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_BODY, " +
      "ROUTINE_DEFINITION, EXTERNAL_NAME, EXTERNAL_LANGUAGE, PARAMETER_STYLE, IS_DETERMINISTIC, SQL_DATA_ACCESS, " +
      "SQL_PATH, SECURITY_TYPE, CREATED time, LAST_ALTERED time, SQL_MODE, ROUTINE_COMMENT, DEFINER, " +
      "CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION"
  ),
  schema_privileges: empty("GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE"),
  schemata: kept("CATALOG_NAME, SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, SQL_PATH"),
  statistics: empty(
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, NON_UNIQUE int, INDEX_SCHEMA, INDEX_NAME, SEQ_IN_INDEX int, COLUMN_NAME, " +
      "COLLATION, CARDINALITY int, SUB_PART int, PACKED, NULLABLE, INDEX_TYPE, COMMENT"
  ),
  table_constraints: empty(
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_TYPE"
  ),
  table_privileges: empty("GRANTEE, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE"),
  tables: kept(
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, VERSION int, ROW_FORMAT, TABLE_ROWS int, " +
      "AVG_ROW_LENGTH int, DATA_LENGTH int, MAX_DATA_LENGTH int, INDEX_LENGTH int, DATA_FREE int, AUTO_INCREMENT int, " +
      "CREATE_TIME time, UPDATE_TIME time, CHECK_TIME time, TABLE_COLLATION, CHECKSUM int, CREATE_OPTIONS, TABLE_COMMENT"
  ),
  tables_config: kept(
    "TABLE_SCHEMA, TABLE_NAME, TABLE_ENGINE, TABLE_MODEL, PRIMARY_KEY, PARTITION_KEY, DISTRIBUTE_KEY, DISTRIBUTE_TYPE, " +
      "DISTRIBUTE_BUCKET int, SORT_KEY, PROPERTIES, TABLE_ID int"
  ),
  task_runs: empty(
    "QUERY_ID, TASK_NAME, CREATE_TIME time, FINISH_TIME time, STATE, DATABASE, DEFINITION, ERROR_CODE int, ERROR_MESSAGE"
  ),
  triggers: empty(
    "TRIGGER_CATALOG, TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_CATALOG, EVENT_OBJECT_SCHEMA, " +
      "EVENT_OBJECT_TABLE, ACTION_ORDER int, ACTION_CONDITION, ACTION_STATEMENT, ACTION_ORIENTATION, ACTION_TIMING, " +
      "ACTION_REFERENCE_OLD_TABLE, ACTION_REFERENCE_NEW_TABLE, ACTION_REFERENCE_OLD_ROW, ACTION_REFERENCE_NEW_ROW, " +
      "CREATED time, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION"
  ),
  user_privileges: empty("GRANTEE, TABLE_CATALOG, PRIVILEGE_TYPE, IS_GRANTABLE"),
  views: empty(
    "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, IS_UPDATABLE, DEFINER, SECURITY_TYPE, " +
      "CHARACTER_SET_CLIENT, COLLATION_CONNECTION"
  )
}
