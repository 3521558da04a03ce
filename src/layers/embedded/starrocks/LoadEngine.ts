/**
 * The life of a load: take the label, plan, stage the rows, merge them and write the label's outcome in one
 * transaction. Everything before the transaction leaves no trace in the file.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import type { Catalogue } from "./Catalogue.ts"
import type { ErrorLogs } from "./ErrorLog.ts"
import type { Faults } from "./Faults.ts"
import { isLabel, labelPattern, type LabelRecord, type Labels } from "./Labels.ts"
import * as LoadBody from "./LoadBody.ts"
import type { EarlyHeaders, LateHeaders } from "./LoadHeaders.ts"
import * as LoadPlan from "./LoadPlan.ts"
import type { Outcome, Progress } from "./LoadReply.ts"
import * as Merge from "./Merge.ts"
import { RowBuffer } from "./RowBuffer.ts"
import * as Staging from "./Staging.ts"
import type { Session, Storage, StorageError } from "./Storage.ts"
import type { Table } from "./Table.ts"
import { translatePredicate } from "./Translate.ts"

/** A load that ends without success; nothing of it is in the table. */
export class LoadRefused extends Data.TaggedError("LoadRefused")<{ readonly outcome: Outcome }> {}
/** The body did not arrive completely, so there is nobody to answer. */
export class LoadAbandoned extends Data.TaggedError("LoadAbandoned")<{ readonly message: string }> {}

/** A load that holds a label. */
export interface Transaction {
  readonly record: LabelRecord
  readonly table: Table
}

/** The engine. */
export interface LoadEngine {
  readonly begin: (
    database: string,
    table: string,
    early: EarlyHeaders,
    progress: Progress
  ) => Effect.Effect<Transaction, LoadRefused>
  /** Makes the load's plan and staging table. */
  readonly prepare: (
    transaction: Transaction,
    late: LateHeaders,
    progress: Progress
  ) => Effect.Effect<Prepared, LoadRefused, Scope.Scope>
  /** Reads the body into the staging table. */
  readonly stage: (
    prepared: Prepared,
    body: AsyncIterable<Buffer>,
    progress: Progress
  ) => Effect.Effect<void, LoadRefused | LoadAbandoned>
  /** Merges the rows into the table and writes the label's outcome, all or nothing. */
  readonly commit: (prepared: Prepared, progress: Progress) => Effect.Effect<void, LoadRefused>
  /** Ends a transaction that will not commit. */
  readonly abort: (transaction: Transaction) => Effect.Effect<void>
  /** Stops the running load of a label; false when none runs. */
  readonly cancel: (database: string, label: string) => boolean
  /** Whether the load was cancelled. */
  readonly cancelled: (record: LabelRecord) => boolean
}

/** A load that is ready for its body. */
export interface Prepared {
  readonly transaction: Transaction
  readonly plan: LoadPlan.LoadPlan
  readonly late: LateHeaders
  readonly session: Session
  readonly staging: Staging.Staging
  readonly rows: RowBuffer
}

/** What the engine works with. */
export interface Parts {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly faults: Faults
  readonly errorLogs: ErrorLogs
  /** The URL under which an error log is served. */
  readonly errorLogUrl: (file: string) => string
}

/** A refusal with the status Fail. */
export const refuse = (message: string): LoadRefused => new LoadRefused({ outcome: { status: "Fail", message } })

const storageRefusal = (error: StorageError): LoadRefused => refuse(`storage failed: ${error.message}`)

const readFailure = (cause: unknown): LoadRefused | LoadAbandoned => {
  const failure = LoadBody.failure(cause)
  return failure.gone ? new LoadAbandoned({ message: failure.message }) : refuse(failure.message)
}

/** Makes the engine. */
export const make = (parts: Parts): LoadEngine => {
  const { catalogue, faults, labels, storage } = parts
  const cancelled = new WeakSet<LabelRecord>()

  const begin: LoadEngine["begin"] = (database, tableName, early, progress) =>
    Effect.gen(function*() {
      if (!catalogue.hasDatabase(database)) return yield* refuse(`unknown database, database=${database}`)
      const table = catalogue.find(database, tableName)
      if (table === undefined) return yield* refuse(`unknown table "${database}.${tableName}"`)
      const label = early.label ?? randomUUID()
      progress.label = label
      if (!isLabel(label)) return yield* refuse(`Label format error. regex: ${labelPattern}, label: ${label}`)
      const begun = labels.begin(database, label, tableName)
      if (Result.isSuccess(begun)) {
        progress.txnId = begun.success.txnId
        return { record: begun.success, table }
      }
      const message = `Label [${label}] has already been used.`
      if (faults.duplicateLabelMode() === "fail-message") return yield* refuse(message)
      const running = begun.failure.state === "PREPARE" || begun.failure.state === "PREPARED"
      return yield* new LoadRefused({
        outcome: { status: "Label Already Exists", message, existing: running ? "RUNNING" : "FINISHED" }
      })
    })

  const prepare: LoadEngine["prepare"] = (transaction, late, progress) =>
    Effect.gen(function*() {
      const startedAtMs = performance.now()
      const planned = LoadPlan.make(transaction.table, late)
      if (Result.isFailure(planned)) return yield* refuse(planned.failure)
      const plan = planned.success
      const session = yield* storage.session
      const staging = yield* Staging.make(storage, session, plan)
      progress.planMs = performance.now() - startedAtMs
      return { transaction, plan, late, session, staging, rows: new RowBuffer(plan, staging.append) }
    }).pipe(Effect.catchTag("StorageError", (error) => Effect.fail(storageRefusal(error))))

  const stage: LoadEngine["stage"] = (prepared, body, progress) =>
    Effect.gen(function*() {
      const startedAtMs = performance.now()
      yield* Effect.callback<void, LoadRefused | LoadAbandoned>((resume) => {
        const stop = new AbortController()
        const settled = LoadBody.read(prepared.late, prepared.rows, body, progress, stop.signal).then(
          () => {
            prepared.staging.end()
            resume(Effect.void)
          }
        ).catch((cause: unknown) => resume(Effect.fail(readFailure(cause))))
        // The staging table must not go away under a reader that still writes to it.
        return Effect.promise(() => {
          stop.abort()
          return settled
        })
      })
      progress.readMs = performance.now() - startedAtMs
      const { rows } = prepared
      progress.filtered = rows.filtered
      progress.loaded = rows.loaded
      progress.total = rows.loaded + rows.filtered
      if (rows.errors.length > 0) progress.errorUrl = parts.errorLogUrl(parts.errorLogs.add(rows.errors))
      if (rows.fatal !== undefined) {
        progress.loaded = 0
        return yield* refuse(rows.fatal)
      }
    })

  /** Takes out the rows that the `where` header does not want. */
  const select = (prepared: Prepared, progress: Progress) =>
    Effect.gen(function*() {
      const { where } = prepared.late
      if (where === undefined) return
      const predicate = translatePredicate(where)
      if (Result.isFailure(predicate)) return yield* refuse(predicate.failure.message)
      const [row] = yield* prepared.session.run(
        `delete from ${Staging.name} where not coalesce((${predicate.success}), false)`
      ).pipe(Effect.mapError((error) => refuse(`invalid where predicate: ${error.message}`)))
      progress.unselected = Number(row?.[0] ?? 0)
      progress.loaded -= progress.unselected
    })

  const commit: LoadEngine["commit"] = (prepared, progress) =>
    Effect.gen(function*() {
      const { late, plan, session, transaction } = prepared
      yield* select(prepared, progress)
      const considered = progress.loaded + progress.filtered
      if (progress.filtered > 0 && progress.filtered / considered > late.maxFilterRatio) {
        progress.loaded = 0
        return yield* refuse("too many filtered rows")
      }
      if (progress.loaded === 0) return yield* refuse("all partitions have no load data")
      const startedAtMs = performance.now()
      const { database, name } = plan.table
      yield* storage.transaction(
        session,
        Effect.gen(function*() {
          // Asked under the write lock: from here on nothing can cancel the load, drop the table or change it.
          if (cancelled.has(transaction.record)) return yield* refuse("transaction is aborted by user.")
          if (catalogue.find(database, name)?.id !== plan.table.id) {
            return yield* refuse(`unknown table "${database}.${name}"`)
          }
          yield* Merge.merge(plan, session, prepared.staging.deletes())
          yield* labels.write(session, transaction.record, "VISIBLE")
        })
      ).pipe(Effect.tap(() => Effect.sync(() => labels.finish(transaction.record, "VISIBLE"))), Effect.uninterruptible)
      progress.commitMs = performance.now() - startedAtMs
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          progress.loaded = 0
        })
      ),
      Effect.catchTags({
        StorageError: (error) => Effect.fail(storageRefusal(error)),
        MergeRefused: (error) => Effect.fail(refuse(error.message))
      })
    )

  const abort: LoadEngine["abort"] = ({ record }) =>
    Effect.suspend(() => {
      if (record.state !== "PREPARE" && record.state !== "PREPARED") return Effect.void
      labels.finish(record, "ABORTED")
      return storage.write((session) => labels.write(session, record, "ABORTED")).pipe(Effect.ignore)
    })

  const cancel: LoadEngine["cancel"] = (database, label) => {
    const record = labels.find(database, label)
    if (record === undefined || record.state !== "PREPARE") return false
    cancelled.add(record)
    return true
  }

  return { begin, prepare, stage, commit, abort, cancel, cancelled: (record) => cancelled.has(record) }
}
