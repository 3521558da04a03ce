/**
 * The life of a load: take the label, plan, stage the rows, merge them and write the label's outcome in one
 * transaction. Everything before the transaction leaves no trace in the file.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { randomUUID } from "node:crypto"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import type { Session, Storage, StorageError } from "../catalogue/Storage.ts"
import * as TableOf from "../catalogue/Table.ts"
import type { Table } from "../catalogue/Table.ts"
import type { Faults } from "../faults/Faults.ts"
import * as LoadPlan from "../plan/LoadPlan.ts"
import { RowBuffer } from "../plan/RowBuffer.ts"
import { translatePredicate } from "../sql/Translate.ts"
import type { ErrorLogs } from "./ErrorLog.ts"
import { isFinal, isLabel, labelPattern, type LabelRecord, type Labels, runningMax } from "./Labels.ts"
import * as LoadBody from "./LoadBody.ts"
import * as LoadEndings from "./LoadEndings.ts"
import type { LateHeaders } from "./LoadHeaders.ts"
import { checked, type LoadAbandoned, LoadRefused, readFailure, refuse, storageRefusal } from "./LoadRefusal.ts"
import type { Progress } from "./LoadReply.ts"
import * as Merge from "./Merge.ts"
import * as Staging from "./Staging.ts"

/** A load that is ready for rows. */
export interface OpenLoad {
  readonly plan: LoadPlan.LoadPlan
  readonly late: LateHeaders
  readonly session: Session
  readonly staging: Staging.Staging
  readonly rows: RowBuffer
}

/** Rows that are ready to be merged, and how. */
export interface Mergeable {
  readonly plan: Merge.MergePlan
  readonly staged: Staging.Staged
}

/** The engine. */
export interface LoadEngine extends Pick<LoadEndings.LoadEndings, "abort" | "abortPrepared" | "cancel"> {
  /** The table of a load. */
  readonly table: (database: string, name: string) => Effect.Effect<Table, LoadRefused>
  /** Begins a transaction under a label, or under one that it makes. */
  readonly begin: (
    database: string,
    table: string | undefined,
    label: string | undefined,
    progress: Progress
  ) => Effect.Effect<LabelRecord, LoadRefused>
  /** Makes a load's plan and its staging table, by a name of its own when its session has several. */
  readonly open: (
    session: Session,
    table: Table,
    late: LateHeaders,
    progress: Progress,
    staging?: string
  ) => Effect.Effect<OpenLoad, LoadRefused>
  /** Reads a body into the staging table. A load may take several bodies, one after the other. */
  readonly stage: (
    load: OpenLoad,
    body: AsyncIterable<Buffer>,
    progress: Progress
  ) => Effect.Effect<void, LoadRefused | LoadAbandoned>
  /** Ends the reading: takes out what `where` leaves out and judges whether enough of the rest is good. */
  readonly settle: (load: OpenLoad, progress: Progress) => Effect.Effect<Mergeable, LoadRefused>
  /** Merges rows into their tables and writes the label's outcome, all or nothing; `also` runs in the same transaction. */
  readonly commit: (
    session: Session,
    record: LabelRecord,
    parts: ReadonlyArray<Mergeable>,
    progress: Progress,
    also?: Effect.Effect<unknown, StorageError>
  ) => Effect.Effect<void, LoadRefused>
}

/** What the engine works with. */
export interface Needs {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly faults: Faults
  readonly errorLogs: ErrorLogs
  /** The URL under which an error log is served. */
  readonly errorLogUrl: (file: string) => string
}

const nothingLoaded = (progress: Progress): Effect.Effect<void> =>
  Effect.sync(() => {
    progress.loaded = 0
  })

/** Makes the engine. */
export const make = (needs: Needs): LoadEngine => {
  const { catalogue, errorLogs, faults, labels, storage } = needs
  const endings = LoadEndings.make(labels, storage)

  const table: LoadEngine["table"] = (database, name) =>
    Effect.suspend(() => {
      if (!catalogue.hasDatabase(database)) return refuse(`unknown database, database=${database}`)
      const found = catalogue.find(database, name)
      return found === undefined ? refuse(`unknown table "${database}.${name}"`) : Effect.succeed(found)
    })

  const begin: LoadEngine["begin"] = (database, tableName, wanted, progress) =>
    Effect.gen(function*() {
      if (faults.strikes("no-leader")) return yield* refuse("current fe is not master")
      if (!catalogue.hasDatabase(database)) return yield* refuse(`unknown database, database=${database}`)
      if (tableName !== undefined) yield* table(database, tableName)
      const label = wanted ?? randomUUID()
      progress.label = label
      if (!isLabel(label)) return yield* refuse(`Label format error. regex: ${labelPattern}, label: ${label}`)
      const begun = labels.begin(database, label, tableName)
      if (Result.isSuccess(begun)) {
        progress.txnId = begun.success.txnId
        endings.began(begun.success, progress)
        return begun.success
      }
      if (begun.failure.kind === "crowded") {
        return yield* refuse(
          `current running txns on db ${database} is ${begun.failure.running}, larger than limit ${runningMax}`
        )
      }
      const message = `Label [${label}] has already been used.`
      if (faults.duplicateLabelMode() === "fail-message") return yield* refuse(message)
      const existing = isFinal(begun.failure.by.state) ? "FINISHED" : "RUNNING"
      return yield* new LoadRefused({ outcome: { status: "Label Already Exists", message, existing } })
    })

  const open: LoadEngine["open"] = (session, of, late, progress, staging) =>
    Effect.gen(function*() {
      const startedAtMs = performance.now()
      const plan = yield* checked(LoadPlan.make(of, late))
      const made = yield* Staging.make(storage, session, plan, staging)
      progress.planMs = performance.now() - startedAtMs
      return { plan, late, session, staging: made, rows: new RowBuffer(plan, made.append) }
    }).pipe(Effect.catchTag("StorageError", (error) => Effect.fail(storageRefusal(error))))

  const count = ({ rows }: OpenLoad, progress: Progress): void => {
    const logged = progress.errorUrl !== undefined && progress.filtered === rows.filtered
    progress.filtered = rows.filtered
    progress.loaded = rows.loaded
    progress.total = rows.loaded + rows.filtered
    if (rows.errors.length > 0 && !logged) progress.errorUrl = needs.errorLogUrl(errorLogs.add(rows.errors))
  }

  const stage: LoadEngine["stage"] = (load, body, progress) =>
    Effect.gen(function*() {
      const startedAtMs = performance.now()
      yield* Effect.callback<void, LoadRefused | LoadAbandoned>((resume) => {
        const stop = new AbortController()
        const settled = LoadBody.read(load.late, load.rows, body, progress, stop.signal).then(
          () => resume(Effect.void),
          (cause: unknown) => resume(Effect.fail(readFailure(cause)))
        )
        // The staging table must not go away under a reader that still writes to it.
        return Effect.promise(() => {
          stop.abort()
          return settled
        })
      })
      progress.readMs += performance.now() - startedAtMs
      count(load, progress)
      if (load.rows.fatal !== undefined) {
        progress.loaded = 0
        return yield* refuse(load.rows.fatal)
      }
    })

  /** Takes out the rows that the `where` header does not want. */
  const select = ({ late, plan, session, staging }: OpenLoad, progress: Progress) =>
    Effect.gen(function*() {
      const { where } = late
      if (where === undefined) return
      const predicate = translatePredicate(where, (name) => TableOf.holdsText(plan.table, name) === true)
      if (Result.isFailure(predicate)) return yield* refuse(predicate.failure.message)
      const [row] = yield* session.run(
        `delete from ${staging.table} where not coalesce((${predicate.success}), false)`
      ).pipe(Effect.mapError((error) => refuse(`invalid where predicate: ${error.message}`)))
      progress.unselected = Number(row?.[0] ?? 0)
      progress.loaded -= progress.unselected
    })

  const settle: LoadEngine["settle"] = (load, progress) =>
    Effect.gen(function*() {
      const { late, plan, staging } = load
      yield* Effect.try({
        try: () => staging.end(),
        catch: (cause) => refuse(`storage failed: ${cause instanceof Error ? cause.message : String(cause)}`)
      })
      yield* select(load, progress)
      const considered = progress.loaded + progress.filtered
      const tooMany = progress.filtered > 0 && progress.filtered / considered > late.maxFilterRatio
      if (tooMany || progress.loaded === 0) {
        return yield* refuse(tooMany ? "too many filtered rows" : "all partitions have no load data")
      }
      return { plan, staged: { table: staging.table, deletes: staging.deletes() } }
    }).pipe(Effect.tapError(() => nothingLoaded(progress)))

  const commit: LoadEngine["commit"] = (session, record, merged, progress, also) =>
    Effect.gen(function*() {
      for (const { plan } of merged) {
        yield* faults.hold("hold-commit", { database: plan.table.database, table: plan.table.name })
      }
      const startedAtMs = performance.now()
      yield* storage.transaction(
        session,
        Effect.gen(function*() {
          // Asked under the write lock: from here on nothing can end the load, drop a table or change it.
          if (isFinal(record.state)) return yield* refuse(endings.reasonOf(record) ?? "transaction is aborted")
          for (const { plan, staged } of merged) {
            const { database, name } = plan.table
            yield* Merge.merge(yield* checked(Merge.onto(plan, catalogue.find(database, name))), session, staged)
          }
          if (also !== undefined) yield* also
          yield* labels.write(session, record, "VISIBLE", { progress, error: undefined })
        }),
        () => labels.finish(record, "VISIBLE")
      ).pipe(Effect.uninterruptible)
      progress.commitMs = performance.now() - startedAtMs
    }).pipe(
      Effect.tapError(() => nothingLoaded(progress)),
      Effect.catchTags({
        StorageError: (error) => Effect.fail(storageRefusal(error)),
        MergeRefused: (error) => Effect.fail(refuse(error.message))
      })
    )

  const { abort, abortPrepared, cancel } = endings
  return { table, begin, open, stage, settle, commit, abort, abortPrepared, cancel }
}
