/**
 * Values as fields of CSV. Text is enclosed, so that separators and line breaks in it are text; digits and dates are not,
 * and neither is NULL.
 *
 * A quote in text is escaped, never doubled: the server cuts a field wrongly that starts with a doubled quote. The escape is
 * no backslash: the server would take the one of `\N` for an escape, and read an N.
 */
import type { ByteWriter } from "../ByteWriter.ts"
import * as Problem from "./Problem.ts"
import type { ValueForm } from "./ValueForm.ts"

/** Between two fields. */
export const SEPARATOR = ","
/** Around text. */
export const ENCLOSE = "\""
/** Before an enclosing mark or itself in text. It is ASCII, so no part of another character, and rare. */
export const ESCAPE = "^"

/** Bytes of the longest text that a server takes from a field, whatever its column holds. JSON documents have no such limit. */
const TEXT_BYTES_MAX = 1_048_576

/** Said of a text that a server reads as NULL, enclosed or not: the row must go in another format. */
export const LIKE_NULL = Problem.of("onlyJson", "it is the text \\N, which CSV has for NULL")
/** Said of a text, or of hex digits, that no field takes: the same. */
export const TOO_LONG = Problem.of("onlyJson", "it is longer than a field of CSV may be")

const NULL = Buffer.from("\\N", "latin1")
const ENCLOSE_BYTE = ENCLOSE.charCodeAt(0)
const ESCAPE_BYTE = ESCAPE.charCodeAt(0)

const enclose = (writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void => {
  writer.byte(ENCLOSE_BYTE)
  let copied = start
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte !== ENCLOSE_BYTE && byte !== ESCAPE_BYTE) continue
    writer.copy(bytes, copied, at)
    writer.byte(ESCAPE_BYTE)
    copied = at
  }
  writer.copy(bytes, copied, end)
  writer.byte(ENCLOSE_BYTE)
}

export const CSV_FORM: ValueForm = {
  format: "csv",
  nothing: NULL,
  text: (writer, bytes, start, end) => {
    // Nothing at all is the empty string.
    if (start === end) return undefined
    if (end - start === NULL.length && bytes[start] === NULL[0] && bytes[start + 1] === NULL[1]) return LIKE_NULL
    if (end - start > TEXT_BYTES_MAX) return TOO_LONG
    enclose(writer, bytes, start, end)
    return undefined
  },
  plain: (writer, bytes, start, end) => {
    if (end - start > TEXT_BYTES_MAX) return TOO_LONG
    writer.copy(bytes, start, end)
    return undefined
  },
  document: (writer, from) => {
    const json = Buffer.from(writer.view(from))
    writer.truncate(from)
    enclose(writer, json, 0, json.length)
  }
}
