/** A load's rows before they are committed: a temporary table of the load's session, filled column-wise. */
import type * as DuckDB from "@duckdb/node-api"
import * as Effect from "effect/Effect"
import * as ColumnType from "./ColumnType.ts"
import type { LoadPlan } from "./LoadPlan.ts"
import type { Columns } from "./RowBuffer.ts"
import { type Session, type Storage, StorageError } from "./Storage.ts"
import { quoted } from "./Table.ts"
import type { Cell } from "./Values.ts"

/** The staging table, as statements of the load's session name it. */
export const name = "temp.main.staging"
/** Columns of the staging table beside the target's: 1 for a delete, and the row's place in the body. */
export const operation = quoted("__op")
export const place = quoted("__row")

/** Chunks between two flushes of the appender; a flush costs about a millisecond and as much again per chunk. */
const chunksPerFlush = 8

/** A staging table that takes rows. */
export interface Staging {
  readonly append: (columns: Columns) => void
  /** Makes everything appended visible to the session's statements. */
  readonly end: () => void
  /** How many of the rows are deletes. */
  readonly deletes: () => number
}

const typeOf = (duckdb: typeof DuckDB, type: ColumnType.ColumnType): DuckDB.DuckDBType => {
  switch (type.kind) {
    case "BOOLEAN":
      return duckdb.BOOLEAN
    case "TINYINT":
      return duckdb.TINYINT
    case "SMALLINT":
      return duckdb.SMALLINT
    case "INT":
      return duckdb.INTEGER
    case "BIGINT":
      return duckdb.BIGINT
    case "LARGEINT":
      return duckdb.HUGEINT
    case "FLOAT":
      return duckdb.FLOAT
    case "DOUBLE":
      return duckdb.DOUBLE
    case "DECIMAL":
      return duckdb.DECIMAL(type.precision, type.scale)
    case "DATE":
      return duckdb.DATE
    case "DATETIME":
      return duckdb.TIMESTAMP
    case "VARBINARY":
      return duckdb.BLOB
    case "ARRAY":
      return duckdb.LIST(typeOf(duckdb, type.element))
    default:
      return duckdb.VARCHAR
  }
}

/** Wraps a cell in DuckDB's value class where the type has one; undefined when cells are values already. */
const wrapper = (
  duckdb: typeof DuckDB,
  type: ColumnType.ColumnType
): ((cell: Cell) => DuckDB.DuckDBValue) | undefined => {
  switch (type.kind) {
    case "DECIMAL":
      return (cell) => typeof cell === "bigint" ? new duckdb.DuckDBDecimalValue(cell, type.precision, type.scale) : null
    case "DATE":
      return (cell) => typeof cell === "number" ? new duckdb.DuckDBDateValue(cell) : null
    case "DATETIME":
      return (cell) => typeof cell === "bigint" ? new duckdb.DuckDBTimestampValue(cell) : null
    case "VARBINARY":
      return (cell) => cell instanceof Uint8Array ? new duckdb.DuckDBBlobValue(cell) : null
    case "ARRAY": {
      const inner = wrapper(duckdb, type.element) ?? plain
      return (cell) => Array.isArray(cell) ? new duckdb.DuckDBListValue(cell.map(inner)) : null
    }
    default:
      return undefined
  }
}

const plain = (cell: Cell): DuckDB.DuckDBValue =>
  cell === null || typeof cell === "boolean" || typeof cell === "number" || typeof cell === "bigint" ||
    typeof cell === "string"
    ? cell
    : null

/** Creates the staging table of a load in its session. */
export const make = (
  storage: Storage,
  session: Session,
  plan: LoadPlan
): Effect.Effect<Staging, StorageError> =>
  Effect.gen(function*() {
    const { duckdb } = storage
    const columns = plan.targets.map((target) => target.column)
    const list = columns.map((column) => `${quoted(column.name)} ${ColumnType.stored(column.type)}, `).join("")
    yield* session.run(`create temp table staging (${list}${operation} tinyint, ${place} bigint)`)
    const appender = yield* Effect.tryPromise({
      try: () => session.connection.createAppender("staging", "main", "temp"),
      catch: (cause) => new StorageError({ message: String(cause), cause })
    })
    const types = [...columns.map((column) => typeOf(duckdb, column.type)), duckdb.TINYINT, duckdb.BIGINT]
    const wraps = columns.map((column) => wrapper(duckdb, column.type) ?? plain)
    const chunk = duckdb.DuckDBDataChunk.create(types)
    let rows = 0
    let deletes = 0
    let chunks = 0
    return {
      append: (appended) => {
        chunk.reset()
        chunk.rowCount = appended.count
        appended.cells.forEach((cells, index) => {
          const vector = chunk.getColumnVector(index)
          const wrap = wraps[index] ?? plain
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
