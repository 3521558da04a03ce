/** Arithmetic on numbers as decimal text, exact at any length. */

/** More digits than either side can hold; such a text is compared as it stands. */
const EXPONENT_MAX = 200_000

/** A number as plain decimal digits without needless zeros; what is no number stays as it is. */
export const canonical = (text: string): string => {
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

/** Compares two decimals in their canonical form. */
export const compare = (a: string, b: string): number => {
  const [aWhole = "", aFraction = ""] = a.split(".")
  const [bWhole = "", bFraction = ""] = b.split(".")
  const scale = Math.max(aFraction.length, bFraction.length)
  const difference = BigInt(aWhole + aFraction.padEnd(scale, "0")) - BigInt(bWhole + bFraction.padEnd(scale, "0"))
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** Plain digits (`-12.345`) in units of 10^−scale, rounded to the nearest, halves away from zero. */
export const scaled = (text: string, scale: number): bigint => {
  const negative = text.startsWith("-")
  const [whole = "", fraction = ""] = (negative ? text.slice(1) : text).split(".")
  const kept = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"))
  const magnitude = fraction.charCodeAt(scale) >= 0x35 ? kept + 1n : kept
  return negative ? -magnitude : magnitude
}

/** The text of a number of units of 10^−scale. */
export const unscaled = (value: bigint, scale: number): string => {
  if (scale === 0) return String(value)
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  const at = digits.length - scale
  return `${value < 0n ? "-" : ""}${digits.slice(0, at)}.${digits.slice(at)}`
}

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** Whether a JSON number is a 64-bit integer, or the value of a double exactly. */
export const isExactInJson = (text: string): boolean => {
  if (isInt64(text)) return true
  const value = Number(text)
  return Number.isFinite(value) && canonical(String(value)) === canonical(text)
}

const isInt64 = (text: string): boolean => {
  if (!/^-?\d{1,19}$/.test(text)) return false
  const value = BigInt(text)
  return value >= INT64_MIN && value <= INT64_MAX
}

/** A JSON number that a double holds, so that it is read as one: servers there are that refuse long integers. */
export const asDouble = (text: string): string => /^-?\d+$/.test(text) && !isInt64(text) ? `${text}.0` : text

/** The nearest double of a JSON number, as JSON. */
export const nearestDouble = (text: string): string => {
  const value = Number(text)
  return asDouble(String(Number.isFinite(value) ? value : Math.sign(value) * Number.MAX_VALUE))
}
