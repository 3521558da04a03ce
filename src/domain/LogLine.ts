/**
 * One line of the log, as JSON for machines or as text for people. A line never holds a line break or a control character
 * of a value: whoever can choose a table's name must not be able to write lines of his own.
 */
import type { LogLevel } from "./LogLevel.ts"

/** What a field may hold; objects are left out on purpose, because a row is one. */
export type Value = string | number | boolean | bigint | null | undefined | ReadonlyArray<string | number>

/** Names of fields are lower camel case; a name has the same type in every line. Undefined fields are left out. */
export type Fields = Readonly<Record<string, Value>>

export interface LogLine {
  readonly date: Date
  readonly level: LogLevel
  readonly module: string
  readonly message: string
  readonly fields: Fields
}

/**
 * Characters of a message or a value that are kept: every statement of ours fits, and a line stays below the 16 KiB at
 * which Docker's log driver breaks it in two.
 */
export const VALUE_CHARACTERS_MAX = 4_096

const cut = (text: string): string => {
  const over = text.length - VALUE_CHARACTERS_MAX
  return over <= 0 ? text : `${text.slice(0, VALUE_CHARACTERS_MAX)}… (${over} more characters)`
}

const cutList = (list: ReadonlyArray<string | number>): ReadonlyArray<string | number> => {
  let size = 0
  for (const [index, item] of list.entries()) {
    size += String(item).length
    if (size <= VALUE_CHARACTERS_MAX) continue
    return [...list.slice(0, index), `… (${list.length - index} more)`]
  }
  return list
}

/** JSON has no bigint, and readers of JSON no whole numbers beyond 2⁵³: such values are text. */
const bounded = (
  value: Exclude<Value, undefined>
): string | number | boolean | null | ReadonlyArray<string | number> => {
  if (typeof value === "string") return cut(value)
  if (typeof value === "bigint") return String(value)
  return typeof value === "object" && value !== null ? cutList(value) : value
}

/** DEL and the C1 controls, which terminals obey, line separators, and marks that turn the direction of text. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Of a JSON text only characters within strings can match, so an escape is always right. */
const escape = (json: string): string =>
  json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

const RESERVED: ReadonlySet<string> = new Set(["timestamp", "level", "module", "message"])

const present = (fields: Fields): ReadonlyArray<readonly [string, Exclude<Value, undefined>]> =>
  Object.entries(fields).flatMap(([name, value]) => value === undefined ? [] : [[name, value] as const])

/** One object: `timestamp` (ISO 8601, UTC), `level`, `module`, `message`, then the fields under their own names. */
export const json = (line: LogLine): string => {
  const out: Record<string, unknown> = {
    timestamp: line.date.toISOString(),
    level: line.level,
    module: line.module,
    message: cut(line.message)
  }
  for (const [name, value] of present(line.fields)) out[RESERVED.has(name) ? `field_${name}` : name] = bounded(value)
  return escape(JSON.stringify(out))
}

const RESET = "\u001b[0m"
const GREY = "\u001b[90m"
const COLOURS: Readonly<Record<LogLine["level"], string>> = {
  trace: GREY,
  debug: "\u001b[34m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m"
}
const LEVEL_WIDTH = 5

const BARE = /^[\p{L}\p{N}\p{P}\p{S}]+$/u
const NEEDS_QUOTES = /["=]/

const quoted = (text: string): string => escape(JSON.stringify(text))

const word = (text: string): string => BARE.test(text) && !NEEDS_QUOTES.test(text) ? escape(text) : quoted(text)

/** A message is read as it is, but for what would break the line or reach the terminal as a command. */
const plain = (text: string): string => quoted(text).slice(1, -1).replaceAll("\\\"", "\"").replaceAll("\\\\", "\\")

const shown = (value: Exclude<Value, undefined>): string => {
  const short = bounded(value)
  if (typeof short === "string") return word(short)
  return typeof short === "object" && short !== null ? word(short.join(",")) : String(short)
}

/** `time LEVEL module message key=value …`, for people; with colours for a terminal that shows them. */
export const pretty = (line: LogLine, coloured: boolean): string => {
  const paint = (colour: string, text: string): string => coloured ? `${colour}${text}${RESET}` : text
  const fields = present(line.fields).map(([name, value]) => ` ${paint(GREY, `${word(name)}=`)}${shown(value)}`)
  return [
    paint(GREY, line.date.toISOString()),
    paint(COLOURS[line.level], line.level.toUpperCase().padEnd(LEVEL_WIDTH)),
    paint(GREY, `${word(line.module)}:`),
    `${plain(cut(line.message))}${fields.join("")}`
  ].join(" ")
}
