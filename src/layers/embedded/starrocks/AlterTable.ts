/** Parses ALTER TABLE: adding, dropping and modifying columns. */
import type * as Result from "effect/Result"
import { type ColumnDefinition, columnDefinition } from "./ColumnDefinition.ts"
import { analysis, type SqlError } from "./SqlError.ts"
import { attempt, type TokenCursor } from "./TokenCursor.ts"

/** Where a new column goes. */
export type Place = { readonly kind: "last" } | { readonly kind: "first" } | {
  readonly kind: "after"
  readonly name: string
}

/** One clause. */
export type Clause =
  | { readonly kind: "add"; readonly column: ColumnDefinition; readonly place: Place }
  | { readonly kind: "drop"; readonly name: string }
  | { readonly kind: "modify"; readonly column: ColumnDefinition }

/** An ALTER TABLE statement. */
export interface AlterTable {
  readonly database: string | undefined
  readonly name: string
  readonly clauses: ReadonlyArray<Clause>
}

const place = (cursor: TokenCursor): Place => {
  if (cursor.take("FIRST")) return { kind: "first" }
  if (cursor.take("AFTER")) return { kind: "after", name: cursor.name() }
  return { kind: "last" }
}

const clause = (cursor: TokenCursor): ReadonlyArray<Clause> => {
  if (cursor.take("ADD")) {
    if (cursor.is("INDEX") || cursor.is("PARTITION") || cursor.is("ROLLUP")) {
      throw analysis(`ALTER TABLE ADD ${cursor.peek()?.text.toUpperCase()} is not supported by this endpoint`)
    }
    cursor.take("COLUMN")
    if (!cursor.take("(")) {
      const column = columnDefinition(cursor)
      return [{ kind: "add", column, place: place(cursor) }]
    }
    const added: Array<Clause> = []
    do {
      added.push({ kind: "add", column: columnDefinition(cursor), place: { kind: "last" } })
    } while (cursor.take(","))
    cursor.need(")")
    return added
  }
  if (cursor.take("DROP")) {
    cursor.take("COLUMN")
    return [{ kind: "drop", name: cursor.name() }]
  }
  if (cursor.take("MODIFY")) {
    cursor.take("COLUMN")
    return [{ kind: "modify", column: columnDefinition(cursor) }]
  }
  throw analysis(`ALTER TABLE ${cursor.peek()?.text.toUpperCase() ?? ""} is not supported by this endpoint`)
}

const parse = (cursor: TokenCursor): AlterTable => {
  cursor.need("ALTER", "TABLE")
  const { database, name } = cursor.qualified()
  const clauses = [...clause(cursor)]
  while (cursor.take(",")) clauses.push(...clause(cursor))
  if (!cursor.done) throw cursor.unexpected()
  return { database, name, clauses }
}

/** Parses an ALTER TABLE statement. */
export const alterTable = (sql: string): Result.Result<AlterTable, SqlError> => attempt(sql, parse)
