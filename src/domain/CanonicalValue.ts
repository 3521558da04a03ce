/**
 * One text for equal values, whichever side wrote it: PostgreSQL's output and StarRocks' differ in the spelling of
 * booleans, trailing zeros, fractions of a second and JSON, not in what they mean.
 */
import { ByteWriter } from "./ByteWriter.ts"
import type { ArrayElements, PgKind } from "./PgType.ts"
import type { StarRocksFamily } from "./StarRocksType.ts"
import * as ArrayText from "./values/ArrayText.ts"
import * as DecimalText from "./values/DecimalText.ts"
import * as SingleText from "./values/SingleText.ts"

const float = (single: boolean) => (text: string): string => {
  const value = Number(text)
  return Number.isNaN(value) ? text : String((single ? SingleText.nearest(text) : value) + 0)
}

const boolean = (text: string): string =>
  /^(?:t|true|1)$/i.test(text) ? "1" : /^(?:f|false|0)$/i.test(text) ? "0" : text

const TIMESTAMP = /^(\d{4,}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?)?(?:\+00(?::?00)?|Z)?$/

/** Microseconds always, and no zone: both sides speak UTC. */
const timestamp = (text: string): string => {
  const match = TIMESTAMP.exec(text)
  if (match === null) return text
  const [, date, time = "00:00:00", fraction = ""] = match
  return `${date} ${time}.${fraction.padEnd(6, "0")}`
}

/** Numbers keep every digit: the reviver is given their source text, which a double could not hold. */
const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
  if (typeof value === "number") return `n${DecimalText.canonical(context?.source ?? String(value))}`
  if (typeof value === "string") return `s${value}`
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** JSON without insignificant space, members in one order, numbers by value. */
const json = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text, revive))
  } catch {
    return text
  }
}

const identity = (text: string): string => text

/** Bounds are digits: JSON text may begin with a bracket, too. */
const ARRAY = /^((?:\[[+-]?\d+:[+-]?\d+\])+=)?\{/

/**
 * PostgreSQL's text of an array is made the JSON that is sent for it; JSON stays JSON, and so does the text of an array that
 * JSON cannot say: one with bounds, or with a JSON null beside NULL.
 */
const array = (elements: ArrayElements) => (text: string): string => {
  const match = ARRAY.exec(text)
  if (match === null) return json(text)
  if (match[1] !== undefined) return text
  const bytes = Buffer.from(text, "utf8")
  const writer = new ByteWriter(bytes.length + 2)
  const problem = ArrayText.write(writer, elements, bytes, 0, bytes.length, { jsonNull: "fail", jsonNumber: "keep" })
  return problem === undefined ? json(writer.view().toString("utf8")) : text
}

/**
 * The canonical form of a column's values, by what the source holds and what the target can hold; `elements` of an array.
 */
export const of = (
  kind: PgKind,
  family: StarRocksFamily,
  targetType: string,
  elements?: ArrayElements
): (text: string) => string => {
  if (kind === "array" && elements !== undefined) return array(elements)
  if (kind === "money") return DecimalText.canonical
  if (family === "string") return identity
  switch (kind) {
    case "boolean":
      return boolean
    case "integer":
    case "numeric":
      return DecimalText.canonical
    case "float":
    case "double":
      return float(targetType.toLowerCase() === "float")
    case "date":
    case "timestamp":
    case "timestamptz":
      return timestamp
    case "json":
      return json
    case "bytea":
      return (text) => text.toLowerCase()
    case "array":
    case "text":
    case "time":
      return identity
  }
}

/** The order in which both databases sort canonical values of a key column. */
export const order = (kind: PgKind, family: StarRocksFamily): (a: string, b: string) => number => {
  if (family !== "string" && (kind === "integer" || kind === "numeric")) return DecimalText.compare
  if (family !== "string" && kind === "float") return (a, b) => Number(a) - Number(b)
  // Both sort text by its bytes in UTF-8.
  return (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))
}
