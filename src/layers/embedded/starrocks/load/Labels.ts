/** Labels of loads: one namespace per database, kept for a while after the load is over, and across restarts. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Dependent, schema } from "../catalogue/Catalogue.ts"
import type { Session, Storage, StorageError } from "../catalogue/Storage.ts"
import * as LoadHistory from "./LoadHistory.ts"

/** The state of a load's transaction. */
export type LabelState = "PREPARE" | "PREPARED" | "COMMITTED" | "VISIBLE" | "ABORTED"

/** A label and the transaction that holds it. */
export interface LabelRecord {
  readonly database: string
  readonly label: string
  /** The tables the transaction loads; one that spans several learns them as they are loaded. */
  readonly tables: Set<string>
  readonly txnId: number
  state: LabelState
  /** 0 while it has not ended. */
  finishedAtMs: number
}

/** Finished transactions kept per database, whatever their age and whichever their labels are: label_keep_max_num. */
export const finishedLabelsMax = 1000
/** Age at which a finished label is forgotten, in milliseconds: three days. */
export const labelKeepMs = 259_200_000
/** Transactions of a database that may be open at a time: max_running_txn_num_per_db. */
export const runningMax = 1000
/** Finished transactions between two deletions of forgotten ones from the file. */
const sweepEvery = 500
/** What a label looks like. */
export const labelPattern = "^[-\\w]{1,128}$"

const insertRow = `insert into ${schema}.labels values ($1::bigint, $2, $3, $4, $5, $6::bigint, ${
  LoadHistory.columns.map((_, index) => `$${index + 7}`).join(", ")
})`

const labelRegex = new RegExp(labelPattern)

/** Whether the text may be a label. */
export const isLabel = (text: string): boolean => labelRegex.test(text)

/** Why a transaction cannot begin: its label is held, or its database has too many open transactions. */
export type BeginRefusal =
  | { readonly kind: "held"; readonly by: LabelRecord }
  | { readonly kind: "crowded"; readonly running: number }

/** The transactions of a database. */
interface Transactions {
  /** The newest of each label. */
  readonly newest: Map<string, LabelRecord>
  /** Those that have ended, in the order of their end; a label that was taken again has several. */
  readonly finished: Set<LabelRecord>
}

/** The registry; it is part of every DROP DATABASE. */
export interface Labels extends Dependent {
  /** Takes a label for a new transaction; without a table when the transaction names its tables later. */
  readonly begin: (
    database: string,
    label: string,
    table: string | undefined
  ) => Result.Result<LabelRecord, BeginRefusal>
  /** The newest record of a label that is not forgotten. */
  readonly find: (database: string, label: string) => LabelRecord | undefined
  /** Transactions of a table that have neither committed nor aborted. */
  readonly unfinished: (database: string, table: string) => ReadonlyArray<LabelRecord>
  /** Writes the state, and how the load ended when it has; part of the transaction that writes, stages or drops the rows. */
  readonly write: (
    session: Session,
    record: LabelRecord,
    state: LabelState,
    ended?: LoadHistory.Ended
  ) => Effect.Effect<void, StorageError>
  /**
   * Makes the outcome known, when the transaction that writes it is committed and before anybody else gets the write lock.
   * Does nothing when the record is final already.
   */
  readonly finish: (record: LabelRecord, state: LabelState) => void
}

/** Whether a transaction has ended. */
export const isFinal = (state: LabelState): boolean =>
  state === "VISIBLE" || state === "ABORTED" || state === "COMMITTED"

/** Reads the labels of the file; transactions that were running when the process ended are gone, and so are their rows. */
export const make = Effect.fnUntraced(function*(storage: Storage) {
  const databases = new Map<string, Transactions>()
  let nextTxnId = 1
  let sinceSweep = 0
  let lastEndMs = 0

  /** The time of an end: no two are equal, so that the file knows their order as well as memory does. */
  const endMs = (): number => {
    lastEndMs = Math.max(Date.now(), lastEndMs + 1)
    return lastEndMs
  }

  const of = (database: string): Transactions => {
    const found = databases.get(database)
    if (found !== undefined) return found
    const made: Transactions = { newest: new Map(), finished: new Set() }
    databases.set(database, made)
    return made
  }

  const runningOf = (database: string): number => {
    let running = 0
    for (const record of databases.get(database)?.newest.values() ?? []) if (!isFinal(record.state)) running += 1
    return running
  }

  const evict = ({ finished, newest }: Transactions): void => {
    const cutoff = Date.now() - labelKeepMs
    for (const record of finished) {
      if (finished.size <= finishedLabelsMax && record.finishedAtMs >= cutoff) return
      finished.delete(record)
      if (newest.get(record.label) === record) newest.delete(record.label)
    }
  }

  const finish: Labels["finish"] = (record, state) => {
    if (isFinal(record.state)) return
    record.state = state
    if (record.finishedAtMs === 0) record.finishedAtMs = endMs()
    const transactions = of(record.database)
    transactions.finished.add(record)
    evict(transactions)
  }

  const sweep = (session: Session): Effect.Effect<unknown, StorageError> => {
    sinceSweep += 1
    if (sinceSweep < sweepEvery) return Effect.void
    sinceSweep = 0
    return session.run(
      `delete from ${schema}.labels where state <> 'PREPARED' and (finished_at_ms < ${Date.now() - labelKeepMs}
        or txn_id in (select txn_id from (select txn_id, row_number() over (partition by database
        order by finished_at_ms desc, txn_id desc) as place from ${schema}.labels where state <> 'PREPARED') where place > ${finishedLabelsMax}))`
    )
  }

  yield* storage.write((session) =>
    Effect.gen(function*() {
      yield* session.run(
        `create table if not exists ${schema}.labels (txn_id bigint, database varchar, label varchar, load_table varchar,
          state varchar, finished_at_ms bigint)`
      )
      for (const [name, type] of LoadHistory.columns) {
        yield* session.run(`alter table ${schema}.labels add column if not exists ${name} ${type}`)
      }
      yield* session.run(LoadHistory.view(`${schema}.labels`))
      const rows = yield* session.run(
        `select txn_id, database, label, load_table, state, finished_at_ms from ${schema}.labels
          order by finished_at_ms, txn_id`
      )
      for (const [txnId, database, label, table, state, finishedAtMs] of rows) {
        const record: LabelRecord = {
          database: String(database),
          label: String(label),
          tables: new Set(table === "" ? [] : [String(table)]),
          txnId: Number(txnId),
          state: state === "VISIBLE" || state === "PREPARED" ? state : "ABORTED",
          finishedAtMs: state === "PREPARED" ? 0 : Number(finishedAtMs)
        }
        const { finished, newest } = of(record.database)
        if (isFinal(record.state)) finished.add(record)
        if ((newest.get(record.label)?.txnId ?? 0) < record.txnId) newest.set(record.label, record)
        nextTxnId = Math.max(nextTxnId, record.txnId + 1)
        lastEndMs = Math.max(lastEndMs, Number(finishedAtMs))
      }
      for (const transactions of databases.values()) evict(transactions)
    })
  )

  const labels: Labels = {
    begin: (database, label, table) => {
      const held = labels.find(database, label)
      if (held !== undefined && held.state !== "ABORTED") return Result.fail({ kind: "held", by: held })
      const running = runningOf(database)
      if (running >= runningMax) return Result.fail({ kind: "crowded", running })
      const record: LabelRecord = {
        database,
        label,
        tables: new Set(table === undefined ? [] : [table]),
        txnId: nextTxnId++,
        state: "PREPARE",
        finishedAtMs: 0
      }
      of(database).newest.set(label, record)
      return Result.succeed(record)
    },
    find: (database, label) => {
      const record = databases.get(database)?.newest.get(label)
      if (record === undefined) return undefined
      if (isFinal(record.state) && record.finishedAtMs < Date.now() - labelKeepMs) {
        of(database).newest.delete(label)
        return undefined
      }
      return record
    },
    unfinished: (database, table) =>
      [...(databases.get(database)?.newest.values() ?? [])].filter((record) =>
        record.tables.has(table) && !isFinal(record.state)
      ),
    write: (session, record, state, ended) => {
      const [table = ""] = record.tables
      const atMs = endMs()
      if (isFinal(state)) record.finishedAtMs = atMs
      const values = [String(record.txnId), record.database, record.label, table, state, String(atMs)]
      const insert = session.run(insertRow, [...values, ...LoadHistory.values(ended)])
      const before = record.state === "PREPARED"
        ? session.run(`delete from ${schema}.labels where txn_id = ${record.txnId}`)
        : Effect.void
      return before.pipe(Effect.andThen(insert), Effect.andThen(sweep(session)), Effect.asVoid)
    },
    finish,
    dropRows: (session, database) =>
      Effect.asVoid(session.run(`delete from ${schema}.labels where database = $1`, [database])),
    dropDatabase: (database) => {
      // Whoever works on one of them finds it ended.
      for (const record of databases.get(database)?.newest.values() ?? []) {
        if (!isFinal(record.state)) record.state = "ABORTED"
      }
      databases.delete(database)
    }
  }
  return labels
})
