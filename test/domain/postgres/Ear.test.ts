import { assert, describe, it } from "@effect/vitest"
import { Ear } from "../../../src/domain/postgres/Ear.ts"

describe("Ear", () => {
  it("T16 silence is counted from the last byte, and from nothing while reading is paused", () => {
    const ear = new Ear(0)
    assert.deepStrictEqual(ear.hear(0, 500), { silentMs: 500, pausedMs: 0 })
    assert.deepStrictEqual(ear.hear(10, 1_000), { silentMs: 0, pausedMs: 0 })
    assert.deepStrictEqual(ear.hear(10, 4_000), { silentMs: 3_000, pausedMs: 0 })
    assert.deepStrictEqual(ear.hear(11, 5_000), { silentMs: 0, pausedMs: 0 }, "part of a message is a sign of life")
    ear.pause(6_000)
    assert.deepStrictEqual(ear.hear(11, 9_000), { silentMs: 0, pausedMs: 3_000 })
    ear.pause(10_000)
    assert.deepStrictEqual(
      ear.hear(11, 11_000),
      { silentMs: 0, pausedMs: 5_000 },
      "one pause, however often it is said"
    )
    ear.resume(12_000)
    assert.deepStrictEqual(ear.hear(11, 13_000), { silentMs: 1_000, pausedMs: 0 })
  })
})
