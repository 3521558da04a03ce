import { assert, describe, it } from "@effect/vitest"
import { Pace } from "../../src/domain/Pace.ts"

const LIMITS = { rows: 100, bytes: 1_000, everyMs: 5_000 }

describe("Pace: loads that come as often as before are what StarRocks cannot compact", () => {
  it("T66 doubles rows and interval with each complaint, up to eight times, and never the bytes", () => {
    const pace = new Pace()
    assert.strictEqual(pace.limits(LIMITS, false, 0), LIMITS)
    const factors = Array.from({ length: 5 }, (_, index) => {
      const { bytes, everyMs, rows } = pace.limits(LIMITS, true, index * 10)
      pace.limits(LIMITS, false, index * 10 + 5)
      return [rows / LIMITS.rows, everyMs / LIMITS.everyMs, bytes / LIMITS.bytes]
    })
    assert.deepStrictEqual(factors, [[2, 2, 1], [4, 4, 1], [8, 8, 1], [8, 8, 1], [8, 8, 1]])
  })

  it("one complaint that lasts counts once, and after quiet minutes batches shrink step by step", () => {
    const pace = new Pace()
    for (const nowMs of [0, 1_000, 60_000]) assert.strictEqual(pace.limits(LIMITS, true, nowMs).rows, 200)
    assert.strictEqual(pace.limits(LIMITS, false, 61_000).rows, 200)
    assert.strictEqual(pace.limits(LIMITS, false, 359_999).rows, 200)
    assert.strictEqual(pace.limits(LIMITS, false, 360_000), LIMITS)
  })
})
