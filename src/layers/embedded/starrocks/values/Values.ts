/**
 * Converts a token of a load's body into the cell of a column, exactly: integers and decimals never pass through a
 * double. Conversion does not know strict mode; it says whether the value fits, and the caller decides what follows.
 */
import * as ColumnType from "./ColumnType.ts"
import * as Dates from "./Dates.ts"
import { minified } from "./JsonText.ts"
import * as NestedText from "./NestedText.ts"
import { ValueKind } from "./ValueKind.ts"

/**
 * A converted value: dates are days, datetimes microseconds, decimals unscaled integers. A list holds the elements of an
 * ARRAY, the keys and values of a MAP by turns, or the members of a STRUCT in their declared order.
 */
export type Cell = boolean | number | bigint | string | Uint8Array | null | ReadonlyArray<Cell>

/** Whether a cell is a list. */
export const isCells = (cell: Cell): cell is ReadonlyArray<Cell> => Array.isArray(cell)

/** Converts a token; undefined means that the column cannot hold it. `text` is a string's content or a raw token. */
export type Convert = (kind: number, text: string) => Cell | undefined

/** An integer as text. */
export const integerText = /^[+-]?\d+$/
/** A number as text, in any notation. */
export const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** Digits up to which Number holds an integer exactly. */
const exactDigitsMax = 15
/** Decimal digits of the largest BIGINT. */
const bigintDigits = 19

/** The value of a short text of plain digits with an optional minus; NaN for every other text. */
const smallInteger = (text: string): number => {
  const { length } = text
  if (length === 0 || length > exactDigitsMax) return Number.NaN
  const negative = text.charCodeAt(0) === 45
  let value = 0
  for (let index = negative ? 1 : 0; index < length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? (length === 1 ? Number.NaN : -value) : value
}

const integer = (kind: keyof typeof ColumnType.integerRange): Convert => {
  const [low, high] = ColumnType.integerRange[kind]
  const wide = kind === "BIGINT" || kind === "LARGEINT"
  const lowNumber = Number(low)
  const highNumber = Number(high)
  return (token, raw) => {
    if (token !== ValueKind.number && token !== ValueKind.string) return undefined
    const small = smallInteger(raw)
    if (!Number.isNaN(small)) {
      if (small < lowNumber || small > highNumber) return undefined
      return wide ? BigInt(small) : small
    }
    const text = token === ValueKind.string ? raw.trim() : raw
    if (integerText.test(text)) {
      if (text.length <= exactDigitsMax) {
        const value = Number(text)
        if (value < lowNumber || value > highNumber) return undefined
        return wide ? BigInt(value) : value
      }
      const value = BigInt(text.startsWith("+") ? text.slice(1) : text)
      if (value < low || value > high) return undefined
      return wide ? value : Number(value)
    }
    // A fraction is cut; LARGEINT is cast from text, which knows no fraction.
    const value = kind === "LARGEINT" ? undefined : parseDecimal(text, bigintDigits, 0, "cut")
    if (value === undefined || value < low || value > high) return undefined
    return wide ? value : Number(value)
  }
}

const floatMax = 3.4028234663852886e38

const floating = (single: boolean): Convert => (token, raw) => {
  if (token !== ValueKind.number && token !== ValueKind.string) return undefined
  const text = token === ValueKind.string ? raw.trim() : raw
  if (!numberText.test(text)) return undefined
  const value = Number(text)
  // A number is read as a double, which may be greater than any FLOAT and yet be rounded to one.
  if (single && token === ValueKind.number && Math.abs(value) > floatMax) return undefined
  const kept = single ? Math.fround(value) : value
  return Number.isFinite(kept) ? kept : undefined
}

/** Decimal exponents beyond this cannot matter for 38 digits and would only cost memory. */
const exponentMax = 200

const powersOfTen = Array.from({ length: exactDigitsMax + 1 }, (_, exponent) => 10 ** exponent)

/** The unscaled integer of a short plain decimal whose scale fits; undefined when it takes the long way. */
const smallDecimal = (text: string, precision: number, scale: number): bigint | undefined => {
  const { length } = text
  if (length === 0 || length > exactDigitsMax) return undefined
  const negative = text.charCodeAt(0) === 45
  let value = 0
  let point = -1
  for (let index = negative ? 1 : 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code === 46 && point < 0) point = index
    else if (code < 48 || code > 57) return undefined
    else value = value * 10 + code - 48
  }
  const shift = scale - (point < 0 ? 0 : length - point - 1)
  const factor = shift < 0 || length + shift > exactDigitsMax ? undefined : powersOfTen[shift]
  const digit = length - (negative ? 1 : 0) - (point < 0 ? 0 : 1)
  if (factor === undefined || digit < 1 || value * factor >= 10 ** precision) return undefined
  return BigInt(negative ? -value * factor : value * factor)
}

/** The unscaled integer of a decimal text, rounded half away from zero or cut; undefined when it does not fit. */
export const parseDecimal = (
  text: string,
  precision: number,
  scale: number,
  rest: "round" | "cut" = "round"
): bigint | undefined => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ""
  const fraction = match[3] ?? ""
  if (whole === "" && fraction === "") return undefined
  const digits = (whole + fraction).replace(/^0+/, "")
  if (digits === "") return 0n
  // The value is digits × 10^-point; its unscaled form needs `scale` digits after the point.
  const point = fraction.length - Number(match[4] ?? 0)
  const shift = scale - point
  if (shift > exponentMax || digits.length + shift < 0) return shift > 0 ? undefined : 0n
  let value: bigint
  if (shift >= 0) value = BigInt(digits) * 10n ** BigInt(shift)
  else {
    const kept = digits.slice(0, shift)
    value = kept === "" ? 0n : BigInt(kept)
    if (rest === "round" && digits.charCodeAt(digits.length + shift) >= 53) value += 1n
  }
  if (value >= 10n ** BigInt(precision)) return undefined
  return match[1] === "-" ? -value : value
}

const decimal = (precision: number, scale: number): Convert => (token, raw) => {
  if (token !== ValueKind.number && token !== ValueKind.string) return undefined
  return smallDecimal(raw, precision, scale) ??
    parseDecimal(token === ValueKind.string ? raw.trim() : raw, precision, scale)
}

const boolean: Convert = (token, raw) => {
  if (token === ValueKind.true) return true
  if (token === ValueKind.false) return false
  if (token === ValueKind.number) return Number(raw) !== 0
  if (token !== ValueKind.string) return undefined
  const text = raw.trim().toLowerCase()
  if (text === "true") return true
  if (text === "false") return false
  return integerText.test(text) ? BigInt(text.startsWith("+") ? text.slice(1) : text) !== 0n : undefined
}

const date: Convert = (token, raw) => {
  if (token !== ValueKind.string && token !== ValueKind.number) return undefined
  return Dates.parseDateTime(raw)?.days
}

const datetime: Convert = (token, raw) => {
  if (token !== ValueKind.string && token !== ValueKind.number) return undefined
  const moment = Dates.parseDateTime(raw)
  return moment === undefined ? undefined : Dates.microsOf(moment)
}

/** A token as a text column holds it: numbers keep their spelling, booleans are 1 and 0, nested values lose white space. */
export const asText = (token: number, raw: string): string => {
  if (token === ValueKind.string || token === ValueKind.number) return raw
  if (token === ValueKind.true) return "1"
  if (token === ValueKind.false) return "0"
  return minified(raw)
}

// UTF-8 needs at most three bytes for a UTF-16 unit, so short texts need no measuring.
const fits = (text: string, bytes: number): boolean => text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes

const varchar = (bytes: number): Convert => (token, raw) => {
  const text = asText(token, raw)
  return fits(text, bytes) ? text : undefined
}

const json: Convert = (token, raw) => {
  if (token === ValueKind.string) return JSON.stringify(raw)
  if (token === ValueKind.true) return "true"
  if (token === ValueKind.false) return "false"
  return token === ValueKind.number ? raw : minified(raw)
}

/** Converts a value inside of another one; undefined makes the value around it a bad one. */
const inner = (type: ColumnType.ColumnType, lenient: boolean): (item: NestedText.Element) => Cell | undefined => {
  const convert = compile(type, lenient)
  return (item) => {
    if (item.kind === ValueKind.null) return null
    const cell = convert(item.kind, item.text)
    return cell === undefined && lenient ? null : cell
  }
}

const array = (type: ColumnType.ColumnType, lenient: boolean): Convert => {
  const element = inner(type, lenient)
  return (token, raw) => {
    if (token !== ValueKind.array) return undefined
    const cells: Array<Cell> = []
    for (const item of NestedText.elements(raw)) {
      const cell = element(item)
      if (cell === undefined) return undefined
      cells.push(cell)
    }
    return cells
  }
}

const map = (keyType: ColumnType.ColumnType, valueType: ColumnType.ColumnType, lenient: boolean): Convert => {
  const convertKey = compile(keyType)
  const value = inner(valueType, lenient)
  return (token, raw) => {
    if (token !== ValueKind.object) return undefined
    const entries = new Map<Cell, Cell>()
    for (const member of NestedText.members(raw)) {
      const key = convertKey(ValueKind.string, member.name)
      const cell = value(member.value)
      // A key that is none leaves nothing to find the value by.
      if (key === undefined || key === null || cell === undefined) return undefined
      entries.set(key, cell)
    }
    return [...entries].flat(1)
  }
}

const struct = (members: ReadonlyArray<ColumnType.Member>, lenient: boolean): Convert => {
  const places = new Map(members.map((member, place) => [member.name.toLowerCase(), place]))
  const converts = members.map((member) => inner(member.type, lenient))
  return (token, raw) => {
    if (token !== ValueKind.object) return undefined
    const cells: Array<Cell> = members.map(() => null)
    for (const member of NestedText.members(raw)) {
      const place = places.get(member.name.toLowerCase())
      if (place === undefined) continue
      const cell = converts[place]?.(member.value)
      if (cell === undefined) return undefined
      cells[place] = cell
    }
    return cells
  }
}

/**
 * The conversion of a type. NULL tokens never reach it. `lenient` is non-strict mode, in which a bad value inside of an
 * ARRAY, MAP or STRUCT becomes NULL instead of spoiling the whole.
 */
export const compile = (type: ColumnType.ColumnType, lenient = false): Convert => {
  switch (type.kind) {
    case "BOOLEAN":
      return boolean
    case "FLOAT":
    case "DOUBLE":
      return floating(type.kind === "FLOAT")
    case "DECIMAL":
      return decimal(type.precision, type.scale)
    case "DATE":
      return date
    case "DATETIME":
      return datetime
    case "CHAR":
    case "VARCHAR":
      return varchar(type.bytes)
    case "JSON":
      return json
    case "VARBINARY":
      // Servers disagree about bytes in JSON text; only to_binary() in the columns header is portable, so only it works.
      return () => undefined
    case "ARRAY":
      return array(type.element, lenient)
    case "MAP":
      return map(type.key, type.value, lenient)
    case "STRUCT":
      return struct(type.members, lenient)
    default:
      return integer(type.kind)
  }
}

/** A constant of DDL in the column's type; undefined when the type cannot hold it. */
export const constant = (type: ColumnType.ColumnType, text: string): Cell | undefined => {
  if (type.kind === "VARBINARY") return Buffer.from(text)
  return compile(type)(ValueKind.string, text)
}

/** Bytes of a hexadecimal text; undefined when it is none or the column is too short. */
export const fromHex = (text: string, bytesMax: number): Uint8Array | undefined =>
  text.length % 2 === 0 && text.length / 2 <= bytesMax && /^[0-9a-fA-F]*$/.test(text)
    ? Buffer.from(text, "hex")
    : undefined
