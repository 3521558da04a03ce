/**
 * Why a value cannot be written to its column. Each is made once and not for a value: nobody has to know it by its words, which
 * never hold the value.
 */
import * as Record from "effect/Record"
import { CLASSES, type ClassFacts, type ValueClass } from "./ValuePolicy.ts"

/**
 * - `noForm`: the column has none for it
 * - `isNull`: it is NULL, and the column takes none
 * - `nullAsked`: the policy of its class asks for NULL, and the column takes none
 * - `notSent`: PostgreSQL has left it out
 * - `onlyJson`: the format cannot say it, and JSON can
 */
export type Kind = "noForm" | "isNull" | "nullAsked" | "notSent" | "onlyJson"

export interface Problem {
  readonly kind: Kind
  /** For people. */
  readonly text: string
  /** Undefined: the value is of none that has a policy. */
  readonly valueClass: ValueClass | undefined
}

/** Of a value without a class. */
export const of = (kind: Kind, text: string): Problem => ({ kind, text, valueClass: undefined })

/** Whether a column that may be NULL would not have it. */
export const isOfNull = ({ kind }: Problem): boolean => kind === "isNull" || kind === "nullAsked"

const ofClasses = (kind: Kind, text: (facts: ClassFacts) => string): Readonly<Record<ValueClass, Problem>> =>
  Record.map(CLASSES, (facts: ClassFacts, valueClass) => ({ kind, text: text(facts), valueClass }))

/** The value has no form in the column, by its class. */
export const NO_FORM = ofClasses("noForm", ({ description, variable }) => `it is ${description}; see ${variable}`)

/** NULL could take its place, by its class, but not in this column. */
export const NULL_ASKED = ofClasses(
  "nullAsked",
  ({ description, variable }) => `it is ${description}; ${variable} asks for NULL, which the column cannot hold either`
)
