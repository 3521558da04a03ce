/** `INSERT INTO t [WITH LABEL l] (columns) SELECT …` on PRIMARY KEY tables: a load whose rows come from a query. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import type { Session, StorageError } from "../catalogue/Storage.ts"
import * as TableOf from "../catalogue/Table.ts"
import { type Column, quoted, type Table } from "../catalogue/Table.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import type { LoadRefused } from "../load/LoadRefusal.ts"
import * as LoadReply from "../load/LoadReply.ts"
import * as Staging from "../load/Staging.ts"
import {
  analysis,
  detail,
  noDatabase,
  type SqlError,
  unknownDatabase,
  unknownTable,
  unsupported
} from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import type { Access } from "../users/Users.ts"
import * as ColumnType from "../values/ColumnType.ts"
import * as QueryRunner from "./QueryRunner.ts"
import type * as References from "./References.ts"
import * as Translate from "./Translate.ts"

/** What the statement works with. */
export interface Context {
  readonly catalogue: Catalogue
  readonly engine: LoadEngine
  readonly access: Access
  readonly database: () => string | undefined
  readonly references: () => References.Context
  readonly open: Effect.Effect<Session, StorageError, Scope.Scope>
}

interface Insert {
  readonly table: Table
  readonly label: string
  readonly columns: ReadonlyArray<Column>
  /** In DuckDB's dialect. */
  readonly query: string
}

const tableOf = (context: Context, database: string | undefined, name: string): Table => {
  const found = database ?? context.database()
  if (found === undefined) throw noDatabase()
  if (!context.catalogue.hasDatabase(found)) throw unknownDatabase(found)
  const table = context.catalogue.find(found, name)
  if (table === undefined) throw unknownTable(name)
  context.access.need("INSERT", { kind: "TABLE", database: found, table: name })
  if (table.model !== "PRI_KEYS") throw unsupported("INSERT into a table without a primary key")
  return table
}

const parse = (cursor: TokenCursor, context: Context): Insert => {
  cursor.need("INSERT")
  if (!cursor.take("INTO")) throw unsupported("INSERT OVERWRITE")
  const { database, name } = cursor.qualified()
  const label = cursor.take("WITH", "LABEL") ? cursor.name() : `insert_${randomUUID()}`
  if (!cursor.is("(")) throw unsupported("INSERT without a list of columns")
  const names = cursor.names()
  if (!cursor.is("SELECT")) throw unsupported("INSERT of anything but a SELECT")
  const table = tableOf(context, database, name)
  const columns = names.map((each) => {
    const column = TableOf.column(table, each)
    if (column === undefined) throw detail(`Unknown column '${each}' in '${name}'`)
    return column
  })
  if (new Set(columns).size < columns.length) throw detail("a column is listed twice")
  for (const column of table.columns) {
    if (columns.includes(column) || (column.nullable && !column.key)) continue
    throw detail(`'${column.name}' must be explicitly mentioned in column permutation`)
  }
  const query = Translate.translate(cursor.sql.slice(cursor.peek()?.start), context.references())
  if (Result.isFailure(query)) throw query.failure
  return { table, label, columns, query: query.success }
}

const STAGED = "temp.main.staging"

const stage = Effect.fnUntraced(function*(session: Session, { columns, query }: Insert) {
  const values = columns.map((column, index) =>
    `v${index}::${ColumnType.stored(column.type)} as ${quoted(column.name)}`
  )
  const names = columns.map((_, index) => `v${index}`)
  yield* session.run(
    `create temp table staging as select ${values.join(", ")}, 0::tinyint as ${Staging.operation}, ` +
      `row_number() over () as ${Staging.place} from (${query}) as q(${names.join(", ")})`
  ).pipe(Effect.mapError((error) => QueryRunner.storageMessage(error.message)))
  for (const column of columns.filter(({ nullable }) => !nullable)) {
    const nulls = yield* session.run(`select 1 from ${STAGED} where ${quoted(column.name)} is null limit 1`)
    if (nulls.length > 0) return yield* analysis(`Insert has filtered data: NULL in column '${column.name}'`)
  }
  const [[rows] = []] = yield* session.run(`select count(*) from ${STAGED}`)
  return Number(rows)
})

const refusal = ({ outcome }: LoadRefused): SqlError => analysis(outcome.message)

/** Runs it; gives the rows that were written. Refusals of the text are thrown. Without rows the label is free again. */
export const run = (
  cursor: TokenCursor,
  context: Context
): Effect.Effect<number, SqlError | StorageError, Scope.Scope> => {
  const insert = parse(cursor, context)
  const { engine } = context
  const { columns, label, table } = insert
  const progress = LoadReply.progress()
  return Effect.gen(function*() {
    const record = yield* engine.begin(table.database, table.name, label, progress).pipe(Effect.mapError(refusal))
    let reason = "the statement was cancelled"
    return yield* Effect.gen(function*() {
      const session = yield* context.open
      const rows = yield* stage(session, insert)
      progress.total = rows
      progress.loaded = rows
      if (rows === 0) {
        yield* engine.abort(record, progress, "all partitions have no load data")
        return 0
      }
      const plan = { table, targets: columns.map((column) => ({ column })), partial: false, mergeCondition: undefined }
      yield* engine.commit(session, record, [{ plan, staged: { table: STAGED, deletes: 0 } }], progress).pipe(
        Effect.mapError(refusal)
      )
      return rows
    }).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          reason = error.message
        })
      ),
      Effect.onError(() => engine.abort(record, progress, reason))
    )
  })
}
