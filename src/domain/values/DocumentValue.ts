/** Writes JSON documents and arrays. */
import { ByteWriter } from "../ByteWriter.ts"
import * as ArrayText from "./ArrayText.ts"
import * as JsonText from "./JsonText.ts"
import * as Problem from "./Problem.ts"
import { refuse } from "./Refusal.ts"
import type { ValueClass } from "./ValuePolicy.ts"
import type { ValueRule, WriteValue } from "./ValueRule.ts"

const NULL = Buffer.from(JsonText.NULL_TEXT, "latin1")

export const writeJson: WriteValue = (writer, rule, bytes, start, end) => {
  if (JsonText.isNull(bytes, start, end)) {
    if (rule.policies.jsonNull !== "string") return refuse(writer, rule, "jsonNull")
    writeJsonString(writer, rule, NULL, 0, NULL.length)
    return undefined
  }
  const from = writer.length
  const problem = JsonText.write(writer, bytes, start, end, rule.policies.jsonNumber)
  if (problem !== undefined) return writeProblem(writer, from, problem, rule, bytes, start, end)
  rule.form.document(writer, from)
  return undefined
}

export const writeArray: WriteValue = (writer, rule, bytes, start, end) => {
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
    const from = writer.length
    const problem = ArrayText.write(writer, elements, bytes, start, end, { jsonNull, jsonNumber })
    if (problem !== undefined) return writeProblem(writer, from, problem, rule, bytes, start, end)
    rule.form.document(writer, from)
    return undefined
  }
  const text = new ByteWriter(end - start)
  const problem = ArrayText.write(text, elements, bytes, start, end, { jsonNull, jsonNumber: "keep" })
  return problem === undefined
    ? writeWhole(writer, rule, text.view(), 0, text.length)
    : writeWhole(writer, rule, bytes, start, end)
}

/** A document that could not be written on from `from`: of the class that says nothing of its parts, as its policy says. */
const writeProblem = (
  writer: ByteWriter,
  from: number,
  problem: ValueClass,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number,
  end: number
): Problem.Problem | undefined => {
  if (problem !== "jsonText") return Problem.NO_FORM[problem]
  writer.truncate(from)
  return rule.policies.jsonText === "string"
    ? writeWhole(writer, rule, bytes, start, end)
    : refuse(writer, rule, "jsonText")
}

/** A text that is worth nothing when it is cut. */
const writeWhole = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number,
  end: number
): Problem.Problem | undefined => {
  if (end - start > rule.bytesMax) return refuse(writer, rule, "length")
  if (rule.family === "string") return rule.form.text(writer, bytes, start, end)
  writeJsonString(writer, rule, bytes, start, end)
  return undefined
}

/** Text as a document: a JSON string in every format. */
const writeJsonString = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number,
  end: number
): void => {
  const from = writer.length
  writer.jsonString(bytes, start, end)
  rule.form.document(writer, from)
}
