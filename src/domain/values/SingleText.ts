/** Single-precision floats as text that StarRocks reads without changing them: it reads a double first, and rounds that. */
import * as DecimalText from "./DecimalText.ts"

/** The value of a double in plain digits, all of them. */
const digitsOf = (value: number): string => {
  let scaled = value
  let scale = 0
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    scale += 1
  }
  // value = scaled / 2^scale = scaled · 5^scale / 10^scale
  return DecimalText.canonical(DecimalText.unscaled(BigInt(scaled) * 5n ** BigInt(scale), scale))
}

/**
 * The float that a decimal is nearest to, as a double. Rounding twice, to a double and then to a float, goes wrong where
 * the double lies in the middle between two floats and the decimal beside it, as 7.038531e-26.
 */
export const nearest = (text: string): number => {
  const value = Number(text)
  const single = Math.fround(value)
  if (single === value) return single
  const other = value + (value - single)
  if (Math.fround(other) !== other) return single
  const side = DecimalText.compare(DecimalText.canonical(text), digitsOf(value))
  return side === 0 ? single : side < 0 ? Math.min(single, other) : Math.max(single, other)
}

/** The shortest digits of the double that is this float, and no other. `text` is finite. */
export const exact = (text: string): string => {
  const single = nearest(text)
  return Object.is(single, -0) ? "-0.0" : String(single)
}
