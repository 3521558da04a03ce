/**
 * Which tables of a plan may stop because PostgreSQL did not send a value: only where it does not write whole old rows, and
 * StarRocks cannot have the value.
 */
import * as Identifier from "../../src/domain/Identifier.ts"
import type { StoppedTable } from "../../src/domain/StoppedTable.ts"
import { isRestart, type Plan } from "./Plan.ts"

/** Of runs with fewer of them nothing is said about how many may stop: a few may all be of those that do. */
const KEPT_LEAST = 10

/**
 * Whether the table may have stopped for this: a row got another key without this column's value, or it was truncated and a
 * program that began again met older changes of rows which are gone.
 */
export const isAllowed = (plan: Plan, schema: string, { error, table }: StoppedTable): boolean => {
  if (plan.identity !== "keep" || error.code !== "TOAST_VALUE_UNKNOWN") return false
  const found = plan.tables.find(({ name }) => Identifier.show({ schema, name }) === table)
  const column = error.context?.["column"]
  if (found === undefined || typeof column !== "string") return false
  const operations = plan.steps.flatMap((step) => step.step === "do" ? [step.operation] : [])
  const isMoved = operations.some((operation) =>
    operation.op === "move" && operation.table === found.name && !Object.hasOwn(operation.values, column)
  )
  const isTruncated = operations.some((operation) =>
    operation.op === "truncate" && operation.tables.includes(found.name)
  )
  return isMoved || (isTruncated && plan.steps.some(isRestart))
}

/** Why so many seeds have ended with a stopped table that the run shows too little; undefined when it does not. */
export const tooMany = (kept: number, stopped: number): string | undefined =>
  kept < KEPT_LEAST || stopped * 2 <= kept
    ? undefined
    : `${stopped} of ${kept} seeds with REPLICA_IDENTITY=keep ended with a stopped table: at least half must end equal`
