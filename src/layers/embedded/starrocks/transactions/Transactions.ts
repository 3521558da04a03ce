/**
 * Stream Load transactions: begun and filled in the BE's memory, prepared in the file, committed or rolled back. A
 * transaction is worked on by one request at a time; what goes wrong in begin, load, prepare or commit ends it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { IncomingHttpHeaders } from "node:http"
import type { Faults } from "../faults/Faults.ts"
import { isFinal, type Labels } from "../load/Labels.ts"
import type { Mergeable } from "../load/LoadEngine.ts"
import * as LoadFaults from "../load/LoadFaults.ts"
import { LoadAbandoned, refuse, storageRefusal } from "../load/LoadRefusal.ts"
import * as LoadReply from "../load/LoadReply.ts"
import * as OpenTransaction from "./OpenTransaction.ts"
import type { PreparedStore } from "./PreparedStore.ts"
import type { PreparedTransactions } from "./PreparedTransactions.ts"
import * as TransactionCleaner from "./TransactionCleaner.ts"
import type { Times } from "./TransactionHeaders.ts"
import * as TransactionLoad from "./TransactionLoad.ts"
import { fromLoad, internal, type Operation, refusal, type TransactionRefused } from "./TransactionReply.ts"

type Open = OpenTransaction.OpenTransaction

/** Which transaction a request is about. */
export interface Address {
  readonly label: string
  readonly database: string
  /** Whether the transaction spans several tables; the FE alone asks for those. */
  readonly multi?: boolean
}

type Refusal = TransactionRefused | LoadAbandoned

/** The transactions of an endpoint. */
export interface Transactions {
  /** Begins a transaction of one table, or of the tables that are announced later. */
  readonly begin: (
    address: Address,
    table: string | undefined,
    times: Times
  ) => Effect.Effect<LoadReply.Progress, TransactionRefused>
  /** The tables that may be loaded besides; false when the BE holds no such transaction of several tables. */
  readonly announce: (address: Address, table: string) => boolean
  /** Loads a body; `body` is run when the headers are accepted. Gives this load's progress. */
  readonly load: (
    address: Address,
    table: string,
    headers: IncomingHttpHeaders,
    body: Effect.Effect<AsyncIterable<Buffer>, never, Scope.Scope>
  ) => Effect.Effect<LoadReply.Progress, Refusal>
  /** Makes the rows durable, to be committed within so many seconds, or the begin's prepared timeout. */
  readonly prepare: (address: Address, seconds: number | undefined) => Effect.Effect<LoadReply.Progress, Refusal>
  /** Commits a transaction that is not prepared. */
  readonly commit: (address: Address) => Effect.Effect<LoadReply.Progress, Refusal>
  /** Rolls back a transaction that is not prepared. */
  readonly rollback: (address: Address) => Effect.Effect<void, TransactionRefused>
  /** Whether the BE holds a transaction of several tables under the label. */
  readonly isMulti: (label: string) => boolean
  /** Forgets what is not prepared, as a restart of the BE does; the labels stay open until their timeout. */
  readonly forget: Effect.Effect<void>
  /** Ends what has lived too long, again and again. */
  readonly cleaner: Effect.Effect<void>
}

/** What the transactions work with. */
export interface Needs extends TransactionLoad.Needs {
  readonly labels: Labels
  readonly store: PreparedStore
  readonly prepared: PreparedTransactions
  readonly faults: Faults
}

const inProcessing = () => refusal("TXN_IN_PROCESSING", "Transaction in processing, please retry later")

/** Makes the registry. */
export const make = (needs: Needs): Transactions => {
  const { engine, faults, labels, prepared, storage, store } = needs
  // The BE knows a transaction by its label alone, whatever the database.
  const byLabel = new Map<string, Open>()

  const close = (open: Open): Effect.Effect<void> => Scope.close(open.scope, Exit.void)

  const detach = (open: Open): void => {
    open.ended = true
    if (byLabel.get(open.record.label) === open) byLabel.delete(open.record.label)
  }

  const end = (open: Open, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      detach(open)
      const closed = open.busy ? Effect.void : close(open)
      return engine.abort(open.record, OpenTransaction.total(open), reason).pipe(Effect.ensuring(closed))
    }).pipe(Effect.uninterruptible)

  const held = () => byLabel.values()
  const cleaner = TransactionCleaner.make({ labels, engine, prepared, held, detach, close, end })

  /** Works on a transaction alone. */
  const alone = <A, E>(open: Open, use: Effect.Effect<A, E>): Effect.Effect<A, E | TransactionRefused> =>
    Effect.suspend((): Effect.Effect<A, E | TransactionRefused> => {
      if (open.busy) return Effect.fail(inProcessing())
      open.busy = true
      open.lastActiveMs = Date.now()
      return use.pipe(Effect.ensuring(Effect.suspend(() => {
        open.busy = false
        open.lastActiveMs = Date.now()
        return open.ended ? close(open) : Effect.void
      })))
    })

  /** An error ends the transaction. */
  const orEnd = <A, E extends { readonly message: string }>(open: Open, use: Effect.Effect<A, E>) => {
    let reason = "the endpoint was stopped"
    return use.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          reason = error.message
        })
      ),
      Effect.onError(() => cleaner.isForgotten(open) ? Effect.void : end(open, reason))
    )
  }

  const find = (address: Address, operation: Operation): Effect.Effect<Open, TransactionRefused> =>
    Effect.suspend(() => {
      const { database, label } = address
      const open = byLabel.get(label)
      const loads = operation === "load"
      const several = open?.table === undefined
      if (open === undefined || (!loads && several !== (address.multi ?? false))) {
        return refusal("TXN_NOT_EXISTS", `${loads ? "T" : "t"}ransaction with label ${label} not exists`)
      }
      const held = open.record.database
      if (held === database) return Effect.succeed(open)
      const message = loads
        ? `Request database ${database} not equal transaction database ${held}`
        : `request db ${database} transaction db ${held} not match`
      return refusal("INVALID_ARGUMENT", message)
    })

  const begin: Transactions["begin"] = ({ database, label }, table, times) =>
    Effect.gen(function*() {
      if (byLabel.has(label)) return yield* refusal("LABEL_ALREADY_EXISTS", "")
      const progress = LoadReply.progress()
      const startedAtMs = performance.now()
      const record = yield* engine.begin(database, table, label, progress).pipe(
        Effect.mapError((error) => fromLoad(error, "ANALYSIS_ERROR"))
      )
      progress.beginMs = performance.now() - startedAtMs
      byLabel.set(label, OpenTransaction.make(record, table, times, progress))
      return progress
    })

  const load: Transactions["load"] = (address, table, headers, body) =>
    Effect.gen(function*() {
      const open = yield* find(address, "load")
      if (open.table !== undefined && open.table !== table) {
        return yield* refusal("INVALID_ARGUMENT", `Request table ${table} not equal transaction table ${open.table}`)
      }
      if (open.table === undefined && !open.announced.has(table)) {
        return yield* refusal("TXN_NOT_EXISTS", `Transaction with label ${address.label} not exists`)
      }
      const work = Effect.gen(function*() {
        const progress = yield* TransactionLoad.load(needs, open, table, headers, body)
        if (cleaner.isForgotten(open)) return yield* new LoadAbandoned({ message: "the BE was restarted" })
        if (open.ended) return yield* refusal("ABORTED", "transaction is aborted by user.")
        return progress
      })
      const seconds = open.times.timeout
      const remainingMs = Math.max(0, open.progress.startedAtMs + seconds * 1000 - Date.now())
      return yield* alone(
        open,
        orEnd(
          open,
          Effect.timeoutOrElse(work, {
            duration: remainingMs,
            orElse: () => Effect.fail(refusal("ABORTED", `transaction is aborted by timeout ${seconds} seconds.`))
          })
        )
      )
    })

  /** The rows of every table, when all of them may commit. */
  const settled = Effect.fnUntraced(function*(open: Open) {
    if (open.failure !== undefined) return yield* open.failure
    const { session } = open
    if (session === undefined) {
      return yield* refusal("INTERNAL_ERROR", `transaction ${OpenTransaction.brief(open)} hasn't send any data yet`)
    }
    const merged: Array<Mergeable> = []
    for (const [table, part] of open.parts) {
      const about = { database: open.record.database, table }
      const fault = LoadFaults.beforeCommit(faults, about)
      if (fault !== undefined) return yield* fromLoad(fault, "INTERNAL_ERROR")
      if (faults.strikes("reset-before-commit", about)) {
        return yield* new LoadAbandoned({ message: "the connection was reset" })
      }
      merged.push(
        yield* engine.settle(part.load, part.progress).pipe(
          Effect.mapError((error) => fromLoad(error, "INTERNAL_ERROR", part.progress.errorUrl))
        )
      )
    }
    return { session, merged, progress: OpenTransaction.total(open) }
  })

  const prepare: Transactions["prepare"] = (address, seconds) =>
    Effect.gen(function*() {
      const open = yield* find(address, "prepare")
      const { record } = open
      const work = Effect.gen(function*() {
        const { merged, progress, session } = yield* settled(open)
        const startedAtMs = performance.now()
        const deadlineMs = Date.now() + (seconds ?? open.times.prepared) * 1000
        yield* storage.transaction(
          session,
          Effect.gen(function*() {
            if (isFinal(record.state)) return yield* refuse("transaction is aborted")
            const written = yield* store.write(session, record, merged, progress, deadlineMs)
            yield* labels.write(session, record, "PREPARED")
            return written
          }),
          (written) => {
            record.state = "PREPARED"
            prepared.add(written)
          }
        ).pipe(
          Effect.catchTag("StorageError", (error) => Effect.fail(storageRefusal(error))),
          internal,
          Effect.uninterruptible
        )
        progress.commitMs = performance.now() - startedAtMs
        detach(open)
        return progress
      })
      return yield* alone(open, orEnd(open, work))
    })

  const commit: Transactions["commit"] = (address) =>
    Effect.gen(function*() {
      const open = yield* find(address, "commit")
      const work = Effect.gen(function*() {
        const { merged, progress, session } = yield* settled(open)
        yield* internal(engine.commit(session, open.record, merged, progress))
        detach(open)
        return progress
      })
      return yield* alone(open, orEnd(open, work))
    })

  const rollback: Transactions["rollback"] = (address) =>
    Effect.gen(function*() {
      const open = yield* find(address, "rollback")
      yield* end(open, "transaction is aborted by user.")
      if (open.record.state !== "ABORTED") return yield* inProcessing()
    })

  return {
    begin,
    announce: ({ database, label }, table) => {
      const open = byLabel.get(label)
      if (open === undefined || open.table !== undefined || open.record.database !== database) return false
      open.announced.add(table)
      open.record.tables.add(table)
      return true
    },
    load,
    prepare,
    commit,
    rollback,
    isMulti: (label) => {
      const open = byLabel.get(label)
      return open !== undefined && open.table === undefined
    },
    forget: cleaner.forget,
    cleaner: cleaner.run
  }
}
