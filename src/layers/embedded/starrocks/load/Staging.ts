/** A load's rows before they are committed: a temporary table of the load's session, filled column-wise. */
import * as Effect from "effect/Effect"
import { type Session, type Storage, StorageError } from "../catalogue/Storage.ts"
import { operationName, placeName, quoted } from "../catalogue/Table.ts"
import type { LoadPlan } from "../plan/LoadPlan.ts"
import type { Columns } from "../plan/RowBuffer.ts"
import * as ColumnType from "../values/ColumnType.ts"
import { typeOf, wrapper } from "../values/StoredValue.ts"

/** Name of the staging table of a load that has only one. */
const onlyTable = "staging"
/** Columns of the staging table beside the target's: 1 for a delete, and the row's place in the body. */
export const operation = quoted(operationName)
export const place = quoted(placeName)

/** Chunks between two flushes of the appender; a flush costs about a millisecond and as much again per chunk. */
const chunksPerFlush = 8

/** Rows that wait for their commit. */
export interface Staged {
  /** The table that holds them, qualified, as statements of the merging session name it. */
  readonly table: string
  /** How many of the rows are deletes. */
  readonly deletes: number
}

/** A staging table that takes rows. */
export interface Staging {
  /** The table, qualified, as statements of its session name it. */
  readonly table: string
  readonly append: (columns: Columns) => void
  /** Makes everything appended visible to the session's statements. */
  readonly end: () => void
  /** How many of the rows are deletes. */
  readonly deletes: () => number
}

/** Creates a staging table in a session; a session with several of them gives each a name of its own. */
export const make = (
  storage: Storage,
  session: Session,
  plan: LoadPlan,
  table: string = onlyTable
): Effect.Effect<Staging, StorageError> =>
  Effect.gen(function*() {
    const { duckdb } = storage
    const columns = plan.targets.map((target) => target.column)
    const list = columns.map((column) => `${quoted(column.name)} ${ColumnType.stored(column.type)}, `).join("")
    yield* session.run(`create temp table ${table} (${list}${operation} tinyint, ${place} bigint)`)
    const appender = yield* Effect.tryPromise({
      try: () => session.connection.createAppender(table, "main", "temp"),
      catch: (cause) => new StorageError({ message: String(cause), cause })
    })
    const types = [...columns.map((column) => typeOf(duckdb, column.type)), duckdb.TINYINT, duckdb.BIGINT]
    const wraps = columns.map((column) => wrapper(duckdb, column.type))
    const chunk = duckdb.DuckDBDataChunk.create(types)
    let rows = 0
    let deletes = 0
    let chunks = 0
    return {
      table: `temp.main.${table}`,
      append: (appended) => {
        chunk.reset()
        chunk.rowCount = appended.count
        appended.cells.forEach((cells, index) => {
          const vector = chunk.getColumnVector(index)
          const wrap = wraps[index]
          if (wrap === undefined) return
          for (let row = 0; row < cells.length; row++) vector.setItem(row, wrap(cells[row] ?? null))
          vector.flush()
        })
        const operations = chunk.getColumnVector(columns.length)
        const places = chunk.getColumnVector(columns.length + 1)
        for (let row = 0; row < appended.count; row++) {
          operations.setItem(row, appended.operations[row] ?? 0)
          places.setItem(row, BigInt(rows + row))
          deletes += appended.operations[row] ?? 0
        }
        operations.flush()
        places.flush()
        rows += appended.count
        appender.appendDataChunk(chunk)
        chunks += 1
        // Small flushes instead of one large one per 200,000 rows: nobody waits long for the event loop.
        if (chunks % chunksPerFlush === 0) appender.flushSync()
      },
      end: () => appender.closeSync(),
      deletes: () => deletes
    }
  })
