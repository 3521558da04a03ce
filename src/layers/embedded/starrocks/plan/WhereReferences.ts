/** The names that a `where` header refers to, so that an unknown one is refused by name before the body is read. */
import { expressionWords, literalWords, units } from "../syntax/Keywords.ts"
import { isName, isSymbol, isWord, tokens } from "../syntax/Tokens.ts"

const keywords = new Set([...expressionWords, ...units, ...literalWords])

/** Whether every bracket of a predicate is closed in it, and none that it did not open: it stands in brackets of its own later. */
export const isBalanced = (predicate: string): boolean => {
  let depth = 0
  for (const token of tokens(predicate)) {
    if (isSymbol(token, "(")) depth += 1
    if (isSymbol(token, ")")) depth -= 1
    if (depth < 0) return false
  }
  return depth === 0
}

/** The first name in a predicate that is none of the columns; undefined when all of them are. */
export const unknownReference = (predicate: string, columns: ReadonlyArray<string>): string | undefined => {
  const known = new Set(columns.map((column) => column.toLowerCase()))
  const list = tokens(predicate)
  return list.find((token, index) => {
    if (!isName(token) || known.has(token.text.toLowerCase())) return false
    const before = list[index - 1]
    // A function, a member of a STRUCT, or the type of a cast.
    if (isSymbol(list[index + 1], "(") || isSymbol(before, ".")) return false
    if (isWord(before, "AS")) return false
    return token.kind === "name" || !keywords.has(token.text.toUpperCase())
  })?.text
}
