/** Copies JSON as PostgreSQL gives it, minding what a StarRocks JSON column would change: long numbers and `null`. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as DecimalText from "./DecimalText.ts"
import type { Policies, ValueClass } from "./ValuePolicy.ts"

/** What becomes of a number that StarRocks would round; `keep`: it goes where text stays text. */
export type NumberPolicy = Policies["jsonNumber"] | "keep"

/** JSON's own null. */
export const NULL_TEXT = "null"

const NULL = Buffer.from(NULL_TEXT, "latin1")
const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20
const CHAR_0 = 0x30
const CHAR_9 = 0x39
const CHAR_MINUS = 0x2d
/** As many significant digits fit a double, whatever they are. */
const DOUBLE_DIGITS = 15

const isDigit = (byte: number): boolean => byte >= CHAR_0 && byte <= CHAR_9

const isInNumber = (byte: number): boolean =>
  isDigit(byte) || byte === CHAR_MINUS || byte === 0x2e || byte === 0x2b || byte === 0x65 || byte === 0x45

/** The position behind the string that begins at `start`. */
const stringEnd = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start + 1
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at + 1
}

/** Short numbers without an exponent are exact; the others are looked at as text. */
const isShort = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (end - start > DOUBLE_DIGITS) return false
  let at = start
  while (at < end && bytes[at] !== 0x65 && bytes[at] !== 0x45) at++
  return at === end
}

/** What is written of a number that is not short; undefined: it has no form. */
const formOf = (text: string, policy: Exclude<NumberPolicy, "keep">): string | undefined => {
  if (DecimalText.isExactInJson(text)) return DecimalText.asDouble(text)
  switch (policy) {
    case "fail":
      return undefined
    case "null":
      return NULL_TEXT
    case "string":
      return `"${text}"`
    case "clamp":
      return DecimalText.nearestDouble(text)
  }
}

/** Whether the document is the bare value `null`, with white space around it or not. */
export const isNull = (bytes: Buffer, start: number, end: number): boolean => {
  let from = start
  let to = end
  while (from < to && bytes[from]! <= SPACE) from++
  while (to > from && bytes[to - 1]! <= SPACE) to--
  return to - from === NULL.length && NULL.equals(bytes.subarray(from, to))
}

/**
 * Writes the document on one line: line breaks between its tokens become spaces. Numbers that would be rounded follow the
 * policy; the class is given back when it is `fail`.
 */
export const write = (
  writer: ByteWriter,
  bytes: Buffer,
  start: number,
  end: number,
  policy: NumberPolicy
): ValueClass | undefined => {
  let copied = start
  let at = start
  while (at < end) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = stringEnd(bytes, at, end)
    } else if (byte < SPACE) {
      writer.copy(bytes, copied, at)
      writer.byte(SPACE)
      copied = ++at
    } else if (isDigit(byte) || byte === CHAR_MINUS) {
      const number = at
      while (at < end && isInNumber(bytes[at]!)) at++
      if (policy === "keep" || isShort(bytes, number, at)) continue
      const text = bytes.toString("latin1", number, at)
      const form = formOf(text, policy)
      if (form === undefined) return "jsonNumber"
      if (form === text) continue
      writer.copy(bytes, copied, number)
      writer.copy(Buffer.from(form, "latin1"), 0, form.length)
      copied = at
    } else {
      at++
    }
  }
  writer.copy(bytes, copied, end)
  return undefined
}
