/**
 * Finished loads as rows of information_schema.loads: what a label's row keeps about its load, and the view that shows
 * it. The row is written in the transaction that writes the load's outcome.
 */
import type { DuckDBValue } from "@duckdb/node-api"
import { schema as informationSchema } from "../catalogue/InformationSchema.ts"
import type { Progress } from "./LoadReply.ts"

/** Loads shown, the newest ones. */
export const loadsMax = 1000

/** The end of a load. */
export interface Ended {
  readonly progress: Progress
  /** Why nothing was loaded; undefined when the load is committed. */
  readonly error: string | undefined
}

/** Columns of a label's row, with their types, in the order of `values`. */
export const columns: ReadonlyArray<readonly [name: string, type: string]> = [
  ["started_at_ms", "bigint"],
  ["total_rows", "bigint"],
  ["filtered_rows", "bigint"],
  ["unselected_rows", "bigint"],
  ["loaded_rows", "bigint"],
  ["load_bytes", "bigint"],
  ["error", "varchar"],
  ["error_url", "varchar"]
]

/** The values of those columns; NULL where there is nothing to tell yet. */
export const values = (ended: Ended | undefined): ReadonlyArray<DuckDBValue> => {
  if (ended === undefined) return columns.map(() => null)
  const { error, progress } = ended
  const numbers = [
    progress.startedAtMs,
    progress.total,
    progress.filtered,
    progress.unselected,
    error === undefined ? progress.loaded : 0,
    progress.bytes
  ]
  return [...numbers.map((number) => BigInt(Math.trunc(number))), error ?? null, progress.errorUrl ?? null]
}

/** The statement that makes the view over the labels' rows; its columns are those that StarRocks 3.1 documents. */
export const view = (labels: string): string =>
  `create or replace view ${informationSchema}.loads as select txn_id as JOB_ID, label as LABEL,
    database as DATABASE_NAME, case state when 'VISIBLE' then 'FINISHED' else 'CANCELLED' end as STATE,
    case state when 'VISIBLE' then '100%' else '0%' end as PROGRESS, 'STREAM LOAD' as TYPE, 'NORMAL' as PRIORITY,
    total_rows as SCAN_ROWS, filtered_rows as FILTERED_ROWS, unselected_rows as UNSELECTED_ROWS,
    loaded_rows as SINK_ROWS, '' as ETL_INFO, '' as TASK_INFO, make_timestamp(started_at_ms * 1000) as CREATE_TIME,
    null::timestamp as ETL_START_TIME, null::timestamp as ETL_FINISH_TIME,
    make_timestamp(started_at_ms * 1000) as LOAD_START_TIME, make_timestamp(finished_at_ms * 1000) as LOAD_FINISH_TIME,
    json_object('FileNumber', 0, 'FileSize', 0, 'InternalTableLoadBytes', load_bytes, 'InternalTableLoadRows',
      loaded_rows, 'ScanBytes', load_bytes, 'ScanRows', total_rows, 'TaskNumber', 1)::varchar as JOB_DETAILS,
    error as ERROR_MSG, error_url as TRACKING_URL, null::varchar as TRACKING_SQL, null::varchar as REJECTED_RECORD_PATH
    from ${labels} where state <> 'PREPARED' and started_at_ms is not null
    order by finished_at_ms desc, txn_id desc limit ${loadsMax}`
