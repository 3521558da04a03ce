/**
 * One text for equal values, whichever side wrote it: PostgreSQL's output and StarRocks' differ in the spelling of
 * booleans, trailing zeros, fractions of a second and JSON, not in what they mean.
 */
import type { PgKind } from "./PgType.ts"
import type { StarRocksFamily } from "./StarRocksType.ts"

/** More digits than either side can hold; such a text is compared as it stands. */
const EXPONENT_MAX = 200_000

/** A number as plain decimal digits without needless zeros; what is no number stays as it is. */
const decimal = (text: string): string => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,7}))?$/.exec(text.trim())
  if (match === null) return text
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match
  const exponent = Number(exponentText)
  if (whole + fraction === "" || Math.abs(exponent) > EXPONENT_MAX) return text
  let digits = whole + fraction
  let point = whole.length + exponent
  if (point < 0) {
    digits = "0".repeat(-point) + digits
    point = 0
  }
  const left = digits.slice(0, point).padEnd(point, "0").replace(/^0+(?=\d)/, "") || "0"
  const right = digits.slice(point).replace(/0+$/, "")
  const plain = right === "" ? left : `${left}.${right}`
  return sign === "-" && plain !== "0" ? `-${plain}` : plain
}

const float = (single: boolean) => (text: string): string => {
  const value = Number(text)
  return Number.isNaN(value) ? text : String(single ? Math.fround(value) + 0 : value + 0)
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
  if (typeof value === "number") return `n${decimal(context?.source ?? String(value))}`
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

/** The canonical form of a column's values, by what the source holds and what the target can hold. */
export const of = (kind: PgKind, family: StarRocksFamily, targetType: string): (text: string) => string => {
  if (family === "string") return identity
  switch (kind) {
    case "boolean":
      return boolean
    case "integer":
    case "numeric":
      return decimal
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
    case "text":
    case "time":
      return identity
  }
}

/** Compares two decimals in their canonical form. */
const compareDecimals = (a: string, b: string): number => {
  const [aWhole = "", aFraction = ""] = a.split(".")
  const [bWhole = "", bFraction = ""] = b.split(".")
  const scale = Math.max(aFraction.length, bFraction.length)
  const difference = BigInt(aWhole + aFraction.padEnd(scale, "0")) - BigInt(bWhole + bFraction.padEnd(scale, "0"))
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The order in which both databases sort canonical values of a key column. */
export const order = (kind: PgKind, family: StarRocksFamily): (a: string, b: string) => number => {
  if (family !== "string" && (kind === "integer" || kind === "numeric")) return compareDecimals
  if (family !== "string" && kind === "float") return (a, b) => Number(a) - Number(b)
  // Both sort text by its bytes in UTF-8.
  return (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))
}
