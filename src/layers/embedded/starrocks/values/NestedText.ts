/** Takes checked JSON text of arrays and objects apart, one level at a time. */
import { arrayElements, type Element } from "./JsonText.ts"

export type { Element } from "./JsonText.ts"

/** A member of an object. */
export interface Member {
  readonly name: string
  readonly value: Element
}

/** The elements of an array. */
export const elements = arrayElements

/** `{"a":1}` as `["a",1]`: the colons of the outermost level become commas. */
const asArray = (text: string): string => {
  const close = text.lastIndexOf("}")
  let result = "["
  let depth = 0
  let from = text.indexOf("{") + 1
  let inText = false
  for (let index = from; index < close; index++) {
    const code = text.charCodeAt(index)
    if (inText) {
      if (code === 92) index += 1
      else if (code === 34) inText = false
    } else if (code === 34) inText = true
    else if (code === 91 || code === 123) depth += 1
    else if (code === 93 || code === 125) depth -= 1
    else if (depth === 0 && code === 58) {
      result += `${text.slice(from, index)},`
      from = index + 1
    }
  }
  return `${result}${text.slice(from, close)}]`
}

/** The members of an object in their order; a name may come more than once. */
export const members = (text: string): ReadonlyArray<Member> => {
  const parts = arrayElements(asArray(text))
  const found: Array<Member> = []
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const name = parts[at]
    const value = parts[at + 1]
    if (name !== undefined && value !== undefined) found.push({ name: name.text, value })
  }
  return found
}
