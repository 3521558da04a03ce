/** Calls whose arguments are not only separated by commas: CAST, CONVERT, EXTRACT, GROUP_CONCAT, TRIM and POSITION. */
import { literal } from "../catalogue/Table.ts"
import { syntax, unsupported } from "../syntax/SqlError.ts"
import { isWord, type Token } from "../syntax/Tokens.ts"
import { type Argument, noSuchFunction } from "./Call.ts"
import { cast } from "./CastTypes.ts"
import { separated, type Span, wordAt } from "./Spans.ts"
import { parts } from "./TimeFunctions.ts"

const groupConcat = (inside: Span, list: ReadonlyArray<Token>, write: (span: Span) => string): string => {
  const separator = wordAt(list, inside, "SEPARATOR")
  const to = separator < 0 ? inside.to : separator
  const order = wordAt(list, { from: inside.from, to }, "ORDER")
  const value = { from: inside.from, to: order < 0 ? to : order }
  if (separated(list, value).length !== 1) throw unsupported("group_concat of several columns")
  const text = separator < 0 ? literal(",") : write({ from: separator + 1, to: inside.to })
  const distinct = isWord(list[value.from], "DISTINCT") ? "distinct " : ""
  const joined = write({ from: value.from + (distinct === "" ? 0 : 1), to: value.to })
  return `string_agg(${distinct}main.endpoint_text(${joined}), ${text}${
    order < 0 ? "" : ` ${write({ from: order, to })}`
  })`
}

/** Calls with words between their arguments, written for DuckDB; undefined when it is another one. Refusals are thrown. */
export const specialCall = (
  lower: string,
  inside: Span,
  list: ReadonlyArray<Token>,
  write: (span: Span) => string
): string | undefined => {
  const argument = (span: Span): Argument => ({ sql: write(span), tokens: list.slice(span.from, span.to) })
  const { from, to } = inside
  if (lower === "cast") {
    const at = wordAt(list, inside, "AS")
    if (at < 0) throw syntax("Unexpected input in CAST")
    return cast(argument({ from, to: at }), list.slice(at + 1, to))
  }
  if (lower === "convert") {
    const using = wordAt(list, inside, "USING")
    if (using >= 0) {
      return cast(argument({ from, to: using }), [{ kind: "word", text: "STRING", start: 0, end: 0 }])
    }
    const [value, type] = separated(list, inside)
    if (value === undefined || type === undefined) throw noSuchFunction(lower)
    return cast(argument(value), list.slice(type.from, to))
  }
  if (lower === "extract") {
    const unit = list[from]?.text.toLowerCase() ?? ""
    const part = Object.hasOwn(parts, unit) ? parts[unit] : undefined
    if (part === undefined || !isWord(list[from + 1], "FROM")) throw noSuchFunction(`extract ${unit}`)
    return part.write(argument({ from: from + 2, to }))
  }
  if (lower === "group_concat") return groupConcat(inside, list, write)
  const worded = lower === "trim" ? wordAt(list, inside, "FROM") : wordAt(list, inside, "IN")
  if ((lower === "trim" || lower === "position") && worded >= 0) return `${lower}(${write(inside)})`
  return undefined
}
