/** Casts: to what type, and how the value gets there. What cannot be cast is NULL, as on the server. */
import { detail, unsupported } from "../syntax/SqlError.ts"
import { isSymbol, type Token } from "../syntax/Tokens.ts"
import { type Argument, asMoment, asText } from "./Call.ts"

const integers: Readonly<Record<string, string>> = {
  TINYINT: "TINYINT",
  SMALLINT: "SMALLINT",
  INT: "INTEGER",
  INTEGER: "INTEGER",
  BIGINT: "BIGINT",
  SIGNED: "BIGINT",
  UNSIGNED: "HUGEINT",
  LARGEINT: "HUGEINT"
}

const decimals = ["DECIMAL", "DECIMALV2", "DECIMALV3", "DECIMAL32", "DECIMAL64", "DECIMAL128", "NUMERIC"]

/** The numbers in parentheses behind a type; a refusal, thrown, when something else stands there. */
const sizes = (list: ReadonlyArray<Token>): ReadonlyArray<string> => {
  if (list.length === 0) return []
  const numbers = list.slice(1, -1).filter((_, index) => index % 2 === 0)
  const separators = list.slice(1, -1).filter((_, index) => index % 2 === 1)
  const right = isSymbol(list[0], "(") && isSymbol(list.at(-1), ")") && numbers.length > 0 && numbers.length <= 2 &&
    numbers.every((token) => token.kind === "number") && separators.every((token) => isSymbol(token, ","))
  if (!right) throw detail(`Unknown type '${list.map(({ text }) => text).join("")}'`)
  return numbers.map(({ text }) => text)
}

/** A cast of a value to the type that these tokens write; refusals are thrown. */
export const cast = (value: Argument, type: ReadonlyArray<Token>): string => {
  const [first, ...rest] = type
  const name = first?.kind === "word" ? first.text.toUpperCase() : ""
  // `SIGNED INTEGER`.
  const size = sizes(rest.length === 1 && /^INT(EGER)?$/i.test(rest[0]?.text ?? "") ? [] : rest)
  const integer = Object.hasOwn(integers, name) ? integers[name] : undefined
  if (integer !== undefined) return `try_cast(main.endpoint_integer(${value.sql}) as ${integer})`
  if (decimals.includes(name)) {
    const [precision = "10", scale = "0"] = size
    return `try_cast(${value.sql} as DECIMAL(${precision},${scale}))`
  }
  switch (name) {
    case "BOOLEAN":
    case "BOOL":
      return `try_cast(${value.sql} as BOOLEAN)`
    case "FLOAT":
    case "DOUBLE":
      return `try_cast(${value.sql} as ${name})`
    case "CHAR":
    case "VARCHAR":
    case "STRING":
    case "TEXT":
      return asText(value)
    case "DATE":
      return `cast(${asMoment(value)} as DATE)`
    case "DATETIME":
    case "TIMESTAMP":
      return asMoment(value)
    case "JSON":
      return `try_cast(${value.sql} as JSON)`
    case "BINARY":
    case "VARBINARY":
      return `cast(${value.sql} as BLOB)`
    default:
      throw unsupported(`CAST to ${name === "" ? "an unknown type" : name}`)
  }
}
