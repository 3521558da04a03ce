/**
 * Rewrites the tokens of a statement into DuckDB's dialect: quoting, operators, functions, names. It understands calls and
 * operands, not whole statements; a function that it does not know is refused by name, because one of the same name in
 * DuckDB may mean something else. What is left is DuckDB's to accept or refuse.
 */
import * as InformationSchema from "../catalogue/InformationSchema.ts"
import * as TableOf from "../catalogue/Table.ts"
import { literal, quoted } from "../catalogue/Table.ts"
import { foreignNames, notCalled, units } from "../syntax/Keywords.ts"
import { detail, syntax, unknownVariable, unsupported } from "../syntax/SqlError.ts"
import { isName, isSymbol, isWord, type Token } from "../syntax/Tokens.ts"
import { type Argument, type Definition, noSuchFunction } from "./Call.ts"
import { numberFunctions } from "./NumberFunctions.ts"
import type { Context } from "./References.ts"
import { caseEnd, closing, operandEnd, separated, type Span } from "./Spans.ts"
import { specialCall } from "./SpecialCalls.ts"
import { textFunctions } from "./TextFunctions.ts"
import { bareMoments, timeFunctions } from "./TimeFunctions.ts"

const functions: ReadonlyMap<string, Definition> = new Map(
  Object.entries({ ...textFunctions, ...numberFunctions, ...timeFunctions })
)

/** Names of the functions that queries and the `where` header of loads may call. */
export const functionNames: ReadonlyArray<string> = [...functions.keys()]

/** Parentheses and CASEs that may stand in each other. */
export const nestingMax = 100

const symbols: Readonly<Record<string, string>> = { "||": "or", "&&": "and", "<=>": "is not distinct from" }

const equalities = ["=", "<>", "!=", "<=>"]
const orders = ["<", ">", "<=", ">="]

/** Symbols and words after which the factors of a product begin. */
const beforeFactor = (token: Token): boolean =>
  (token.kind === "symbol" && !["*", "/", "%", "."].includes(token.text)) ||
  (token.kind === "word" && notCalled.has(token.text.toUpperCase()) && !isWord(token, "DIV", "NULL", "TRUE", "FALSE"))

/** Writes the parts of one statement for DuckDB. */
export class Rewriter {
  private readonly list: ReadonlyArray<Token>
  private readonly context: Context
  private readonly names: ReadonlyMap<number, string>
  private readonly isText: (column: string) => boolean
  private depth = 0

  constructor(
    list: ReadonlyArray<Token>,
    context: Context,
    names: ReadonlyMap<number, string>,
    isText: (column: string) => boolean
  ) {
    this.list = list
    this.context = context
    this.names = names
    this.isText = isText
  }

  /** Translates a span; refusals are thrown. */
  span({ from, to }: Span): string {
    this.depth += 1
    if (this.depth > nestingMax) throw detail("the statement nests too deeply")
    const output: Array<string> = []
    // Where in the output the product begins that is being written.
    let product = 0
    for (let index = from; index < to;) {
      const token = this.list[index]
      if (token === undefined) break
      let next: number
      if (isWord(token, "DIV") && index > from) {
        next = Math.min(operandEnd(this.list, index + 1), to)
        const left = output.splice(product).join(" ")
        output.push(`main.endpoint_div(${left}, ${this.span({ from: index + 1, to: next })})`)
      } else {
        next = this.piece(token, index, output, to)
        if (next === index + 1 && beforeFactor(token)) product = output.length
      }
      const name = this.names.get(next - 1)
      if (name !== undefined) output.push("as", quoted(name))
      index = next
    }
    this.depth -= 1
    return output.join(" ")
  }

  /** Writes what begins at a position; the result is the position behind it. */
  private piece(token: Token, index: number, output: Array<string>, to: number): number {
    if (token.kind === "text") {
      output.push(literal(token.text))
      if (isWord(this.list[index - 1], "LIKE") && token.text.includes("\\")) output.push("escape '\\'")
      return index + 1
    }
    if (token.kind === "number") return this.number(token, index, output)
    if (token.kind === "symbol") return this.symbol(token, index, output, to)
    return this.name(token, index, output, to)
  }

  private number(token: Token, index: number, output: Array<string>): number {
    const count = this.list[index + 2]
    if (isWord(this.list[index - 1], "LIMIT") && isSymbol(this.list[index + 1], ",") && count !== undefined) {
      output.push(count.text, "offset", token.text)
      return index + 3
    }
    const operator = this.list[index + 1]
    const column = this.list[index + 2]
    const text = operator?.kind === "symbol" && equalities.includes(operator.text) && isName(column) &&
      !isSymbol(this.list[index + 3], ".") && !isSymbol(this.list[index + 3], "(") && this.isText(column.text)
    output.push(text ? literal(token.text) : token.text)
    return index + 1
  }

  private symbol(token: Token, index: number, output: Array<string>, to: number): number {
    if (token.text === ";") throw syntax("Unexpected input ';'")
    if (token.text === "^") throw unsupported("the operator ^ (bitxor() does what it does)")
    if (token.text === "!") {
      const end = Math.min(operandEnd(this.list, index + 1), to)
      output.push(`(not ${this.span({ from: index + 1, to: end })})`)
      return end
    }
    if (token.text !== "(") {
      output.push(symbols[token.text] ?? token.text)
      return index + 1
    }
    const end = closing(this.list, index)
    if (!isSymbol(this.list[end - 1], ")") || end > to) throw syntax("Unexpected end of the statement")
    output.push("(", this.span({ from: index + 1, to: end - 1 }), ")")
    return end
  }

  private name(token: Token, index: number, output: Array<string>, to: number): number {
    const next = this.list[index + 1]
    const lower = token.text.toLowerCase()
    const afterPoint = isSymbol(this.list[index - 1], ".")
    if (isSymbol(next, ".") && !afterPoint && InformationSchema.is(token.text)) {
      output.push(InformationSchema.schema)
      return index + 1
    }
    if (
      isSymbol(next, ".") && !afterPoint && TableOf.schemaOf(token.text) !== token.text &&
      this.context.hasDatabase(token.text)
    ) {
      output.push(quoted(TableOf.schemaOf(token.text)))
      return index + 1
    }
    const compared = afterPoint ? undefined : this.comparedText(index, output)
    if (compared !== undefined) return compared
    if (token.kind === "name") {
      output.push(quoted(token.text))
      return index + 1
    }
    if (afterPoint) {
      if (isSymbol(next, "(")) throw noSuchFunction(lower)
      output.push(foreignNames.has(token.text.toUpperCase()) ? quoted(token.text) : token.text)
      return index + 1
    }
    if (token.text.startsWith("@")) return this.variable(token, index, output)
    return this.word(token, index, output, to)
  }

  private word(token: Token, index: number, output: Array<string>, to: number): number {
    const next = this.list[index + 1]
    const lower = token.text.toLowerCase()
    const upper = token.text.toUpperCase()
    if (upper === "FROM" && isWord(next, "DUAL")) return index + 2
    if (upper === "CASE") {
      const end = caseEnd(this.list, index)
      if (end > to || end < index + 2) throw syntax("Unexpected end of the statement")
      output.push(token.text, this.span({ from: index + 1, to: end }))
      return end
    }
    if (upper === "INTERVAL") return this.interval(index, output, to)
    if (upper === "REGEXP" || upper === "RLIKE") {
      const left = isWord(this.list[index - 1], "NOT") ? index - 2 : index - 1
      if (!isSymbol(next, "(") || this.isOperand(left)) return this.matched(index, output, to)
    }
    if (upper === "MOD" && this.isOperand(index - 1)) {
      output.push("%")
      return index + 1
    }
    if (upper === "XOR") throw unsupported("the operator XOR")
    if (isSymbol(next, "(") && !notCalled.has(upper) && !this.isAlias(index)) return this.call(lower, index, output)
    if (lower === "current_user" || lower === "current_role") {
      const value = Object.hasOwn(this.context.constants, lower) ? this.context.constants[lower] : undefined
      if (value === undefined) throw noSuchFunction(lower)
      output.push(value)
    } else if (Object.hasOwn(bareMoments, lower)) output.push(bareMoments[lower] ?? "")
    else output.push(foreignNames.has(upper) ? quoted(token.text) : token.text)
    return index + 1
  }

  /** Whether an operand ends at a position. */
  private isOperand(at: number): boolean {
    const token = this.list[at]
    if (token === undefined) return false
    if (token.kind === "symbol") return token.text === ")" || token.text === "]"
    return token.kind !== "word" || isWord(token, "NULL", "TRUE", "FALSE", "END") ||
      !notCalled.has(token.text.toUpperCase())
  }

  /** Whether the parenthesis behind a name holds the names of columns: `WITH x(a) AS (..)`, `(..) AS x(a)`. */
  private isAlias(index: number): boolean {
    if (isWord(this.list[index - 1], "AS", "WITH", "RECURSIVE") || isSymbol(this.list[index - 1], ")")) return true
    const end = closing(this.list, index + 1)
    return isWord(this.list[end], "AS") && isSymbol(this.list[end + 1], "(")
  }

  /** `a REGEXP b`: DuckDB's operator wants the whole text to match. */
  private matched(index: number, output: Array<string>, to: number): number {
    const not = isWord(this.list[index - 1], "NOT")
    if (!this.isOperand(not ? index - 2 : index - 1)) throw syntax("Unexpected input 'REGEXP'")
    const end = Math.min(operandEnd(this.list, index + 1), to)
    if (end <= index + 1) throw syntax("Unexpected end of the statement")
    if (not) output.pop()
    const pattern = this.span({ from: index + 1, to: end })
    output.push(not ? "!~" : "~", `('(?s:.*)(?:' || ${pattern} || ')(?s:.*)')`)
    return end
  }

  private interval(index: number, output: Array<string>, to: number): number {
    const end = operandEnd(this.list, index + 1)
    const unit = this.list[end]
    if (end >= to || !isWord(unit, ...units) || unit === undefined) throw syntax("Unexpected input 'INTERVAL'")
    output.push(`interval (${this.span({ from: index + 1, to: end })}) ${unit.text}`)
    return end + 1
  }

  /** A column of text beside a number: equality compares texts, order compares numbers. */
  private comparedText(index: number, output: Array<string>): number | undefined {
    let last = index
    while (isSymbol(this.list[last + 1], ".") && isName(this.list[last + 2])) last += 2
    const operator = this.list[last + 1]
    const number = this.list[last + 2]
    if (operator?.kind !== "symbol" || number?.kind !== "number" || isSymbol(this.list[index - 1], "@")) {
      return undefined
    }
    const isOrder = orders.includes(operator.text)
    if (!isOrder && !equalities.includes(operator.text)) return undefined
    if (!this.isText(this.list[last]?.text ?? "")) return undefined
    // An operand that goes on is no literal.
    const after = this.list[last + 3]
    if (after?.kind === "symbol" && ["+", "-", "*", "/", "%"].includes(after.text)) return undefined
    const column = this.list.slice(index, last + 1).map(({ text }) => text === "." ? text : quoted(text)).join("")
    const sign = symbols[operator.text] ?? operator.text
    output.push(
      isOrder ? `try_cast(${column} as double) ${sign} ${number.text}` : `${column} ${sign} ${literal(number.text)}`
    )
    return last + 3
  }

  private argument(span: Span): Argument {
    return { sql: this.span(span), tokens: this.list.slice(span.from, span.to) }
  }

  private call(lower: string, index: number, output: Array<string>): number {
    const end = closing(this.list, index + 1)
    if (!isSymbol(this.list[end - 1], ")")) throw syntax("Unexpected end of the statement")
    const inside = { from: index + 2, to: end - 1 }
    output.push(this.called(lower, inside))
    return end
  }

  private called(lower: string, inside: Span): string {
    const { constants } = this.context
    const value = Object.hasOwn(constants, lower) ? constants[lower] : undefined
    if (value !== undefined && inside.from === inside.to) return value
    const special = specialCall(lower, inside, this.list, (span) => this.span(span))
    if (special !== undefined) return special
    const found = functions.get(lower)
    const values = separated(this.list, inside).map((span) => this.argument(span))
    if (found === undefined || values.length < found.least || values.length > found.most) throw noSuchFunction(lower)
    return found.write(...values)
  }

  private variable(token: Token, index: number, output: Array<string>): number {
    const scoped = /^@@(session|global|local)$/i.test(token.text) && isSymbol(this.list[index + 1], ".")
    const name = scoped ? `@@${this.list[index + 2]?.text ?? ""}` : token.text
    const value = this.context.variable(name)
    if (value === undefined) throw unknownVariable(name.replace(/^@+/, ""))
    output.push(value)
    return index + (scoped ? 3 : 1)
  }
}
