/**
 * One part of a name as a list of the configuration writes it: a literal, or a pattern in which `*` stands for any
 * characters, also none. Letters count as they are written. A part in double quotes is always a literal.
 */

export interface NamePattern {
  readonly text: string
  /** `*` in the text stands for any characters. */
  readonly wild: boolean
}

export const literal = (text: string): NamePattern => ({ text, wild: false })

/**
 * Reads `part.part…`; a part that holds a dot, a comma or an asterisk of its own stands in double quotes, where `""` is
 * one quote. Undefined when the entry is not made of such parts.
 */
export const parseParts = (entry: string): ReadonlyArray<NamePattern> | undefined => {
  const parts = [...entry.matchAll(/"((?:[^"]|"")+)"|([^".\s][^".]*)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join(".") !== entry) return undefined
  return parts.map(([, quoted, bare = ""]) =>
    quoted === undefined
      ? { text: bare.trim(), wild: bare.includes("*") }
      : literal(quoted.replaceAll("\"\"", "\""))
  )
}

/** Whether the pattern stands for this name. Takes time in proportion to the name's length, whatever the pattern. */
export const matches = (pattern: NamePattern, name: string): boolean => {
  if (!pattern.wild) return pattern.text === name
  const pieces = pattern.text.split("*")
  const [first, last] = [pieces[0]!, pieces.at(-1)!]
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  const end = name.length - last.length
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** The pattern for SQL's LIKE, with its default escape. */
export const like = (pattern: NamePattern): string => {
  const escaped = pattern.text.replaceAll(/[\\%_]/g, (letter) => `\\${letter}`)
  return pattern.wild ? escaped.replaceAll("*", "%") : escaped
}
