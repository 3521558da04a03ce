/**
 * The operations of the control plane, defined once: gRPC is an adapter on their handlers, HTTP serves them as they are.
 * Names, fields and texts are those of dbmazz v1's gRPC API; unsigned 64-bit numbers are bigints here and decimal strings
 * in JSON.
 */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

/** An unsigned 64-bit number; a decimal string in JSON. */
const Uint64 = Schema.BigIntFromString

const ServingStatus = Schema.Literals(["UNKNOWN", "SERVING", "NOT_SERVING"])

export const Stage = Schema.Literals(["STAGE_UNKNOWN", "STAGE_INIT", "STAGE_SETUP", "STAGE_CDC", "STAGE_SNAPSHOT"])
export type Stage = typeof Stage.Type

export const CdcState = Schema.Literals(["RUNNING", "PAUSED", "DRAINING", "STOPPED"])
export type CdcState = typeof CdcState.Type

/** The job's health. `error_detail` says what is wrong and what to do, also while the status is still SERVING. */
export class HealthCheckResponse extends Schema.Class<HealthCheckResponse>("HealthCheckResponse")({
  status: ServingStatus,
  stage: Stage,
  stage_detail: Schema.String,
  error_detail: Schema.String
}) {}

/** A refused command is an answer too: `success` is false and `message` says why. */
export class ControlResponse extends Schema.Class<ControlResponse>("ControlResponse")({
  success: Schema.Boolean,
  message: Schema.String
}) {}

export class TableSnapshotProgress extends Schema.Class<TableSnapshotProgress>("TableSnapshotProgress")({
  table_name: Schema.String,
  chunks_total: Uint64,
  chunks_done: Uint64,
  rows_synced: Uint64
}) {}

/** LSNs as unsigned 64-bit numbers. `pending_events`: rows received and not acknowledged by StarRocks. */
export class StatusResponse extends Schema.Class<StatusResponse>("StatusResponse")({
  state: CdcState,
  current_lsn: Uint64,
  confirmed_lsn: Uint64,
  pending_events: Uint64,
  slot_name: Schema.String,
  tables: Schema.Array(Schema.String),
  snapshot_active: Schema.Boolean,
  snapshot_chunks_total: Uint64,
  snapshot_chunks_done: Uint64,
  snapshot_rows_synced: Uint64,
  table_progress: Schema.Array(TableSnapshotProgress),
  snapshot_paused: Schema.Boolean
}) {}

/**
 * One sample. `timestamp`: unix seconds; `events_per_second` and `total_events_processed`: rows that StarRocks acknowledged;
 * `lag_bytes`: WAL between the server's position and the checkpoint, 0 before that was read; `memory_bytes`: resident;
 * `cpu_millicores`: since the sample before, 0 in the first; `replication_lag_ms`: age of the oldest transaction that is not
 * acknowledged, 0 when none, and while nothing is replicated the time since everything was known to be there.
 */
export class MetricsResponse extends Schema.Class<MetricsResponse>("MetricsResponse")({
  timestamp: Uint64,
  events_per_second: Schema.Finite,
  lag_bytes: Uint64,
  lag_events: Uint64,
  memory_bytes: Uint64,
  total_events_processed: Uint64,
  total_batches_sent: Uint64,
  cpu_millicores: Uint64,
  replication_lag_ms: Uint64
}) {}

/** A request that no state of the job could answer; INVALID_ARGUMENT in gRPC. */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", {
  message: Schema.String
}) {}

/** Both sides are asked for their catalogues, and replication begins anew; nobody waits longer for the answer, in ms. */
export const RELOAD_MS_MAX = 30_000

/** 0, 0 and no table mean: no change. `tables` is the whole new list, not an addition. */
export const ReloadRequest = {
  flush_size: Uint64,
  flush_interval_ms: Uint64,
  tables: Schema.Array(Schema.String)
}

/**
 * The group. Every operation answers in any state of the job. Only `ReloadConfig` with tables waits for PostgreSQL and StarRocks,
 * for at most `RELOAD_MS_MAX`; the others answer at once.
 */
export class Operations extends RpcGroup.make(
  Rpc.make("Check", { success: HealthCheckResponse }),
  Rpc.make("Pause", { success: ControlResponse }),
  Rpc.make("Resume", { success: ControlResponse }),
  Rpc.make("DrainAndStop", { success: ControlResponse }),
  Rpc.make("Stop", { payload: { skip_slot_cleanup: Schema.Boolean }, success: ControlResponse }),
  Rpc.make("ReloadConfig", { payload: ReloadRequest, success: ControlResponse }),
  Rpc.make("StartSnapshot", { success: ControlResponse }),
  Rpc.make("PauseSnapshot", { success: ControlResponse }),
  Rpc.make("ResumeSnapshot", { success: ControlResponse }),
  Rpc.make("GetStatus", { success: StatusResponse }),
  Rpc.make("StreamMetrics", {
    payload: { interval_ms: Schema.Int },
    success: MetricsResponse,
    error: InvalidArgument,
    stream: true
  })
) {}
