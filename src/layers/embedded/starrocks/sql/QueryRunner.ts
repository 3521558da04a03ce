/** Runs translated queries and describes their columns as MySQL's protocol does. */
import type * as DuckDB from "@duckdb/node-api"
import * as Effect from "effect/Effect"
import { call, type Session, type Storage } from "../catalogue/Storage.ts"
import { detail, type SqlError, syntax } from "../syntax/SqlError.ts"
import type { ColumnDefinition } from "../wire/MysqlPackets.ts"
import { type Answer, columnOf, render } from "./ResultSet.ts"
import type { ItemLabel } from "./Spans.ts"

/** DuckDB's messages carry its own class names and a picture of the statement; the first line says enough. */
export const storageMessage = (message: string): SqlError => {
  const first = (message.split("\n")[0] ?? "").replace(/^Failed to \w+ statements?: /, "")
  const text = first.replace(/^(Binder|Parser|Catalog|Conversion|Invalid Input|Out of Range) Error: /, "")
  const column = /^Referenced column "([^"]*)" not found/.exec(text)?.[1]
  if (column !== undefined) return detail(`Column '${column}' cannot be resolved`)
  const called = /^(?:Scalar|Aggregate|Table|Macro) Function with name (\S+) does not exist/.exec(text)?.[1]
  if (called !== undefined) return detail(`No matching function with signature: ${called}`)
  return first.startsWith("Parser Error: ") ? syntax(text) : detail(text)
}

/** A column whose type DuckDB cannot tell before it knows the parameters. */
const undecided = (duckdb: typeof DuckDB, type: DuckDB.DuckDBType): boolean =>
  type.typeId === duckdb.DuckDBTypeId.ANY || type.typeId === duckdb.DuckDBTypeId.SQLNULL

/** What queries need to know. */
export interface Needs {
  readonly storage: Storage
}

/** What the client wrote for the columns; see `Spans.itemLabels`. */
type Labels = ReadonlyArray<ItemLabel> | undefined

const described = (
  needs: Needs,
  names: ReadonlyArray<string>,
  types: ReadonlyArray<DuckDB.DuckDBType>,
  labels: Labels
): ReadonlyArray<ColumnDefinition> => {
  const { duckdb } = needs.storage
  return names.map((name, index) => {
    const label = labels?.length === names.length ? labels[index] : undefined
    const shown = label?.name?.toLowerCase() === name.toLowerCase() ? label.name : name
    const type = types[index] ?? duckdb.VARCHAR
    return columnOf(duckdb, shown, undecided(duckdb, type) ? duckdb.VARCHAR : type, label?.sum === true)
  })
}

/** Runs a query; its rows are read while the session is open. */
export const run = (
  needs: Needs,
  { connection }: Session,
  sql: string,
  labels: Labels
): Effect.Effect<Answer, SqlError> => {
  const { duckdb } = needs.storage
  return call(connection, () => connection.stream(sql), storageMessage).pipe(
    Effect.map((result): Answer => {
      const types = result.columnTypes()
      return {
        kind: "rows",
        columns: described(needs, result.columnNames(), types, labels),
        next: call(connection, () => result.fetchChunk(), storageMessage).pipe(
          Effect.map((chunk) =>
            chunk === null || chunk.rowCount === 0
              ? undefined
              : chunk.getRows().map((row) => row.map((value, index) => render(duckdb, value, types[index])))
          )
        )
      }
    })
  )
}

/**
 * The columns of a query with question marks. Fails, like a query that is wrong, when DuckDB does not know them before it
 * knows the parameters: it then pretends that there is a single one.
 */
export const columns = (
  needs: Needs,
  { connection }: Session,
  sql: string,
  labels: Labels
): Effect.Effect<ReadonlyArray<ColumnDefinition>, SqlError> =>
  call(connection, () => connection.prepare(sql), storageMessage).pipe(
    Effect.flatMap((statement) => {
      const { DuckDBTypeId } = needs.storage.duckdb
      const places = Array.from({ length: statement.columnCount }, (_, index) => index)
      if (places.some((index) => statement.columnTypeId(index) === DuckDBTypeId.INVALID)) {
        statement.destroySync()
        return Effect.fail(detail("the types of the parameters are not known"))
      }
      const names = places.map((index) => statement.columnName(index))
      const types = places.map((index) => statement.columnType(index))
      statement.destroySync()
      return Effect.succeed(described(needs, names, types, labels))
    })
  )
