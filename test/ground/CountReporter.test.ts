import { assert, describe, it } from "@effect/vitest"
import { count, line } from "../support/CountReporter.ts"

describe("the line that continuous integration reads", () => {
  it("counts every test once", () => {
    const counts = count([{ state: "failed", tests: ["passed", "failed", "skipped", "passed"] }], 0)
    assert.strictEqual(line(counts), "2 passed, 1 failed, 1 skipped")
  })

  it("names no skipped tests when there are none", () => {
    assert.strictEqual(line(count([{ state: "passed", tests: ["passed"] }], 0)), "1 passed, 0 failed")
  })

  it("does not call a run green whose test file could not be loaded", () => {
    assert.strictEqual(line(count([{ state: "failed", tests: [] }], 0)), "0 passed, 1 failed")
  })

  it("does not call a run green in which an error escaped from every test", () => {
    assert.strictEqual(line(count([{ state: "passed", tests: ["passed"] }], 1)), "1 passed, 1 failed")
  })
})
