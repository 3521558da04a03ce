/**
 * From an expression's value to the column's cell. A value that cannot be cast is NULL; one that was cast and is out of
 * the column's range filters its row, in strict mode and without it.
 */
import * as Result from "effect/Result"
import * as ColumnType from "../values/ColumnType.ts"
import * as ValueProblems from "../values/ValueProblems.ts"
import type * as Values from "../values/Values.ts"
import * as Value from "./ExpressionValue.ts"
import type { Row, Typed } from "./ExpressionValue.ts"

/** Computes a column of a row. */
export interface Computed {
  /** The cell; undefined when it is out of the column's range. */
  readonly cell: (row: Row) => Values.Cell | undefined
  /** Why the row is filtered. */
  readonly problem: (row: Row) => string
}

const checked = <A>(
  of: Value.Of<A>,
  cell: (value: A) => Values.Cell | undefined
): (row: Row) => Values.Cell | undefined =>
(row) => {
  const value = of(row)
  return value === null ? null : cell(value)
}

const cellOf = (value: Typed, type: ColumnType.ColumnType): (row: Row) => Values.Cell | undefined => {
  switch (type.kind) {
    case "BOOLEAN":
      return Value.asBoolean(value)
    case "FLOAT":
    case "DOUBLE":
      return checked(Value.asDouble(value), (number) => {
        const stored = type.kind === "FLOAT" ? Math.fround(number) : number
        return Number.isFinite(stored) ? stored : undefined
      })
    case "DECIMAL": {
      const limit = 10n ** BigInt(type.precision)
      return checked(
        Value.asDecimal(value, type.scale),
        (unscaled) => unscaled < limit && unscaled > -limit ? unscaled : undefined
      )
    }
    case "DATE":
      return Value.asDate(value)
    case "DATETIME":
      return Value.asDateTime(value)
    case "CHAR":
    case "VARCHAR":
      return checked(Value.asText(value), (text) => Buffer.byteLength(text) <= type.bytes ? text : undefined)
    case "VARBINARY":
      return checked(Value.asBytes(value), (bytes) => bytes.length <= type.bytes ? bytes : undefined)
    case "JSON":
      return Value.asJson(value)
    case "ARRAY":
    case "MAP":
    case "STRUCT":
      return () => undefined
    default: {
      const [low, high] = ColumnType.integerRange[type.kind]
      const wide = type.kind === "BIGINT" || type.kind === "LARGEINT"
      return checked(Value.asInteger(value), (number) => {
        if (number < low || number > high) return undefined
        return wide ? number : Number(number)
      })
    }
  }
}

const problemOf = (value: Typed, name: string, type: ColumnType.ColumnType): (row: Row) => string => {
  if (type.kind === "VARBINARY") return () => ValueProblems.beyondCapacity(name, type.bytes)
  const text = Value.asText(value)
  return (row) => {
    const written = text(row) ?? ""
    if (type.kind === "CHAR" || type.kind === "VARCHAR") return ValueProblems.tooLong(name, type.bytes, written)
    if (type.kind === "DECIMAL") return ValueProblems.decimalOverflow(name, type, written)
    return ValueProblems.overflow(name, written)
  }
}

/** Makes a column's computation; the failure says why values of the expression can never be in the column. */
export const make = (value: Typed, name: string, type: ColumnType.ColumnType): Result.Result<Computed, string> => {
  if (ColumnType.isNested(type) && value.type !== "null") {
    return Result.fail(`its value does not become ${ColumnType.render(type)}`)
  }
  return Result.try({
    try: () =>
      value.type === "null" ? { cell: () => null, problem: () => "" } : {
        cell: cellOf(value, type),
        problem: problemOf(value, name, type)
      },
    catch: (cause) => cause instanceof Error ? cause.message : String(cause)
  })
}
