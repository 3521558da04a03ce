/**
 * Writes PostgreSQL's text of an array (`{1,NULL,"a b"}`, `[0:1]={7,8}`) as a JSON array, nested as the array is. Integers,
 * finite floats and booleans are JSON's own, JSON elements stay JSON; every other element is a string of its text, so that
 * a numeric keeps its digits.
 */
import type { ByteWriter } from "../ByteWriter.ts"
import type { ArrayElements, PgKind } from "../PgType.ts"
import * as JsonText from "./JsonText.ts"
import * as NumberText from "./NumberText.ts"
import type { Policies, ValueClass } from "./ValuePolicy.ts"

/** What becomes of elements of json and jsonb that JSON, or StarRocks, does not keep apart. */
export interface ElementPolicies {
  readonly jsonNumber: JsonText.NumberPolicy
  /** Of an element that is JSON's null, where NULL is `null` too. */
  readonly jsonNull: Policies["jsonNull"]
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const EQUALS = 0x3d
const CHAR_T = 0x74
const NULL = Buffer.from(JsonText.NULL_TEXT, "latin1")
const NULL_TEXT = Buffer.from("NULL", "latin1")
const TRUE = Buffer.from("true", "latin1")
const NEGATIVE_ZERO = Buffer.from(NumberText.NEGATIVE_ZERO, "latin1")
const FALSE = Buffer.from("false", "latin1")

/** Whether the text says the bounds of its indexes, which PostgreSQL writes only when one does not begin at 1. */
export const hasBounds = (bytes: Uint8Array, start: number): boolean => bytes[start] === BRACKET_OPEN

const writeJsonNull = (writer: ByteWriter, policy: ElementPolicies["jsonNull"]): ValueClass | undefined => {
  if (policy === "fail") return "jsonNull"
  if (policy === "string") writer.jsonString(NULL, 0, NULL.length)
  else writer.copy(NULL, 0, NULL.length)
  return undefined
}

const writeElement = (
  writer: ByteWriter,
  kind: PgKind,
  bytes: Buffer,
  start: number,
  end: number,
  policies: ElementPolicies
): ValueClass | undefined => {
  switch (kind) {
    case "integer":
      writer.copy(bytes, start, end)
      return undefined
    case "float":
    case "double":
      if (NumberText.isNegativeZero(bytes, start, end)) writer.copy(NEGATIVE_ZERO, 0, NEGATIVE_ZERO.length)
      else if (NumberText.isFinite(bytes, start)) writer.copy(bytes, start, end)
      else writer.jsonString(bytes, start, end)
      return undefined
    case "boolean":
      if (bytes[start] === CHAR_T) writer.copy(TRUE, 0, TRUE.length)
      else writer.copy(FALSE, 0, FALSE.length)
      return undefined
    case "json":
      return JsonText.isNull(bytes, start, end)
        ? writeJsonNull(writer, policies.jsonNull)
        : JsonText.write(writer, bytes, start, end, policies.jsonNumber)
    default:
      writer.jsonString(bytes, start, end)
      return undefined
  }
}

/** A quoted element without its quotes and escapes, and where it ends. */
const unquote = (bytes: Buffer, start: number): { readonly text: Buffer; readonly end: number } => {
  let at = start + 1
  let escapes = 0
  while (bytes[at] !== QUOTE) {
    if (bytes[at] === BACKSLASH) {
      escapes += 1
      at += 1
    }
    at += 1
  }
  if (escapes === 0) return { text: bytes.subarray(start + 1, at), end: at + 1 }
  const text = Buffer.allocUnsafe(at - start - 1 - escapes)
  let length = 0
  for (let from = start + 1; from < at; from++) {
    if (bytes[from] === BACKSLASH) from += 1
    text[length++] = bytes[from]!
  }
  return { text, end: at + 1 }
}

/** Writes the array; bounds are left out. Gives the class of an element that has no form under its policy. */
export const write = (
  writer: ByteWriter,
  elements: ArrayElements,
  bytes: Buffer,
  start: number,
  end: number,
  policies: ElementPolicies
): ValueClass | undefined => {
  const delimiter = elements.delimiter.charCodeAt(0)
  let at = hasBounds(bytes, start) ? bytes.indexOf(EQUALS, start) + 1 : start
  while (at < end) {
    const byte = bytes[at]!
    if (byte === OPEN) writer.byte(BRACKET_OPEN)
    else if (byte === CLOSE) writer.byte(BRACKET_CLOSE)
    else if (byte === delimiter) writer.byte(COMMA)
    else if (byte === QUOTE) {
      const element = unquote(bytes, at)
      const problem = writeElement(writer, elements.kind, element.text, 0, element.text.length, policies)
      if (problem !== undefined) return problem
      at = element.end
      continue
    } else {
      const from = at
      while (at < end && bytes[at] !== delimiter && bytes[at] !== CLOSE) at++
      if (at - from === NULL_TEXT.length && NULL_TEXT.equals(bytes.subarray(from, at))) {
        writer.copy(NULL, 0, NULL.length)
        continue
      }
      const problem = writeElement(writer, elements.kind, bytes, from, at, policies)
      if (problem !== undefined) return problem
      continue
    }
    at += 1
  }
  return undefined
}
