/**
 * The way of the data, in one direction: frames become changes, changes become batches, batches become loads, and a
 * finished batch becomes a checkpoint. Only the confirmed position flows back.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Origin } from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import { Pace } from "../domain/Pace.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import type { TableMapping } from "../domain/Table.ts"
import { Tally } from "../domain/Tally.ts"
import type { TruncatePolicy } from "../domain/TruncatePolicy.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as Metrics from "../layers/Metrics.ts"
import { Progress } from "../layers/Progress.ts"
import { ReplicationSource } from "../layers/ReplicationSource.ts"
import * as SchemaEvolution from "../layers/SchemaEvolution.ts"
import { SlotHealth } from "../layers/SlotHealth.ts"
import * as TargetTruncate from "../layers/TargetTruncate.ts"
import * as Batches from "./Batches.ts"
import * as Changes from "./Changes.ts"
import * as Checkpoints from "./Checkpoints.ts"
import * as Loads from "./Loads.ts"
import * as Told from "./Told.ts"
import * as Wal from "./Wal.ts"

const log = Log.module("SlotHealth")

/** Everything one run of the pipeline needs to know. */
export interface Job {
  readonly start: Lsn.Lsn
  readonly tables: ReadonlyArray<TableMapping>
  readonly origin: Origin
  /** Size in bytes at which a load is split. */
  readonly loadBytesMax: number
  readonly walSenderTimeoutMs: number
  readonly truncatePolicy: TruncatePolicy
  readonly schemaChangePolicy: SchemaChangePolicy
}

/** Batches read ahead while one is being loaded. */
const BATCHES_AHEAD = 1
/**
 * How often the checkpoint store is asked whether it is still there. A server that shuts down ends every connection but
 * the walsender's, for which it waits until everything is confirmed; that cannot be stored any more, so we must go.
 */
const STORE_WATCH_EVERY = "1 second"

/**
 * Replicates from `job.start` until `stop` is done, then loads and confirms what was received and returns. While the job is
 * paused nothing is loaded, and reading goes on until the buffer is full. A table that stops leaves the others running and
 * the position where it is; the run then ends with its error. Fails with a `TransientError` when the connection or the
 * checkpoint store is lost: nothing of this run survives, and a new one starts at the stored checkpoint.
 */
export const run = Effect.fn("Pipeline.run")(function*(job: Job, stop: Deferred.Deferred<void>) {
  const control = yield* JobControl
  const progress = yield* Progress
  const store = yield* CheckpointStore
  const session = yield* (yield* ReplicationSource).open(job.start, job.walSenderTimeoutMs)

  const tally = new Tally()
  const observe = Effect.map(session.state, ({ bufferedBytes, paused, received }) => ({
    received,
    bufferedBytes,
    full: paused,
    pending: tally.pending,
    oldest: tally.oldest
  }))
  yield* Effect.acquireRelease(
    progress.update((state) => ({
      ...state,
      position: job.start,
      stopped: [],
      observe
    })),
    () => progress.update((state) => ({ ...state, observe: undefined }))
  )
  yield* store.claim(job.origin.slot, job.origin.run, job.start)
  yield* control.report({ _tag: "Replicating" })

  const schema = yield* SchemaEvolution.make(job.origin, job.schemaChangePolicy)
  const loads = yield* Loads.make({
    origin: job.origin,
    bytesMax: job.loadBytesMax,
    tableCount: job.tables.length,
    truncate: yield* TargetTruncate.make(job.origin, job.truncatePolicy),
    schema,
    onStopped: (stopped) =>
      Effect.andThen(progress.update((state) => ({ ...state, stopped })), control.report(Told.stopped(stopped)))
  })
  const checkpoints = yield* Checkpoints.make(job, session)

  const finish = Effect.fnUntraced(function*(loaded: Loads.Loaded) {
    const batch = loaded.batch
    const position = yield* checkpoints.commit(loaded)
    yield* session.release(batch.bytes)
    tally.acknowledged(batch.rowCount)
    yield* Metrics.batchAcknowledged(Metrics.acknowledged(batch, yield* Clock.currentTimeMillis))
    yield* progress.update((state) => ({
      ...state,
      rows: state.rows + batch.rowCount,
      batches: state.batches + (batch.rowCount > 0 ? 1 : 0),
      position,
      commitTime: batch.commitTime ?? state.commitTime
    }))
  })

  const pace = new Pace()
  const limits = Effect.gen(function*() {
    const { retrying } = yield* progress.get
    const complaining = [...retrying.values()].some(({ code }) => code === "SR_TOO_MANY_VERSIONS")
    return pace.limits((yield* SubscriptionRef.get(control.live)).flush, complaining, yield* Clock.currentTimeMillis)
  })

  const health = yield* SlotHealth
  yield* health.watch({
    slot: job.origin.slot,
    idle: Effect.map(session.state, (state) => state.bufferedBytes === 0),
    tell: Effect.fnUntraced(function*(report) {
      const { health } = report
      yield* log.debug("the slot was looked at", () => ({
        slot: health.slot,
        retainedBytes: health.retainedBytes,
        unconfirmedBytes: health.unconfirmedBytes,
        safeWalBytes: health.safeWalBytes,
        confirmed: health.confirmed === undefined ? undefined : Lsn.format(health.confirmed),
        restart: health.restart === undefined ? undefined : Lsn.format(health.restart),
        walStatus: health.walStatus
      }))
      for (const warning of report.warnings) yield* log.warn(warning)
      yield* progress.update((state) => ({ ...state, slot: report }))
    })
  }).pipe(Effect.forkScoped)
  yield* Deferred.await(stop).pipe(Effect.andThen(session.drain), Effect.forkScoped)
  const storeLost = store.walEnd.pipe(
    Effect.flatMap((walEnd) => Told.serverAt(walEnd, tally.pending === 0)),
    Effect.repeat(Schedule.spaced(STORE_WATCH_EVERY)),
    Effect.andThen(Effect.never)
  )
  yield* Wal.frames(session).pipe(
    Changes.decode(job.tables, session.release, tally, job.truncatePolicy, job.schemaChangePolicy),
    Batches.groupedWithin(limits),
    Stream.buffer({ capacity: BATCHES_AHEAD }),
    Stream.mapEffect((batch) => Effect.andThen(Told.mayLoad, loads.load(batch))),
    Stream.runForEach(finish),
    // A load that waits for the sink must not outlive the session: whoever has the slot next would be overtaken by it.
    Effect.raceFirst(Effect.raceFirst(Effect.raceFirst(session.lost, storeLost), loads.over))
  )
  const confirmed = yield* session.flushConfirmations
  // Without its walsender the slot can still be told, so that it does not keep WAL for nobody.
  if (!confirmed) yield* store.confirm(job.origin.slot, (yield* session.state).confirmed)
  yield* loads.verdict
}, Effect.scoped)
