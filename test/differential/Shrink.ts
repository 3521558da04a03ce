/** Makes a failing plan smaller while it still fails in the same way. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isRestart, type Plan, type Step } from "./Plan.ts"
import type { Finding } from "./Run.ts"

/** Time spent on one failure: a person waits for it. */
const SHRINK_MS_MAX = 90_000

/** Tries to see a failure again that comes from the servers' own pace, as one in a restart can. */
const AGAIN_RUNS_MAX = 3

export interface Shrunk {
  readonly plan: Plan
  readonly finding: Finding
  /** Plans that were tried. */
  readonly runs: number
}

type Attempt = (plan: Plan) => Effect.Effect<Finding | undefined>

const without = (plan: Plan, drop: (step: Step) => boolean): Plan => ({
  ...plan,
  steps: plan.steps.filter((step) => !drop(step))
})

const transactionsOf = (
  plan: Plan
): ReadonlyArray<number> => [...new Set(plan.steps.flatMap((step) => isRestart(step) ? [] : [step.transaction]))]

const isOf = (numbers: ReadonlySet<number>) => (step: Step): boolean =>
  !isRestart(step) && numbers.has(step.transaction)

/** Plans without a half, a quarter … of these, the largest piece first. */
const pieces = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlySet<A>> => {
  const found: Array<ReadonlySet<A>> = []
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < all.length; at += size) found.push(new Set(all.slice(at, at + size)))
  }
  return found
}

const usesTable = (name: string) => (step: Step): boolean =>
  step.step === "do" && step.operation.op !== "truncate" && step.operation.table === name

/** Every plan that is one change smaller; changes that take much away come first. */
const smaller = function*(plan: Plan): Generator<Plan> {
  for (const restart of new Set(plan.steps.flatMap((step) => isRestart(step) ? [step.restart] : []))) {
    yield without(plan, (step) => isRestart(step) && step.restart === restart)
  }
  const sessions = new Set(plan.steps.flatMap((step) => isRestart(step) ? [] : [step.session]))
  if (sessions.size > 1) {
    for (const session of sessions) yield without(plan, (step) => !isRestart(step) && step.session === session)
  }
  for (const numbers of pieces(transactionsOf(plan))) {
    const next = without(plan, isOf(numbers))
    if (next.steps.length > 0) yield next
  }
  for (const { name } of plan.tables) {
    if (plan.tables.length === 1) break
    const next = without(plan, usesTable(name))
    const isTruncated = next.steps.some((step) =>
      step.step === "do" && step.operation.op === "truncate" && step.operation.tables.every((table) => table === name)
    )
    if (!isTruncated) yield { ...next, tables: plan.tables.filter((table) => table.name !== name) }
  }
  for (
    const points of pieces([
      ...new Set(plan.steps.flatMap((step) => "name" in step ? [`${step.transaction} ${step.name}`] : []))
    ])
  ) {
    yield without(plan, (step) => "name" in step && points.has(`${step.transaction} ${step.name}`))
  }
  const operations = plan.steps.filter((step) => step.step === "do")
  for (const chosen of pieces<Step>(operations)) yield without(plan, (step) => chosen.has(step))
  for (const table of plan.tables) {
    for (const column of table.columns) {
      const columns = table.columns.filter((other) => other !== column)
      yield { ...plan, tables: plan.tables.map((other) => other === table ? { ...table, columns } : other) }
    }
  }
  for (const [index, step] of plan.steps.entries()) {
    if (step.step !== "do" || step.operation.op !== "insert" || step.operation.rows.length === 1) continue
    const { operation } = step
    for (const rows of pieces(operation.rows)) {
      const left = operation.rows.filter((row) => !rows.has(row))
      if (left.length === 0) continue
      yield { ...plan, steps: plan.steps.with(index, { ...step, operation: { ...operation, rows: left } }) }
    }
  }
}

/** The smallest plan found that fails as this one does; undefined when the plan itself does not fail so again. */
export const shrink = Effect.fnUntraced(function*(plan: Plan, finding: Finding, attempt: Attempt) {
  const end = (yield* Clock.currentTimeMillis) + SHRINK_MS_MAX
  let best: Shrunk = { plan, finding, runs: 0 }
  let runs = 0
  let isAgain = false
  while (runs < AGAIN_RUNS_MAX && !isAgain) {
    runs += 1
    isAgain = (yield* attempt(plan))?.kind === finding.kind
  }
  if (!isAgain) return undefined
  let isSmaller = true
  while (isSmaller) {
    isSmaller = false
    for (const next of smaller(best.plan)) {
      if ((yield* Clock.currentTimeMillis) >= end) return { ...best, runs }
      runs += 1
      const again = yield* attempt(next)
      if (again?.kind !== finding.kind) continue
      best = { plan: next, finding: again, runs }
      isSmaller = true
      break
    }
  }
  return { ...best, runs }
})
