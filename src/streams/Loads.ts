/** A batch becomes loads: one table's loads follow each other, tables are loaded side by side. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AuditColumns from "../domain/AuditColumns.ts"
import type { Batch, TableShare } from "../domain/Batch.ts"
import { ByteWriter } from "../domain/ByteWriter.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type { Origin } from "../domain/Label.ts"
import { type LoadOptions, TableLoads } from "../domain/TableLoads.ts"
import { StreamLoader } from "../layers/StreamLoader.ts"

/** Loads in flight at once, each of another table: StarRocks gains little from more, and each holds a body in memory. */
const TABLES_IN_FLIGHT_MAX = 4
/**
 * A load is split at this size: large enough for StarRocks to have few versions, small enough that the bodies of all
 * tables in flight stay small beside the buffer.
 */
const LOAD_BYTES_MAX = 16 * 1024 * 1024
/** A body starts at this size and grows. */
const BODY_BYTES_INITIAL = 1024 * 1024
/** A body's buffer that grew past this is not kept for the next batch. */
const BODY_BYTES_KEPT_MAX = 16 * 1024 * 1024

export interface LoadsOptions {
  readonly origin: Origin
  /** Size at which a load is split. */
  readonly bytesMax: number
}

/** Loads the batches it is given, one batch at a time. */
export interface Loads {
  /**
   * Succeeds when StarRocks has acknowledged every row of the batch. Transient failures are retried below; a failure here
   * means that some rows will never be accepted as they are.
   */
  readonly load: (batch: Batch) => Effect.Effect<Batch, PermanentError>
}

export const make = Effect.fnUntraced(function*(options: LoadsOptions): Effect.fn.Return<Loads, never, StreamLoader> {
  const loader = yield* StreamLoader
  // Bodies are written into buffers that are used again, one for each table in flight.
  const writers: Array<ByteWriter> = []

  const loadShare = Effect.fnUntraced(function*(share: TableShare, loadOptions: LoadOptions) {
    const writer = writers.pop() ?? new ByteWriter(BODY_BYTES_INITIAL)
    for (const segment of share.segments) {
      const loads = new TableLoads(segment, writer, loadOptions)
      while (true) {
        const request = loads.next()
        if (Result.isFailure(request)) return yield* request.failure
        if (request.success === undefined) break
        yield* loader.load(request.success)
      }
    }
    if (writer.capacityBytes <= BODY_BYTES_KEPT_MAX) writers.push(writer)
  })

  return {
    load: Effect.fn("Loads.load")(function*(batch: Batch) {
      const syncedAt = AuditColumns.formatSyncedAt(yield* Clock.currentTimeMillis)
      const loadOptions: LoadOptions = {
        origin: options.origin,
        syncedAt,
        bytesMax: Math.min(options.bytesMax, LOAD_BYTES_MAX)
      }
      yield* Effect.forEach(batch.tables.values(), (share) => loadShare(share, loadOptions), {
        concurrency: TABLES_IN_FLIGHT_MAX,
        discard: true
      })
      return batch
    })
  }
})
