/** The functions of expressions, each as the server defines it. What is not here is refused by name. */
import { createHash, randomUUID } from "node:crypto"
import { analysis } from "../syntax/SqlError.ts"
import * as Dates from "../values/Dates.ts"
import { chosen, order, truth } from "./ExpressionOperators.ts"
import {
  asBoolean,
  asBytes,
  asDate,
  asDateTime,
  asDouble,
  asInteger,
  asText,
  lift,
  type Of,
  parseJson,
  type Row,
  type Typed
} from "./ExpressionValue.ts"

interface Definition {
  /** How many arguments it takes. */
  readonly least: number
  readonly most: number
  readonly build: (...values: ReadonlyArray<Typed>) => Typed
}

/** Arguments of the longest call. */
const argumentsMax = 100

const missing: Typed = { type: "null", of: () => null }

const define = (
  least: number,
  most: number,
  build: (first: Typed, second: Typed, third: Typed, count: number) => Typed
): Definition => ({
  least,
  most,
  build: (...values) => build(values[0] ?? missing, values[1] ?? missing, values[2] ?? missing, values.length)
})

const text = (of: Of<string>): Typed => ({ type: "text", of })
const integer = (of: Of<bigint>): Typed => ({ type: "integer", wide: false, of })
const bytes = (of: Of<Uint8Array>): Typed => ({ type: "bytes", of })

const ofText = (change: (value: string) => string | null): Definition =>
  define(1, 1, (value) => text(lift(asText(value), change)))

const trimmed = (value: string, left: boolean, right: boolean): string => {
  let from = 0
  let to = value.length
  while (left && from < to && value.charCodeAt(from) === 32) from += 1
  while (right && to > from && value.charCodeAt(to - 1) === 32) to -= 1
  return value.slice(from, to)
}

/** Characters from a one-based place, which counts from the end when negative. */
const part = (value: string, place: number, count: number): string => {
  if (place === 0 || count <= 0) return ""
  const characters = Array.from(value)
  const from = place > 0 ? place - 1 : characters.length + place
  return from < 0 ? "" : characters.slice(from, from + count).join("")
}

const substring = define(2, 3, (value, place, length, count) => {
  const source = asText(value)
  const from = asInteger(place)
  const size = count === 3 ? asInteger(length) : (): bigint | null => BigInt(Number.MAX_SAFE_INTEGER)
  return text((row) => {
    const written = source(row)
    const start = from(row)
    const wanted = size(row)
    return written === null || start === null || wanted === null ? null : part(written, Number(start), Number(wanted))
  })
})

const edge = (left: boolean): Definition =>
  define(2, 2, (value, length) => {
    const source = asText(value)
    const size = asInteger(length)
    return text((row) => {
      const written = source(row)
      const wanted = size(row)
      if (written === null || wanted === null) return null
      const count = Number(wanted)
      if (left) return part(written, 1, count)
      return count <= 0 ? "" : Array.from(written).slice(-count).join("")
    })
  })

const replace = define(3, 3, (value, from, to) => {
  const source = asText(value)
  const search = asText(from)
  const replacement = asText(to)
  return text((row) => {
    const written = source(row)
    const old = search(row)
    const next = replacement(row)
    if (written === null || old === null || next === null) return null
    return old === "" ? written : written.split(old).join(next)
  })
})

const concat: Definition = {
  least: 1,
  most: argumentsMax,
  build: (...values) => {
    const parts = values.map(asText)
    return text((row) => {
      let joined = ""
      for (const next of parts) {
        const value = next(row)
        if (value === null) return null
        joined += value
      }
      return joined
    })
  }
}

const hexText = /^(?:[0-9a-fA-F]{2})*$/
const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const fromBase64 = (value: string): Uint8Array | null => base64Text.test(value) ? Buffer.from(value, "base64") : null
const fromHex = (value: string): Uint8Array | null => hexText.test(value) ? Buffer.from(value, "hex") : null

/** The format of to_binary and from_binary, which has to be a constant. */
const binaryFormat = (format: Typed): "hex" | "encode64" | "utf8" => {
  if (format.type === "null") return "hex"
  const name = format.type === "text" ? format.literal?.toLowerCase() : undefined
  if (name === "hex" || name === "encode64" || name === "utf8") return name
  throw analysis("the format of a binary has to be 'hex', 'encode64' or 'utf8'")
}

const toBinary = define(1, 2, (value, format) => {
  const name = binaryFormat(format)
  const source = asText(value)
  if (name === "utf8") return bytes(lift(source, (written) => Buffer.from(written)))
  return bytes(lift(source, name === "hex" ? fromHex : fromBase64))
})

const fromBinary = define(1, 2, (value, format) => {
  const name = binaryFormat(format)
  if (name === "utf8") return text(asText(value))
  const encoding = name === "hex" ? "hex" : "base64"
  return text(lift(asBytes(value), (found) => {
    const written = Buffer.from(found).toString(encoding)
    return name === "hex" ? written.toUpperCase() : written
  }))
})

const hex = define(1, 1, (value) =>
  value.type === "integer" || value.type === "boolean"
    ? text(lift(asInteger(value), (number) => BigInt.asUintN(64, number).toString(16).toUpperCase()))
    : text(lift(asBytes(value), (found) => Buffer.from(found).toString("hex").toUpperCase())))

const md5 = define(
  1,
  1,
  (value) =>
    text(
      lift(asBytes(value.type === "bytes" ? value : text(asText(value))), (found) =>
        createHash("md5").update(found).digest("hex"))
    )
)

const absolute = define(1, 1, (value) => {
  if (value.type === "integer" || value.type === "decimal") {
    return { ...value, of: lift(value.of, (number: bigint) => number < 0n ? -number : number) }
  }
  return { type: "double", of: lift(asDouble(value), Math.abs) }
})

/** A number out of the text `YYYY-MM-DD HH:MM:SS`. */
const datePart = (from: number, to: number): Definition =>
  define(
    1,
    1,
    (value) => integer(lift(asDateTime(value), (micros) => BigInt(Dates.formatDateTime(micros).slice(from, to))))
  )

const conditional = define(3, 3, (condition, yes, no) => {
  const holds = asBoolean(condition)
  return chosen([yes, no], (row) => holds(row) === true ? 0 : 1)
})

const coalesce: Definition = {
  least: 1,
  most: argumentsMax,
  build: (...values) => chosen(values, (row) => values.findIndex((value) => value.of(row) !== null))
}

const nullIf = define(2, 2, (value, other) => {
  const found = order(value, other)
  return chosen([value], (row: Row) => found(row) === 0 ? -1 : 0)
})

/** The time at which the load was planned, to the second, like a statement's now(). */
const now = define(0, 0, () => {
  const micros = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000n
  return { type: "datetime", of: () => micros }
})

const characterCount = define(
  1,
  1,
  (value) => integer(lift(asText(value), (written) => BigInt(Array.from(written).length)))
)

const substr = substring
const upper = ofText((value) => value.toUpperCase())
const lower = ofText((value) => value.toLowerCase())

const definitions = new Map<string, Definition>(Object.entries({
  abs: absolute,
  char_length: characterCount,
  character_length: characterCount,
  coalesce,
  concat,
  current_timestamp: now,
  date: define(1, 1, (value) => ({ type: "date", of: asDate(value) })),
  day: datePart(8, 10),
  from_base64: define(1, 1, (value) => bytes(lift(asText(value), fromBase64))),
  from_binary: fromBinary,
  hex,
  hour: datePart(11, 13),
  if: conditional,
  ifnull: define(2, 2, (value, other) => coalesce.build(value, other)),
  isnull: define(1, 1, (value) => truth((row) => value.of(row) === null)),
  left: edge(true),
  length: define(1, 1, (value) => integer(lift(asText(value), (written) => BigInt(Buffer.byteLength(written))))),
  lower,
  lcase: lower,
  ltrim: ofText((value) => trimmed(value, true, false)),
  md5,
  minute: datePart(14, 16),
  month: datePart(5, 7),
  now,
  nullif: nullIf,
  parse_json: define(1, 1, (value) => ({ type: "json", of: lift(asText(value), parseJson) })),
  replace,
  right: edge(false),
  rtrim: ofText((value) => trimmed(value, false, true)),
  second: datePart(17, 19),
  substr,
  substring,
  to_base64: define(1, 1, (value) => text(lift(asBytes(value), (found) => Buffer.from(found).toString("base64")))),
  to_binary: toBinary,
  to_date: define(1, 1, (value) => ({ type: "date", of: asDate(value) })),
  trim: ofText((value) => trimmed(value, true, true)),
  ucase: upper,
  unhex: define(1, 1, (value) => bytes(lift(asText(value), (written) => fromHex(written) ?? Buffer.alloc(0)))),
  upper,
  uuid: define(0, 0, () => text(() => randomUUID())),
  year: datePart(0, 4)
}))

/** The names of the functions, in order. */
export const names: ReadonlyArray<string> = [...definitions.keys()].toSorted()

/** A call of a function; a name or a number of arguments it does not know is a refusal, thrown. */
export const call = (name: string, values: ReadonlyArray<Typed>): Typed => {
  const definition = definitions.get(name.toLowerCase())
  if (definition === undefined) throw analysis(`there is no function ${name}`)
  if (values.length < definition.least || values.length > definition.most) {
    throw analysis(`No matching function with signature: ${name} with ${values.length} arguments`)
  }
  return definition.build(...values)
}
