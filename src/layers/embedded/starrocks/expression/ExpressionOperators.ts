/** The operators of expressions: arithmetic, comparison and logic with the server's rules for types and NULL. */
import { analysis } from "../syntax/SqlError.ts"
import {
  asBoolean,
  asDateTime,
  asDecimal,
  asDouble,
  asInteger,
  asText,
  decimalDigits,
  lift,
  nothing,
  type Of,
  type Typed
} from "./ExpressionValue.ts"

const both = <A, B>(left: Of<A>, right: Of<A>, join: (left: A, right: A) => B | null): Of<B> => (row) => {
  const first = left(row)
  if (first === null) return null
  const second = right(row)
  return second === null ? null : join(first, second)
}

const truncated = (value: bigint, wide: boolean): bigint => BigInt.asIntN(wide ? 128 : 64, value)

const decimalShape = (value: Typed): { readonly precision: number; readonly scale: number } =>
  value.type === "decimal"
    ? value
    : { precision: value.type === "integer" && value.wide ? decimalDigits : 19, scale: 0 }

const decimalMax = 10n ** BigInt(decimalDigits)
const inDecimal = (unscaled: bigint): bigint | null => unscaled < decimalMax && unscaled > -decimalMax ? unscaled : null

/** Half away from zero, as decimals are divided. */
const dividedRound = (left: bigint, right: bigint): bigint => {
  const quotient = left / right
  const rest = left % right
  const twice = (rest < 0n ? -rest : rest) * 2n
  if (twice < (right < 0n ? -right : right)) return quotient
  return left < 0n === right < 0n ? quotient + 1n : quotient - 1n
}

/** Scale of a quotient by the scale of the dividend. */
const quotientScale = (scale: number): number => scale <= 6 ? scale + 6 : Math.max(scale, 12)

const decimalArithmetic = (operator: string, left: Typed, right: Typed): Typed => {
  const first = decimalShape(left)
  const second = decimalShape(right)
  if (operator === "*" || operator === "/") {
    const scale = operator === "*" ? first.scale + second.scale : quotientScale(first.scale)
    if (scale > decimalDigits) throw analysis(`decimal scale ${scale} is beyond ${decimalDigits}`)
    const of = operator === "*"
      ? both(asDecimal(left, first.scale), asDecimal(right, second.scale), (a, b) => inDecimal(a * b))
      : both(
        asDecimal(left, scale + second.scale),
        asDecimal(right, second.scale),
        (a, b) => b === 0n ? null : inDecimal(dividedRound(a, b))
      )
    return { type: "decimal", precision: decimalDigits, scale, of }
  }
  const scale = Math.max(first.scale, second.scale)
  const whole = Math.max(first.precision - first.scale, second.precision - second.scale)
  const of = both(asDecimal(left, scale), asDecimal(right, scale), (a, b) => {
    if (operator === "+") return inDecimal(a + b)
    if (operator === "-") return inDecimal(a - b)
    return b === 0n ? null : a % b
  })
  return { type: "decimal", precision: Math.min(decimalDigits, whole + scale + 1), scale, of }
}

const doubleArithmetic = (operator: string, left: Typed, right: Typed): Typed => ({
  type: "double",
  of: both(asDouble(left), asDouble(right), (a, b) => {
    if (operator === "+") return a + b
    if (operator === "-") return a - b
    if (operator === "*") return a * b
    if (b === 0) return null
    return operator === "/" ? a / b : a % b
  })
})

const integerArithmetic = (operator: string, left: Typed, right: Typed): Typed => {
  const wide = (left.type === "integer" && left.wide) || (right.type === "integer" && right.wide)
  const of = both(asInteger(left), asInteger(right), (a, b) => {
    if (operator === "+") return truncated(a + b, wide)
    if (operator === "-") return truncated(a - b, wide)
    if (operator === "*") return truncated(a * b, wide)
    if (b === 0n) return null
    return operator === "div" ? truncated(a / b, wide) : a % b
  })
  return { type: "integer", wide, of }
}

const isDate = (value: Typed): boolean => value.type === "date" || value.type === "datetime"
const isExact = (value: Typed): boolean => value.type === "integer" || value.type === "boolean"

/** `left operator right` for + - * / % and div. Texts are doubles; integers divide into a double; x / 0 is NULL. */
export const arithmetic = (operator: string, left: Typed, right: Typed): Typed => {
  if (isDate(left) || isDate(right) || left.type === "bytes" || right.type === "bytes") {
    throw analysis(`'${operator}' does not take ${isDate(left) || isDate(right) ? "dates" : "bytes"}`)
  }
  if (left.type === "null" || right.type === "null") return nothing
  if (operator === "div") return integerArithmetic(operator, left, right)
  const exact = isExact(left) && isExact(right)
  if (exact && operator !== "/") return integerArithmetic(operator, left, right)
  const decimals = (left.type === "decimal" || isExact(left)) && (right.type === "decimal" || isExact(right))
  return decimals && !exact
    ? decimalArithmetic(operator, left, right)
    : doubleArithmetic(operator, left, right)
}

/** `-value`. */
export const negated = (value: Typed): Typed => {
  if (value.type === "decimal") return { ...value, of: lift(value.of, (unscaled) => -unscaled) }
  return arithmetic("-", { type: "integer", wide: false, of: () => 0n }, value)
}

const byteOrder = (left: string, right: string): number =>
  left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right))

const numericOrder = <A extends number | bigint>(left: A, right: A): number => left < right ? -1 : left > right ? 1 : 0

/** How two values compare: negative, zero or positive, NULL when one is NULL. */
export const order = (left: Typed, right: Typed): Of<number> => {
  if (left.type === "null" || right.type === "null") return () => null
  if (left.type === "bytes" || right.type === "bytes" || left.type === "json" || right.type === "json") {
    throw analysis("bytes and JSON are not compared")
  }
  if (isDate(left) || isDate(right)) return both(asDateTime(left), asDateTime(right), numericOrder)
  if (left.type === "text" && right.type === "text") return both(left.of, right.of, byteOrder)
  if (left.type === "text" || right.type === "text" || left.type === "double" || right.type === "double") {
    return both(asDouble(left), asDouble(right), numericOrder)
  }
  const scale = Math.max(decimalShape(left).scale, decimalShape(right).scale)
  return both(asDecimal(left, scale), asDecimal(right, scale), numericOrder)
}

/** What a comparison says of an order. */
export const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (found) => found === 0,
  "!=": (found) => found !== 0,
  "<>": (found) => found !== 0,
  "<": (found) => found < 0,
  "<=": (found) => found <= 0,
  ">": (found) => found > 0,
  ">=": (found) => found >= 0
}

/** A truth value. */
export const truth = (of: Of<boolean>): Typed => ({ type: "boolean", of })

/** `left and right`, `left or right`: NULL unless one side decides. */
export const logic = (operator: "and" | "or", left: Typed, right: Typed): Typed => {
  const first = asBoolean(left)
  const second = asBoolean(right)
  const decides = operator === "or"
  return truth((row) => {
    const a = first(row)
    if (a === decides) return decides
    const b = second(row)
    if (b === decides) return decides
    return a === null || b === null ? null : !decides
  })
}

const among = <A>(options: ReadonlyArray<Of<A>>, select: (row: Parameters<Of<A>>[0]) => number): Of<A> => (row) =>
  options[select(row)]?.(row) ?? null

const decimalOf = (options: ReadonlyArray<Typed>): { readonly precision: number; readonly scale: number } => {
  const shapes = options.filter((option) => option.type !== "null").map(decimalShape)
  const scale = Math.max(0, ...shapes.map((shape) => shape.scale))
  const whole = Math.max(0, ...shapes.map((shape) => shape.precision - shape.scale))
  return { precision: Math.min(decimalDigits, whole + scale), scale }
}

/** One of several values, chosen per row by index, in the type they have in common; no such index gives NULL. */
export const chosen = (options: ReadonlyArray<Typed>, select: (row: Parameters<Typed["of"]>[0]) => number): Typed => {
  const types = new Set(options.map((option) => option.type))
  types.delete("null")
  const only = (...allowed: ReadonlyArray<Typed["type"]>): boolean => [...types].every((type) => allowed.includes(type))
  if (types.size === 0) return nothing
  if (only("boolean")) return truth(among(options.map(asBoolean), select))
  if (only("boolean", "integer")) {
    const wide = options.some((option) => option.type === "integer" && option.wide)
    return { type: "integer", wide, of: among(options.map(asInteger), select) }
  }
  if (only("boolean", "integer", "decimal")) {
    const { precision, scale } = decimalOf(options)
    return { type: "decimal", precision, scale, of: among(options.map((option) => asDecimal(option, scale)), select) }
  }
  if (only("boolean", "integer", "decimal", "double")) {
    return { type: "double", of: among(options.map(asDouble), select) }
  }
  if (only("date", "datetime")) return { type: "datetime", of: among(options.map(asDateTime), select) }
  if (only("bytes")) {
    return {
      type: "bytes",
      of: among(options.map((option) => option.type === "bytes" ? option.of : () => null), select)
    }
  }
  if (only("json")) {
    return { type: "json", of: among(options.map((option) => option.type === "json" ? option.of : () => null), select) }
  }
  return { type: "text", of: among(options.map(asText), select) }
}
