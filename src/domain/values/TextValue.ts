/** Writes text, dates and binary data, and what becomes of them where their column cannot hold them. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as DateText from "./DateText.ts"
import * as Problem from "./Problem.ts"
import { refuse, writeAscii } from "./Refusal.ts"
import type { ValueRule, WriteValue } from "./ValueRule.ts"

const CHAR_X = 0x78
/** Two hex digits a byte, behind `\x`. */
const HEX_PREFIX_BYTES = 2
const HEX_DIGITS_PER_BYTE = 2
const UTF8_CONTINUATION = 0x80
const UTF8_KIND_MASK = 0xc0

const NOT_UTC = Problem.of("noForm", "its time zone is not UTC")
const NOT_HEX = Problem.of("noForm", "bytea did not come in hex format")

export const writeText: WriteValue = (writer, rule, bytes, start, end) => {
  if (end - start > rule.bytesMax) return writeTooLong(writer, rule, bytes, start)
  return rule.form.text(writer, bytes, start, end)
}

const writeTooLong = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Uint8Array,
  start: number
): Problem.Problem | undefined => {
  if (rule.policies.length !== "clamp" || !rule.isProse) return refuse(writer, rule, "length")
  let cut = start + rule.bytesMax
  while (cut > start && (bytes[cut]! & UTF8_KIND_MASK) === UTF8_CONTINUATION) cut--
  return rule.form.text(writer, bytes, start, cut)
}

export const writeDate: WriteValue = (writer, rule, bytes, start, end) => {
  if (!DateText.isCommonEra(bytes, start, end)) return writeOutOfRange(writer, rule, bytes, start, end)
  return rule.form.plain(writer, bytes, start, end)
}

export const writeInstant: WriteValue = (writer, rule, bytes, start, end) => {
  const bare = end - DateText.UTC_OFFSET_BYTES
  const isUtc = DateText.isUtc(bytes, bare)
  if (!isUtc && !DateText.isOutside(bytes, end)) return NOT_UTC
  if (!isUtc || !DateText.isCommonEra(bytes, start, bare)) return writeOutOfRange(writer, rule, bytes, start, end)
  return rule.form.plain(writer, bytes, start, bare)
}

const writeOutOfRange: WriteValue = (writer, rule, bytes, start, end) => {
  if (rule.policies.dateRange !== "clamp") return refuse(writer, rule, "dateRange")
  return writeAscii(writer, rule, DateText.nearest(bytes, start, end, rule.family === "date"), true)
}

export const writeHex: WriteValue = (writer, rule, bytes, start, end) => {
  if (end - start < HEX_PREFIX_BYTES || bytes[start + 1] !== CHAR_X) return NOT_HEX
  const digits = start + HEX_PREFIX_BYTES
  if (end - digits > rule.bytesMax * HEX_DIGITS_PER_BYTE) {
    if (rule.policies.length !== "clamp") return refuse(writer, rule, "length")
    return rule.form.plain(writer, bytes, digits, digits + rule.bytesMax * HEX_DIGITS_PER_BYTE)
  }
  return rule.form.plain(writer, bytes, digits, end)
}
