/** Writes JSON documents and arrays. */
import { ByteWriter } from "../ByteWriter.ts"
import * as ArrayText from "./ArrayText.ts"
import * as JsonText from "./JsonText.ts"
import { refuse, writeAscii } from "./Refusal.ts"
import * as ValuePolicy from "./ValuePolicy.ts"
import type { ValueRule } from "./ValueRule.ts"

export const writeJson = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  if (JsonText.isNull(bytes, start, end)) {
    return rule.policies.jsonNull === "string"
      ? writeAscii(writer, JsonText.NULL_TEXT, true)
      : refuse(writer, rule, "jsonNull")
  }
  const problem = JsonText.write(writer, bytes, start, end, rule.policies.jsonNumber)
  return problem === undefined ? undefined : ValuePolicy.describe(problem)
}

export const writeArray = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  const isText = rule.family === "string"
  const { arrayBounds, jsonNull, jsonNumber } = rule.policies
  if (ArrayText.hasBounds(bytes, start) && arrayBounds !== "clamp") {
    // A text column loses nothing.
    if (arrayBounds === "string" || (isText && arrayBounds === "fail")) {
      return writeWhole(writer, rule, bytes, start, end)
    }
    return refuse(writer, rule, "arrayBounds")
  }
  const elements = rule.elements!
  if (!isText) {
    const problem = ArrayText.write(writer, elements, bytes, start, end, { jsonNull, jsonNumber })
    return problem === undefined ? undefined : ValuePolicy.describe(problem)
  }
  const text = new ByteWriter(end - start)
  const problem = ArrayText.write(text, elements, bytes, start, end, { jsonNull, jsonNumber: "keep" })
  return problem === undefined
    ? writeWhole(writer, rule, text.view(), 0, text.length)
    : writeWhole(writer, rule, bytes, start, end)
}

/** A text that is worth nothing when it is cut. */
const writeWhole = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number,
  end: number
): string | undefined => {
  if (end - start > rule.bytesMax) return refuse(writer, rule, "length")
  writer.jsonString(bytes, start, end)
  return undefined
}
