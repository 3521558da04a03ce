/**
 * Every metric that a job publishes: the source of docs/metrics.md. Dashboards and alerts are written against names and
 * labels, so they only ever grow. Prometheus and OpenTelemetry show the same ones.
 */

export interface Definition {
  /** Ends with its unit; a counter of things ends with `_total` alone. */
  readonly name: `dbmazz_${string}`
  readonly type: "counter" | "gauge" | "histogram"
  /** Undefined: a number of things. */
  readonly unit?: "bytes" | "seconds" | "milliseconds"
  readonly labels?: ReadonlyArray<string>
  readonly meaning: string
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly boundaries?: ReadonlyArray<number>
}

/** From a row that changes now and then to the largest batch worth having. */
const ROW_BOUNDARIES = [1, 10, 100, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000]

/** 1 KiB to 1 GiB, each four times the one before: FLUSH_BYTES lies between. */
const BYTE_BOUNDARIES = Array.from({ length: 11 }, (_, step) => 1024 * 4 ** step)

/** A load takes StarRocks some tens of milliseconds at least; retries may make it minutes. */
const LOAD_SECONDS_BOUNDARIES = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** From below the least FLUSH_INTERVAL_MS of any use to a stall of an hour. */
const LATENCY_SECONDS_BOUNDARIES = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600]

export const METRICS = {
  buildInfo: {
    name: "dbmazz_build_info",
    type: "gauge",
    labels: ["version", "node"],
    meaning: "Always 1; the labels say which program runs on which Node.js."
  },
  replicating: {
    name: "dbmazz_replicating",
    type: "gauge",
    meaning: "1 while the pipeline runs, 0 during setup and while a failure is waited out."
  },
  paused: {
    name: "dbmazz_paused",
    type: "gauge",
    meaning: "1 while the job is told to pause."
  },
  rowsAcknowledged: {
    name: "dbmazz_rows_acknowledged_total",
    type: "counter",
    labels: ["table"],
    meaning:
      "Row changes that StarRocks has acknowledged, by target table. Those behind the checkpoint count once more when " +
      "the run begins anew."
  },
  walBytesAcknowledged: {
    name: "dbmazz_wal_bytes_acknowledged_total",
    type: "counter",
    unit: "bytes",
    meaning: "Size of the changes in acknowledged batches, as PostgreSQL sent them."
  },
  batchesSent: {
    name: "dbmazz_batches_sent_total",
    type: "counter",
    meaning: "Acknowledged batches that held a row. A name of dbmazz v1."
  },
  batchRows: {
    name: "dbmazz_batch_rows",
    type: "histogram",
    meaning: "Row changes in a batch that held one.",
    boundaries: ROW_BOUNDARIES
  },
  batchBytes: {
    name: "dbmazz_batch_bytes",
    type: "histogram",
    unit: "bytes",
    meaning: "Size of a batch that held a row, as PostgreSQL sent it.",
    boundaries: BYTE_BOUNDARIES
  },
  acknowledgeLatency: {
    name: "dbmazz_commit_to_acknowledged_seconds",
    type: "histogram",
    unit: "seconds",
    meaning:
      "From the commit of a batch's last transaction in PostgreSQL to the checkpoint that covers it. Compares two " +
      "clocks; what comes out negative counts as 0.",
    boundaries: LATENCY_SECONDS_BOUNDARIES
  },
  loads: {
    name: "dbmazz_loads_total",
    type: "counter",
    labels: ["table", "outcome"],
    meaning:
      "Stream Loads that are over, by target table and outcome: `loaded`, `already_loaded` (an earlier try had " +
      "committed it), `split` (too large for StarRocks, sent again in halves), `failed`, `interrupted`."
  },
  loadRows: {
    name: "dbmazz_load_rows_total",
    type: "counter",
    labels: ["table"],
    meaning: "Rows that StarRocks acknowledged, by target table; the changes of a key in a batch are one row."
  },
  loadBytes: {
    name: "dbmazz_load_bytes_total",
    type: "counter",
    unit: "bytes",
    labels: ["table"],
    meaning: "Size of the bodies of acknowledged loads, by target table."
  },
  loadDuration: {
    name: "dbmazz_load_duration_seconds",
    type: "histogram",
    unit: "seconds",
    meaning: "How long an acknowledged load took, with its retries and its wait for the table's turn.",
    boundaries: LOAD_SECONDS_BOUNDARIES
  },
  retries: {
    name: "dbmazz_retries_total",
    type: "counter",
    labels: ["reason"],
    meaning: "Times something was to be tried again, by the error code of docs/errors.md."
  },
  schemaChanges: {
    name: "dbmazz_schema_changes_total",
    type: "counter",
    labels: ["table"],
    meaning:
      "ALTER TABLE statements that StarRocks has carried out because a source table has other columns, by target table."
  },
  lagBytes: {
    name: "dbmazz_replication_lag_bytes",
    type: "gauge",
    unit: "bytes",
    meaning:
      "WAL between the server's position and the checkpoint, also while nothing is replicated; absent before the " +
      "checkpoint was first read."
  },
  lagMs: {
    name: "dbmazz_replication_lag_ms",
    type: "gauge",
    unit: "milliseconds",
    meaning:
      "Age of the oldest transaction that is not acknowledged whole, 0 when there is none. While nothing is replicated, or " +
      "the server does not send what it has: the time since everything was known to be there, or the stored checkpoint's age, " +
      "or else the program's. A name of dbmazz v1."
  },
  slotRetainedBytes: {
    name: "dbmazz_slot_retained_bytes",
    type: "gauge",
    unit: "bytes",
    meaning: "WAL that PostgreSQL keeps for the slot; absent before the first look at it."
  },
  slotSafeBytes: {
    name: "dbmazz_slot_safe_wal_bytes",
    type: "gauge",
    unit: "bytes",
    meaning: "WAL that can still be written before the slot is lost (`safe_wal_size`); absent when nothing limits it."
  },
  bufferBytes: {
    name: "dbmazz_buffer_bytes",
    type: "gauge",
    unit: "bytes",
    meaning: "Bytes read from the slot and not yet acknowledged."
  },
  bufferLimitBytes: {
    name: "dbmazz_buffer_limit_bytes",
    type: "gauge",
    unit: "bytes",
    meaning: "Value of `dbmazz_buffer_bytes` at which reading pauses: MAX_BUFFER_BYTES."
  },
  readingPaused: {
    name: "dbmazz_reading_paused",
    type: "gauge",
    meaning: "1 while reading waits for room in the buffer."
  },
  stoppedTables: {
    name: "dbmazz_stopped_tables",
    type: "gauge",
    meaning:
      "Tables that are left out because something of theirs cannot be carried over. Alert on it: the slot keeps " +
      "everything from there on."
  },
  waitingTables: {
    name: "dbmazz_waiting_tables",
    type: "gauge",
    meaning:
      "Tables whose rows wait until StarRocks has changed their columns, and are read again then. Nothing to do, but the " +
      "slot keeps everything from there on."
  },
  rejectedRows: {
    name: "dbmazz_rejected_rows_total",
    type: "counter",
    labels: ["table"],
    meaning: "Rows that StarRocks cannot hold and that were diverted to PostgreSQL, by target table " +
      "(ON_REJECTED_ROW=divert). A row that a replay meets again is not counted again."
  },
  eventsProcessed: {
    name: "dbmazz_events_processed_total",
    type: "counter",
    meaning: "Row changes that are acknowledged, of all tables. A name of dbmazz v1."
  },
  eventsPerSecond: {
    name: "dbmazz_events_per_second",
    type: "gauge",
    meaning: "Row changes acknowledged per second, since the sample before. A name of dbmazz v1; " +
      "`rate(dbmazz_events_processed_total[1m])` is better."
  },
  pendingEvents: {
    name: "dbmazz_pending_events",
    type: "gauge",
    meaning: "Row changes received and not acknowledged. A name of dbmazz v1."
  },
  eventLoopDelay: {
    name: "dbmazz_event_loop_delay_seconds",
    type: "gauge",
    unit: "seconds",
    labels: ["quantile"],
    meaning: "How late the program's timers were in the last 10 s or since the reading before, whichever is longer: " +
      "quantiles 0.5, 0.99 and 1."
  },
  residentMemory: {
    name: "dbmazz_process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    meaning: "Resident memory of the process."
  },
  cpuSeconds: {
    name: "dbmazz_process_cpu_seconds_total",
    type: "counter",
    unit: "seconds",
    meaning: "User and system CPU time of the process."
  }
} as const satisfies Record<string, Definition>

/** All metrics, in the order of the page. */
export const definitions: ReadonlyArray<Definition> = Object.values(METRICS)
