/** The rule by which the values of one column are written: compiled once a shape, then applied to bytes, row by row. */
import { ByteWriter } from "../ByteWriter.ts"
import type { ArrayElements, PgType } from "../PgType.ts"
import { boundsOf, bytesMaxOf, familyOf, scaleOf, type StarRocksFamily } from "../StarRocksType.ts"
import type { TargetColumn } from "../Table.ts"
import { type Literal, literalFor } from "../TypeMapping.ts"
import * as ArrayText from "./ArrayText.ts"
import * as DateText from "./DateText.ts"
import * as JsonText from "./JsonText.ts"
import * as NumberText from "./NumberText.ts"
import * as ValuePolicy from "./ValuePolicy.ts"

export interface ValueRule {
  readonly literal: Literal
  /** What the target column holds, of whole numbers. Undefined: every value of the source type fits. */
  readonly bounds: readonly [bigint, bigint] | undefined
  /** Digits of a whole number that are sure to fit the bounds. */
  readonly digits: number
  /** Decimals the target keeps; more of them would be rounded. */
  readonly scale: number
  /** Bytes of text the target holds, or of binary data. */
  readonly bytesMax: number
  /** The first part of a value is worth something by itself: `clamp` may cut it. */
  readonly isProse: boolean
  readonly family: StarRocksFamily
  /** The target column's type is FLOAT. */
  readonly single: boolean
  readonly nullable: boolean
  /** Of an array. */
  readonly elements: ArrayElements | undefined
  readonly policies: ValuePolicy.Policies
}

const NULL = Buffer.from("null", "latin1")
const TRUE = Buffer.from("true", "latin1")
const FALSE = Buffer.from("false", "latin1")
const CHAR_0 = 0x30
const CHAR_MINUS = 0x2d
const CHAR_N = 0x4e
const CHAR_T = 0x74
const CHAR_X = 0x78
const QUOTE = 0x22
/** Two hex digits a byte, behind `\x`. */
const HEX_PREFIX_BYTES = 2
const HEX_DIGITS_PER_BYTE = 2
const UTF8_CONTINUATION = 0x80
const UTF8_KIND_MASK = 0xc0
const FLOAT_MAX = "3.4028234663852886e38"
const DOUBLE_MAX = "1.7976931348623157e308"

/** The rule for values of this type in this column; undefined when the column cannot hold the type. */
export const compile = (
  type: PgType,
  target: TargetColumn,
  policies: ValuePolicy.Policies = ValuePolicy.DEFAULTS
): ValueRule | undefined => {
  const family = familyOf(target.type)
  const literal = family === undefined ? undefined : literalFor(type.kind, family)
  if (family === undefined || literal === undefined) return undefined
  const holds = boundsOf(target.type)
  const fits = holds === undefined ||
    (type.bounds !== undefined && type.bounds[0] >= holds[0] && type.bounds[1] <= holds[1])
  return {
    literal: literal === "digits" && !fits ? "integer" : literal,
    bounds: fits ? undefined : holds,
    digits: fits ? Number.POSITIVE_INFINITY : String(holds[1] + 1n).length - 1,
    scale: scaleOf(target.type),
    bytesMax: bytesMaxOf(target.type),
    isProse: type.kind === "text",
    family,
    single: family === "float",
    nullable: target.nullable,
    elements: type.elements,
    policies
  }
}

/** Text that holds nothing to escape: digits and signs. */
const writeQuoted = (writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void => {
  writer.byte(QUOTE)
  writer.copy(bytes, start, end)
  writer.byte(QUOTE)
}

const writeAscii = (writer: ByteWriter, text: string, quoted: boolean): undefined => {
  const bytes = Buffer.from(text, "latin1")
  if (quoted) writeQuoted(writer, bytes, 0, bytes.length)
  else writer.copy(bytes, 0, bytes.length)
}

const writeNull = (writer: ByteWriter, rule: ValueRule, valueClass: ValuePolicy.ValueClass): string | undefined => {
  if (!rule.nullable) {
    const { description, variable } = ValuePolicy.CLASSES[valueClass]
    return `it is ${description}; ${variable} asks for NULL, which the column cannot hold either`
  }
  writer.copy(NULL, 0, NULL.length)
  return undefined
}

/** NULL or the error, for a value whose policy is neither `clamp` nor `string`. */
const refuse = (writer: ByteWriter, rule: ValueRule, valueClass: ValuePolicy.ValueClass): string | undefined =>
  rule.policies[valueClass] === "null" ? writeNull(writer, rule, valueClass) : ValuePolicy.describe(valueClass)

/**
 * Writes the value in `bytes[start, end)` by the rule. Gives the class of a value that has no form, in words that never
 * hold the value; what was written of it is then to be dropped.
 */
export const write = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  switch (rule.literal) {
    case "digits":
      writer.copy(bytes, start, end)
      return undefined
    case "integer":
      return writeInteger(writer, rule, bytes, start, end)
    case "string":
      if (end - start > rule.bytesMax) return writeTooLong(writer, rule, bytes, start)
      writer.jsonString(bytes, start, end)
      return undefined
    case "decimal":
      return writeDecimal(writer, rule, bytes, start, end)
    case "money":
      return writeMoney(writer, rule, bytes, start, end)
    case "number":
      if (!NumberText.isFinite(bytes, start)) return writeNotFinite(writer, rule, bytes, start)
      writer.copy(bytes, start, end)
      return undefined
    case "boolean":
      if (bytes[start] === CHAR_T) writer.copy(TRUE, 0, TRUE.length)
      else writer.copy(FALSE, 0, FALSE.length)
      return undefined
    case "bit":
      writer.byte(bytes[start] === CHAR_T ? CHAR_0 + 1 : CHAR_0)
      return undefined
    case "date":
    case "timestamp":
      if (!DateText.isCommonEra(bytes, start, end)) return writeOutOfRange(writer, rule, bytes, start, end)
      writeQuoted(writer, bytes, start, end)
      return undefined
    case "instant": {
      const bare = end - DateText.UTC_OFFSET_BYTES
      const isUtc = DateText.isUtc(bytes, bare)
      if (!isUtc && !DateText.isOutside(bytes, end)) return "its time zone is not UTC"
      if (!isUtc || !DateText.isCommonEra(bytes, start, bare)) return writeOutOfRange(writer, rule, bytes, start, end)
      writeQuoted(writer, bytes, start, bare)
      return undefined
    }
    case "json":
      return writeJson(writer, rule, bytes, start, end)
    case "array":
      return writeArray(writer, rule, bytes, start, end)
    case "hex":
      return writeHex(writer, rule, bytes, start, end)
  }
}

const writeInteger = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  const digits = bytes[start] === CHAR_MINUS ? end - start - 1 : end - start
  if (digits > rule.digits && rule.bounds !== undefined) {
    const value = BigInt(bytes.toString("latin1", start, end))
    const [least, greatest] = rule.bounds
    if (value < least || value > greatest) {
      if (rule.policies.numericOverflow !== "clamp") return refuse(writer, rule, "numericOverflow")
      return writeAscii(writer, String(value < 0n ? least : greatest), false)
    }
  }
  writer.copy(bytes, start, end)
  return undefined
}

const writeDecimal = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  if (!NumberText.isFinite(bytes, start)) return writeNotFinite(writer, rule, bytes, start)
  const unsigned = bytes[start] === CHAR_MINUS ? start + 1 : start
  const point = NumberText.pointOf(bytes, unsigned, end)
  const rounds = NumberText.hasMoreDecimals(bytes, point, end, rule.scale)
  if (rounds && rule.policies.numericScale !== "clamp") return refuse(writer, rule, "numericScale")
  if (rounds || point - unsigned > rule.digits) {
    const value = NumberText.fit(bytes.toString("latin1", start, end), rule.scale, rule.bounds)
    if (value.overflows && rule.policies.numericOverflow !== "clamp") return refuse(writer, rule, "numericOverflow")
    return writeAscii(writer, value.text, true)
  }
  // An integer column would be given "7.0" otherwise.
  writeQuoted(writer, bytes, start, rule.scale === 0 ? point : end)
  return undefined
}

const writeNotFinite = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number
): string | undefined => {
  if (rule.policies.notFinite !== "clamp") return refuse(writer, rule, "notFinite")
  if (bytes[start] === CHAR_N) return writeNull(writer, rule, "notFinite")
  const negative = bytes[start] === CHAR_MINUS
  if (rule.literal === "number") {
    return writeAscii(writer, `${negative ? "-" : ""}${rule.single ? FLOAT_MAX : DOUBLE_MAX}`, false)
  }
  return writeAscii(writer, NumberText.extreme(negative, rule.scale, rule.bounds), true)
}

const writeMoney = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  const amount = NumberText.moneyAmount(bytes.toString("utf8", start, end))
  if (amount === undefined) return "it is money in a form other than $1,234.56; set lc_monetary of the role to C"
  const text = Buffer.from(amount, "latin1")
  if (rule.family === "decimal") return writeDecimal(writer, rule, text, 0, text.length)
  if (text.length > rule.bytesMax) return refuse(writer, rule, "length")
  writeQuoted(writer, text, 0, text.length)
  return undefined
}

const writeTooLong = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number
): string | undefined => {
  if (rule.policies.length !== "clamp" || !rule.isProse) return refuse(writer, rule, "length")
  let cut = start + rule.bytesMax
  while (cut > start && (bytes[cut]! & UTF8_KIND_MASK) === UTF8_CONTINUATION) cut--
  writer.jsonString(bytes, start, cut)
  return undefined
}

const writeOutOfRange = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number,
  end: number
): string | undefined => {
  if (rule.policies.dateRange !== "clamp") return refuse(writer, rule, "dateRange")
  return writeAscii(writer, DateText.nearest(bytes, start, end, rule.family === "date"), true)
}

const writeJson = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  if (JsonText.isNull(bytes, start, end)) {
    if (rule.policies.jsonNull !== "string") return refuse(writer, rule, "jsonNull")
    writeQuoted(writer, NULL, 0, NULL.length)
    return undefined
  }
  const problem = JsonText.write(writer, bytes, start, end, rule.policies.jsonNumber)
  return problem === undefined ? undefined : ValuePolicy.describe(problem)
}

const writeArray = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  const bounds = rule.policies.arrayBounds
  if (ArrayText.hasBounds(bytes, start) && bounds !== "clamp") {
    if (bounds !== "string") return refuse(writer, rule, "arrayBounds")
    if (end - start > rule.bytesMax) return refuse(writer, rule, "length")
    writer.jsonString(bytes, start, end)
    return undefined
  }
  const elements = rule.elements!
  if (rule.family === "json") {
    const problem = ArrayText.write(writer, elements, bytes, start, end, rule.policies.jsonNumber)
    return problem === undefined ? undefined : ValuePolicy.describe(problem)
  }
  const text = new ByteWriter(end - start)
  ArrayText.write(text, elements, bytes, start, end, "keep")
  // Half of an array is not JSON: `clamp` has nothing to cut.
  if (text.length > rule.bytesMax) return refuse(writer, rule, "length")
  writer.jsonString(text.view(), 0, text.length)
  return undefined
}

const writeHex = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  if (end - start < HEX_PREFIX_BYTES || bytes[start + 1] !== CHAR_X) return "bytea did not come in hex format"
  const digits = start + HEX_PREFIX_BYTES
  if (end - digits > rule.bytesMax * HEX_DIGITS_PER_BYTE) {
    if (rule.policies.length !== "clamp") return refuse(writer, rule, "length")
    writeQuoted(writer, bytes, digits, digits + rule.bytesMax * HEX_DIGITS_PER_BYTE)
    return undefined
  }
  writeQuoted(writer, bytes, digits, end)
  return undefined
}
