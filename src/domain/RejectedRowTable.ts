/** `dbmazz_rejected_rows` in PostgreSQL: one row for each row change that StarRocks could not hold. */
import type { SetupReason } from "./errors/SetupReason.ts"

/** The table's name; it is found and created by search_path, as `dbmazz_checkpoints` is. */
export const NAME = "dbmazz_rejected_rows"

/** Name and definition, in order. docs/rejected-rows.md says what they hold. */
const DEFINITIONS: ReadonlyArray<readonly [name: string, definition: string]> = [
  ["slot_name", "text not null"],
  ["source_schema", "text not null"],
  ["source_table", "text not null"],
  ["lsn", "pg_lsn not null"],
  ["ordinal", "bigint not null"],
  ["operation", "text not null"],
  ["row_key", "jsonb not null"],
  ["row_values", "jsonb"],
  ["code", "text not null"],
  ["column_name", "text"],
  ["reason", "text not null"],
  ["label", "text not null"],
  ["committed_at", "timestamp with time zone not null"],
  ["rejected_at", "timestamp with time zone not null default now()"]
]

export const COLUMNS: ReadonlyArray<string> = DEFINITIONS.map(([name]) => name)

/** Creates it; the index is for the count of a table's last hour. */
export const CREATE =
  `create table if not exists ${NAME} (${
    DEFINITIONS.map(([name, definition]) => `${name} ${definition}`).join(", ")
  }, primary key (slot_name, source_schema, source_table, lsn, ordinal, operation)); ` +
  `create index if not exists ${NAME}_recent on ${NAME} (slot_name, source_schema, source_table, rejected_at)`

/** What the role may do with it; `foreign`: it has other columns. */
export type State = "usable" | "forbidden" | "foreign" | "missing" | "uncreatable"

/** What keeps rows from being written to it; undefined: nothing, once it is created. */
export const problem = (state: State, role: string): SetupReason | undefined => {
  switch (state) {
    case "usable":
    case "missing":
      return undefined
    case "forbidden":
      return failed(`role '${role}' may not select and insert in ${NAME}`)
    case "foreign":
      return failed(`there is a table ${NAME} that has not all of the columns ${COLUMNS.join(", ")}`)
    case "uncreatable":
      return failed(`role '${role}' may not create ${NAME} in the first schema of its search_path`)
  }
}

export const failed = (error: string): SetupReason => ({ _tag: "PgRejectedRowsFailed", error })
