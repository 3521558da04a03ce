/** What is written, or said, of a value that its column cannot hold; and text that needs no escapes. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as ValuePolicy from "./ValuePolicy.ts"
import type { ValueRule } from "./ValueRule.ts"

const NULL = Buffer.from("null", "latin1")
const QUOTE = 0x22

/** Text that holds nothing to escape, such as digits and signs, as a JSON string. */
export const writeQuoted = (writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void => {
  writer.byte(QUOTE)
  writer.copy(bytes, start, end)
  writer.byte(QUOTE)
}

/** Such text as it is, or as a JSON string. */
export const writeAscii = (writer: ByteWriter, text: string, quoted: boolean): undefined => {
  const bytes = Buffer.from(text, "latin1")
  if (quoted) writeQuoted(writer, bytes, 0, bytes.length)
  else writer.copy(bytes, 0, bytes.length)
}

/** NULL, or the error where the column has none. */
export const writeNull = (
  writer: ByteWriter,
  rule: ValueRule,
  valueClass: ValuePolicy.ValueClass
): string | undefined => {
  if (!rule.nullable) {
    const { description, variable } = ValuePolicy.CLASSES[valueClass]
    return `it is ${description}; ${variable} asks for NULL, which the column cannot hold either`
  }
  writer.copy(NULL, 0, NULL.length)
  return undefined
}

/** NULL or the error, for a value whose policy is neither `clamp` nor `string`. */
export const refuse = (writer: ByteWriter, rule: ValueRule, valueClass: ValuePolicy.ValueClass): string | undefined =>
  rule.policies[valueClass] === "null" ? writeNull(writer, rule, valueClass) : ValuePolicy.describe(valueClass)
