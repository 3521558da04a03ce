/** One Stream Load: the request that is sent, and sent again unchanged when its fate is unknown. */
import * as Schema from "effect/Schema"
import type { QualifiedName } from "./Identifier.ts"
import type { LoadFormat } from "./LoadFormat.ts"
import type { Lsn } from "./Lsn.ts"
import type { TargetColumn } from "./Table.ts"

/**
 * The label is a pure function of what the body holds, so resending label and body is always
 * safe: a label that StarRocks has committed is not loaded twice.
 */
export interface LoadRequest {
  readonly target: QualifiedName
  readonly label: string
  /** What `body` is; undefined: JSON lines. */
  readonly format?: LoadFormat
  /** Value of the `columns` header; undefined when the JSON members are the columns. CSV has one always. */
  readonly columns: string | undefined
  /** Columns that `columns` does not name keep their values, in rows that are there. Undefined: they become NULL. */
  readonly partialUpdate?: boolean
  readonly body: Uint8Array
  readonly rowCount: number
  /** The run of the pipeline that sends it. */
  readonly run: string
  /** LSN of the commit of its last row: a checkpoint behind it says that the load is over. */
  readonly lastCommitLsn: Lsn
  /** By name, as the job knows them, for what an error says of them; undefined: unknown. */
  readonly targetColumns?: ReadonlyMap<string, TargetColumn>
}

/** StarRocks has no memory for a load of this size, again and again: nothing of it is committed, smaller parts may fit. */
export class LoadTooLarge extends Schema.TaggedError<LoadTooLarge>()("LoadTooLarge", {
  label: Schema.String,
  rowCount: Schema.Int
}) {}

/** What StarRocks acknowledged. */
export interface LoadResult {
  readonly label: string
  readonly loadedRows: number
  /** Committed but not yet visible (`Publish Timeout`): durable all the same. */
  readonly visible: boolean
  /** The label had been committed by an earlier attempt, so nothing was loaded by this one. */
  readonly alreadyLoaded: boolean
  readonly attempts: number
}
