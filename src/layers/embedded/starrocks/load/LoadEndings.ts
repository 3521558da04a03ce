/** How a transaction ends without a commit: once, at what it has come to, and for a reason that its client is told. */
import * as Effect from "effect/Effect"
import * as Log from "../../../Log.ts"
import type { Session, Storage, StorageError } from "../catalogue/Storage.ts"
import type { LabelRecord, Labels, LabelState } from "./Labels.ts"
import type { Progress } from "./LoadReply.ts"
import * as LoadReply from "./LoadReply.ts"

const log = Log.module("EmbeddedStarRocks")

export interface LoadEndings {
  /** A transaction has begun, and `progress` says how far its load comes. */
  readonly began: (record: LabelRecord, progress: Progress) => void
  /** Why it was aborted; undefined: it was not, or before this process. */
  readonly reasonOf: (record: LabelRecord) => string | undefined
  /**
   * Ends a transaction that will not commit, and waits until whoever holds the write lock is done with it; nothing happens
   * when it is prepared or has ended then, as its state tells.
   */
  readonly abort: (record: LabelRecord, progress: Progress, reason: string) => Effect.Effect<void>
  /** The same for a transaction that is prepared; `also` runs in the transaction that writes it down, which may fail. */
  readonly abortPrepared: (
    record: LabelRecord,
    progress: Progress,
    reason: string,
    also: (session: Session) => Effect.Effect<unknown, StorageError>
  ) => Effect.Effect<void, StorageError>
  /** Ends a transaction as `abort` does, because a user wants it; a load that still runs meets its end at its commit. */
  readonly cancel: (record: LabelRecord) => Effect.Effect<void>
}

export const make = (labels: Labels, storage: Storage): LoadEndings => {
  /** How far the loads came, for those who end them from outside. */
  const started = new WeakMap<LabelRecord, Progress>()
  /** Why transactions were aborted. */
  const reasons = new WeakMap<LabelRecord, string>()

  const abortFrom = (
    state: LabelState,
    record: LabelRecord,
    progress: Progress,
    reason: string,
    also: (session: Session) => Effect.Effect<unknown, StorageError>
  ): Effect.Effect<void, StorageError> =>
    storage.write((session) =>
      Effect.gen(function*() {
        // Asked under the write lock, where a transaction changes its state.
        if (record.state !== state) return
        yield* also(session)
        yield* labels.write(session, record, "ABORTED", { progress, error: reason })
      }), () => aborted(state, record, reason)).pipe(Effect.uninterruptible)

  const aborted = (state: LabelState, record: LabelRecord, reason: string): void => {
    if (record.state !== state) return
    reasons.set(record, reason)
    labels.finish(record, "ABORTED")
  }

  const abort: LoadEndings["abort"] = (record, progress, reason) =>
    abortFrom("PREPARE", record, progress, reason, () => Effect.void).pipe(
      // The file has never heard of the transaction: the label is free now, and after a restart too.
      Effect.catch((error) =>
        log.error("the end of a load could not be written", {}, error).pipe(
          Effect.andThen(storage.exclusive(Effect.sync(() => aborted("PREPARE", record, reason))))
        )
      ),
      Effect.uninterruptible
    )

  const abortPrepared: LoadEndings["abortPrepared"] = (record, progress, reason, also) =>
    abortFrom("PREPARED", record, progress, reason, also)

  const cancel: LoadEndings["cancel"] = (record) =>
    abort(record, started.get(record) ?? LoadReply.progress(), "transaction is aborted by user.")

  return {
    began: (record, progress) => void started.set(record, progress),
    reasonOf: (record) => reasons.get(record),
    abort,
    abortPrepared,
    cancel
  }
}
