import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Generator from "./Generator.ts"
import type { Plan } from "./Plan.ts"
import type { Finding } from "./Run.ts"
import * as Shrink from "./Shrink.ts"

const STEPS_LEAST = 20
const FINDING: Finding = { kind: "different", says: "a row" }

const operations = ({ steps }: Plan) => steps.flatMap((step) => step.step === "do" ? [step.operation] : [])

/** Fails with a change of a key, and with rows deleted in the same table after it. */
const isFailing = (plan: Plan): boolean =>
  operations(plan).some((move, index, all) =>
    move.op === "move" && all.slice(index).some((other) => other.op === "delete" && other.table === move.table)
  )

const judge = (plan: Plan): Effect.Effect<Finding | undefined> => Effect.succeed(isFailing(plan) ? FINDING : undefined)

const failingPlans = Array.from({ length: 60 }, (_, seed) => Generator.fromSeed(seed))
  .filter((plan) => plan.steps.length >= STEPS_LEAST && isFailing(plan)).slice(0, 5)

it.effect("a failing plan becomes small, still fails, and is the same one every time", () =>
  Effect.gen(function*() {
    assert.lengthOf(failingPlans, 5)
    for (const plan of failingPlans) {
      const first = yield* Shrink.shrink(plan, FINDING, judge)
      const small = first!.plan
      assert.isTrue(isFailing(small))
      assert.deepStrictEqual(operations(small).map(({ op }) => op), ["move", "delete"])
      assert.lengthOf(small.tables, 1)
      assert.isEmpty(small.tables[0]!.columns)
      // Each of at most two transactions begins and ends, and nothing else is left.
      assert.isAtMost(small.steps.length, 6)
      const sessions = new Map(
        small.steps.flatMap((step) => "session" in step ? [[step.transaction, step.session]] : [])
      )
      assert.isTrue(small.steps.every((step) => "session" in step && sessions.get(step.transaction) === step.session))
      assert.deepStrictEqual(yield* Shrink.shrink(plan, FINDING, judge), first)
    }
  }))

it.effect("a plan that fails in another way is not taken for a smaller one", () =>
  Effect.gen(function*() {
    const plan = failingPlans[0]!
    const other: Finding = { kind: "refused", says: "a statement" }
    const shrunk = yield* Shrink.shrink(
      plan,
      FINDING,
      (attempt) => Effect.succeed(attempt === plan ? FINDING : other)
    )
    assert.deepStrictEqual(shrunk!.plan.steps, plan.steps)
  }))

it.effect("a failure that is not seen again is given up after a few tries", () =>
  Effect.gen(function*() {
    let runs = 0
    const never = Effect.sync(() => {
      runs += 1
      return undefined
    })
    assert.isUndefined(yield* Shrink.shrink(failingPlans[0]!, FINDING, () => never))
    assert.strictEqual(runs, 3)
  }))
