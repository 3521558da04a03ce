/** Splits the `columns` header into names of fields and expressions, before any of them is understood. */
import * as Result from "effect/Result"
import { isName, isSymbol, type Token, tokens } from "../syntax/Tokens.ts"

/** An item of the header: a field of the body, or a column that is computed. `sql` is the expression as written. */
export type Item =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "expression"; readonly name: string; readonly sql: string }

const splitItems = (list: ReadonlyArray<Token>): ReadonlyArray<ReadonlyArray<Token>> => {
  const items: Array<Array<Token>> = [[]]
  let depth = 0
  for (const token of list) {
    if (isSymbol(token, "(")) depth += 1
    if (isSymbol(token, ")")) depth -= 1
    if (depth === 0 && isSymbol(token, ",")) items.push([])
    else items.at(-1)?.push(token)
  }
  return items
}

/** The items of a `columns` header, in order; the failure is the load's message. */
export const items = (header: string): Result.Result<ReadonlyArray<Item>, string> => {
  const found: Array<Item> = []
  for (const [first, equals, ...expression] of splitItems(tokens(header))) {
    const last = expression.at(-1)
    if (isName(first) && equals === undefined) found.push({ kind: "name", name: first.text })
    else if (isName(first) && isSymbol(equals, "=") && last !== undefined) {
      found.push({ kind: "expression", name: first.text, sql: header.slice(expression[0]?.start, last.end) })
    } else return Result.fail(`parse columns header failed: ${header.slice(0, 200)}`)
  }
  return Result.succeed(found)
}
