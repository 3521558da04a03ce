/** How a column's cells are handed to DuckDB: the type of the vector and the value class of each cell. */
import type * as DuckDB from "@duckdb/node-api"
import type * as ColumnType from "./ColumnType.ts"
import { type Cell, isCells } from "./Values.ts"

/** The DuckDB type that stores a column type. */
export const typeOf = (duckdb: typeof DuckDB, type: ColumnType.ColumnType): DuckDB.DuckDBType => {
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
    case "MAP":
      return duckdb.MAP(typeOf(duckdb, type.key), typeOf(duckdb, type.value))
    case "STRUCT":
      return duckdb.STRUCT(
        Object.fromEntries(type.members.map((member) => [member.name, typeOf(duckdb, member.type)]))
      )
    default:
      return duckdb.VARCHAR
  }
}

/** Turns a cell into the value DuckDB's vectors take. */
export type Wrap = (cell: Cell) => DuckDB.DuckDBValue

const plain: Wrap = (cell) =>
  cell === null || typeof cell === "boolean" || typeof cell === "number" || typeof cell === "bigint" ||
    typeof cell === "string"
    ? cell
    : null

/** The wrapping of a column type's cells. */
export const wrapper = (duckdb: typeof DuckDB, type: ColumnType.ColumnType): Wrap => {
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
      const inner = wrapper(duckdb, type.element)
      return (cell) => isCells(cell) ? new duckdb.DuckDBListValue(cell.map(inner)) : null
    }
    case "MAP": {
      const key = wrapper(duckdb, type.key)
      const value = wrapper(duckdb, type.value)
      return (cell) => {
        if (!isCells(cell)) return null
        const entries = []
        for (let at = 0; at + 1 < cell.length; at += 2) {
          entries.push({ key: key(cell[at] ?? null), value: value(cell[at + 1] ?? null) })
        }
        return new duckdb.DuckDBMapValue(entries)
      }
    }
    case "STRUCT": {
      const members = type.members.map((member) => ({ name: member.name, wrap: wrapper(duckdb, member.type) }))
      return (cell) => {
        if (!isCells(cell)) return null
        const entries: Record<string, DuckDB.DuckDBValue> = {}
        members.forEach((member, at) => {
          entries[member.name] = member.wrap(cell[at] ?? null)
        })
        return new duckdb.DuckDBStructValue(entries)
      }
    }
    default:
      return plain
  }
}
