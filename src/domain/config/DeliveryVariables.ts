/** How it is delivered: batches, memory, retries. */
import * as LoadFormat from "../LoadFormat.ts"
import * as Omission from "../rows/Omission.ts"
import * as SchemaChangePolicy from "../schema/SchemaChangePolicy.ts"
import * as TruncatePolicy from "../TruncatePolicy.ts"
import { choice, integer, type Variable } from "./Variable.ts"

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const TIB = 1024 * GIB
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const WEEK_MS = 7 * 24 * HOUR_MS

export const DELIVERY_VARIABLES = {
  flushRows: {
    names: ["FLUSH_SIZE"],
    path: "flush.rows",
    type: integer(1, 10_000_000),
    meaning: "a batch is loaded when it holds this many row changes",
    unit: "rows",
    fallback: "10000",
    example: "50000"
  },
  flushEveryMs: {
    names: ["FLUSH_INTERVAL_MS"],
    path: "flush.interval_ms",
    type: integer(1, HOUR_MS),
    meaning: "a batch is loaded when its first change is this old",
    unit: "ms",
    fallback: "5000",
    example: "1000"
  },
  flushBytes: {
    names: ["FLUSH_BYTES"],
    path: "flush.bytes",
    type: integer(1024, GIB),
    meaning: "a batch is loaded when it holds this much WAL; also the size at which a load is split",
    unit: "bytes",
    fallback: String(16 * MIB),
    example: String(64 * MIB)
  },
  bufferBytesMax: {
    names: ["MAX_BUFFER_BYTES"],
    path: "buffer.max_bytes",
    // Frames are kept in slabs, a few of which must fit.
    type: integer(MIB, TIB),
    meaning: "reading pauses while this much is read and not yet acknowledged by StarRocks",
    unit: "bytes",
    fallback: String(64 * MIB),
    example: String(256 * MIB)
  },
  streamLoadFormat: {
    names: ["STREAM_LOAD_FORMAT"],
    path: "stream_load.format",
    type: choice(...LoadFormat.FORMATS),
    meaning:
      "how rows are sent: json (JSON lines), or csv, which is shorter; StarRocks 3.0 or later reads it. A load with a " +
      "value that CSV cannot say is sent as JSON lines",
    fallback: LoadFormat.DEFAULT,
    example: "csv"
  },
  partialBytesMin: {
    names: ["PARTIAL_UPDATE_MIN_BYTES"],
    path: "partial_update.min_bytes",
    type: integer(1, GIB),
    meaning:
      "a row whose unchanged TOASTed values are this large is updated in part, without them, when StarRocks has it; " +
      "smaller ones are sent again from the old row",
    unit: "bytes",
    fallback: String(Omission.PARTIAL_BYTES_MIN),
    example: String(MIB)
  },
  truncatePolicy: {
    names: ["TRUNCATE_POLICY"],
    path: "truncate_policy",
    type: choice(...TruncatePolicy.POLICIES),
    meaning:
      "when a source table is truncated: soft-delete marks every row as deleted, as a DELETE does; truncate empties " +
      "the StarRocks table; ignore keeps the rows; fail stops the table",
    fallback: TruncatePolicy.DEFAULT,
    example: "truncate"
  },
  schemaChangePolicy: {
    names: ["SCHEMA_CHANGE_POLICY"],
    path: "schema_change_policy",
    type: choice(...SchemaChangePolicy.POLICIES),
    meaning:
      "when the columns of a source table change: evolve adds columns to the StarRocks table and widens those that " +
      "are too narrow, where StarRocks allows it; add only adds; stop stops the table",
    fallback: SchemaChangePolicy.DEFAULT,
    example: "add"
  },
  retryBaseMs: {
    names: ["RETRY_BASE_MS"],
    path: "retry.base_ms",
    type: integer(1, MINUTE_MS),
    meaning: "first wait after a transient failure; it doubles, jittered",
    unit: "ms",
    fallback: "200",
    example: "500"
  },
  retryMaxMs: {
    names: ["RETRY_MAX_MS"],
    path: "retry.max_ms",
    type: integer(1, HOUR_MS),
    meaning: "longest wait between two tries",
    unit: "ms",
    fallback: "30000",
    example: "60000"
  },
  retryMaxElapsedMs: {
    names: ["RETRY_MAX_ELAPSED_MS"],
    path: "retry.max_elapsed_ms",
    type: integer(0, WEEK_MS),
    meaning: "how long the same failure is retried before the table or the job stops; 0: for ever",
    unit: "ms",
    fallback: "0",
    example: "3600000"
  }
} as const satisfies Record<string, Variable>
