/** CAST between the types of expressions. */
import { analysis } from "../syntax/SqlError.ts"
import * as ColumnType from "../values/ColumnType.ts"
import * as Operators from "./ExpressionOperators.ts"
import * as Value from "./ExpressionValue.ts"
import type { Typed } from "./ExpressionValue.ts"

const bitsOf = (kind: string): bigint =>
  kind === "TINYINT" ? 8n : kind === "SMALLINT" ? 16n : kind === "INT" ? 32n : 64n

/** The value in another type; what the type cannot hold is NULL. Types of nested values are a refusal, thrown. */
export const cast = (value: Typed, type: ColumnType.ColumnType): Typed => {
  switch (type.kind) {
    case "BOOLEAN":
      return Operators.truth(Value.asBoolean(value))
    case "TINYINT":
    case "SMALLINT":
    case "INT":
    case "BIGINT":
    case "LARGEINT": {
      const wide = type.kind === "LARGEINT"
      const limit = 2n ** ((wide ? 128n : bitsOf(type.kind)) - 1n)
      const of = Value.lift(Value.asInteger(value), (number) => number >= -limit && number < limit ? number : null)
      return { type: "integer", wide, of }
    }
    case "FLOAT":
      return {
        type: "double",
        of: Value.lift(Value.asDouble(value), (number) => {
          const single = Math.fround(number)
          return Number.isFinite(single) ? single : null
        })
      }
    case "DOUBLE":
      return { type: "double", of: Value.asDouble(value) }
    case "DECIMAL": {
      const limit = 10n ** BigInt(type.precision)
      const of = Value.lift(
        Value.asDecimal(value, type.scale),
        (unscaled) => unscaled < limit && unscaled > -limit ? unscaled : null
      )
      return { type: "decimal", precision: type.precision, scale: type.scale, of }
    }
    case "DATE":
      return { type: "date", of: Value.asDate(value) }
    case "DATETIME":
      return { type: "datetime", of: Value.asDateTime(value) }
    case "CHAR":
    case "VARCHAR":
      // A cast does not cut: the length of the column is what the sink checks.
      return { type: "text", of: Value.asText(value) }
    case "VARBINARY":
      return { type: "bytes", of: Value.asBytes(value) }
    case "JSON":
      return { type: "json", of: Value.asJson(value) }
    default:
      throw analysis(`CAST to ${ColumnType.render(type)} is not supported`)
  }
}
