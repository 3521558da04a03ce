/**
 * The way of the data, in one direction: frames become changes, changes become batches, batches become loads, and a
 * finished batch becomes a checkpoint. Only the confirmed position flows back.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Origin } from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import type { TableMapping } from "../domain/Table.ts"
import { Tally } from "../domain/Tally.ts"
import type { TruncatePolicy } from "../domain/TruncatePolicy.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as KnownKeys from "../layers/KnownKeys.ts"
import * as RejectedRows from "../layers/RejectedRows.ts"
import { ReplicationSource } from "../layers/ReplicationSource.ts"
import * as SchemaEvolution from "../layers/SchemaEvolution.ts"
import * as TargetTruncate from "../layers/TargetTruncate.ts"
import * as Batches from "./Batches.ts"
import * as Changes from "./Changes.ts"
import * as Checkpoints from "./Checkpoints.ts"
import * as Diversion from "./Diversion.ts"
import * as Loads from "./Loads.ts"
import * as PublicationWatch from "./PublicationWatch.ts"
import * as Told from "./Told.ts"
import * as Wal from "./Wal.ts"
import * as Watches from "./Watches.ts"

/** Everything one run of the pipeline needs to know. */
export interface Job {
  readonly start: Lsn.Lsn
  readonly tables: ReadonlyArray<TableMapping>
  readonly origin: Origin
  readonly publication: string
  /** Size in bytes at which a load is split. */
  readonly loadBytesMax: number
  readonly walSenderTimeoutMs: number
  readonly truncatePolicy: TruncatePolicy
  readonly schemaChangePolicy: SchemaChangePolicy
  /** Undefined: a row that StarRocks cannot hold stops its table. */
  readonly rejectedRows?: RejectedRows.Options | undefined
  /** Where rows are that earlier runs have left out, and this one may; undefined: there are none. */
  readonly leftOut?: RejectedRows.Place | undefined
  /** Bytes of unchanged values from which a row is updated in part; undefined: a few kB. */
  readonly partialBytesMin?: number | undefined
}

/** Batches read ahead while one is being loaded. */
const BATCHES_AHEAD = 1

/**
 * Replicates from `job.start` until `stop` is done, then loads and confirms what was received, by this run or by one before
 * it, and returns. While the job is
 * paused nothing is loaded, and reading goes on until the buffer is full. A table that stops leaves the others running and
 * the position where it is; the run then ends with its error. Fails with a `TransientError` when the connection or the
 * checkpoint store is lost: nothing of this run survives, and a new one starts at the stored checkpoint.
 */
export const run = Effect.fn("Pipeline.run")(function*(job: Job, stop: Deferred.Deferred<void>) {
  const { origin: { run, slot }, start, tables, truncatePolicy } = job
  const store = yield* CheckpointStore
  const session = yield* (yield* ReplicationSource).open(start, job.walSenderTimeoutMs)
  const tally = new Tally()
  yield* Told.runs(start, session, tally)
  yield* store.claim(slot, run, start)
  yield* (yield* JobControl).report({ _tag: "Replicating" })

  const schema = yield* SchemaEvolution.make(job.origin, job.schemaChangePolicy, start)
  const loads = yield* Loads.make({
    origin: job.origin,
    bytesMax: job.loadBytesMax,
    tableCount: tables.length,
    truncate: yield* TargetTruncate.make(job.origin, truncatePolicy),
    schema,
    resolve: yield* KnownKeys.make(
      job.origin,
      job.leftOut === undefined ? undefined : yield* RejectedRows.reader(job.leftOut)
    ),
    partialBytesMin: job.partialBytesMin,
    divert: job.rejectedRows === undefined ? undefined : yield* Diversion.make(job.rejectedRows),
    onStopped: yield* Told.onStopped,
    onWaiting: yield* Told.onWaiting
  })
  const checkpoints = yield* Checkpoints.make(job, session)
  const publication = yield* PublicationWatch.make({
    slot,
    run,
    publication: job.publication,
    tables,
    shapes: schema,
    start,
    truncations: truncatePolicy !== "ignore",
    stop: (source, error) => loads.stop({ source }, error)
  })
  yield* Effect.forkScoped(Watches.slot(slot, session))
  yield* Deferred.await(stop).pipe(
    Effect.andThen(Told.receivedAgain(session)),
    Effect.andThen(session.drain),
    Effect.forkScoped
  )

  const finish = Effect.fnUntraced(function*(loaded: Loads.Loaded) {
    yield* publication.remember
    const position = yield* checkpoints.commit(loaded)
    yield* session.release(loaded.batch.bytes)
    yield* Told.acknowledged(loaded, position, tally)
  })
  yield* Wal.frames(session).pipe(
    Changes.decode(tables, session.release, tally, truncatePolicy, job.schemaChangePolicy),
    Batches.groupedWithin(yield* Told.limits),
    Stream.buffer({ capacity: BATCHES_AHEAD }),
    Stream.mapEffect((batch) => Effect.andThen(Told.mayLoad, loads.load(batch))),
    Stream.runForEach(finish),
    // A load that waits for the sink must not outlive the session: whoever has the slot next would be overtaken by it.
    Effect.raceFirst(Effect.raceAllFirst([session.lost, Watches.store(session, tally), publication.watch, loads.over]))
  )
  const confirmed = yield* session.flushConfirmations
  // Without its walsender the slot can still be told, so that it does not keep WAL for nobody.
  if (!confirmed) yield* store.confirm(slot, (yield* session.state).confirmed)
  // What was taken out of the publication since the last look is not to be missed because the job ends.
  yield* publication.look
  yield* loads.verdict
}, Effect.scoped)
