/** Values as those of members of a JSON object. */
import type { ValueForm } from "./ValueForm.ts"

const QUOTE = 0x22

export const JSON_FORM: ValueForm = {
  format: "json",
  nothing: Buffer.from("null", "latin1"),
  text: (writer, bytes, start, end) => {
    writer.jsonString(bytes, start, end)
    return undefined
  },
  plain: (writer, bytes, start, end) => {
    writer.byte(QUOTE)
    writer.copy(bytes, start, end)
    writer.byte(QUOTE)
    return undefined
  },
  document: () => {}
}
