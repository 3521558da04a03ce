/** A batch becomes loads: one table's loads follow each other, tables are loaded side by side. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as AuditColumns from "../domain/AuditColumns.ts"
import type { Batch, Carried, TableShare } from "../domain/Batch.ts"
import { ByteWriter } from "../domain/ByteWriter.ts"
import type { Reannouncement, Reshape, Truncation } from "../domain/Change.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Policy from "../domain/errors/Policy.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { Origin } from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as RejectedRow from "../domain/RejectedRow.ts"
import { type StoppedTable, StoppedTables } from "../domain/StoppedTable.ts"
import type { TableMapping } from "../domain/Table.ts"
import { type LoadOptions, TableLoads } from "../domain/TableLoads.ts"
import type { Resolve } from "../layers/KnownKeys.ts"
import * as Log from "../layers/Log.ts"
import type { SchemaEvolution } from "../layers/SchemaEvolution.ts"
import { StreamLoader } from "../layers/StreamLoader.ts"
import type { Truncate } from "../layers/TargetTruncate.ts"
import * as Reshapes from "./Reshapes.ts"

const log = Log.module("Loads")

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
  /** Tables of the job: when all of them have stopped, there is nothing left to do. */
  readonly tableCount: number
  /** Carries a truncation out, between the loads before it and after it. */
  readonly truncate: Truncate
  /** Changes a table's columns before the first rows that need it. */
  readonly schema: SchemaEvolution
  /** Keeps a row that StarRocks cannot hold, durably, so that the load may go on without it; undefined: its table stops. */
  readonly divert?: ((row: RejectedRow.RejectedRow) => Effect.Effect<void, Failure>) | undefined
  /** Finds out which rows StarRocks has, where that decides what is sent of them. */
  readonly resolve: Resolve
  /** Bytes of unchanged values from which a row is updated in part; undefined: a few kB. */
  readonly partialBytesMin?: number | undefined
  /** Called with all stopped tables each time one more has stopped. */
  readonly onStopped: (stopped: ReadonlyArray<StoppedTable>) => Effect.Effect<void>
  /** Called with a source table, `schema.name`, whose rows are left out until its target's columns are changed. */
  readonly onWaiting: (table: string) => Effect.Effect<void>
}

/** The commits of its first and its last row: a batch that ends within a transaction has no boundary to tell. */
const commits = (batch: Batch): { readonly firstCommit?: string; readonly lastCommit?: string } => {
  const lsns = [...batch.tables.values()].flatMap(({ operations, segments }) =>
    [segments[0]?.[0], segments.at(-1)?.at(-1), operations[0]?.change, operations.at(-1)?.change]
      .flatMap((change) => change?.transaction?.commitLsn ?? [])
  )
  if (lsns.length === 0) return {}
  const first = lsns.reduce((least, lsn) => lsn < least ? lsn : least)
  return { firstCommit: Lsn.format(first), lastCommit: Lsn.format(lsns.reduce(Lsn.max)) }
}

/** A batch that went through. */
export interface Loaded {
  readonly batch: Batch
  /** Whether StarRocks has every row up to the batch's boundary: false once a table has stopped or was put aside. */
  readonly complete: boolean
  /** By target, as the batch names them; zeros where all of the table was left out. */
  readonly acknowledged: ReadonlyMap<string, Carried>
}

/** Loads the batches it is given, one batch at a time. */
export interface Loads {
  /**
   * Succeeds when StarRocks has acknowledged every row of the batch but those of stopped tables and those that were diverted,
   * which are durable elsewhere by then. Transient failures are
   * retried below. A table whose rows will never be accepted as they are stops, and its later rows are left out; it fails
   * when the failure is not one table's, or when no table is left.
   */
  readonly load: (batch: Batch) => Effect.Effect<Loaded, Failure>
  /**
   * Stops a table for a reason that its rows do not show, and gives what it has stopped for: one that had stopped before keeps its
   * reason. Fails when no table is left.
   */
  readonly stop: (table: Stoppable, error: PermanentError) => Effect.Effect<PermanentError, PermanentError>
  /** Fails with what stopped the first table, when one has stopped, and when rows of another were left out. */
  readonly verdict: Effect.Effect<void, Failure>
  /** Fails when a table whose rows were left out can go on: the run has to begin anew. Never succeeds. */
  readonly over: Effect.Effect<never, Failure>
}

type BatchOptions = Omit<LoadOptions, "exchangedAt" | "trustedAfter">
type Stoppable = Pick<TableMapping, "source">

export const make = Effect.fnUntraced(function*(options: LoadsOptions): Effect.fn.Return<
  Loads,
  never,
  StreamLoader | Scope.Scope
> {
  const loader = yield* StreamLoader
  // Bodies are written into buffers that are used again, one for each table in flight.
  const writers: Array<ByteWriter> = []
  const stopped = new StoppedTables()

  const stop = Effect.fnUntraced(function*(mapping: Stoppable, error: PermanentError) {
    if (!stopped.add(mapping, error, yield* Clock.currentTimeMillis)) return
    const isLast = stopped.size >= options.tableCount
    yield* log.error(
      isLast
        ? "the table is stopped, and none is left; the slot keeps everything from here on"
        : "the table is stopped; the others go on, and the slot keeps everything from here on",
      {
        ...error.context,
        table: Identifier.show(mapping.source),
        code: error.code,
        error: error.message,
        remediation: error.remediation
      }
    )
    yield* options.onStopped(stopped.list())
    if (isLast) return yield* error
  })

  /**
   * What StarRocks refuses for its rows is given again in parts, until the row at fault is known, and a delete without its values.
   * The row is left out where there is room for it, and named where its table stops.
   */
  const leaveOut = Effect.fnUntraced(function*(loads: TableLoads, error: PermanentError) {
    if (!RejectedRow.isOfRows(error.code)) return yield* error
    if (options.divert === undefined && error.code === "VALUE_UNREPRESENTABLE") {
      if (loads.bare()) return
      return yield* error
    }
    const row = loads.refused(error)
    if (row === undefined) return
    if (options.divert === undefined) return yield* RejectedRow.named(row)
    yield* options.divert(row)
  })

  const reshapes = yield* Reshapes.make(options.schema.evolve, stop, options.onWaiting)

  /** False: the table's rows from here on are left out. */
  const operate = Effect.fnUntraced(function*(change: Truncation | Reshape | Reannouncement, syncedAt: string) {
    if (change._tag === "Reshape") return yield* reshapes.carryOut(change)
    if (change._tag === "Reannounced") yield* options.schema.check(change)
    else yield* options.truncate({ ...change, mapping: options.schema.current(change.mapping) }, syncedAt)
    return true
  })

  /** Counts what it has carried over; ends early where the rest is left out. */
  const sendShare = Effect.fnUntraced(
    function*({ mapping, operations, segments }: TableShare, batchOptions: BatchOptions, carried: Carried) {
      const writer = writers.pop() ?? new ByteWriter(BODY_BYTES_INITIAL)
      let operated = 0
      let isLooked = false
      for (let index = 0; index <= segments.length; index++) {
        for (; operations[operated]?.after === index; operated++) {
          const { change } = operations[operated]!
          if (!(yield* operate(change, batchOptions.syncedAt))) {
            writers.push(writer)
            return
          }
          if (change._tag === "Truncate") carried.truncations += 1
        }
        const segment = segments[index]
        if (segment === undefined) break
        const loads = new TableLoads(segment, writer, {
          ...batchOptions,
          exchangedAt: options.schema.exchangedAt(mapping),
          trustedAfter: options.schema.trustedAfter(mapping)
        })
        yield* options.resolve(loads)
        while (true) {
          const request = loads.next()
          if (Result.isFailure(request)) {
            if (loads.isNull) {
              if (loads.relax(options.schema.current(mapping).targetColumns)) continue
              // All rows of the batch were committed before: what is refused after one look would be after another.
              const isFirst = !isLooked
              isLooked = true
              if (isFirst && loads.relax(yield* options.schema.look(mapping))) continue
            }
            yield* leaveOut(loads, request.failure)
            continue
          }
          if (request.success === undefined) break
          yield* loader.load(request.success).pipe(
            Effect.catchTags({
              LoadTooLarge: () => Effect.sync(() => loads.halve()),
              PermanentError: (error) => leaveOut(loads, error)
            })
          )
        }
        carried.rows += segment.length
      }
      if (writer.capacityBytes <= BODY_BYTES_KEPT_MAX) writers.push(writer)
    }
  )

  const loadShare = (share: TableShare, batchOptions: BatchOptions, carried: Carried): Effect.Effect<void, Failure> =>
    stopped.has(share.mapping) || reshapes.isAside(share.mapping)
      ? Effect.void
      : sendShare(share, batchOptions, carried).pipe(
        Effect.catchTag(
          "PermanentError",
          (error) => Policy.isOfTable(error.code) ? stop(share.mapping, error) : Effect.fail(error)
        )
      )

  return {
    stop: (mapping, error) => Effect.map(stop(mapping, error), () => stopped.reason(mapping) ?? error),
    load: Effect.fn("Loads.load")(function*(batch: Batch) {
      yield* Effect.annotateCurrentSpan({ rows: batch.rowCount, bytes: batch.bytes })
      const startedMs = yield* Clock.currentTimeMillis
      const syncedAt = AuditColumns.formatSyncedAt(startedMs)
      const batchOptions: BatchOptions = {
        origin: options.origin,
        syncedAt,
        bytesMax: Math.min(options.bytesMax, LOAD_BYTES_MAX),
        partialBytesMin: options.partialBytesMin
      }
      const acknowledged = new Map<string, Carried>()
      yield* Effect.forEach(
        batch.tables,
        ([target, share]) => {
          const carried = { rows: 0, truncations: 0 }
          acknowledged.set(target, carried)
          return loadShare(share, batchOptions, carried)
        },
        { concurrency: TABLES_IN_FLIGHT_MAX, discard: true }
      )
      const endedMs = yield* Clock.currentTimeMillis
      yield* log.debug("batch loaded", () => ({
        rows: batch.rowCount,
        bytes: batch.bytes,
        tables: [...batch.tables.keys()],
        ms: endedMs - startedMs,
        ...commits(batch)
      }))
      // Rows before the stop are in this batch's shares, or in an earlier batch.
      yield* Effect.forEach(batch.stops, ({ error, mapping }) => stop(mapping, error), { discard: true })
      return { batch, complete: stopped.size === 0 && reshapes.count() === 0, acknowledged }
    }),
    verdict: Effect.suspend((): Effect.Effect<void, Failure> => {
      const error = stopped.first()
      return error === undefined ? reshapes.verdict : Effect.fail(error)
    }),
    over: reshapes.over
  }
})
