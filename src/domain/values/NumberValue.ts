/** Writes numbers, and amounts of money, where their column may be too narrow for them. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as NumberText from "./NumberText.ts"
import * as Problem from "./Problem.ts"
import { refuse, writeAscii, writeNull } from "./Refusal.ts"
import * as SingleText from "./SingleText.ts"
import type { ValueRule, WriteValue } from "./ValueRule.ts"

const CHAR_MINUS = 0x2d
const CHAR_N = 0x4e
const FLOAT_MAX = "3.4028234663852886e38"
const DOUBLE_MAX = "1.7976931348623157e308"

const FOREIGN_MONEY = Problem.of(
  "noForm",
  "it is money in a form other than $1,234.56; where amounts have two decimals, set lc_monetary of the role to C, " +
    "otherwise make the source column numeric"
)

export const writeInteger: WriteValue = (writer, rule, bytes, start, end) => {
  const digits = bytes[start] === CHAR_MINUS ? end - start - 1 : end - start
  if (digits > rule.digits && rule.bounds !== undefined) {
    const value = BigInt(bytes.toString("latin1", start, end))
    const [least, greatest] = rule.bounds
    if (value < least || value > greatest) {
      if (rule.policies.numericOverflow !== "clamp") return refuse(writer, rule, "numericOverflow")
      return writeAscii(writer, rule, String(value < 0n ? least : greatest), false)
    }
  }
  writer.copy(bytes, start, end)
  return undefined
}

export const writeFloat: WriteValue = (writer, rule, bytes, start, end) => {
  if (!NumberText.isFinite(bytes, start)) return writeNotFinite(writer, rule, bytes, start)
  if (rule.single) return writeAscii(writer, rule, SingleText.exact(bytes.toString("latin1", start, end)), false)
  if (NumberText.isNegativeZero(bytes, start, end)) return writeAscii(writer, rule, NumberText.NEGATIVE_ZERO, false)
  writer.copy(bytes, start, end)
  return undefined
}

export const writeDecimal: WriteValue = (writer, rule, bytes, start, end) => {
  if (!NumberText.isFinite(bytes, start)) return writeNotFinite(writer, rule, bytes, start)
  const unsigned = bytes[start] === CHAR_MINUS ? start + 1 : start
  const point = NumberText.pointOf(bytes, unsigned, end)
  const rounds = NumberText.hasMoreDecimals(bytes, point, end, rule.scale)
  if (rounds && rule.policies.numericScale !== "clamp") return refuse(writer, rule, "numericScale")
  if (rounds || point - unsigned > rule.digits) {
    const value = NumberText.fit(bytes.toString("latin1", start, end), rule.scale, rule.bounds)
    if (value.overflows && rule.policies.numericOverflow !== "clamp") return refuse(writer, rule, "numericOverflow")
    return writeAscii(writer, rule, value.text, true)
  }
  // An integer column would be given "7.0" otherwise.
  return rule.form.plain(writer, bytes, start, rule.scale === 0 ? point : end)
}

const writeNotFinite = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number
): Problem.Problem | undefined => {
  if (rule.policies.notFinite !== "clamp") return refuse(writer, rule, "notFinite")
  if (bytes[start] === CHAR_N) return writeNull(writer, rule, "notFinite")
  const negative = bytes[start] === CHAR_MINUS
  if (rule.literal === "number") {
    return writeAscii(writer, rule, `${negative ? "-" : ""}${rule.single ? FLOAT_MAX : DOUBLE_MAX}`, false)
  }
  return writeAscii(writer, rule, NumberText.extreme(negative, rule.scale, rule.bounds), true)
}

export const writeMoney: WriteValue = (writer, rule, bytes, start, end) => {
  const amount = NumberText.moneyAmount(bytes.toString("utf8", start, end))
  if (amount === undefined) return FOREIGN_MONEY
  const text = Buffer.from(amount, "latin1")
  if (rule.family === "decimal") return writeDecimal(writer, rule, text, 0, text.length)
  if (text.length > rule.bytesMax) return refuse(writer, rule, "length")
  return rule.form.plain(writer, text, 0, text.length)
}
