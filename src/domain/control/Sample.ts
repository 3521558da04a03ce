/** What the job is doing at one moment, and the metrics that follow from two such moments. Pure. */
import type { CdcState } from "./Operations.ts"
import { MetricsResponse, StatusResponse } from "./Operations.ts"

/** Everything a sample needs to know; positions as unsigned 64-bit numbers. */
export interface Sample {
  readonly nowMs: number
  /** Row changes that StarRocks has acknowledged since the program started. */
  readonly rows: number
  readonly batches: number
  /** The durable checkpoint; undefined before it was read. */
  readonly checkpoint: bigint | undefined
  /** The end of the server's WAL; undefined before it was first asked. */
  readonly walEnd: bigint | undefined
  /** The last position received; undefined while there is no connection. */
  readonly received: bigint | undefined
  /** Rows received and not acknowledged. */
  readonly pending: number
  /** Everything received is acknowledged, whether it was worth a checkpoint or not. */
  readonly settled: boolean
  /** Commit time of the oldest transaction that is not acknowledged whole, in microseconds since 1970. */
  readonly oldest: bigint | undefined
  /** Replication runs at the moment. */
  readonly connected: boolean
  /** Up to this moment everything is known to be there, in ms since 1970. */
  readonly upToDateMs: number
  /** Resident memory in bytes, and CPU time used since the start in microseconds. */
  readonly memoryBytes: number
  readonly cpuUs: number
}

/**
 * The server is asked where it is every second, and says so itself when it has sent all of it: what takes longer is on its
 * way, or held up. In ms.
 */
export const UNSENT_MS_MAX = 5_000

const floor = (value: number): bigint => BigInt(Math.max(0, Math.floor(value)))

const later = (one: bigint | undefined, other: bigint | undefined): bigint => {
  const [a, b] = [one ?? 0n, other ?? 0n]
  return a > b ? a : b
}

/** WAL that may hold rows which are not durable in the sink yet, in bytes; undefined before the checkpoint is known. */
export const lagBytes = ({ checkpoint, received, settled, walEnd }: Sample): bigint | undefined => {
  if (checkpoint === undefined) return undefined
  const from = settled ? later(checkpoint, received) : checkpoint
  const end = later(walEnd, received)
  return end <= from ? 0n : end - from
}

/**
 * How far the sink is behind, in ms: the age of the oldest transaction that is not acknowledged. While there is none it is
 * 0, if the server has sent all that it has; otherwise what has happened since it had may be missing: it decodes a large
 * transaction, or cannot be heard.
 */
export const lagMs = (sample: Sample): number => {
  if (sample.oldest !== undefined) return Math.max(0, sample.nowMs - Number(sample.oldest / 1000n))
  const unknownMs = Math.max(0, sample.nowMs - sample.upToDateMs)
  return sample.connected && unknownMs <= UNSENT_MS_MAX ? 0 : unknownMs
}

/** The metrics of this moment; rates are over the time since the one before. */
export const metrics = (now: Sample, before: Sample | undefined): MetricsResponse => {
  const elapsedMs = before === undefined ? 0 : now.nowMs - before.nowMs
  const since = (current: number, earlier: number) => (elapsedMs > 0 ? Math.max(0, current - earlier) : 0)
  return new MetricsResponse({
    timestamp: floor(now.nowMs / 1000),
    events_per_second: elapsedMs > 0 ? since(now.rows, before?.rows ?? 0) * 1000 / elapsedMs : 0,
    // The answer has no word for what is not known; the age of what may be missing grows meanwhile.
    lag_bytes: lagBytes(now) ?? 0n,
    lag_events: floor(now.pending),
    memory_bytes: floor(now.memoryBytes),
    total_events_processed: floor(now.rows),
    total_batches_sent: floor(now.batches),
    // Microseconds in a millisecond are thousandths of one core.
    cpu_millicores: elapsedMs > 0 ? floor(since(now.cpuUs, before?.cpuUs ?? 0) / elapsedMs) : 0n,
    replication_lag_ms: floor(lagMs(now))
  })
}

/** The status of this moment; there is no snapshot yet, so its fields are empty. */
export const status = (
  sample: Sample,
  job: { readonly state: CdcState; readonly slot: string; readonly tables: ReadonlyArray<string> }
): StatusResponse =>
  new StatusResponse({
    state: job.state,
    current_lsn: sample.received ?? sample.checkpoint ?? 0n,
    confirmed_lsn: sample.checkpoint ?? 0n,
    pending_events: floor(sample.pending),
    slot_name: job.slot,
    tables: job.tables,
    snapshot_active: false,
    snapshot_chunks_total: 0n,
    snapshot_chunks_done: 0n,
    snapshot_rows_synced: 0n,
    table_progress: [],
    snapshot_paused: false
  })
