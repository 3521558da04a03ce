/** Parses ALTER TABLE as far as it changes columns in a job: ADD, DROP and MODIFY COLUMN. */
import { type ColumnDefinition, columnDefinition } from "../catalogue/ColumnDefinition.ts"
import { detail, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { properties } from "./CreateTable.ts"

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
  /** Seconds after which the job gives up waiting. */
  readonly timeoutSeconds: number
}

/** Seconds a job may take when the statement does not say: alter_table_timeout_second. */
const timeoutSecondsDefault = 86_400

const place = (cursor: TokenCursor): Place => {
  if (cursor.take("FIRST")) return { kind: "first" }
  if (cursor.take("AFTER")) return { kind: "after", name: cursor.name() }
  return { kind: "last" }
}

const clause = (cursor: TokenCursor): ReadonlyArray<Clause> => {
  if (cursor.take("ADD")) {
    refuseWords(cursor, "ALTER TABLE ADD")
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
    refuseWords(cursor, "ALTER TABLE DROP")
    cursor.take("COLUMN")
    return [{ kind: "drop", name: cursor.name() }]
  }
  if (cursor.take("MODIFY")) {
    cursor.take("COLUMN")
    const column = columnDefinition(cursor)
    if (cursor.is("FIRST") || cursor.is("AFTER")) throw unsupported("moving a column with MODIFY COLUMN")
    return [{ kind: "modify", column }]
  }
  if (cursor.is("RENAME") || cursor.is("SWAP") || cursor.is("SET")) {
    throw detail("Alter operation conflicts: renaming, swapping and properties need a statement of their own")
  }
  throw unsupported(`ALTER TABLE ${cursor.peek()?.text.toUpperCase() ?? ""}`)
}

const refuseWords = (cursor: TokenCursor, statement: string): void => {
  for (const word of ["INDEX", "PARTITION", "PARTITIONS", "TEMPORARY", "ROLLUP", "PERSISTENT", "CONSTRAINT"]) {
    if (cursor.is(word)) throw unsupported(`${statement} ${word}`)
  }
}

/** `PROPERTIES ("timeout" = "60")` behind a clause. */
const timeout = (cursor: TokenCursor): number | undefined => {
  if (!cursor.take("PROPERTIES")) return undefined
  const found = properties(cursor)
  for (const name of Object.keys(found)) if (name !== "timeout") throw detail(`Unknown properties: {${name}}`)
  const written = found["timeout"] ?? ""
  if (!/^[1-9]\d{0,8}$/.test(written)) throw detail(`Invalid timeout: ${written}`)
  return Number(written)
}

/** Parses an ALTER TABLE statement that changes columns; refusals are thrown. */
export const alterTable = (cursor: TokenCursor): AlterTable => {
  cursor.need("ALTER", "TABLE")
  const { database, name } = cursor.qualified()
  const clauses: Array<Clause> = []
  let timeoutSeconds = timeoutSecondsDefault
  do {
    clauses.push(...clause(cursor))
    timeoutSeconds = timeout(cursor) ?? timeoutSeconds
  } while (cursor.take(","))
  if (!cursor.done) throw cursor.unexpected()
  return { database, name, clauses, timeoutSeconds }
}
