/** Calls of functions as the translation sees them, and what a function makes of one. */
import { detail, type SqlError } from "../syntax/SqlError.ts"
import type { Token } from "../syntax/Tokens.ts"

/** An argument: what it is in DuckDB, and the tokens it was written with. */
export interface Argument {
  readonly sql: string
  readonly tokens: ReadonlyArray<Token>
}

/** How a function is written in DuckDB. */
export interface Definition {
  /** How many arguments it takes. */
  readonly least: number
  readonly most: number
  readonly write: (...values: ReadonlyArray<Argument>) => string
}

/** Functions by their names in lower case. */
export type Definitions = Readonly<Record<string, Definition>>

/** Arguments of the longest call. */
const argumentsMax = 100

const none: Argument = { sql: "null", tokens: [] }

/** A function of a bounded number of arguments; those that are left out are NULL. */
export const define = (
  least: number,
  most: number,
  write: (first: Argument, second: Argument, third: Argument, count: number) => string
): Definition => ({
  least,
  most,
  write: (...values) => write(values[0] ?? none, values[1] ?? none, values[2] ?? none, values.length)
})

/** A function of any number of arguments. */
export const variadic = (write: (values: ReadonlyArray<Argument>) => string): Definition => ({
  least: 1,
  most: argumentsMax,
  write: (...values) => write(values)
})

const list = (values: ReadonlyArray<Argument>): string => values.map(({ sql }) => sql).join(", ")

/** A function that DuckDB calls `name` and understands the same. */
export const same = (name: string, least: number, most = least): Definition => ({
  least,
  most,
  write: (...values) => `${name}(${list(values)})`
})

/** The functions that DuckDB knows by the same name and understands the same. */
export const asThere = (least: number, most: number, ...names: ReadonlyArray<string>): Definitions =>
  Object.fromEntries(names.map((name) => [name, same(name, least, most)]))

/** The refusal of a function, or of a number of arguments, that is not known here. */
export const noSuchFunction = (name: string): SqlError => detail(`No matching function with signature: ${name}`)

const only = (value: Argument): Token | undefined => value.tokens.length === 1 ? value.tokens[0] : undefined

/** The text of an argument that has to be a string literal; the refusal, thrown, when it is none. */
export const constant = (value: Argument, what: string): string => {
  const token = only(value)
  if (token?.kind !== "text") throw detail(`${what} has to be a constant text`)
  return token.text
}

/** The value of an argument that has to be an unsigned integer literal; undefined when it is none. */
export const integerOf = (value: Argument): number | undefined => {
  const token = only(value)
  return token?.kind === "number" && /^\d{1,9}$/.test(token.text) ? Number(token.text) : undefined
}

/** The word of an argument that is one, such as the unit of a difference, in lower case. */
export const wordOf = (value: Argument): string => {
  const token = only(value)
  return token?.kind === "word" ? token.text.toLowerCase() : ""
}

/** The argument as text; literals are texts already. */
export const asText = (value: Argument): string =>
  only(value)?.kind === "text" ? value.sql : `main.endpoint_text(${value.sql})`

/** The argument as a moment. */
export const asMoment = (value: Argument): string => `main.endpoint_datetime(${value.sql})`
