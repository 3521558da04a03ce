/** The question marks of a prepared statement, and literals in their places. */
import { tokens } from "./Tokens.ts"

/** Offsets of the question marks. */
export const placesOf = (sql: string): ReadonlyArray<number> =>
  tokens(sql).filter((token) => token.kind === "symbol" && token.text === "?").map((token) => token.start)

/** The statement with a literal in each of these places. */
export const filled = (sql: string, places: ReadonlyArray<number>, literal: (index: number) => string): string => {
  let text = ""
  let from = 0
  places.forEach((place, index) => {
    text += `${sql.slice(from, place)} ${literal(index)} `
    from = place + 1
  })
  return text + sql.slice(from)
}

/** The statement with the same literal in the place of every question mark; undefined when it has none. */
export const withLiteral = (sql: string, literal: string): string | undefined => {
  const places = placesOf(sql)
  return places.length === 0 ? undefined : filled(sql, places, () => literal)
}
