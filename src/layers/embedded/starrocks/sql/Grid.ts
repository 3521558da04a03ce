/** Small results made in memory, and the LIKE, WHERE, ORDER BY and LIMIT that SHOW statements put behind them. */
import { detail } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"

/** Names and rows of text. */
export interface Grid {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string | null>>
}

/** One position of a LIKE pattern: any text, any character, or this one. */
type Step = { readonly kind: "any" } | { readonly kind: "one" } | { readonly kind: "character"; readonly text: string }

const steps = (pattern: string): ReadonlyArray<Step> => {
  const found: Array<Step> = []
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index)
    if (character === "%") found.push({ kind: "any" })
    else if (character === "_") found.push({ kind: "one" })
    else {
      if (character === "\\" && index + 1 < pattern.length) index += 1
      found.push({ kind: "character", text: pattern.charAt(index).toLowerCase() })
    }
  }
  return found
}

/** Whether a text matches a LIKE pattern, without looking at case; the time is bounded by the product of the lengths. */
export const like = (text: string, pattern: string): boolean => {
  const wanted = steps(pattern)
  const lower = text.toLowerCase()
  let at = 0
  let step = 0
  // Where to go on when the text after the last `%` turns out not to match.
  let retryStep = -1
  let retryAt = 0
  while (at < lower.length) {
    const next = wanted[step]
    if (next?.kind === "any") {
      retryStep = step
      retryAt = at
      step += 1
    } else if (next?.kind === "one" || (next?.kind === "character" && next.text === lower.charAt(at))) {
      at += 1
      step += 1
    } else if (retryStep >= 0) {
      retryAt += 1
      at = retryAt
      step = retryStep + 1
    } else return false
  }
  return wanted.slice(step).every((rest) => rest.kind === "any")
}

const columnIndex = (grid: Grid, name: string): number => {
  const index = grid.columns.findIndex((column) => column.toLowerCase() === name.toLowerCase())
  if (index < 0) throw detail(`Column '${name}' cannot be resolved`)
  return index
}

type Condition = (row: Grid["rows"][number]) => boolean

/** Parentheses of a WHERE that may stand in each other. */
const nestingMax = 50

const disjunction = (cursor: TokenCursor, grid: Grid, depth = 0): Condition => {
  const any = [conjunction(cursor, grid, depth)]
  while (cursor.take("OR")) any.push(conjunction(cursor, grid, depth))
  return (row) => any.some((wanted) => wanted(row))
}

const conjunction = (cursor: TokenCursor, grid: Grid, depth: number): Condition => {
  const all = [condition(cursor, grid, depth)]
  while (cursor.take("AND")) all.push(condition(cursor, grid, depth))
  return (row) => all.every((wanted) => wanted(row))
}

const value = (cursor: TokenCursor): string => {
  const token = cursor.peek()
  if (token === undefined || (token.kind !== "text" && token.kind !== "number")) throw cursor.unexpected()
  cursor.at += 1
  return token.text.toLowerCase()
}

const condition = (cursor: TokenCursor, grid: Grid, depth: number): Condition => {
  if (cursor.take("(")) {
    if (depth >= nestingMax) throw detail("the WHERE clause nests too deeply")
    const inner = disjunction(cursor, grid, depth + 1)
    cursor.need(")")
    return inner
  }
  const index = columnIndex(grid, cursor.name())
  const not = cursor.take("NOT")
  if (cursor.take("LIKE")) {
    const pattern = cursor.text()
    return (row) => like(row[index] ?? "", pattern) !== not
  }
  if (cursor.take("IN", "(")) {
    const values = [value(cursor)]
    while (cursor.take(",")) values.push(value(cursor))
    cursor.need(")")
    return (row) => values.includes((row[index] ?? "").toLowerCase()) !== not
  }
  if (not) throw cursor.unexpected()
  const negative = cursor.take("!=") || cursor.take("<>")
  if (!negative) cursor.need("=")
  const wanted = value(cursor)
  return (row) => ((row[index] ?? "").toLowerCase() === wanted) !== negative
}

const compare = (left: string | null, right: string | null): number => {
  if (left === right) return 0
  const numbers = Number(left) - Number(right)
  return Number.isNaN(numbers) || numbers === 0 ? ((left ?? "") < (right ?? "") ? -1 : 1) : numbers
}

const ordering = (
  cursor: TokenCursor,
  grid: Grid
): (left: Grid["rows"][number], right: Grid["rows"][number]) => number => {
  const keys: Array<{ readonly index: number; readonly sign: number }> = []
  do {
    const index = columnIndex(grid, cursor.name())
    const descending = cursor.take("DESC")
    if (!descending) cursor.take("ASC")
    keys.push({ index, sign: descending ? -1 : 1 })
  } while (cursor.take(","))
  return (left, right) => {
    for (const { index, sign } of keys) {
      const order = compare(left[index] ?? null, right[index] ?? null)
      if (order !== 0) return order * sign
    }
    return 0
  }
}

/** Applies what is left of the statement to the grid; `likeColumn` is what a bare LIKE looks at. */
export const filtered = (cursor: TokenCursor, grid: Grid, likeColumn = 0): Grid => {
  let rows = grid.rows
  if (cursor.take("LIKE")) {
    const pattern = cursor.text()
    rows = rows.filter((row) => like(row[likeColumn] ?? "", pattern))
  }
  if (cursor.take("WHERE")) {
    const wanted = disjunction(cursor, grid)
    rows = rows.filter(wanted)
  }
  if (cursor.take("ORDER", "BY")) {
    const order = ordering(cursor, grid)
    rows = rows.toSorted(order)
  }
  if (cursor.take("LIMIT")) {
    let count = cursor.integer()
    let offset = 0
    if (cursor.take(",")) {
      offset = count
      count = cursor.integer()
    } else if (cursor.take("OFFSET")) offset = cursor.integer()
    rows = rows.slice(offset, offset + count)
  }
  if (!cursor.done) throw cursor.unexpected()
  return { columns: grid.columns, rows }
}
