/** A finished batch becomes a checkpoint: first durable in the store, then confirmed to the slot. */
import * as Effect from "effect/Effect"
import * as SynchronizedRef from "effect/SynchronizedRef"
import type { Batch } from "../domain/Batch.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import type { ReplicationSession } from "../layers/ReplicationSource.ts"
import type { Loaded } from "./Loads.ts"

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
  readonly commit: (loaded: Loaded) => Effect.Effect<Lsn.Lsn, TransientError | SetupError>
}

/** The position to move to after this batch; the current one when there is nothing to store. */
export const nextPosition = (current: Lsn.Lsn, batch: Pick<Batch, "boundary" | "rowCount">): Lsn.Lsn => {
  const boundary = batch.boundary
  if (boundary === undefined || boundary <= current) return current
  return batch.rowCount > 0 || Lsn.distance(current, boundary) >= IDLE_ADVANCE_BYTES ? boundary : current
}

/** Starts at the stored checkpoint. The Ref is the lock: commits are serialised, and a failed store moves nothing. */
export const make = Effect.fnUntraced(function*(
  slot: string,
  start: Lsn.Lsn,
  session: ReplicationSession
): Effect.fn.Return<Checkpoints, never, CheckpointStore> {
  const store = yield* CheckpointStore
  const position = yield* SynchronizedRef.make(start)
  return {
    commit: ({ batch, complete }) =>
      SynchronizedRef.updateAndGetEffect(position, (current) => {
        const next = complete ? nextPosition(current, batch) : current
        if (next === current) return Effect.succeed(current)
        return store.save(slot, next).pipe(Effect.andThen(session.confirm(next)), Effect.as(next))
      })
  }
})
