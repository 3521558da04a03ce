/** What a query refers to and what it calls its columns, read off its tokens. */
import { detail, noDatabase, type SqlError, syntax, unknownDatabase, unknownTable } from "./SqlError.ts"
import type { Token } from "./Tokens.ts"

/** What names in a statement can refer to. */
export interface Context {
  readonly database: string | undefined
  readonly hasDatabase: (name: string) => boolean
  readonly hasTable: (database: string, table: string) => boolean
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

/** Names that a WITH clause defines, so that they are not taken for tables. */
const commonTables = (list: ReadonlyArray<Token>): ReadonlySet<string> => {
  const found = new Set<string>()
  if (!list.some((token) => isWord(token, "WITH"))) return found
  list.forEach((token, index) => {
    const columns = isSymbol(list[index + 1], "(")
    if (isName(token) && (isWord(list[index + 1], "AS") || columns) && isSymbol(list[index + 2], "(")) {
      found.add(token.text)
    }
    if (isName(token) && columns) found.add(token.text)
  })
  return found
}

/** Refuses databases and tables that do not exist, with the errors a client looks for. */
export const refusedTable = (list: ReadonlyArray<Token>, context: Context): SqlError | undefined => {
  const common = commonTables(list)
  for (let index = 0; index < list.length; index++) {
    if (!isWord(list[index], "FROM", "JOIN")) continue
    const first = list[index + 1]
    // `extract(year from x)` and `trim(a from b)` are no FROM clauses, but their word is followed by a name as well.
    if (!isName(first) || isWord(first, "DUAL", "SELECT", "LATERAL", "UNNEST") || inFunction(list, index)) continue
    if (isSymbol(list[index + 2], ".")) {
      const table = list[index + 3]
      if (!isName(table)) return syntax("Unexpected input after '.'")
      if (first.text.toLowerCase() === "information_schema") continue
      if (!context.hasDatabase(first.text)) return unknownDatabase(first.text)
      if (!context.hasTable(first.text, table.text)) return unknownTable(table.text)
    } else if (common.has(first.text)) continue
    else if (isSymbol(list[index + 2], "(")) {
      return detail(`table functions are not supported by this endpoint: ${first.text}`)
    } else if (context.database === undefined) return noDatabase()
    else if (!informationTable(context, first.text) && !context.hasTable(context.database, first.text)) {
      return unknownTable(first.text)
    }
  }
  return undefined
}

const informationTable = (context: Context, name: string): boolean =>
  context.database === "information_schema" && /^(schemata|tables|columns|tables_config)$/i.test(name)

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
