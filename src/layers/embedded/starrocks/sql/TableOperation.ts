/** The forms of ALTER TABLE that take effect at once: renaming, swapping, properties and comments. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import type { StorageError } from "../catalogue/Storage.ts"
import type { Table } from "../catalogue/Table.ts"
import * as TableOf from "../catalogue/Table.ts"
import { quoted } from "../catalogue/Table.ts"
import {
  analysis,
  detail,
  duplicateColumn,
  notNormal,
  type SqlError,
  unknownTable,
  unsupported
} from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { checkTableName, properties } from "./CreateTable.ts"

/** What is done. */
export type Operation =
  | { readonly kind: "rename"; readonly to: string }
  | { readonly kind: "renameColumn"; readonly from: string; readonly to: string }
  | { readonly kind: "swap"; readonly other: string }
  | { readonly kind: "set"; readonly properties: Readonly<Record<string, string>> }
  | { readonly kind: "comment"; readonly text: string }

/** A statement of this kind. */
export interface TableOperation {
  readonly database: string | undefined
  readonly name: string
  readonly operation: Operation
}

/** Properties that a table may change after its creation. */
const changeable = new Set(["enable_persistent_index", "default.replication_num", "replication_num", "write_quorum"])

const operation = (cursor: TokenCursor): Operation | undefined => {
  if (cursor.take("RENAME", "COLUMN")) {
    const from = cursor.name()
    cursor.need("TO")
    return { kind: "renameColumn", from, to: cursor.name() }
  }
  if (cursor.take("RENAME")) {
    for (const word of ["PARTITION", "ROLLUP"]) if (cursor.is(word)) throw unsupported(`ALTER TABLE RENAME ${word}`)
    const to = cursor.name()
    checkTableName(to)
    return { kind: "rename", to }
  }
  if (cursor.take("SWAP", "WITH")) return { kind: "swap", other: cursor.name() }
  if (cursor.take("SET")) return { kind: "set", properties: properties(cursor) }
  if (cursor.take("COMMENT")) {
    cursor.take("=")
    return { kind: "comment", text: cursor.text() }
  }
  return undefined
}

/**
 * Parses an ALTER TABLE statement; undefined when it is about columns, and then the cursor stands where it stood.
 * Refusals are thrown.
 */
export const tableOperation = (cursor: TokenCursor): TableOperation | undefined => {
  const start = cursor.at
  cursor.need("ALTER", "TABLE")
  const { database, name } = cursor.qualified()
  const found = operation(cursor)
  if (found === undefined) {
    cursor.at = start
    return undefined
  }
  if (cursor.is(",")) throw detail("Alter operation conflicts: it needs a statement of its own")
  cursor.end()
  return { database, name, operation: found }
}

const checkProperties = (given: Readonly<Record<string, string>>): Result.Result<void, SqlError> => {
  for (const [name, value] of Object.entries(given)) {
    if (!changeable.has(name)) return Result.fail(unsupported(`ALTER TABLE SET ("${name}")`))
    if (name.endsWith("replication_num") && value !== "1") {
      return Result.fail(
        analysis(`Table's replication num should be less than or equal to the number of alive nodes: 1`)
      )
    }
  }
  return Result.succeed(undefined)
}

const renamedColumn = (table: Table, from: string, to: string): Result.Result<Table, SqlError> => {
  const column = TableOf.column(table, from)
  if (column === undefined) return Result.fail(detail(`Column ${from} not exists`))
  const other = TableOf.column(table, to)
  if (other !== undefined && other !== column) return Result.fail(duplicateColumn(to))
  if (TableOf.isReserved(to)) return Result.fail(detail(`Column name '${to}' is a system reserved name`))
  const follow = (name: string): string => name.toLowerCase() === from.toLowerCase() ? to : name
  return Result.succeed({
    ...table,
    columns: table.columns.map((candidate) => candidate === column ? { ...column, name: to } : candidate),
    distribution: table.distribution.map(follow),
    orderBy: table.orderBy.map(follow)
  })
}

/** What an operation has to know about the rest of the endpoint. */
export interface Needs {
  readonly catalogue: Catalogue
  /** Whether a schema change of the table is running. */
  readonly changing: (database: string, table: string) => boolean
  /** How many loads of the table have not ended. */
  readonly loading: (database: string, table: string) => number
}

/** Carries an operation out. A table whose loads have not ended keeps its name, because they find it by name. */
export const run = (
  needs: Needs,
  database: string,
  { name, operation: found }: TableOperation
): Effect.Effect<void, SqlError | StorageError> =>
  Effect.gen(function*() {
    const { catalogue } = needs
    const touched = found.kind === "swap" ? [name, found.other] : [name]
    for (const table of touched) {
      if (catalogue.find(database, table) === undefined) return yield* unknownTable(table)
      if (needs.changing(database, table)) return yield* notNormal(table)
      if (found.kind !== "set" && found.kind !== "comment" && needs.loading(database, table) > 0) {
        return yield* detail(
          `this endpoint does not rename what loads are writing to: table ${table} has unfinished loads`
        )
      }
    }
    const table = catalogue.find(database, name)
    if (table === undefined) return yield* unknownTable(name)
    switch (found.kind) {
      case "rename":
        return yield* catalogue.renameTable(database, name, found.to)
      case "swap":
        return yield* catalogue.swapTables(database, name, found.other)
      case "comment":
        return yield* catalogue.changeTable({ ...table, comment: found.text }, [])
      case "set":
        yield* Effect.fromResult(checkProperties(found.properties))
        return yield* catalogue.changeTable(
          { ...table, properties: { ...table.properties, ...found.properties } },
          []
        )
      case "renameColumn": {
        const next = yield* Effect.fromResult(renamedColumn(table, found.from, found.to))
        const target = TableOf.physical(database, name)
        return yield* catalogue.changeTable(next, [
          `alter table ${target} rename column ${quoted(found.from)} to ${quoted(found.to)}`
        ])
      }
    }
  })
