/** Splits a MySQL-dialect statement into tokens, without ever failing: what it does not know is a symbol. */

/** A token; `text` of quoted tokens is the unquoted, unescaped content. */
export interface Token {
  readonly kind: "word" | "name" | "text" | "number" | "symbol"
  readonly text: string
  /** Offsets of the token in the statement. */
  readonly start: number
  readonly end: number
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", b: "\b", Z: "\x1a" }
// Sticky expressions take runs of characters at once: a statement may be megabytes of one literal.
const numberRun = /[0-9][0-9A-Za-z_.]*/y
const wordRun = /[A-Za-z_$\u0080-\uffff@][A-Za-z0-9_$\u0080-\uffff@]*/y
const plainRuns = { "'": /[^'\\]*/y, "\"": /[^"\\]*/y, "`": /[^`]*/y }
const longSymbols = ["<=>", "->", "<=", ">=", "<>", "!=", "||", "&&", ":="]

/** The end of the run that a sticky expression matches at a position; the position itself when it matches nothing. */
const runEnd = (run: RegExp, sql: string, from: number): number => {
  run.lastIndex = from
  return run.test(sql) ? run.lastIndex : from
}

type Quote = keyof typeof plainRuns

const isQuote = (character: string): character is Quote => Object.hasOwn(plainRuns, character)

const quotedEnd = (sql: string, start: number, quote: Quote): { readonly text: string; readonly end: number } => {
  let text = ""
  let index = start + 1
  while (index < sql.length) {
    const plain = runEnd(plainRuns[quote], sql, index)
    text += sql.slice(index, plain)
    index = plain
    const character = sql.charAt(index)
    if (character === quote) {
      if (sql.charAt(index + 1) !== quote) return { text, end: index + 1 }
      text += quote
      index += 2
    } else if (character === "\\" && quote !== "`" && index + 1 < sql.length) {
      const next = sql.charAt(index + 1)
      // LIKE patterns keep the backslash before their wildcards.
      text += escapes[next] ?? (next === "%" || next === "_" ? `\\${next}` : next)
      index += 2
    } else {
      text += character
      index += 1
    }
  }
  return { text, end: sql.length }
}

const skipped = (sql: string, start: number): number => {
  let index = start
  for (;;) {
    const character = sql.charAt(index)
    if (character !== "" && character.trim() === "") index += 1
    else if (character === "#" || (character === "-" && sql.charAt(index + 1) === "-")) {
      const line = sql.indexOf("\n", index)
      index = line < 0 ? sql.length : line + 1
    } else if (character === "/" && sql.charAt(index + 1) === "*") {
      const close = sql.indexOf("*/", index + 2)
      index = close < 0 ? sql.length : close + 2
    } else return index
  }
}

/** Tokens of the statement; comments and white space are dropped. */
export const tokens = (sql: string): ReadonlyArray<Token> => {
  const found: Array<Token> = []
  let index = skipped(sql, 0)
  while (index < sql.length) {
    const start = index
    const character = sql.charAt(index)
    const numberEnd = runEnd(numberRun, sql, start)
    const wordEnd = runEnd(wordRun, sql, start)
    if (isQuote(character)) {
      const quotedText = quotedEnd(sql, index, character)
      index = quotedText.end
      found.push({ kind: character === "`" ? "name" : "text", text: quotedText.text, start, end: index })
    } else if (numberEnd > start) {
      index = numberEnd
      const number = sql.slice(start, index)
      found.push({ kind: /^[0-9.]+([eE][0-9]+)?$/.test(number) ? "number" : "word", text: number, start, end: index })
    } else if (wordEnd > start) {
      index = wordEnd
      found.push({ kind: "word", text: sql.slice(start, index), start, end: index })
    } else {
      const long = longSymbols.find((symbol) => sql.startsWith(symbol, start))
      index += long?.length ?? 1
      found.push({ kind: "symbol", text: sql.slice(start, index), start, end: index })
    }
    index = skipped(sql, index)
  }
  return found
}

/** Whether a token is one of these words, in any case. */
export const isWord = (token: Token | undefined, ...words: ReadonlyArray<string>): boolean =>
  token?.kind === "word" && words.includes(token.text.toUpperCase())

/** Whether a token is this symbol. */
export const isSymbol = (token: Token | undefined, text: string): boolean =>
  token?.kind === "symbol" && token.text === text

/** Whether a token is an identifier, quoted or not. */
export const isName = (token: Token | undefined): token is Token => token?.kind === "word" || token?.kind === "name"

/** The statement's first words, for messages about statements nobody knows. */
export const firstWords = (sql: string): string =>
  sql.trimStart().slice(0, 400).trim().split(/\s+/).slice(0, 4).join(" ").slice(0, 80)
