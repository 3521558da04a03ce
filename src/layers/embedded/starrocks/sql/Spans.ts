/** Where the parts of a statement begin and end, read off its tokens. */
import { clauseWords as queryWords, expressionWords, units } from "../syntax/Keywords.ts"
import { isName, isSymbol, isWord, type Token } from "../syntax/Tokens.ts"

type List = ReadonlyArray<Token>

/** Words that end the items of a SELECT or the tables of a FROM clause. */
export const afterTables: ReadonlyArray<string> = (
  "WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT MINUS QUALIFY WINDOW SELECT FETCH FOR"
).split(" ")

/** Words that no item can be called without AS. */
const neverAlias: ReadonlyArray<string> = [...expressionWords, ...queryWords]

/** The position behind the parenthesis that opens at a position; the end of the list when it never closes. */
export const closing = (list: List, open: number): number => {
  let depth = 0
  for (let index = open; index < list.length; index++) {
    if (isSymbol(list[index], "(")) depth += 1
    if (isSymbol(list[index], ")")) depth -= 1
    if (depth <= 0) return index + 1
  }
  return list.length
}

/** The position behind the END of the CASE at a position. */
export const caseEnd = (list: List, at: number): number => {
  let depth = 0
  for (let index = at; index < list.length; index++) {
    if (isSymbol(list[index - 1], ".")) continue
    if (isWord(list[index], "CASE")) depth += 1
    if (isWord(list[index], "END")) depth -= 1
    if (depth === 0) return index + 1
  }
  return list.length
}

/** The position behind the operand that begins at a position: a literal, a name, a call, a parenthesis or a CASE. */
export const operandEnd = (list: List, at: number): number => {
  let index = at
  while (isSymbol(list[index], "-") || isSymbol(list[index], "+") || isSymbol(list[index], "!")) index += 1
  if (isSymbol(list[index], "(")) return closing(list, index)
  if (isWord(list[index], "CASE")) return caseEnd(list, index)
  if (list[index]?.kind === "text" || list[index]?.kind === "number") return index + 1
  while (isName(list[index]) && isSymbol(list[index + 1], ".") && isName(list[index + 2])) index += 2
  index += 1
  return isSymbol(list[index], "(") ? closing(list, index) : Math.min(index, list.length)
}

/** A part of a list: the first position and the one behind the last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** The parts of a span that commas separate; none when the span is empty. */
export const separated = (list: List, { from, to }: Span): ReadonlyArray<Span> => {
  if (from >= to) return []
  const found: Array<Span> = []
  let depth = 0
  let start = from
  for (let index = from; index < to; index++) {
    const token = list[index]
    if (isSymbol(token, "(") || isSymbol(token, "[")) depth += 1
    else if (isSymbol(token, ")") || isSymbol(token, "]")) depth -= 1
    else if (depth === 0 && isSymbol(token, ",")) {
      found.push({ from: start, to: index })
      start = index + 1
    }
  }
  return [...found, { from: start, to }]
}

/** The first position of a span, outside of parentheses, that holds one of these words; -1 when none does. */
export const wordAt = (list: List, { from, to }: Span, ...wanted: ReadonlyArray<string>): number => {
  let depth = 0
  for (let index = from; index < to; index++) {
    const token = list[index]
    if (isSymbol(token, "(")) depth += 1
    else if (isSymbol(token, ")")) depth -= 1
    else if (depth === 0 && isWord(token, ...wanted) && !isSymbol(list[index - 1], ".")) return index
  }
  return -1
}

/** The items of the query's first SELECT; undefined when the statement begins otherwise. */
const selectItems = (list: List): ReadonlyArray<Span> | undefined => {
  if (!isWord(list[0], "SELECT")) return undefined
  const from = isWord(list[1], "DISTINCT", "ALL") ? 2 : 1
  let to = from
  for (;;) {
    const end = wordAt(list, { from: to, to: list.length }, "FROM", ...afterTables)
    // `a IS DISTINCT FROM b` is no FROM clause.
    if (end > from && isWord(list[end], "FROM") && isWord(list[end - 1], "DISTINCT")) to = end + 1
    else return separated(list, { from, to: end < 0 ? list.length : end })
  }
}

/** Whether the item ends with the unit of an interval, which looks like a name behind an expression. */
const endsInInterval = (list: List, { from, to }: Span): boolean => {
  for (let index = from; index < to; index++) {
    if (isWord(list[index], "INTERVAL") && operandEnd(list, index + 1) === to - 1) return isWord(list[to - 1], ...units)
  }
  return false
}

/** Whether a select item already has a name that the client sees. */
const isNamed = (list: List, span: Span): boolean => {
  const item = list.slice(span.from, span.to)
  const last = item.at(-1)
  const before = item.at(-2)
  if (item.length === 0 || isSymbol(last, "*")) return true
  if (
    item.every((token, index) => index % 2 === 0 ? isName(token) && !token.text.startsWith("@") : isSymbol(token, "."))
  ) {
    return item.length > 1 || last?.kind === "name" ||
      !isWord(
        last,
        "NULL",
        "TRUE",
        "FALSE",
        "CURRENT_TIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_USER",
        "CURRENT_ROLE",
        "LOCALTIME",
        "LOCALTIMESTAMP"
      )
  }
  if (before === undefined) return false
  if (isWord(before, "AS")) return true
  if (endsInInterval(list, span)) return false
  const named = isName(last) && !isWord(last, ...neverAlias) || last?.kind === "text"
  return named &&
    (isSymbol(before, ")") || isSymbol(before, "]") || before.kind === "number" || before.kind === "text" ||
      isWord(before, "END", "NULL", "TRUE", "FALSE") || (isName(before) && !isWord(before, ...neverAlias)))
}

/** Positions of tokens after which an unnamed select item ends, with the name MySQL gives it: the item as written. */
export const itemNames = (sql: string, list: List): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  for (const span of selectItems(list) ?? []) {
    const first = list[span.from]
    const last = list[span.to - 1]
    if (!isNamed(list, span) && first !== undefined && last !== undefined) {
      found.set(span.to - 1, sql.slice(first.start, last.end))
    }
  }
  return found
}

/** What a select item tells about its column beyond what the storage knows. */
export interface ItemLabel {
  /** The name as the client wrote it, when the item is a plain column. */
  readonly name: string | undefined
  /** Whether the item is a SUM and nothing else, which the storage computes in a wider type. */
  readonly sum: boolean
}

const isSum = (list: List, { from, to }: Span): boolean => {
  if (!isWord(list[from], "SUM") || !isSymbol(list[from + 1], "(")) return false
  let end = closing(list, from + 1)
  if (end < to && isWord(list[end], "OVER")) end = operandEnd(list, end + 1)
  if (end < to && isWord(list[end], "AS")) end += 1
  return end >= to - 1
}

/**
 * What the items of a query tell about its columns: a result is labelled as it was written, whatever the case of the
 * column's name is. Undefined when items and columns do not correspond one to one.
 */
export const itemLabels = (list: List): ReadonlyArray<ItemLabel> | undefined => {
  const items = selectItems(list)
  if (items === undefined || items.some(({ to }) => isSymbol(list[to - 1], "*"))) return undefined
  return items.map((span) => {
    const last = list[span.to - 1]
    const length = span.to - span.from
    const plain = length === 1 || (length > 1 && isSymbol(list[span.to - 2], "."))
    return { name: plain && isName(last) ? last.text : undefined, sum: isSum(list, span) }
  })
}
