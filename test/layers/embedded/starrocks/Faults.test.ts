import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Faults from "../../../../src/layers/embedded/starrocks/faults/Faults.ts"

const orders = { database: "shop", table: "orders" }
const items = { database: "shop", table: "items" }

/** Which of the next `asked` questions strike. */
const strikes = (scope: Faults.FaultScope, asked = 200): ReadonlyArray<boolean> => {
  const faults = Faults.make()
  faults.on("memory", scope)
  return Array.from({ length: asked }, () => faults.strikes("memory", orders))
}

const rate = (struck: ReadonlyArray<boolean>): number => struck.filter(Boolean).length / struck.length

describe("a fault", () => {
  it("strikes nowhere until it is switched on, then every time until it is switched off", () => {
    const faults = Faults.make()
    assert.isFalse(faults.strikes("memory", orders))
    faults.on("memory")
    assert.isTrue(faults.strikes("memory", orders))
    assert.isTrue(faults.strikes("memory"))
    assert.isFalse(faults.strikes("stall", orders))
    faults.off("memory")
    assert.isFalse(faults.strikes("memory", orders))
    assert.strictEqual(faults.hits("memory"), 2)
    assert.strictEqual(faults.hits("stall"), 0)
  })

  it("with a count strikes that often and then switches itself off", () => {
    const faults = Faults.make()
    faults.on("memory", { count: 2 })
    assert.deepStrictEqual([1, 2, 3].map(() => faults.strikes("memory", orders)), [true, true, false])
    assert.deepStrictEqual(faults.rules(), [])
  })

  it("with a table strikes there only, whether or not the database is named", () => {
    const faults = Faults.make()
    faults.on("memory", { table: "orders" })
    assert.isFalse(faults.strikes("memory", items))
    assert.isFalse(faults.strikes("memory"))
    assert.isTrue(faults.strikes("memory", orders))
    assert.isTrue(faults.strikes("memory", { database: "other", table: "orders" }))
    faults.off()
    faults.on("memory", { table: "shop.orders" })
    assert.isTrue(faults.strikes("memory", orders))
    assert.isFalse(faults.strikes("memory", { database: "other", table: "orders" }))
    assert.isFalse(faults.strikes("memory", items))
  })

  it("of the same seed strikes at the same places, so that a failure found by chance can be repeated", () => {
    const once = strikes({ probability: 0.3, seed: 42 })
    assert.deepStrictEqual(strikes({ probability: 0.3, seed: 42 }), once)
    assert.notDeepEqual(strikes({ probability: 0.3, seed: 43 }), once)
    assert.deepStrictEqual(strikes({ probability: 0.3 }), strikes({ probability: 0.3, seed: 0 }))
  })

  it("strikes about as often as its probability says, and always at 1", () => {
    assert.approximately(rate(strikes({ probability: 0.3, seed: 1 }, 10_000)), 0.3, 0.02)
    assert.approximately(rate(strikes({ probability: 0.9, seed: 2 }, 10_000)), 0.9, 0.02)
    assert.strictEqual(rate(strikes({ probability: 1, seed: 3 })), 1)
  })

  it("that missed by chance leaves the count alone, and other requests' tables do not use up its chances", () => {
    const alone = strikes({ probability: 0.5, seed: 9, count: 20 }, 100)
    assert.strictEqual(alone.filter(Boolean).length, 20)
    const faults = Faults.make()
    faults.on("memory", { table: "orders", probability: 0.5, seed: 9, count: 20 })
    const between = Array.from({ length: 100 }, () => {
      faults.strikes("memory", items)
      return faults.strikes("memory", orders)
    })
    assert.deepStrictEqual(between, alone)
  })

  it("switched on twice has both chances, the older first", () => {
    const faults = Faults.make()
    faults.on("memory", { table: "items", count: 1 })
    faults.on("memory", { count: 1 })
    assert.isTrue(faults.strikes("memory", items))
    assert.deepStrictEqual(faults.rules().map((rule) => rule.table), [undefined])
    faults.on("memory", { probability: Number.MIN_VALUE, count: 1 })
    assert.isTrue(faults.strikes("memory", orders))
    faults.on("memory", { count: 1 })
    // The rule that hardly ever strikes stands before the one that always does.
    assert.isTrue(faults.strikes("memory", orders))
  })

  it("is shown with what is left of it; what was shown does not change afterwards", () => {
    const faults = Faults.make()
    faults.on("stall", { table: "orders", count: 3, probability: 1, seed: 7 })
    faults.on("memory")
    faults.strikes("stall", orders)
    const shown = faults.rules()
    faults.off()
    assert.deepStrictEqual(shown, [
      { kind: "stall", table: "orders", remaining: 2, probability: 1, seed: 7 },
      { kind: "memory", table: undefined, remaining: Number.POSITIVE_INFINITY, probability: 1, seed: 0 }
    ])
  })
})

describe("a fault that holds", () => {
  it.effect("lets everybody pass while it is off", () => Faults.make().hold("hold-commit", orders))

  it.effect("holds whom it strikes until its kind is switched off, and nobody else", () =>
    Effect.gen(function*() {
      const faults = Faults.make()
      faults.on("hold-commit", { table: "orders", count: 1 })
      faults.on("slow-continue", { count: 1 })
      const start = { startImmediately: true } as const
      const first = yield* Effect.forkChild(faults.hold("hold-commit", orders), start)
      const other = yield* Effect.forkChild(faults.hold("slow-continue", orders), start)
      // The count is used up and another table is not meant: both pass.
      yield* faults.hold("hold-commit", orders)
      yield* faults.hold("hold-commit", items)
      assert.strictEqual(faults.hits("hold-commit"), 1)
      faults.off("memory")
      yield* Effect.yieldNow
      assert.isUndefined(first.pollUnsafe())
      faults.off("hold-commit")
      yield* Fiber.join(first)
      assert.isUndefined(other.pollUnsafe())
      faults.off()
      yield* Fiber.join(other)
    }))

  it.effect("forgets whom it holds when he is interrupted", () =>
    Effect.gen(function*() {
      const faults = Faults.make()
      faults.on("hold-commit")
      const held = yield* Effect.forkChild(faults.hold("hold-commit", orders), { startImmediately: true })
      assert.strictEqual(faults.held(), 1)
      yield* Fiber.interrupt(held)
      assert.strictEqual(faults.held(), 0)
      faults.off()
    }))
})

it("answers a duplicate label classically until told otherwise, and switching faults off does not change that", () => {
  const faults = Faults.make()
  assert.strictEqual(faults.duplicateLabelMode(), "classic")
  faults.duplicateLabels("fail-message")
  faults.off()
  assert.strictEqual(faults.duplicateLabelMode(), "fail-message")
})
