/**
 * Copies JSON as PostgreSQL gives it, minding what a StarRocks JSON column would change (long numbers and `null`) and what
 * servers cannot read: the type json, unlike jsonb, keeps escapes that make no text, and both nest deeply.
 */
import type { ByteWriter } from "../ByteWriter.ts"
import * as DecimalText from "./DecimalText.ts"
import type { Policies, ValueClass } from "./ValuePolicy.ts"

/** What becomes of a number that StarRocks would round; `keep`: the document goes where text stays text. */
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
/**
 * Arrays and objects within each other. PostgreSQL takes thousands; a server's parser has a bound, or calls itself for each
 * until its stack ends. Far below those that are known, also with an array's dimensions around it.
 */
const DEPTH_MAX = 200
const OPEN = 0x7b
const CLOSE = 0x7d
/** In which `[` and `{`, `]` and `}`, and the cases of a letter differ. */
const CASE_BIT = 0x20
const CHAR_U = 0x75
const CHAR_D = 0x64
const CHAR_8 = 0x38
const CHAR_B = 0x62
/** Of `\u` and four hex digits. */
const ESCAPE_BYTES = 6
/** In place of a position: a character is cut in half. */
const UNPAIRED = -1

const isDigit = (byte: number): boolean => byte >= CHAR_0 && byte <= CHAR_9

const isInNumber = (byte: number): boolean =>
  isDigit(byte) || byte === CHAR_MINUS || byte === 0x2e || byte === 0x2b || byte === 0x65 || byte === 0x45

/** Which half of a character the escape at `at` is: `\ud800` to `\udbff` the first, `\udc00` to `\udfff` the second. */
const halfAt = (bytes: Uint8Array, at: number): "first" | "second" | undefined => {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== CHAR_U || (bytes[at + 2]! | CASE_BIT) !== CHAR_D) return undefined
  const digit = bytes[at + 3]! | CASE_BIT
  return digit < CHAR_8 ? undefined : digit <= CHAR_B ? "first" : "second"
}

/** The position behind the escape at `at`; `UNPAIRED` when it is half a character, alone. */
const escapeEnd = (bytes: Uint8Array, at: number): number => {
  const half = halfAt(bytes, at)
  if (half === undefined) return at + 2
  return half === "first" && halfAt(bytes, at + ESCAPE_BYTES) === "second" ? at + 2 * ESCAPE_BYTES : UNPAIRED
}

/** The position behind the string that begins at `start`; `UNPAIRED` when half a character is in it and it is no mere text. */
const stringEnd = (bytes: Uint8Array, start: number, end: number, isText: boolean): number => {
  let at = start + 1
  while (at < end && bytes[at] !== QUOTE) {
    if (bytes[at] !== BACKSLASH) at += 1
    else if (isText || bytes[at + 1] !== CHAR_U) at += 2
    else {
      at = escapeEnd(bytes, at)
      if (at === UNPAIRED) return UNPAIRED
    }
  }
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
 * policy; their class is given back when it is `fail`, and that of a document that servers cannot read, whatever its policy.
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
  let depth = 0
  const isText = policy === "keep"
  while (at < end) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = stringEnd(bytes, at, end, isText)
      if (at === UNPAIRED) return "jsonText"
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
      const bracket = byte | CASE_BIT
      if (bracket === OPEN) {
        if (++depth > DEPTH_MAX && !isText) return "jsonText"
      } else if (bracket === CLOSE) depth--
      at++
    }
  }
  writer.copy(bytes, copied, end)
  return undefined
}
