/**
 * Compiles an expression of a `columns` header into a function of a row's slots, once per load. There is no tree left to
 * walk when rows come: a node is a closure over the closures of its operands.
 */
import * as Result from "effect/Result"
import { columnType } from "../catalogue/ColumnDefinition.ts"
import { analysis, SqlError } from "../syntax/SqlError.ts"
import { TokenCursor } from "../syntax/TokenCursor.ts"
import { cast } from "./ExpressionCast.ts"
import * as Functions from "./ExpressionFunctions.ts"
import * as Operators from "./ExpressionOperators.ts"
import * as Value from "./ExpressionValue.ts"
import type { Typed } from "./ExpressionValue.ts"

/** Nesting of an expression, so that neither compiling nor running it exhausts the stack. */
const nestingMax = 64
/** Operators, calls and operands of one expression, for the same reason: `a+b+c` nests to the left. */
const nodesMax = 1000

/** What this endpoint evaluates, for messages about what it does not. */
const known = "columns, literals, + - * / % div, comparisons, IN, BETWEEN, IS NULL, AND, OR, NOT, CASE, CAST and " +
  `the functions ${Functions.names.join(", ")}`

const keywords = new Set(
  "AND OR NOT IS NULL IN BETWEEN LIKE CASE WHEN THEN ELSE END DIV MOD REGEXP RLIKE INTERVAL".split(" ")
)

class Compiler {
  private readonly cursor: TokenCursor
  private readonly slotOf: (name: string) => number | undefined
  private depth = 0
  private nodes = 0
  /** The first name that is no slot. */
  unknown: string | undefined

  constructor(sql: string, slotOf: (name: string) => number | undefined) {
    this.cursor = new TokenCursor(sql)
    this.slotOf = slotOf
  }

  all(): Typed {
    const value = this.or()
    if (!this.cursor.done) throw this.cursor.unexpected()
    return value
  }

  private node(): void {
    this.nodes += 1
    if (this.nodes > nodesMax) throw analysis(`it has more than ${nodesMax} operators and operands`)
  }

  private or(): Typed {
    this.depth += 1
    if (this.depth > nestingMax) throw analysis(`it nests deeper than ${nestingMax}`)
    let left = this.and()
    while (this.cursor.take("OR") || this.cursor.take("||")) {
      this.node()
      left = Operators.logic("or", left, this.and())
    }
    this.depth -= 1
    return left
  }

  private and(): Typed {
    let left = this.not()
    while (this.cursor.take("AND") || this.cursor.take("&&")) {
      this.node()
      left = Operators.logic("and", left, this.not())
    }
    return left
  }

  private not(): Typed {
    let negations = 0
    while (this.cursor.take("NOT")) negations += 1
    return this.negated(this.predicate(), negations)
  }

  private negated(value: Typed, times: number): Typed {
    if (times === 0) return value
    this.node()
    const holds = Value.asBoolean(value)
    return Operators.truth(Value.lift(holds, (flag) => times % 2 === 1 ? !flag : flag))
  }

  private predicate(): Typed {
    let left = this.sum()
    for (;;) {
      const sign = this.cursor.peek()
      const comparison = sign?.kind === "symbol" ? Operators.comparisons[sign.text] : undefined
      if (comparison !== undefined) {
        this.cursor.at += 1
        left = this.compared(left, this.sum(), comparison)
      } else if (this.cursor.take("IS")) {
        const inverted = this.cursor.take("NOT")
        this.cursor.need("NULL")
        const { of } = left
        left = Operators.truth((row) => (of(row) === null) !== inverted)
      } else if (this.cursor.take("IN")) left = this.among(left)
      else if (this.cursor.take("NOT", "IN")) left = this.negated(this.among(left), 1)
      else if (this.cursor.take("BETWEEN")) left = this.between(left)
      else if (this.cursor.take("NOT", "BETWEEN")) left = this.negated(this.between(left), 1)
      else return left
      this.node()
    }
  }

  private compared(left: Typed, right: Typed, holds: (order: number) => boolean): Typed {
    return Operators.truth(Value.lift(Operators.order(left, right), holds))
  }

  private among(left: Typed): Typed {
    this.cursor.need("(")
    const equal = (order: number): boolean => order === 0
    let found = this.compared(left, this.or(), equal)
    while (this.cursor.take(",")) {
      this.node()
      found = Operators.logic("or", found, this.compared(left, this.or(), equal))
    }
    this.cursor.need(")")
    return found
  }

  private between(left: Typed): Typed {
    const from = this.compared(left, this.sum(), (order) => order >= 0)
    this.cursor.need("AND")
    return Operators.logic("and", from, this.compared(left, this.sum(), (order) => order <= 0))
  }

  private sum(): Typed {
    let left = this.product()
    for (;;) {
      const operator = this.cursor.take("+") ? "+" : this.cursor.take("-") ? "-" : undefined
      if (operator === undefined) return left
      this.node()
      left = Operators.arithmetic(operator, left, this.product())
    }
  }

  private product(): Typed {
    let left = this.unary()
    for (;;) {
      const operator = this.cursor.take("*")
        ? "*"
        : this.cursor.take("/")
        ? "/"
        : this.cursor.take("%") || this.cursor.take("MOD")
        ? "%"
        : this.cursor.take("DIV")
        ? "div"
        : undefined
      if (operator === undefined) return left
      this.node()
      left = Operators.arithmetic(operator, left, this.unary())
    }
  }

  private unary(): Typed {
    let minus = 0
    let not = 0
    for (;;) {
      if (this.cursor.take("-")) minus += 1
      else if (this.cursor.take("!")) not += 1
      else if (!this.cursor.take("+")) break
      this.node()
    }
    if (minus > 0 && not > 0) throw analysis("'-' and '!' stand side by side")
    const value = this.primary()
    return this.negated(minus % 2 === 1 ? Operators.negated(value) : value, not)
  }

  private primary(): Typed {
    this.node()
    const token = this.cursor.peek()
    if (token === undefined) throw this.cursor.unexpected()
    if (this.cursor.take("(")) {
      const value = this.or()
      this.cursor.need(")")
      return value
    }
    if (this.cursor.take("NULL")) return Value.nothing
    if (this.cursor.take("TRUE")) return Operators.truth(() => true)
    if (this.cursor.take("FALSE")) return Operators.truth(() => false)
    if (this.cursor.take("CASE")) return this.cases()
    if (this.cursor.is("CAST", "(")) return this.cast()
    this.cursor.at += 1
    if (token.kind === "text") return Value.text(token.text)
    if (token.kind === "number") return this.number(token.text)
    if (token.kind === "symbol" || (token.kind === "word" && keywords.has(token.text.toUpperCase()))) {
      this.cursor.at -= 1
      throw this.cursor.unexpected()
    }
    if (this.cursor.take("(")) return Functions.call(token.text, this.parameters())
    if (token.kind === "word" && token.text.toUpperCase() === "CURRENT_TIMESTAMP") return Functions.call(token.text, [])
    const slot = this.slotOf(token.text)
    if (slot === undefined) this.unknown ??= token.text
    return slot === undefined ? Value.nothing : Value.slot(slot)
  }

  private parameters(): ReadonlyArray<Typed> {
    const found: Array<Typed> = []
    if (this.cursor.take(")")) return found
    do found.push(this.or())
    while (this.cursor.take(","))
    this.cursor.need(")")
    return found
  }

  private number(written: string): Typed {
    if (/^\d+$/.test(written)) {
      const value = BigInt(written)
      const wide = value >= 2n ** 63n
      if (value >= 2n ** 127n) throw analysis(`the number ${written} is beyond LARGEINT`)
      return { type: "integer", wide, of: () => value }
    }
    const [whole = "", fraction = ""] = written.split(".")
    if (/^\d*\.\d*$/.test(written) && whole.length + fraction.length <= Value.decimalDigits) {
      const value = BigInt(whole + fraction)
      return { type: "decimal", precision: Value.decimalDigits, scale: fraction.length, of: () => value }
    }
    const value = Number(written)
    if (!Number.isFinite(value)) throw analysis(`the number ${written} is beyond DOUBLE`)
    return { type: "double", of: () => value }
  }

  private cases(): Typed {
    const operand = this.cursor.is("WHEN") ? undefined : this.or()
    const conditions: Array<Value.Of<boolean>> = []
    const values: Array<Typed> = []
    while (this.cursor.take("WHEN")) {
      const condition = this.or()
      conditions.push(Value.asBoolean(
        operand === undefined ? condition : this.compared(operand, condition, (order) => order === 0)
      ))
      this.cursor.need("THEN")
      values.push(this.or())
    }
    if (values.length === 0) throw this.cursor.unexpected()
    values.push(this.cursor.take("ELSE") ? this.or() : Value.nothing)
    this.cursor.need("END")
    return Operators.chosen(values, (row) => {
      const found = conditions.findIndex((holds) => holds(row) === true)
      return found < 0 ? conditions.length : found
    })
  }

  private cast(): Typed {
    this.cursor.need("CAST", "(")
    const value = this.or()
    this.cursor.need("AS")
    if (this.cursor.is("DECIMAL", ")")) throw analysis("CAST to DECIMAL has to name precision and scale")
    const type = columnType(this.cursor)
    this.cursor.need(")")
    return cast(value, type)
  }
}

/**
 * Compiles the expression of a column. `slotOf` gives the slot of a name that the header lists. The failure is the
 * load's message: about a name nobody knows, or about what this endpoint does not evaluate.
 */
export const compile = (
  column: string,
  sql: string,
  slotOf: (name: string) => number | undefined
): Result.Result<Typed, string> => {
  const compiler = new Compiler(sql, slotOf)
  try {
    const value = compiler.all()
    return compiler.unknown === undefined
      ? Result.succeed(value)
      : Result.fail(`unknown reference column, column=${column}, reference=${compiler.unknown}`)
  } catch (cause) {
    if (!(cause instanceof SqlError)) throw cause
    return Result.fail(refused(column, sql, cause.message))
  }
}

/** The message about an expression that is not evaluated here, and why. */
export const refused = (column: string, sql: string, reason: string): string =>
  `this endpoint does not evaluate the expression '${sql.slice(0, 80)}' of column ${column}: ${
    reason.replace("Getting syntax error at line 1. Detail message: ", "").replace(/\.$/, "")
  }; it knows ${known}`
