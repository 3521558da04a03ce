/** Transactions that are prepared: the FE commits them, rolls them back, or ends them when they wait too long. */
import * as Effect from "effect/Effect"
import * as Log from "../../../Log.ts"
import type { Storage, StorageError } from "../catalogue/Storage.ts"
import type { LabelRecord } from "../load/Labels.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import { type LoadRefused, refuse, storageRefusal } from "../load/LoadRefusal.ts"
import type { Prepared, PreparedStore } from "./PreparedStore.ts"

const log = Log.module("EmbeddedStarRocks")

/** A transaction that has to end, and how. */
export interface Expired {
  readonly record: LabelRecord
  readonly end: Effect.Effect<void>
}

/** The prepared transactions of an endpoint. */
export interface PreparedTransactions {
  /** Takes over a transaction whose rows and state are in the file. */
  readonly add: (prepared: Prepared) => void
  /** Merges the rows; when that fails the transaction stays prepared. */
  readonly commit: (record: LabelRecord) => Effect.Effect<void, LoadRefused>
  /**
   * Drops the rows; does nothing when the transaction is not prepared, or is committed first: its state tells. When that
   * cannot be written, the transaction stays prepared.
   */
  readonly rollback: (record: LabelRecord) => Effect.Effect<void, StorageError>
  /** Those whose time is over and those whose database is gone, each with the effect that ends it. */
  readonly expired: (nowMs: number, known: (record: LabelRecord) => boolean) => ReadonlyArray<Expired>
}

/** Makes the registry, with the transactions that the file holds. */
export const make = (storage: Storage, engine: LoadEngine, store: PreparedStore): PreparedTransactions => {
  const prepared = new Map<LabelRecord, Prepared>(store.found.map((found) => [found.record, found]))

  const end = (found: Prepared, reason: string): Effect.Effect<void, StorageError> =>
    engine.abortPrepared(found.record, found.progress, reason, (session) => store.remove(session, found)).pipe(
      Effect.andThen(Effect.sync(() => prepared.delete(found.record)))
    )

  return {
    add: (found) => {
      prepared.set(found.record, found)
    },
    commit: (record) =>
      Effect.gen(function*() {
        const found = prepared.get(record)
        if (found === undefined) return yield* refuse("the transaction is not prepared")
        const merged = yield* store.mergeable(found)
        const session = yield* storage.session.pipe(Effect.mapError(storageRefusal))
        yield* engine.commit(session, record, merged, { ...found.progress }, store.remove(session, found))
        prepared.delete(record)
      }).pipe(Effect.scoped),
    rollback: (record) =>
      Effect.suspend(() => {
        const found = prepared.get(record)
        return found === undefined ? Effect.void : end(found, "User Aborted")
      }),
    expired: (nowMs, known) =>
      [...prepared.values()].flatMap((found) => {
        const { deadlineMs, record } = found
        const reason = !known(record)
          ? "the database was dropped"
          : nowMs > deadlineMs
          ? "timeout by txn manager"
          : undefined
        // Tried again at the next look.
        const failed = (error: StorageError) => log.error("a prepared transaction could not be ended", {}, error)
        return reason === undefined
          ? []
          : [{ record, end: Effect.catchTag(end(found, reason), "StorageError", failed) }]
      })
  }
}
