/** Fields of CSV that stand for JSON: the text of a JSON, ARRAY, MAP or STRUCT column as the token its conversion takes. */
import { isAscii } from "node:buffer"
import { JsonScanner, Scan } from "../values/JsonScanner.ts"
import { ValueKind } from "../values/ValueKind.ts"

/** A value's token. */
export interface Token {
  readonly kind: number
  readonly text: string
}

/** Kinds of columns whose fields are read here. */
export const nestedKinds: ReadonlySet<string> = new Set(["JSON", "ARRAY", "MAP", "STRUCT"])

const scanner = new JsonScanner()

const scanned = (text: string): Token | undefined => {
  // Behind a number the scanner wants to see that it ended.
  const bytes = Buffer.from(`${text} `)
  scanner.reset(bytes, isAscii(bytes))
  if (!scanner.space() || scanner.value(1) !== Scan.ok) return undefined
  const { kind } = scanner
  const content = scanner.text()
  return content === undefined || scanner.space() ? undefined : { kind, text: content }
}

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13

/**
 * The JSON of an array's text. In CSV a quote inside a string is doubled and a backslash is a character like any other;
 * around strings and inner arrays there is no white space.
 */
const arrayJson = (text: string): string | undefined => {
  let json = ""
  let inText = false
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index)
    if (inText) {
      if (character === "\\") json += "\\\\"
      else if (character < " ") json += JSON.stringify(character).slice(1, -1)
      else if (character !== "\"") json += character
      else if (text.charAt(index + 1) === "\"") {
        json += "\\\""
        index += 1
      } else {
        json += character
        inText = false
      }
    } else if (isSpace(character.charCodeAt(0))) {
      let next = index
      while (isSpace(text.charCodeAt(next))) next += 1
      const behind = text.charAt(next)
      const around = behind === "," || behind === "]" ? /[\d.]/ : /[,[]/
      if (!/[-+\d.,\]]/.test(behind) || !around.test(text.charAt(index - 1))) return undefined
      index = next - 1
    } else {
      json += character
      inText = character === "\""
    }
  }
  return inText ? undefined : json
}

/** The token of a field of such a column; undefined when the text is not what the column holds. */
export const token = (columnKind: string, text: string): Token | undefined => {
  // The server reads an empty field of a JSON column as an empty string.
  if (columnKind === "JSON") return text === "" ? { kind: ValueKind.string, text } : scanned(text)
  if (columnKind !== "ARRAY") {
    const found = scanned(text)
    return found?.kind === ValueKind.object ? found : undefined
  }
  const json = text.startsWith("[") && text.endsWith("]") ? arrayJson(text) : undefined
  return json === undefined ? undefined : scanned(json)
}
