/** What becomes of values that a StarRocks column cannot hold: a policy for each class, of those that the class knows. */
import * as ValuePolicy from "../values/ValuePolicy.ts"
import { choice, type Variable } from "./Variable.ts"

const variable = <Outcome extends Exclude<ValuePolicy.Policy, "fail">>(
  { outcomes, variable: name }: Pick<ValuePolicy.ClassFacts, "variable"> & {
    readonly outcomes: Readonly<Record<Outcome, string>>
  },
  path: string,
  meaning: string,
  example: NoInfer<Outcome>
) => ({
  names: [name] as const,
  path: `values.${path}`,
  type: choice(...ValuePolicy.choices(outcomes)),
  meaning,
  fallback: "fail",
  example
})

export const VALUE_VARIABLES = {
  valuesNotFinite: variable(
    ValuePolicy.CLASSES.notFinite,
    "not_finite",
    "NaN and infinities in columns of numbers",
    "null"
  ),
  valuesNumericOverflow: variable(
    ValuePolicy.CLASSES.numericOverflow,
    "numeric_overflow",
    "numbers with more digits before the point than the column holds",
    "clamp"
  ),
  valuesNumericScale: variable(
    ValuePolicy.CLASSES.numericScale,
    "numeric_scale",
    "numbers with more decimals than the column keeps; `clamp` rounds",
    "clamp"
  ),
  valuesDateRange: variable(
    ValuePolicy.CLASSES.dateRange,
    "date_range",
    "infinite dates, years BC and years after 9999",
    "clamp"
  ),
  valuesLength: variable(
    ValuePolicy.CLASSES.length,
    "length",
    "text and binary data longer, in bytes, than the column; `clamp` cuts text and binary data",
    "clamp"
  ),
  valuesJsonNumber: variable(
    ValuePolicy.CLASSES.jsonNumber,
    "json_number",
    "numbers in JSON that neither a BIGINT nor a DOUBLE holds exactly",
    "string"
  ),
  valuesJsonNull: variable(
    ValuePolicy.CLASSES.jsonNull,
    "json_null",
    "the JSON value `null`, also in an array, which StarRocks does not tell from NULL",
    "null"
  ),
  valuesJsonText: variable(
    ValuePolicy.CLASSES.jsonText,
    "json_text",
    "JSON with half a character in an escape, or nested deeper than 200 levels, which StarRocks cannot read",
    "string"
  ),
  valuesArrayBounds: variable(
    ValuePolicy.CLASSES.arrayBounds,
    "array_bounds",
    "arrays whose indexes do not begin at 1; `clamp` sends the elements",
    "clamp"
  )
} as const satisfies Record<string, Variable>
