/** Functions over texts, bytes and JSON. */
import { literal } from "../catalogue/Table.ts"
import {
  type Argument,
  asText,
  asThere,
  constant,
  define,
  type Definition,
  type Definitions,
  variadic
} from "./Call.ts"

/** Characters of the longest text: what a substring without a length takes. */
const everything: string = String(0xffff_ffff)

const ofText = (name: string): Definition => define(1, 1, (value) => `${name}(${asText(value)})`)

const length = define(1, 1, (value) => `main.endpoint_length(${value.sql})`)
const characters = ofText("length")
const upper = ofText("upper")
const lower = ofText("lower")

const substring = define(
  2,
  3,
  (value, place, count, given) =>
    `main.endpoint_substr(${asText(value)}, ${place.sql}, ${given === 3 ? count.sql : everything})`
)

const left = define(2, 2, (value, count) => `main.endpoint_substr(${asText(value)}, 1, ${count.sql})`)
const right = define(2, 2, (value, count) => `main.endpoint_right(${asText(value)}, ${count.sql})`)

const padded = (name: string): Definition =>
  define(
    2,
    3,
    (value, count, pad, given) =>
      `${name}(${asText(value)}, ${count.sql}::integer, ${given === 3 ? asText(pad) : "' '"})`
  )

const locate = define(2, 3, (search, value, place, given) =>
  given === 2
    ? `instr(${asText(value)}, ${asText(search)})`
    : `main.endpoint_locate(${asText(search)}, ${asText(value)}, ${place.sql})`)

const matches = define(2, 2, (value, pattern) => `regexp_matches(${asText(value)}, ${asText(pattern)})`)

type Format = "hex" | "encode64" | "utf8"

/** The format of to_binary and from_binary: hexadecimal when there is none, bytes of UTF-8 when it is unknown. */
const formatOf = (value: Argument, given: number): Format => {
  const name = given < 2 ? "hex" : constant(value, "the format of a binary").toLowerCase()
  return name === "hex" || name === "encode64" ? name : "utf8"
}

// Text that does not have the format is NULL.
const toBinary: Readonly<Record<Format, (text: string) => string>> = {
  hex: (text) => `try(from_hex(${text}))`,
  encode64: (text) => `try(from_base64(${text}))`,
  utf8: (text) => `encode(${text})`
}

const fromBinary: Readonly<Record<Format, (bytes: string) => string>> = {
  hex: (bytes) => `hex(${bytes})`,
  encode64: (bytes) => `to_base64(${bytes})`,
  utf8: (bytes) => `decode(${bytes})`
}

/** The functions. */
export const textFunctions: Definitions = {
  concat: variadic((values) => `('' || ${values.map(asText).join(" || ")})`),
  concat_ws: variadic((values) => `concat_ws(${values.map(asText).join(", ")})`),
  length,
  octet_length: length,
  char_length: characters,
  character_length: characters,
  upper,
  ucase: upper,
  lower,
  lcase: lower,
  trim: ofText("trim"),
  ltrim: ofText("ltrim"),
  rtrim: ofText("rtrim"),
  reverse: ofText("reverse"),
  ascii: ofText("ascii"),
  md5: ofText("md5"),
  char: define(1, 1, (value) => `chr(${value.sql})`),
  space: define(1, 1, (count) => `repeat(' ', ${count.sql})`),
  repeat: define(2, 2, (value, count) => `repeat(${asText(value)}, ${count.sql})`),
  replace: define(3, 3, (value, from, to) => `replace(${asText(value)}, ${asText(from)}, ${asText(to)})`),
  substr: substring,
  substring,
  left,
  strleft: left,
  right,
  strright: right,
  lpad: padded("lpad"),
  rpad: padded("rpad"),
  instr: define(2, 2, (value, search) => `instr(${asText(value)}, ${asText(search)})`),
  locate,
  position: locate,
  starts_with: define(2, 2, (value, start) => `starts_with(${asText(value)}, ${asText(start)})`),
  ends_with: define(2, 2, (value, end) => `ends_with(${asText(value)}, ${asText(end)})`),
  substring_index: define(
    3,
    3,
    (value, delimiter, count) =>
      `main.endpoint_substring_index(${asText(value)}, ${
        literal(constant(delimiter, "the delimiter of substring_index"))
      }, ${count.sql})`
  ),
  split: define(2, 2, (value, delimiter) => `string_split(${asText(value)}, ${asText(delimiter)})`),
  split_part: define(
    3,
    3,
    (value, delimiter, place) => `string_split(${asText(value)}, ${asText(delimiter)})[${place.sql}]`
  ),
  regexp: matches,
  rlike: matches,
  regexp_extract: define(
    3,
    3,
    (value, pattern, group) => `regexp_extract(${asText(value)}, ${asText(pattern)}, ${group.sql})`
  ),
  regexp_replace: define(
    3,
    3,
    (value, pattern, by) => `regexp_replace(${asText(value)}, ${asText(pattern)}, ${asText(by)}, 'g')`
  ),
  ...asThere(1, 1, "hex", "unhex"),
  from_base64: define(1, 1, (value) => `try(from_base64(${asText(value)}))`),
  to_base64: define(1, 1, (value) => `to_base64(encode(${asText(value)}))`),
  to_binary: define(1, 2, (value, format, _, given) => toBinary[formatOf(format, given)](asText(value))),
  from_binary: define(1, 2, (value, format, _, given) => fromBinary[formatOf(format, given)](value.sql)),
  uuid: define(0, 0, () => "uuid()::varchar"),
  get_json_string: define(2, 2, (value, path) => `main.endpoint_get_json_string(${value.sql}, ${path.sql})`),
  get_json_int: define(2, 2, (value, path) => `main.endpoint_get_json_int(${value.sql}, ${path.sql})`),
  get_json_double: define(2, 2, (value, path) => `main.endpoint_get_json_double(${value.sql}, ${path.sql})`),
  parse_json: define(1, 1, (value) => `main.endpoint_parse_json(${value.sql})`)
}
