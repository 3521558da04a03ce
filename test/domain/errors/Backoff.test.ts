import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "../../../src/domain/errors/Backoff.ts"

const LIMITS = { baseMs: 200, maxMs: 30_000, maxElapsedMs: 0 }

describe("the wait before the next try", () => {
  it("doubles and stays within RETRY_MAX_MS, so that an outage is neither hammered nor slept through", () => {
    const waits = [1, 2, 3, 4, 8, 9, 1000].map((failures) => Backoff.delayMs(LIMITS, failures, undefined, 0))
    assert.deepStrictEqual(waits, [200, 400, 800, 1600, 25_600, 30_000, 30_000])
  })

  it("is jittered downwards only, so that tables do not come back all at once and no limit is passed", () => {
    assert.strictEqual(Backoff.delayMs(LIMITS, 9, undefined, 0.999999), 15_000)
    assert.isAtLeast(Backoff.delayMs(LIMITS, 1, undefined, 0.999999), 100)
  })

  it("128 T66 is never less than the server needs for compaction, and grows", () => {
    for (const random of [0, 0.5, 0.999999]) {
      const waits = [1, 2, 3, 4].map((failures) => Backoff.delayMs(LIMITS, failures, 30_000, random))
      assert.isAtLeast(waits[0]!, 30_000)
      assert.isAbove(waits[1]!, waits[0]!)
      assert.isAbove(waits[2]!, waits[1]!)
      assert.isAtMost(waits[3]!, Backoff.PATIENCE_MS_MAX * 1.2)
    }
  })

  it("an operator's longer RETRY_MAX_MS is kept when the server asks for less", () => {
    assert.isAtLeast(Backoff.delayMs({ baseMs: 1_000_000, maxMs: 3_600_000, maxElapsedMs: 0 }, 9, 30_000, 0), 3_600_000)
  })
})
