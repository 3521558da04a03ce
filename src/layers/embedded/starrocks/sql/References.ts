/** What a query refers to and what it calls its columns, read off its tokens. */
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
import type { Token } from "../syntax/Tokens.ts"

/** What names in a statement can refer to. */
export interface Context {
  readonly database: string | undefined
  readonly hasDatabase: (name: string) => boolean
  readonly hasTable: (database: string, table: string) => boolean
  /** Why the user may not read a table; everything may be read when absent. */
  readonly refusedRead?: (database: string, table: string) => SqlError | undefined
  /** The value of `@@name` or `@name`, as DuckDB writes it; undefined when there is no such variable. */
  readonly variable: (name: string) => string | undefined
  /** The value of functions such as `database()`, as DuckDB writes it. */
  readonly constants: Readonly<Record<string, string>>
}

/** Whether a token is one of these words, in any case. */
export const isWord = (token: Token | undefined, ...words: ReadonlyArray<string>): boolean =>
  token?.kind === "word" && words.includes(token.text.toUpperCase())
/** Whether a token is this symbol. */
export const isSymbol = (token: Token | undefined, text: string): boolean =>
  token?.kind === "symbol" && token.text === text
const isName = (token: Token | undefined): token is Token => token?.kind === "word" || token?.kind === "name"

/** Words that are never a name. */
const clauseWords = (
  "SELECT FROM WHERE GROUP ORDER HAVING LIMIT OFFSET UNION JOIN ON LEFT RIGHT INNER OUTER FULL CROSS USING AS AND OR NOT " +
  "IS NULL TRUE FALSE LIKE IN BETWEEN CASE WHEN THEN ELSE END DISTINCT ALL INTERVAL DIV MOD BY ASC DESC EXISTS REGEXP"
).split(" ")

/** A name that a WITH clause defines, with the positions between which it stands for what the clause says. */
interface CommonTable {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** The position behind the parenthesis that opens at a position. */
const closing = (list: ReadonlyArray<Token>, open: number): number => {
  let depth = 0
  for (let index = open; index < list.length; index++) {
    if (isSymbol(list[index], "(")) depth += 1
    if (isSymbol(list[index], ")")) depth -= 1
    if (depth <= 0) return index + 1
  }
  return list.length
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

/** Words that end the tables of a FROM clause. */
const afterTables = (
  "WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT MINUS QUALIFY WINDOW SELECT FETCH FOR"
).split(" ")

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
  if (database.toLowerCase() === "information_schema") {
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

/**
 * The names the client wrote for the columns of a query, where an item is a plain column: a result is labelled as it was
 * written, whatever the case of the column's name is. Undefined when items and columns do not correspond one to one.
 */
export const writtenNames = (list: ReadonlyArray<Token>): ReadonlyArray<string | undefined> | undefined => {
  if (!isWord(list[0], "SELECT")) return undefined
  const names: Array<string | undefined> = []
  let depth = 0
  let from = isWord(list[1], "DISTINCT", "ALL") ? 2 : 1
  for (let index = from; index <= list.length; index++) {
    const token = list[index]
    if (isSymbol(token, "(")) depth += 1
    if (isSymbol(token, ")")) depth -= 1
    const ends = token === undefined || (depth === 0 && isWord(token, "FROM", ...afterTables))
    if (!ends && !(depth === 0 && isSymbol(token, ","))) continue
    const last = list[index - 1]
    if (isSymbol(last, "*")) return undefined
    const plain = index - from === 1 || (index - from > 1 && isSymbol(list[index - 2], "."))
    names.push(plain && isName(last) ? last.text : undefined)
    if (ends) return names
    from = index + 1
  }
  return names
}

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

/** Whether a select item already has a name that the client sees. */
const isNamed = (item: ReadonlyArray<Token>): boolean => {
  const last = item.at(-1)
  const before = item.at(-2)
  if (item.length === 0 || isSymbol(last, "*")) return true
  if (
    item.every((token, index) => index % 2 === 0 ? isName(token) && !token.text.startsWith("@") : isSymbol(token, "."))
  ) {
    return item.length > 1 || !isWord(item[0], "NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE")
  }
  if (before === undefined) return false
  if (isWord(before, "AS")) return true
  const named = isName(last) && !isWord(last, ...clauseWords) || last?.kind === "text"
  return named &&
    (isSymbol(before, ")") || before.kind === "number" || before.kind === "text" || isWord(before, "END") ||
      (isName(before) && !isWord(before, ...clauseWords)))
}

/** Positions of tokens after which an unnamed select item ends, with the name MySQL gives it. */
export const itemNames = (sql: string, list: ReadonlyArray<Token>): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  if (!isWord(list[0], "SELECT")) return found
  let depth = 0
  let from = isWord(list[1], "DISTINCT", "ALL") ? 2 : 1
  for (let index = from; index <= list.length; index++) {
    const token = list[index]
    if (isSymbol(token, "(")) depth += 1
    if (isSymbol(token, ")")) depth -= 1
    const ends = token === undefined ||
      (depth === 0 && isWord(token, "FROM", "WHERE", "UNION", "LIMIT", "ORDER", "GROUP"))
    if (!ends && !(depth === 0 && isSymbol(token, ","))) continue
    const item = list.slice(from, index)
    const first = item[0]
    const last = item.at(-1)
    if (!isNamed(item) && first !== undefined && last !== undefined) {
      found.set(index - 1, sql.slice(first.start, last.end))
    }
    if (ends) return found
    from = index + 1
  }
  return found
}
