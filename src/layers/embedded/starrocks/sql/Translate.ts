/** Translates a query, or the predicate of a load, from the MySQL dialect into DuckDB's. */
import * as Result from "effect/Result"
import { analysis, detail, SqlError } from "../syntax/SqlError.ts"
import { isSymbol, isWord, type Token, tokens } from "../syntax/Tokens.ts"
import { aggregateNames } from "./NumberFunctions.ts"
import { type Context, refusedTable, textColumns, withoutCatalog } from "./References.ts"
import { nestingMax, Rewriter } from "./Rewriter.ts"
import { afterTables, itemNames, type Span, wordAt } from "./Spans.ts"

/**
 * The place of a HAVING that looks at rows: MySQL lets it stand without GROUP BY and aggregates, and then it filters by
 * the names of the items. Undefined when there is none.
 */
const rowHaving = (list: ReadonlyArray<Token>): Span | undefined => {
  if (!isWord(list[0], "SELECT")) return undefined
  const all = { from: 0, to: list.length }
  const from = wordAt(list, all, "HAVING")
  if (from < 0 || wordAt(list, all, "GROUP", "UNION", "INTERSECT", "EXCEPT", "MINUS") >= 0) return undefined
  const grouped = list.some((token, index) =>
    token.kind === "word" && isSymbol(list[index + 1], "(") && aggregateNames.includes(token.text.toLowerCase())
  )
  if (grouped) return undefined
  const to = wordAt(list, { from: from + 1, to: list.length }, ...afterTables)
  return { from, to: to < 0 ? list.length : to }
}

/**
 * The query around the rows that such a HAVING filters. It filters by the names of the items, but the rows are sorted by
 * what they are made of: their places are counted before anything else is forgotten.
 */
const overRows = (list: ReadonlyArray<Token>, having: Span, write: (span: Span) => string): string => {
  const end = list.length
  const rows = write({ from: 0, to: having.from })
  const wanted = write({ from: having.from + 1, to: having.to })
  if (!isWord(list[having.to], "ORDER")) {
    return `select * from (${rows}) where ${wanted} ${write({ from: having.to, to: end })}`.trimEnd()
  }
  const limit = wordAt(list, { from: having.to, to: end }, "LIMIT", "OFFSET")
  const sorted = `${rows} ${write({ from: having.to, to: limit < 0 ? end : limit })}`
  return `select * exclude (endpoint_place) from (select *, row_number() over () as endpoint_place from (${sorted})) ` +
    `where ${wanted} order by endpoint_place ${limit < 0 ? "" : write({ from: limit, to: end })}`.trimEnd()
}

/** Refuses parentheses that stand in each other so often that looking for their ends would take long. */
const checkNesting = (list: ReadonlyArray<Token>): void => {
  let depth = 0
  for (const token of list) {
    if (isSymbol(token, "(")) depth += 1
    if (isSymbol(token, ")")) depth -= 1
    if (depth > nestingMax) throw detail("the statement nests too deeply")
  }
}

const caught = (translate: () => string): Result.Result<string, SqlError> => {
  try {
    return Result.succeed(translate())
  } catch (cause) {
    if (cause instanceof SqlError) return Result.fail(cause)
    throw cause
  }
}

/** Translates a query. */
export const translate = (sql: string, context: Context): Result.Result<string, SqlError> => {
  const all = tokens(sql)
  const list = withoutCatalog(isSymbol(all.at(-1), ";") ? all.slice(0, -1) : all)
  return caught(() => {
    checkNesting(list)
    const refused = refusedTable(list, context)
    if (refused !== undefined) throw refused
    const rewriter = new Rewriter(list, context, itemNames(sql, list), textColumns(list, context))
    const having = rowHaving(list)
    if (having === undefined) return rewriter.span({ from: 0, to: list.length })
    return overRows(list, having, (span) => rewriter.span(span))
  })
}

/**
 * Translates a predicate over the columns of one row, as the `where` header of a load carries it; `isText` tells which
 * columns hold text.
 */
export const translatePredicate = (
  predicate: string,
  isText: (column: string) => boolean = () => false
): Result.Result<string, SqlError> => {
  const list = tokens(predicate)
  if (list.some((token) => isWord(token, "SELECT"))) {
    return Result.fail(analysis("a where predicate cannot contain a query"))
  }
  const context: Context = {
    database: undefined,
    hasDatabase: () => false,
    hasTable: () => false,
    variable: () => undefined,
    constants: {}
  }
  return caught(() => {
    checkNesting(list)
    return new Rewriter(list, context, new Map(), isText).span({ from: 0, to: list.length })
  })
}
