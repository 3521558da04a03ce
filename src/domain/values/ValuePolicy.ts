/** What is done with a value that its StarRocks column cannot hold as it is: one policy for each class of such values. */
import * as Record from "effect/Record"

/**
 * - `fail`: the table stops, and the error names table, key, column and class
 * - `null`: the value becomes NULL
 * - `clamp`: the nearest value that the column holds
 * - `string`: the text that PostgreSQL gives, as a JSON string
 */
export type Policy = "fail" | "null" | "clamp" | "string"

export interface ClassFacts {
  /** The environment's name of the policy. */
  readonly variable: string
  /** What an error says the value is. */
  readonly description: string
  /** What the policies other than `fail` make of it, for the documentation. */
  readonly outcomes: Readonly<Partial<Record<Exclude<Policy, "fail">, string>>>
}

/** The classes, in the order of the documentation. */
export const CLASSES = {
  notFinite: {
    variable: "VALUE_POLICY_NOT_FINITE",
    description: "NaN or an infinity, which the column has no form for",
    outcomes: {
      null: "NULL",
      clamp: "an infinity becomes the greatest or the least number of the column, NaN becomes NULL"
    }
  },
  numericOverflow: {
    variable: "VALUE_POLICY_NUMERIC_OVERFLOW",
    description: "a number with more digits before the point than the column holds",
    outcomes: { null: "NULL", clamp: "the greatest or the least number of the column" }
  },
  numericScale: {
    variable: "VALUE_POLICY_NUMERIC_SCALE",
    description: "a number with more decimals than the column keeps",
    outcomes: { null: "NULL", clamp: "rounded, halves away from zero" }
  },
  dateRange: {
    variable: "VALUE_POLICY_DATE_RANGE",
    description: "an infinity, a year BC or a year after 9999",
    outcomes: { null: "NULL", clamp: "0001-01-01 00:00:00 or 9999-12-31 23:59:59.999999, or their days" }
  },
  length: {
    variable: "VALUE_POLICY_LENGTH",
    description: "longer, in bytes, than the column",
    outcomes: { null: "NULL", clamp: "cut after the last character that fits" }
  },
  jsonNumber: {
    variable: "VALUE_POLICY_JSON_NUMBER",
    description: "JSON with a number that neither a BIGINT nor a DOUBLE holds exactly",
    outcomes: {
      null: "the number becomes null",
      clamp: "the number becomes the nearest DOUBLE",
      string: "the number becomes a string of its digits"
    }
  },
  jsonNull: {
    variable: "VALUE_POLICY_JSON_NULL",
    description:
      "the JSON value null, of a column or of an element of an array, which StarRocks does not tell from NULL",
    outcomes: { null: "NULL", string: "the JSON string \"null\"" }
  },
  jsonText: {
    variable: "VALUE_POLICY_JSON_TEXT",
    description:
      "JSON that StarRocks cannot read: with half a character, as \"\\ud800\" alone, or more than 200 arrays and objects within each other",
    outcomes: {
      null: "NULL",
      string: "PostgreSQL's text of the document, or of the array that it is in, as a JSON string"
    }
  },
  arrayBounds: {
    variable: "VALUE_POLICY_ARRAY_BOUNDS",
    description: "an array whose indexes do not begin at 1",
    outcomes: {
      null: "NULL",
      clamp: "the elements, counted from the first",
      string: "PostgreSQL's text, as in \"[2:3]={7,8}\""
    }
  }
} as const satisfies Readonly<Record<string, ClassFacts>>

export type ValueClass = keyof typeof CLASSES

/** A policy for each class. */
export type Policies = { readonly [Class in ValueClass]: "fail" | keyof (typeof CLASSES)[Class]["outcomes"] }

/** What a class may be given: `fail`, then the policies that it has an outcome for. */
export const choices = <Outcome extends Exclude<Policy, "fail">>(
  outcomes: Readonly<Record<Outcome, string>>
): ReadonlyArray<"fail" | Outcome> => ["fail", ...Record.keys(outcomes)]

/** Nothing is changed in silence. */
export const DEFAULTS: Policies = {
  notFinite: "fail",
  numericOverflow: "fail",
  numericScale: "fail",
  dateRange: "fail",
  length: "fail",
  jsonNumber: "fail",
  jsonNull: "fail",
  jsonText: "fail",
  arrayBounds: "fail"
}
