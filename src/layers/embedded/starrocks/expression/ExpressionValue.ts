/**
 * Values of the expressions of a `columns` header: what type each has before any row is seen, and the casts between the
 * types. A cast that a value does not survive gives NULL, in strict mode as well, because only the sink checks results.
 */
import { isUtf8 } from "node:buffer"
import { analysis } from "../syntax/SqlError.ts"
import * as Dates from "../values/Dates.ts"
import { minified } from "../values/JsonText.ts"
import { ValueKind } from "../values/ValueKind.ts"
import * as Values from "../values/Values.ts"

/** What an expression reads of a row: the tokens of its slots. */
export interface Row {
  readonly kinds: Int8Array
  readonly texts: ReadonlyArray<string>
}

/** Computes a value of a row; null is SQL's NULL. */
export type Of<A> = (row: Row) => A | null

/** A compiled expression. Dates are days, datetimes microseconds, decimals unscaled integers. */
export type Typed =
  | { readonly type: "null"; readonly of: Of<never> }
  | { readonly type: "boolean"; readonly of: Of<boolean> }
  /** 64 bits, or 128 when wide. */
  | { readonly type: "integer"; readonly wide: boolean; readonly of: Of<bigint> }
  | { readonly type: "decimal"; readonly precision: number; readonly scale: number; readonly of: Of<bigint> }
  | { readonly type: "double"; readonly of: Of<number> }
  /** `literal` is the text of a constant. */
  | { readonly type: "text"; readonly of: Of<string>; readonly literal?: string }
  | { readonly type: "bytes"; readonly of: Of<Uint8Array> }
  | { readonly type: "date"; readonly of: Of<number> }
  | { readonly type: "datetime"; readonly of: Of<bigint> }
  | { readonly type: "json"; readonly of: Of<string> }

/** Digits of the widest decimal. */
export const decimalDigits = 38
/** Characters of the longest number text that is read as an integer; a longer one is beyond every type. */
const integerTextMax = 64
/** Stands for every integer that no type can hold. */
const beyondEveryInteger = 2n ** 200n

/** A function of a value that is not NULL; NULL stays NULL. */
export const lift = <A, B>(of: Of<A>, change: (value: A) => B | null): Of<B> => (row) => {
  const value = of(row)
  return value === null ? null : change(value)
}

const none = (): null => null

/** The constant NULL. */
export const nothing: Typed = { type: "null", of: none }

/** A slot as text, which is what every source is to an expression. */
export const slot = (index: number): Typed => ({
  type: "text",
  of: (row) => {
    const kind = row.kinds[index] ?? ValueKind.null
    return kind <= ValueKind.null ? null : Values.asText(kind, row.texts[index] ?? "")
  }
})

/** A constant text. */
export const text = (literal: string): Typed => ({ type: "text", of: () => literal, literal })

const cannot = (value: Typed, target: string): never => {
  throw analysis(`a value of type ${value.type} does not become ${target}`)
}

/** Takes the JSON out of a value, so that every cast knows one type less. */
const plain = (value: Typed): Exclude<Typed, { readonly type: "json" }> =>
  value.type === "json" ? { type: "text", of: lift(value.of, jsonText) } : value

const jsonText = (json: string): string => json.startsWith("\"") ? String(JSON.parse(json)) : json

/** An unscaled integer as decimal text. */
const decimalText = (unscaled: bigint, scale: number): string => {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0")
  const whole = digits.slice(0, digits.length - scale)
  return `${unscaled < 0n ? "-" : ""}${whole}${scale === 0 ? "" : `.${digits.slice(-scale)}`}`
}

/** Changes a decimal's scale, rounding half away from zero. */
const rescaled = (unscaled: bigint, from: number, to: number): bigint => {
  if (to >= from) return unscaled * 10n ** BigInt(to - from)
  const unit = 10n ** BigInt(from - to)
  const half = unit / 2n
  return (unscaled < 0n ? unscaled - half : unscaled + half) / unit
}

/** The value as text. */
export const asText = (value: Typed): Of<string> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "text":
      return known.of
    case "boolean":
      return lift(known.of, (flag) => flag ? "1" : "0")
    case "integer":
    case "double":
      return lift<bigint | number, string>(known.of, String)
    case "decimal":
      return lift(known.of, (unscaled) => decimalText(unscaled, known.scale))
    case "bytes":
      return lift(known.of, (bytes) => isUtf8(bytes) ? Buffer.from(bytes).toString("utf8") : null)
    case "date":
      return lift(known.of, Dates.formatDate)
    case "datetime":
      return lift(known.of, Dates.formatDateTime)
  }
}

const integerOfText = (written: string): bigint | null => {
  const trimmed = written.trim()
  if (!Values.integerText.test(trimmed)) return null
  if (trimmed.length > integerTextMax) return trimmed.startsWith("-") ? -beyondEveryInteger : beyondEveryInteger
  return BigInt(trimmed.startsWith("+") ? trimmed.slice(1) : trimmed)
}

/** The value as an integer of any size; fractions are cut. */
export const asInteger = (value: Typed): Of<bigint> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "integer":
      return known.of
    case "text":
      return lift(known.of, integerOfText)
    case "boolean":
      return lift(known.of, (flag) => flag ? 1n : 0n)
    case "double":
      return lift(known.of, (number) => Number.isFinite(number) ? BigInt(Math.trunc(number)) : null)
    case "decimal":
      return lift(known.of, (unscaled) => unscaled / 10n ** BigInt(known.scale))
    default:
      return cannot(value, "a number")
  }
}

/** The value as a double. */
export const asDouble = (value: Typed): Of<number> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "double":
      return known.of
    case "text":
      return lift(known.of, (written) => {
        const trimmed = written.trim()
        const number = Values.numberText.test(trimmed) ? Number(trimmed) : Number.NaN
        return Number.isFinite(number) ? number : null
      })
    case "boolean":
      return lift(known.of, Number)
    case "integer":
      return lift(known.of, Number)
    case "decimal":
      return lift(known.of, (unscaled) => Number(decimalText(unscaled, known.scale)))
    default:
      return cannot(value, "a number")
  }
}

/** Digits a decimal may have between a text and the check of its precision. */
const looseDigits = 2 * decimalDigits

/** The value as an unscaled integer of a scale, however many digits it needs. */
export const asDecimal = (value: Typed, scale: number): Of<bigint> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "decimal":
      return lift(known.of, (unscaled) => rescaled(unscaled, known.scale, scale))
    case "boolean":
    case "integer":
      return lift(asInteger(known), (number) => rescaled(number, 0, scale))
    case "text":
    case "double":
      return lift(asText(known), (written) => {
        const trimmed = written.trim()
        const unscaled = Values.parseDecimal(trimmed, looseDigits, scale)
        if (unscaled !== undefined) return unscaled
        return Values.numberText.test(trimmed)
          ? (trimmed.startsWith("-") ? -1n : 1n) * 10n ** BigInt(looseDigits)
          : null
      })
    default:
      return cannot(value, "a decimal")
  }
}

const booleanOfText = (written: string): boolean | null => {
  const cell = Values.compile({ kind: "BOOLEAN" })(ValueKind.string, written)
  return typeof cell === "boolean" ? cell : null
}

/** The value as a truth value. */
export const asBoolean = (value: Typed): Of<boolean> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "boolean":
      return known.of
    case "integer":
    case "decimal":
      return lift(known.of, (number) => number !== 0n)
    case "double":
      return lift(known.of, (number) => number !== 0)
    case "text":
      return lift(known.of, booleanOfText)
    default:
      return cannot(value, "a truth value")
  }
}

const perDay = BigInt(Dates.microsPerDay)

/** The value as a datetime. */
export const asDateTime = (value: Typed): Of<bigint> => {
  const known = plain(value)
  switch (known.type) {
    case "null":
      return none
    case "datetime":
      return known.of
    case "date":
      return lift(known.of, (days) => BigInt(days) * perDay)
    case "text":
    case "integer":
      return lift(asText(known), (written) => {
        const moment = Dates.parseDateTime(written)
        return moment === undefined ? null : Dates.microsOf(moment)
      })
    default:
      return cannot(value, "a datetime")
  }
}

/** The value as a date; the time of day is dropped. */
export const asDate = (value: Typed): Of<number> =>
  value.type === "date"
    ? value.of
    : lift(asDateTime(value), (micros) => Number((micros - (((micros % perDay) + perDay) % perDay)) / perDay))

/** The value as bytes; a text gives its UTF-8. */
export const asBytes = (value: Typed): Of<Uint8Array> => {
  if (value.type === "bytes") return value.of
  if (value.type === "text") return lift(value.of, (written) => Buffer.from(written))
  return value.type === "null" ? none : cannot(value, "bytes")
}

/** JSON text without white space; null when the text is none. */
export const parseJson = (written: string): string | null => {
  try {
    JSON.parse(written)
    return minified(written)
  } catch {
    return null
  }
}

/** The value as JSON text: a text that is no JSON becomes a JSON string. */
export const asJson = (value: Typed): Of<string> => {
  switch (value.type) {
    case "json":
      return value.of
    case "boolean":
      return lift(value.of, String)
    case "text":
      return lift(value.of, (written) => parseJson(written) ?? JSON.stringify(written))
    case "null":
    case "integer":
    case "decimal":
    case "double":
      return asText(value)
    default:
      return cannot(value, "JSON")
  }
}
