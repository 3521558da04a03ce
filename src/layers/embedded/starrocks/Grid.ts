/** Small results made in memory, and the LIKE, WHERE, ORDER BY and LIMIT that SHOW statements put behind them. */
import { detail } from "./SqlError.ts"
import type { TokenCursor } from "./TokenCursor.ts"

/** Names and rows of text. */
export interface Grid {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string | null>>
}

/** Whether a text matches a LIKE pattern. */
export const like = (text: string, pattern: string): boolean => {
  let expression = ""
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index)
    if (character === "\\" && index + 1 < pattern.length) {
      index += 1
      expression += pattern.charAt(index).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    } else if (character === "%") expression += "[\\s\\S]*"
    else if (character === "_") expression += "[\\s\\S]"
    else expression += character.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  }
  return new RegExp(`^${expression}$`, "i").test(text)
}

const columnIndex = (grid: Grid, name: string): number => {
  const index = grid.columns.findIndex((column) => column.toLowerCase() === name.toLowerCase())
  if (index < 0) throw detail(`Column '${name}' cannot be resolved`)
  return index
}

const condition = (cursor: TokenCursor, grid: Grid): (row: Grid["rows"][number]) => boolean => {
  const index = columnIndex(grid, cursor.name())
  if (cursor.take("LIKE")) {
    const pattern = cursor.text()
    return (row) => like(row[index] ?? "", pattern)
  }
  const negative = cursor.take("!=") || cursor.take("<>")
  if (!negative) cursor.need("=")
  const token = cursor.peek()
  if (token === undefined || (token.kind !== "text" && token.kind !== "number")) throw cursor.unexpected()
  cursor.at += 1
  return (row) => ((row[index] ?? "").toLowerCase() === token.text.toLowerCase()) !== negative
}

const compare = (left: string | null, right: string | null): number => {
  if (left === right) return 0
  const numbers = Number(left) - Number(right)
  return Number.isNaN(numbers) || numbers === 0 ? ((left ?? "") < (right ?? "") ? -1 : 1) : numbers
}

/** Applies what is left of the statement to the grid; `likeColumn` is what a bare LIKE looks at. */
export const filtered = (cursor: TokenCursor, grid: Grid, likeColumn = 0): Grid => {
  let rows = grid.rows
  if (cursor.take("LIKE")) {
    const pattern = cursor.text()
    rows = rows.filter((row) => like(row[likeColumn] ?? "", pattern))
  }
  if (cursor.take("WHERE")) {
    do {
      const wanted = condition(cursor, grid)
      rows = rows.filter(wanted)
    } while (cursor.take("AND"))
  }
  if (cursor.take("ORDER", "BY")) {
    const index = columnIndex(grid, cursor.name())
    const descending = cursor.take("DESC")
    if (!descending) cursor.take("ASC")
    rows = rows.toSorted((left, right) => compare(left[index] ?? null, right[index] ?? null) * (descending ? -1 : 1))
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
