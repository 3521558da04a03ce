/** Transactions that are prepared: their rows wait in tables of the file, so that they survive the process. */
import * as Effect from "effect/Effect"
import { type Catalogue, type Dependent, schema as catalogueSchema } from "../catalogue/Catalogue.ts"
import type { Session, Storage, StorageError } from "../catalogue/Storage.ts"
import * as TableOf from "../catalogue/Table.ts"
import type { LabelRecord, Labels } from "../load/Labels.ts"
import type { Mergeable } from "../load/LoadEngine.ts"
import { type LoadRefused, refuse } from "../load/LoadRefusal.ts"
import type * as LoadReply from "../load/LoadReply.ts"
import { type PreparedPart, readParts, readProgress } from "./PreparedPart.ts"

/** The DuckDB schema that holds the rows. */
const schema = "endpoint_prepared"

/** A prepared transaction. */
export interface Prepared {
  readonly record: LabelRecord
  readonly progress: LoadReply.Progress
  /** When it is aborted unless it is committed before. */
  readonly deadlineMs: number
  readonly parts: ReadonlyArray<PreparedPart>
}

/** The store; it is part of every DROP DATABASE. */
export interface PreparedStore extends Dependent {
  /** Transactions that were prepared when the file was opened. */
  readonly found: ReadonlyArray<Prepared>
  /** Copies staged rows into the file; part of the transaction that writes the label's state. */
  readonly write: (
    session: Session,
    record: LabelRecord,
    merged: ReadonlyArray<Mergeable>,
    progress: LoadReply.Progress,
    deadlineMs: number
  ) => Effect.Effect<Prepared, StorageError>
  /** Takes the rows out; part of the transaction that commits or aborts. */
  readonly remove: (session: Session, prepared: Prepared) => Effect.Effect<void, StorageError>
  /** How to merge the rows into the tables as they are now. */
  readonly mergeable: (prepared: Prepared) => Effect.Effect<ReadonlyArray<Mergeable>, LoadRefused>
}

const setup: ReadonlyArray<string> = [
  `create schema if not exists ${schema}`,
  `create table if not exists ${catalogueSchema}.prepared (txn_id bigint, database varchar, label varchar,
    deadline_ms bigint, progress varchar, parts varchar)`
]

const describe = (record: LabelRecord, { plan, staged }: Mergeable, index: number): PreparedPart => ({
  tableName: plan.table.name,
  tableId: plan.table.id,
  columns: plan.targets.map((target) => target.column.name),
  partial: plan.partial,
  mergeCondition: plan.mergeCondition?.name,
  staged: `${schema}.t${record.txnId}_${index}`,
  deletes: staged.deletes
})

const drop = (session: Session, txnId: number, parts: ReadonlyArray<PreparedPart>): Effect.Effect<void, StorageError> =>
  Effect.gen(function*() {
    for (const part of parts) yield* session.run(`drop table if exists ${part.staged}`)
    yield* session.run(`delete from ${catalogueSchema}.prepared where txn_id = ${txnId}`)
  })

/** Opens the store and reads what is prepared; the labels are opened before. */
export const make = Effect.fnUntraced(function*(storage: Storage, catalogue: Catalogue, labels: Labels) {
  const found: Array<Prepared> = []
  yield* storage.write((session) =>
    Effect.gen(function*() {
      for (const statement of setup) yield* session.run(statement)
      const rows = yield* session.run(
        `select database, label, txn_id, deadline_ms, progress, parts from ${catalogueSchema}.prepared`
      )
      for (const [database, label, txnId, deadlineMs, progress, parts] of rows) {
        const record = labels.find(String(database), String(label))
        const read = yield* readParts(String(parts))
        if (record === undefined || record.txnId !== Number(txnId)) {
          // Its database was dropped.
          yield* drop(session, Number(txnId), read)
          continue
        }
        for (const part of read) record.tables.add(part.tableName)
        found.push({
          record,
          progress: yield* readProgress(String(progress)),
          deadlineMs: Number(deadlineMs),
          parts: read
        })
      }
    })
  )

  const table = (prepared: Prepared, part: PreparedPart): Effect.Effect<Mergeable, LoadRefused> => {
    const { database } = prepared.record
    const current = catalogue.find(database, part.tableName)
    if (current === undefined || current.id !== part.tableId) {
      return refuse(`unknown table "${database}.${part.tableName}"`)
    }
    const columns = part.columns.flatMap((name) => TableOf.column(current, name) ?? [])
    const condition = part.mergeCondition === undefined ? undefined : TableOf.column(current, part.mergeCondition)
    if (columns.length < part.columns.length) {
      return refuse(
        `the columns of table "${database}.${part.tableName}" have changed since the transaction was prepared`
      )
    }
    return Effect.succeed({
      plan: {
        table: current,
        targets: columns.map((column) => ({ column })),
        partial: part.partial,
        mergeCondition: condition
      },
      staged: { table: part.staged, deletes: part.deletes }
    })
  }

  const store: PreparedStore = {
    found,
    write: (session, record, merged, progress, deadlineMs) =>
      Effect.gen(function*() {
        const parts = merged.map((part, index) => describe(record, part, index))
        for (const [index, part] of parts.entries()) {
          yield* session.run(`create table ${part.staged} as select * from ${merged[index]?.staged.table ?? ""}`)
        }
        yield* session.run(`insert into ${catalogueSchema}.prepared values ($1::bigint, $2, $3, $4::bigint, $5, $6)`, [
          String(record.txnId),
          record.database,
          record.label,
          String(deadlineMs),
          JSON.stringify(progress),
          JSON.stringify(parts)
        ])
        return { record, progress, deadlineMs, parts }
      }),
    remove: (session, prepared) => drop(session, prepared.record.txnId, prepared.parts),
    dropRows: (session, database) =>
      Effect.gen(function*() {
        const rows = yield* session.run(
          `select txn_id, parts from ${catalogueSchema}.prepared where database = $1`,
          [database]
        )
        for (const [txnId, parts] of rows) yield* drop(session, Number(txnId), yield* readParts(String(parts)))
      }),
    // The registry of prepared transactions lets go of them when it looks for their database.
    dropDatabase: () => undefined,
    mergeable: (prepared) => Effect.forEach(prepared.parts, (part) => table(prepared, part))
  }
  return store
})
