/** A cursor over tokens for the recursive-descent parsers; a refusal is a thrown SqlError that `attempt` catches. */
import * as Result from "effect/Result"
import { SqlError, syntax } from "./SqlError.ts"
import { type Token, tokens } from "./Tokens.ts"

/** Reads tokens one after the other. */
export class TokenCursor {
  readonly sql: string
  readonly list: ReadonlyArray<Token>
  at = 0

  constructor(sql: string) {
    this.sql = sql
    const all = tokens(sql)
    let end = all.length
    while (end > 0 && all[end - 1]?.text === ";" && all[end - 1]?.kind === "symbol") end -= 1
    this.list = all.slice(0, end)
  }

  /** The next token, or undefined at the end. */
  peek(ahead = 0): Token | undefined {
    return this.list[this.at + ahead]
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.at >= this.list.length
  }

  /** Whether the next tokens are these words or symbols, compared without case. */
  is(...words: ReadonlyArray<string>): boolean {
    return words.every((word, index) => {
      const token = this.peek(index)
      return token !== undefined && (token.kind === "word" || token.kind === "symbol") &&
        token.text.toUpperCase() === word
    })
  }

  /** Reads these words when they come next. */
  take(...words: ReadonlyArray<string>): boolean {
    if (!this.is(...words)) return false
    this.at += words.length
    return true
  }

  /** Reads these words or refuses. */
  need(...words: ReadonlyArray<string>): void {
    if (!this.take(...words)) throw this.unexpected()
  }

  /** An identifier, quoted or not. */
  name(): string {
    const token = this.peek()
    if (token === undefined || (token.kind !== "word" && token.kind !== "name")) throw this.unexpected()
    this.at += 1
    return token.text
  }

  /** `table`, `database.table` or `default_catalog.database.table`. */
  qualified(): { readonly database: string | undefined; readonly name: string } {
    const first = this.name()
    if (!this.take(".")) return { database: undefined, name: first }
    const second = this.name()
    if (first !== "default_catalog" || !this.take(".")) return { database: first, name: second }
    return { database: second, name: this.name() }
  }

  /** `(a, b)`. */
  names(): ReadonlyArray<string> {
    this.need("(")
    const found = [this.name()]
    while (this.take(",")) found.push(this.name())
    this.need(")")
    return found
  }

  /** A string literal. */
  text(): string {
    const token = this.peek()
    if (token?.kind !== "text") throw this.unexpected()
    this.at += 1
    return token.text
  }

  /** An unsigned integer. */
  integer(): number {
    const token = this.peek()
    if (token?.kind !== "number" || !/^\d{1,15}$/.test(token.text)) throw this.unexpected()
    this.at += 1
    return Number(token.text)
  }

  /** Refuses what is left of the statement. */
  end(): void {
    if (!this.done) throw this.unexpected()
  }

  /** The refusal of the token that comes next. */
  unexpected(): SqlError {
    const token = this.peek()
    const before = this.sql.slice(0, token?.start ?? this.sql.length).split("\n")
    const message = token === undefined ? "Unexpected end of the statement" : `Unexpected input '${token.text}'`
    return syntax(message, before.length, before.at(-1)?.length ?? 0)
  }
}

/** Runs a parser over a statement and gives its refusal as a value. */
export const attempt = <A>(sql: string, parse: (cursor: TokenCursor) => A): Result.Result<A, SqlError> => {
  const cursor = new TokenCursor(sql)
  try {
    return Result.succeed(parse(cursor))
  } catch (cause) {
    if (cause instanceof SqlError) return Result.fail(cause)
    throw cause
  }
}
