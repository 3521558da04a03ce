/**
 * Rewrites a SELECT of the MySQL dialect into DuckDB's, token by token: quoting, operators, functions, names. It does
 * not understand the statement, so whatever it leaves alone is DuckDB's to accept or refuse.
 */
import * as Result from "effect/Result"
import * as InformationSchema from "../catalogue/InformationSchema.ts"
import * as TableOf from "../catalogue/Table.ts"
import { literal, quoted } from "../catalogue/Table.ts"
import { analysis, type SqlError, syntax, unknownVariable } from "../syntax/SqlError.ts"
import { type Token, tokens } from "../syntax/Tokens.ts"
import { type Context, isSymbol, isWord, itemNames, refusedTable, withoutCatalog } from "./References.ts"

export type { Context } from "./References.ts"

/** Macros that give MySQL's functions their meaning; created once, when the file is opened. */
export const macros: ReadonlyArray<string> = [
  "endpoint_if(c, a, b) as case when c then a else b end",
  "endpoint_now() as current_localtimestamp()",
  "endpoint_strlen(x) as strlen(x::varchar)",
  "endpoint_char_length(x) as length(x::varchar)",
  "endpoint_date_sub(x, i) as x::timestamp - i",
  "endpoint_date_add(x, i) as x::timestamp + i",
  "endpoint_unix_timestamp(x) as epoch(x::timestamp)::bigint",
  "endpoint_from_unixtime(x) as make_timestamp(x::bigint * 1000000)",
  "endpoint_locate(a, b) as instr(b, a)",
  "endpoint_get_json_string(x, p) as json_extract_string(x, p)",
  "endpoint_get_json_int(x, p) as json_extract_string(x, p)::bigint",
  "endpoint_parse_json(x) as x::json",
  "endpoint_to_binary(x, f) as case lower(f) when 'hex' then from_hex(x) else encode(x) end",
  "endpoint_from_binary(x, f) as case lower(f) when 'hex' then hex(x) else decode(x) end"
].map((definition) => `create or replace macro main.${definition}`)

const functions: ReadonlyMap<string, string> = new Map(Object.entries({
  if: "endpoint_if",
  now: "endpoint_now",
  current_timestamp: "endpoint_now",
  localtimestamp: "endpoint_now",
  sysdate: "endpoint_now",
  length: "endpoint_strlen",
  char_length: "endpoint_char_length",
  character_length: "endpoint_char_length",
  date_sub: "endpoint_date_sub",
  subdate: "endpoint_date_sub",
  date_add: "endpoint_date_add",
  adddate: "endpoint_date_add",
  unix_timestamp: "endpoint_unix_timestamp",
  from_unixtime: "endpoint_from_unixtime",
  locate: "endpoint_locate",
  get_json_string: "endpoint_get_json_string",
  get_json_int: "endpoint_get_json_int",
  parse_json: "endpoint_parse_json",
  to_binary: "endpoint_to_binary",
  from_binary: "endpoint_from_binary"
}))

const castTypes: Readonly<Record<string, string>> = {
  STRING: "VARCHAR",
  CHAR: "VARCHAR",
  SIGNED: "BIGINT",
  UNSIGNED: "HUGEINT",
  LARGEINT: "HUGEINT",
  DATETIME: "TIMESTAMP",
  VARBINARY: "BLOB",
  BINARY: "BLOB"
}

const symbols: Readonly<Record<string, string>> = { "||": "or", "&&": "and", "<=>": "is not distinct from", "!": "not" }

/** MySQL's letters for minutes, seconds and times are other letters in DuckDB. */
const strftimeFormat = (format: string): string =>
  format.replace(/%([isT])/g, (_, letter: string) => letter === "i" ? "%M" : letter === "s" ? "%S" : "%H:%M:%S")

class Rewriter {
  private readonly list: ReadonlyArray<Token>
  private readonly context: Context
  private readonly output: Array<string> = []
  /** What each open parenthesis belongs to. */
  private readonly open: Array<string> = []
  error: SqlError | undefined

  constructor(list: ReadonlyArray<Token>, context: Context) {
    this.list = list
    this.context = context
  }

  run(names: ReadonlyMap<number, string>): string {
    for (let index = 0; index < this.list.length; index++) {
      const token = this.list[index]
      if (token === undefined) break
      const skip = this.rewrite(token, index)
      const name = names.get(index + skip)
      index += skip
      if (name !== undefined) this.output.push("as", quoted(name))
    }
    return this.output.join(" ")
  }

  /** Writes a token; the result is how many further tokens it took with it. */
  private rewrite(token: Token, index: number): number {
    if (token.kind === "text") return this.text(token, index)
    if (token.kind === "number") return this.number(token, index)
    if (token.kind === "symbol") return this.symbol(token)
    return this.name(token, index)
  }

  private text(token: Token, index: number): number {
    const format = this.open.at(-1) === "date_format"
    this.output.push(literal(format ? strftimeFormat(token.text) : token.text))
    if (isWord(this.list[index - 1], "LIKE") && token.text.includes("\\")) this.output.push("escape '\\'")
    return 0
  }

  private number(token: Token, index: number): number {
    const count = this.list[index + 2]
    if (isWord(this.list[index - 1], "LIMIT") && isSymbol(this.list[index + 1], ",") && count !== undefined) {
      this.output.push(count.text, "offset", token.text)
      return 2
    }
    this.output.push(token.text)
    return 0
  }

  private symbol(token: Token): number {
    if (token.text === ";") this.error = syntax("Unexpected input ';'")
    if (token.text === "(") {
      this.open.push("")
      this.output.push("(")
    } else if (token.text === ")") this.output.push(this.open.pop() === "concat" ? "))" : ")")
    else if (token.text === "," && this.open.at(-1) === "concat") this.output.push(") || (")
    else if (token.text === "," && this.open.at(-1) === "date_format") this.output.push(") as timestamp),")
    else this.output.push(symbols[token.text] ?? token.text)
    return 0
  }

  private name(token: Token, index: number): number {
    const next = this.list[index + 1]
    const lower = token.text.toLowerCase()
    const afterPoint = isSymbol(this.list[index - 1], ".")
    if (isSymbol(next, ".") && !afterPoint && lower === "information_schema") {
      this.output.push(InformationSchema.schema)
      return 0
    }
    if (
      isSymbol(next, ".") && !afterPoint && TableOf.schemaOf(token.text) !== token.text &&
      this.context.hasDatabase(token.text)
    ) {
      this.output.push(quoted(TableOf.schemaOf(token.text)))
      return 0
    }
    if (token.kind === "name") {
      this.output.push(quoted(token.text))
      return 0
    }
    if (token.text.startsWith("@")) return this.variable(token, index)
    if (lower === "from" && isWord(next, "DUAL")) return 1
    if (lower === "current_timestamp" && !isSymbol(next, "(") && !afterPoint) {
      this.output.push("main.endpoint_now()")
      return 0
    }
    if (isSymbol(next, "(") && !afterPoint) return this.call(lower, token, index)
    if (isWord(this.list[index - 1], "AS") && this.open.at(-1) === "cast") {
      this.output.push(castTypes[token.text.toUpperCase()] ?? token.text)
      return 0
    }
    this.output.push(token.text)
    return 0
  }

  private call(lower: string, token: Token, index: number): number {
    const { constants } = this.context
    const constant = Object.hasOwn(constants, lower) ? constants[lower] : undefined
    if (constant !== undefined && isSymbol(this.list[index + 2], ")")) {
      this.output.push(constant)
      return 2
    }
    this.open.push(lower)
    const mapped = functions.get(lower)
    if (lower === "concat") this.output.push("('' || (")
    else if (lower === "date_format") this.output.push("strftime(cast((")
    else {this.output.push(
        mapped === undefined ? token.text : `main.${mapped}`,
        "("
      )}
    return 1
  }

  private variable(token: Token, index: number): number {
    const scoped = /^@@(session|global|local)$/i.test(token.text) && isSymbol(this.list[index + 1], ".")
    const name = scoped ? `@@${this.list[index + 2]?.text ?? ""}` : token.text
    const value = this.context.variable(name)
    if (value === undefined) this.error = unknownVariable(name.replace(/^@+/, ""))
    else this.output.push(value)
    return scoped ? 2 : 0
  }
}

/** Translates a query. */
export const translate = (sql: string, context: Context): Result.Result<string, SqlError> => {
  const all = tokens(sql)
  const list = withoutCatalog(isSymbol(all.at(-1), ";") ? all.slice(0, -1) : all)
  const refused = refusedTable(list, context)
  if (refused !== undefined) return Result.fail(refused)
  const rewriter = new Rewriter(list, context)
  const translated = rewriter.run(itemNames(sql, list))
  return rewriter.error === undefined ? Result.succeed(translated) : Result.fail(rewriter.error)
}

/** Translates a predicate over the columns of one row, as the `where` header of a load carries it. */
export const translatePredicate = (predicate: string): Result.Result<string, SqlError> => {
  const list = tokens(predicate)
  if (list.some((token) => isWord(token, "SELECT", "FROM"))) {
    return Result.fail(analysis("a where predicate cannot contain a query"))
  }
  const rewriter = new Rewriter(list, {
    database: undefined,
    hasDatabase: () => false,
    hasTable: () => false,
    variable: () => undefined,
    constants: {}
  })
  const translated = rewriter.run(new Map())
  return rewriter.error === undefined ? Result.succeed(translated) : Result.fail(rewriter.error)
}
