/** Small services on JSON text that was already checked: taking white space out, and splitting an array. */
import { ValueKind } from "./ValueKind.ts"

/** The text without white space outside of strings; tokens keep their spelling, so big numbers stay exact. */
export const minified = (text: string): string => {
  let result = ""
  let from = 0
  let inText = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (inText) {
      if (code === 92) index += 1
      else if (code === 34) inText = false
    } else if (code === 34) inText = true
    else if (code <= 32) {
      result += text.slice(from, index)
      from = index + 1
    }
  }
  return from === 0 ? text : result + text.slice(from)
}

/** An element of an array. */
export interface Element {
  readonly kind: number
  readonly text: string
}

const elementOf = (raw: string): Element => {
  const first = raw.charAt(0)
  if (first === "\"") {
    return { kind: ValueKind.string, text: raw.includes("\\") ? String(JSON.parse(raw)) : raw.slice(1, -1) }
  }
  if (first === "{") return { kind: ValueKind.object, text: raw }
  if (first === "[") return { kind: ValueKind.array, text: raw }
  if (first === "n") return { kind: ValueKind.null, text: raw }
  if (first === "t") return { kind: ValueKind.true, text: raw }
  if (first === "f") return { kind: ValueKind.false, text: raw }
  return { kind: ValueKind.number, text: raw }
}

/** The elements of an array's checked text. */
export const arrayElements = (text: string): ReadonlyArray<Element> => {
  const body = minified(text)
  const found: Array<Element> = []
  let depth = 0
  let from = 1
  let inText = false
  for (let index = 1; index < body.length; index++) {
    const code = body.charCodeAt(index)
    if (inText) {
      if (code === 92) index += 1
      else if (code === 34) inText = false
    } else if (code === 34) inText = true
    else if (code === 91 || code === 123) depth += 1
    else if (depth > 0 && (code === 93 || code === 125)) depth -= 1
    else if (depth === 0 && (code === 44 || code === 93)) {
      if (index > from) found.push(elementOf(body.slice(from, index)))
      from = index + 1
    }
  }
  return found
}
