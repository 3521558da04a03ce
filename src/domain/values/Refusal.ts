/** What is written, or said, of a value that its column cannot hold. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as Problem from "./Problem.ts"
import type { ValueClass } from "./ValuePolicy.ts"
import type { ValueRule } from "./ValueRule.ts"

/** A number or a date that needs no escapes: as text of the form, or as it is. */
export const writeAscii = (
  writer: ByteWriter,
  rule: ValueRule,
  text: string,
  isText: boolean
): Problem.Problem | undefined => {
  const bytes = Buffer.from(text, "latin1")
  if (isText) return rule.form.plain(writer, bytes, 0, bytes.length)
  writer.copy(bytes, 0, bytes.length)
  return undefined
}

/** NULL, or the error where the column has none. */
export const writeNull = (
  writer: ByteWriter,
  rule: ValueRule,
  valueClass: ValueClass
): Problem.Problem | undefined => {
  if (!rule.nullable) return Problem.NULL_ASKED[valueClass]
  writer.copy(rule.form.nothing, 0, rule.form.nothing.length)
  return undefined
}

/** NULL or the error, for a value whose policy is neither `clamp` nor `string`. */
export const refuse = (writer: ByteWriter, rule: ValueRule, valueClass: ValueClass): Problem.Problem | undefined =>
  rule.policies[valueClass] === "null" ? writeNull(writer, rule, valueClass) : Problem.NO_FORM[valueClass]
