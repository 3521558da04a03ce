/** SET: system and user variables, which take constants only. */
import { analysis, readOnlyVariable, unknownVariable } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { isReadOnly, type Variables } from "./Variables.ts"

const constant = (cursor: TokenCursor, variables: Variables): string => {
  const negative = cursor.take("-") ? "-" : ""
  const token = cursor.peek()
  const next = cursor.peek(1)
  const simple = token !== undefined && token.kind !== "symbol" && token.kind !== "name" &&
    (next === undefined || next.text === "," || (next.kind === "word" && next.text.toUpperCase() === "COLLATE"))
  if (!simple || (token.text.startsWith("@") && !token.text.startsWith("@@"))) {
    throw analysis("Set statement only support constant expr.")
  }
  cursor.at += 1
  if (token.kind !== "word") return negative + token.text
  const word = token.text.toUpperCase()
  if (word.startsWith("@@")) return variables.get(token.text) ?? ""
  if (word === "TRUE" || word === "ON") return "1"
  if (word === "FALSE" || word === "OFF") return "0"
  // Drivers set character_set_results to NULL to be sent bytes as they are, which they are sent anyway.
  return word === "NULL" ? "" : negative + token.text
}

/** Runs a SET statement; the cursor stands behind SET. Throws the refusal. */
export const run = (cursor: TokenCursor, variables: Variables): void => {
  if (cursor.take("NAMES") || cursor.take("CHARACTER", "SET") || cursor.take("CHARSET")) return
  do {
    if (cursor.is("TRANSACTION") || cursor.is("SESSION", "TRANSACTION") || cursor.is("GLOBAL", "TRANSACTION")) return
    if (!cursor.take("SESSION") && !cursor.take("GLOBAL")) cursor.take("LOCAL")
    let name = cursor.name()
    while (cursor.take(".")) name += `.${cursor.name()}`
    if (!cursor.take(":=")) cursor.need("=")
    const value = constant(cursor, variables)
    if (cursor.take("COLLATE")) cursor.name()
    if (name.startsWith("@@")) name = name.slice(2)
    if (name.startsWith("@")) {
      if (!variables.setUser(name.slice(1), value)) throw analysis("too many user variables for one session")
    } else if (isReadOnly(name)) throw readOnlyVariable(name)
    else if (!variables.set(name, value)) throw unknownVariable(name)
  } while (cursor.take(","))
  cursor.end()
}
