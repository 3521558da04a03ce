import { assert, describe, it } from "@effect/vitest"
import * as Quantity from "../../../src/programs/control/Quantity.ts"

describe("numbers for people", () => {
  it.each([
    [0n, "0 B"],
    [1023n, "1023 B"],
    [1024n, "1.0 KiB"],
    [1536n, "1.5 KiB"],
    [1024n ** 2n - 1n, "1023.9 KiB"],
    [1024n ** 2n, "1.0 MiB"],
    [2n ** 64n - 1n, "15.9 EiB"]
  ])("%s bytes are %s", (value, words) => assert.strictEqual(Quantity.bytes(value), words))

  it.each([
    [0n, "0 ms"],
    [999n, "999 ms"],
    [1_000n, "1.0 s"],
    [59_999n, "59.9 s"],
    [60_000n, "1 m 0 s"],
    [3_599_999n, "59 m 59 s"],
    [3_600_000n, "1 h 0 m"],
    [90_061_000n, "25 h 1 m"]
  ])("%s ms are %s", (value, words) => assert.strictEqual(Quantity.span(value), words))

  it("counts have separators, and rates no decimals", () => {
    assert.strictEqual(Quantity.count(1234.5), "1,235")
    assert.strictEqual(Quantity.count(2n ** 64n - 1n), "18,446,744,073,709,551,615")
  })

  it("text from outside cannot steer a terminal or forge a line", () => {
    assert.strictEqual(Quantity.plain("a\u001b[2J\r\nb\u202ec\u0007"), "a [2J b c")
  })
})
