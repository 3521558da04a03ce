/** Numbers as PostgreSQL writes them: `-12.30`, `NaN`, `-Infinity`, `1.5e-07`. */
import * as DecimalText from "./DecimalText.ts"

const CHAR_0 = 0x30
const CHAR_9 = 0x39
const CHAR_MINUS = 0x2d
const CHAR_POINT = 0x2e

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= CHAR_0 && byte <= CHAR_9

/** A finite number's text has a digit first, or second after its sign; NaN and the infinities have not. */
export const isFinite = (bytes: Uint8Array, start: number): boolean =>
  isDigit(bytes[start]) || (bytes[start] === CHAR_MINUS && isDigit(bytes[start + 1]))

/** Whether it is the -0 of a float: without a point it would be read as an integer, which has none. */
export const isNegativeZero = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start === 2 && bytes[start] === CHAR_MINUS && bytes[start + 1] === CHAR_0

/** How that is written. */
export const NEGATIVE_ZERO = "-0.0"

/** Where the decimal point is, or the end. */
export const pointOf = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end && bytes[at] !== CHAR_POINT) at++
  return at
}

/** Whether a digit other than 0 stands beyond `scale` decimals. */
export const hasMoreDecimals = (bytes: Uint8Array, point: number, end: number, scale: number): boolean => {
  for (let at = point + 1 + scale; at < end; at++) if (bytes[at] !== CHAR_0) return true
  return false
}

/** What a column of this scale holds at most, in units of its last decimal: of [least, greatest] whole numbers. */
const limits = (scale: number, bounds: readonly [bigint, bigint]): readonly [bigint, bigint] => {
  const unit = 10n ** BigInt(scale)
  return scale === 0 ? bounds : [bounds[0] * unit - (unit - 1n), bounds[1] * unit + (unit - 1n)]
}

/** The greatest number of a column, or the least. */
export const extreme = (
  negative: boolean,
  scale: number,
  bounds: readonly [bigint, bigint] | undefined
): string => {
  const [least, greatest] = limits(scale, bounds ?? [0n, 0n])
  return DecimalText.unscaled(negative ? least : greatest, scale)
}

/** The number rounded to the scale and kept in the bounds; `overflows` says that the bounds have changed it. */
export const fit = (
  text: string,
  scale: number,
  bounds: readonly [bigint, bigint] | undefined
): { readonly text: string; readonly overflows: boolean } => {
  const value = DecimalText.scaled(text, scale)
  const [least, greatest] = bounds === undefined ? [value, value] : limits(scale, bounds)
  const kept = value < least ? least : value > greatest ? greatest : value
  return { text: DecimalText.unscaled(kept, scale), overflows: kept !== value }
}

/**
 * The digits of an amount of money in the form of the locales C and en_US; undefined for other forms, in which a comma may
 * be a decimal point.
 */
export const moneyAmount = (text: string): string | undefined => {
  const match = /^(-?)\$?((?:\d{1,3}(?:,\d{3})*|\d+)\.\d{2})$/.exec(text)
  return match === null ? undefined : `${match[1]}${match[2]!.replaceAll(",", "")}`
}
