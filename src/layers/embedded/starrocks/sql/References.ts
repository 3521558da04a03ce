/** What a query refers to, read off its tokens. */
import * as InformationSchema from "../catalogue/InformationSchema.ts"
import {
  detail,
  noDatabase,
  type SqlError,
  syntax,
  unknownDatabase,
  unknownTable,
  unsupported
} from "../syntax/SqlError.ts"
import { isName, isSymbol, isWord, type Token } from "../syntax/Tokens.ts"
import { afterTables, closing } from "./Spans.ts"

/** What names in a statement can refer to. */
export interface Context {
  readonly database: string | undefined
  readonly hasDatabase: (name: string) => boolean
  readonly hasTable: (database: string, table: string) => boolean
  /** Whether a column of a table holds text; undefined when the table has no such column. */
  readonly isText?: (database: string, table: string, column: string) => boolean | undefined
  /** Why the user may not read a table; everything may be read when absent. */
  readonly refusedRead?: (database: string, table: string) => SqlError | undefined
  /** The value of `@@name` or `@name`, as DuckDB writes it; undefined when there is no such variable. */
  readonly variable: (name: string) => string | undefined
  /** The value of functions such as `database()`, as DuckDB writes it. */
  readonly constants: Readonly<Record<string, string>>
}

/** A name that a WITH clause defines, with the positions between which it stands for what the clause says. */
interface CommonTable {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Where the query that a position belongs to ends. */
const queryEnd = (list: ReadonlyArray<Token>, at: number): number => {
  let depth = 0
  for (let index = at; index < list.length; index++) {
    if (isSymbol(list[index], "(")) depth += 1
    if (isSymbol(list[index], ")")) depth -= 1
    if (depth < 0) return index
  }
  return list.length
}

// A definition that is not recursive may read the very table whose name it takes.
const commonTables = (list: ReadonlyArray<Token>): ReadonlyArray<CommonTable> => {
  const found: Array<CommonTable> = []
  list.forEach((token, start) => {
    if (!isWord(token, "WITH")) return
    const to = queryEnd(list, start)
    const recursive = isWord(list[start + 1], "RECURSIVE")
    let index = start + (recursive ? 2 : 1)
    for (;;) {
      const name = list[index]
      if (!isName(name)) return
      let next = isSymbol(list[index + 1], "(") ? closing(list, index + 1) : index + 1
      if (!isWord(list[next], "AS")) return
      next += 1
      if (!isSymbol(list[next], "(")) return
      const end = closing(list, next)
      found.push({ name: name.text, from: recursive ? next : end, to })
      if (!isSymbol(list[end], ",")) return
      index = end + 1
    }
  })
  return found
}

/** FROM, JOIN and WITH clauses of one statement: looking at each of them takes time in proportion to the statement. */
const clausesMax = 1000

/** DuckDB's ways to begin a query that reads a table without SELECT, which no client of this dialect means. */
const foreignWords = ["TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE", "DESCRIBE", "SHOW"]

const isQuery = (token: Token | undefined): boolean => isWord(token, "SELECT", "WITH", "VALUES")

/** Positions of the tables that the FROM or JOIN at a position names: the one behind it and those behind commas. */
const tablePositions = (list: ReadonlyArray<Token>, from: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  let depth = 0
  let expected = true
  for (let index = from + 1; index < list.length; index++) {
    const token = list[index]
    if (expected && isSymbol(token, "(") && !isQuery(list[index + 1])) {
      depth += 1
      continue
    }
    if (expected) {
      found.push(index)
      expected = false
    }
    if (isSymbol(token, "(")) depth += 1
    else if (isSymbol(token, ")")) {
      depth -= 1
      if (depth < 0) return found
    } else if (depth === 0 && isWord(token, ...afterTables)) return found
    else if (depth === 0 && isSymbol(token, ",")) expected = true
  }
  return found
}

const refusedAt = (
  list: ReadonlyArray<Token>,
  index: number,
  common: ReadonlyArray<CommonTable>,
  context: Context
): SqlError | undefined => {
  const first = list[index]
  if (isSymbol(first, "(") || isWord(first, "DUAL", "SELECT", "VALUES", "WITH")) return undefined
  if (isWord(first, "LATERAL")) return unsupported("LATERAL")
  if (isWord(first, "UNNEST")) return unsupported("UNNEST")
  if (!isName(first)) return syntax(`Unexpected input '${list[index]?.text ?? ""}'`)
  const qualified = isSymbol(list[index + 1], ".")
  const table = qualified ? list[index + 2] : first
  if (!isName(table)) return syntax("Unexpected input after '.'")
  if (
    !qualified &&
    common.some(({ from, name, to }) => name.toLowerCase() === first.text.toLowerCase() && from <= index && index < to)
  ) return undefined
  if (isSymbol(list[index + (qualified ? 3 : 1)], "(")) {
    return detail(`table functions are not supported by this endpoint: ${table.text}`)
  }
  const database = qualified ? first.text : context.database
  if (database === undefined) return noDatabase()
  if (InformationSchema.is(database)) {
    return InformationSchema.hasTable(table.text) ? undefined : unknownTable(table.text)
  }
  if (!context.hasDatabase(database)) return unknownDatabase(database)
  if (!context.hasTable(database, table.text)) return unknownTable(table.text)
  return context.refusedRead?.(database, table.text)
}

/** Refuses databases and tables that do not exist or may not be read, with the errors a client looks for. */
export const refusedTable = (list: ReadonlyArray<Token>, context: Context): SqlError | undefined => {
  const clauses = list.reduce((sum, token) => sum + (isWord(token, "FROM", "JOIN", "WITH") ? 1 : 0), 0)
  if (clauses > clausesMax) return detail(`a statement may have at most ${clausesMax} FROM, JOIN and WITH clauses`)
  const common = commonTables(list)
  for (let index = 0; index < list.length; index++) {
    const token = list[index]
    const previous = list[index - 1]
    const begins = index === 0 || isSymbol(previous, "(")
    if (
      isWord(token, ...foreignWords) &&
      (begins || isWord(previous, "FROM", "JOIN", "UNION", "INTERSECT", "EXCEPT", "ALL"))
    ) {
      return syntax(`Unexpected input '${token?.text ?? ""}'`)
    }
    if (!isWord(token, "FROM", "JOIN")) continue
    if (begins) return syntax(`Unexpected input '${token?.text ?? ""}'`)
    // `extract(year from x)`, `trim(a from b)` and `x IS DISTINCT FROM y` are no FROM clauses.
    if (isSymbol(previous, ".") || isWord(previous, "DISTINCT") || inFunction(list, index)) continue
    for (const position of tablePositions(list, index)) {
      const refused = refusedAt(list, position, common, context)
      if (refused !== undefined) return refused
    }
  }
  return undefined
}

/** The tokens without the name of the only catalog, which may stand in front of a database. */
export const withoutCatalog = (list: ReadonlyArray<Token>): ReadonlyArray<Token> =>
  list.filter((token, index) => {
    const at = isSymbol(token, ".") ? index - 1 : index
    return !(isName(list[at]) && list[at]?.text === "default_catalog" && isSymbol(list[at + 1], ".") &&
      !isSymbol(list[at - 1], ".") && isName(list[at + 2]) && isSymbol(list[at + 3], "."))
  })

const inFunction = (list: ReadonlyArray<Token>, at: number): boolean => {
  let depth = 0
  for (let index = at - 1; index >= 0; index--) {
    if (isSymbol(list[index], ")")) depth += 1
    else if (isSymbol(list[index], "(")) {
      if (depth === 0) return isWord(list[index - 1], "EXTRACT", "TRIM", "SUBSTRING", "POSITION")
      depth -= 1
    }
  }
  return false
}

/** Tells which names stand for columns of text: those that are text in every table of the statement that has them. */
export const textColumns = (list: ReadonlyArray<Token>, context: Context): (column: string) => boolean => {
  const { isText } = context
  if (isText === undefined) return () => false
  const tables: Array<readonly [database: string, table: string]> = []
  list.forEach((token, index) => {
    if (!isWord(token, "FROM", "JOIN")) return
    for (const position of tablePositions(list, index)) {
      const first = list[position]?.text ?? ""
      const qualified = isSymbol(list[position + 1], ".")
      tables.push(qualified ? [first, list[position + 2]?.text ?? ""] : [context.database ?? "", first])
    }
  })
  const known = new Map<string, boolean>()
  return (column) => {
    const before = known.get(column)
    if (before !== undefined) return before
    const found = tables.map(([database, table]) => isText(database, table, column)).filter((text) =>
      text !== undefined
    )
    const text = found.length > 0 && found.every((is) => is)
    known.set(column, text)
    return text
  }
}
