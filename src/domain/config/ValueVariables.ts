/** What becomes of values that a StarRocks column cannot hold. */
import { CLASSES } from "../values/ValuePolicy.ts"
import { choice, type Variable } from "./Variable.ts"

export const VALUE_VARIABLES = {
  valuesNotFinite: {
    names: [CLASSES.notFinite.variable],
    path: "values.not_finite",
    type: choice("fail", "null", "clamp"),
    meaning: "NaN and infinities in columns of numbers",
    fallback: "fail",
    example: "null"
  },
  valuesNumericOverflow: {
    names: [CLASSES.numericOverflow.variable],
    path: "values.numeric_overflow",
    type: choice("fail", "null", "clamp"),
    meaning: "numbers with more digits before the point than the column holds",
    fallback: "fail",
    example: "clamp"
  },
  valuesNumericScale: {
    names: [CLASSES.numericScale.variable],
    path: "values.numeric_scale",
    type: choice("fail", "null", "clamp"),
    meaning: "numbers with more decimals than the column keeps; `clamp` rounds",
    fallback: "fail",
    example: "clamp"
  },
  valuesDateRange: {
    names: [CLASSES.dateRange.variable],
    path: "values.date_range",
    type: choice("fail", "null", "clamp"),
    meaning: "infinite dates, years BC and years after 9999",
    fallback: "fail",
    example: "clamp"
  },
  valuesLength: {
    names: [CLASSES.length.variable],
    path: "values.length",
    type: choice("fail", "null", "clamp"),
    meaning: "text and binary data longer, in bytes, than the column; `clamp` cuts text and binary data",
    fallback: "fail",
    example: "clamp"
  },
  valuesJsonNumber: {
    names: [CLASSES.jsonNumber.variable],
    path: "values.json_number",
    type: choice("fail", "null", "clamp", "string"),
    meaning: "numbers in JSON that neither a BIGINT nor a DOUBLE holds exactly",
    fallback: "fail",
    example: "string"
  },
  valuesJsonNull: {
    names: [CLASSES.jsonNull.variable],
    path: "values.json_null",
    type: choice("fail", "null", "string"),
    meaning: "the JSON value `null`, also in an array, which StarRocks does not tell from NULL",
    fallback: "fail",
    example: "null"
  },
  valuesJsonText: {
    names: [CLASSES.jsonText.variable],
    path: "values.json_text",
    type: choice("fail", "null", "string"),
    meaning: "JSON with half a character in an escape, or nested deeper than 200 levels, which StarRocks cannot read",
    fallback: "fail",
    example: "string"
  },
  valuesArrayBounds: {
    names: [CLASSES.arrayBounds.variable],
    path: "values.array_bounds",
    type: choice("fail", "null", "clamp", "string"),
    meaning: "arrays whose indexes do not begin at 1; `clamp` sends the elements",
    fallback: "fail",
    example: "clamp"
  }
} as const satisfies Record<string, Variable>
