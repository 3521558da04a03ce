/** The names that a `where` header refers to, so that an unknown one is refused by name before the body is read. */
import { type Token, tokens } from "../syntax/Tokens.ts"
import { isName } from "./ColumnsHeader.ts"

const keywords = new Set(
  ("AND OR NOT XOR IS NULL TRUE FALSE LIKE IN BETWEEN CASE WHEN THEN ELSE END DIV MOD REGEXP RLIKE INTERVAL CAST AS " +
    "ESCAPE YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND DATE DATETIME TIMESTAMP " +
    "CURRENT_TIMESTAMP CURRENT_DATE DISTINCT FROM BINARY").split(" ")
)

const isSymbol = (token: Token | undefined, text: string): boolean => token?.kind === "symbol" && token.text === text

/** The first name in a predicate that is none of the columns; undefined when all of them are. */
export const unknownReference = (predicate: string, columns: ReadonlyArray<string>): string | undefined => {
  const known = new Set(columns.map((column) => column.toLowerCase()))
  const list = tokens(predicate)
  return list.find((token, index) => {
    if (!isName(token) || known.has(token.text.toLowerCase())) return false
    const before = list[index - 1]
    // A function, a member of a STRUCT, or the type of a cast.
    if (isSymbol(list[index + 1], "(") || isSymbol(before, ".")) return false
    if (before?.kind === "word" && before.text.toUpperCase() === "AS") return false
    return token.kind === "name" || !keywords.has(token.text.toUpperCase())
  })?.text
}
