import { assert, it } from "@effect/vitest"
import * as PgType from "../../src/domain/PgType.ts"
import * as ValueCases from "../support/ValueCases.ts"

/** What a column may be declared as, beside the name that PostgreSQL gives it. */
const NAMES: Readonly<Record<string, string>> = {
  int: "integer",
  varchar: "character varying",
  char: "character",
  bpchar: "character"
}

/** The name in the table of types: without length, precision and scale. */
const nameOf = (declared: string): string => {
  const [, element = "", array = ""] = /^(.*?)(?:\([\d,]+\))?((?:\[\])?)$/.exec(declared) ?? []
  return `${NAMES[element] ?? element}${array}`
}

it("T36 every type of the table, and arrays of it, are among the cases whose values StarRocks is asked for", () => {
  const covered = new Set([...ValueCases.TYPED, ...ValueCases.TEXTS].map(({ type }) => nameOf(type)))
  const without = PgType.scalars.flatMap(({ name }) => [name, `${name}[]`]).filter((name) => !covered.has(name))
  assert.deepStrictEqual(without, [])
})
