/** A finished batch becomes a checkpoint: first durable in the store, then confirmed to the slot. */
import * as Effect from "effect/Effect"
import * as SynchronizedRef from "effect/SynchronizedRef"
import type { Batch } from "../domain/Batch.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import * as Log from "../layers/Log.ts"
import type { ReplicationSession } from "../layers/ReplicationSession.ts"
import type { Loaded } from "./Loads.ts"

/** The part of a job that its checkpoints follow. */
export interface Job {
  readonly start: Lsn.Lsn
  readonly origin: { readonly slot: string; readonly run: string }
  readonly tables: ReadonlyArray<{ readonly from?: Lsn.Lsn }>
}

const log = Log.module("Checkpoints")

/**
 * A batch without rows moves the checkpoint only when at least this much WAL has passed: storing a checkpoint writes WAL
 * itself, and an idle program must not keep itself busy with it.
 */
const IDLE_ADVANCE_BYTES = 1024 * 1024

export interface Checkpoints {
  /**
   * Commits the batch's last transaction boundary, when it has one and everything before it is in StarRocks. Batches come
   * in order, each after it was loaded. Gives the position that is durable now; never moves it back.
   */
  readonly commit: (loaded: Pick<Loaded, "batch" | "complete">) => Effect.Effect<Lsn.Lsn, TransientError | SetupError>
}

/** Where the slot stands, and whether rows behind it are loaded that a later boundary will cover. */
export interface Standing {
  readonly position: Lsn.Lsn
  readonly rowsBehind: boolean
}

/**
 * The standing after this batch; the position stays when there is nothing to store. Past the position at which a table joined
 * it is always stored: a later run knows nothing of the joining, and must not meet what the table was before.
 */
export const next = (
  current: Standing,
  batch: Pick<Batch, "boundary" | "rowCount" | "rowsBehind">,
  joined: ReadonlyArray<Lsn.Lsn> = []
): Standing => {
  const { boundary } = batch
  const rows = current.rowsBehind || batch.rowCount > 0
  if (boundary === undefined || boundary <= current.position) return { position: current.position, rowsBehind: rows }
  // A batch that was cut just before a commit leaves the boundary to a batch without rows: it counts all the same.
  const ofJoined = joined.some((from) => current.position < from && from <= boundary)
  const worth = rows || ofJoined || Lsn.distance(current.position, boundary) >= IDLE_ADVANCE_BYTES
  return { position: worth ? boundary : current.position, rowsBehind: batch.rowsBehind > 0 }
}

/**
 * Starts at the stored checkpoint, for the run that has claimed the slot. The Ref is the lock: commits are serialised, and a
 * failed store moves nothing.
 */
export const make = Effect.fnUntraced(function*(
  job: Job,
  session: ReplicationSession
): Effect.fn.Return<Checkpoints, never, CheckpointStore> {
  const store = yield* CheckpointStore
  const { origin: { run, slot }, start, tables } = job
  const joined = tables.flatMap(({ from }) => from === undefined ? [] : [from])
  const standing = yield* SynchronizedRef.make<Standing>({ position: start, rowsBehind: false })
  return {
    commit: ({ batch, complete }) =>
      SynchronizedRef.updateAndGetEffect(standing, (current) => {
        const moved = complete ? next(current, batch, joined) : current
        if (moved.position === current.position) return Effect.succeed(moved)
        return store.advance(slot, run, moved.position).pipe(
          Effect.andThen(session.confirm(moved.position)),
          Effect.andThen(log.debug("checkpoint stored", () => ({ slot, position: Lsn.format(moved.position) }))),
          Effect.as(moved)
        )
      }).pipe(Effect.map(({ position }) => position))
  }
})
