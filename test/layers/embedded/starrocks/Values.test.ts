import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ValueKind } from "../../../../src/layers/embedded/starrocks/values/ValueKind.ts"
import * as Values from "../../../../src/layers/embedded/starrocks/values/Values.ts"

const decimal = Values.compile({ kind: "DECIMAL", precision: 38, scale: 4 })

it.effect.prop(
  "decimals beyond a double arrive exactly, whichever way they are written",
  [Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(10n ** 37n), maximum: 10n ** 37n }))],
  ([unscaled]) =>
    Effect.sync(() => {
      const sign = unscaled < 0n ? "-" : ""
      const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(5, "0")
      const text = `${sign}${digits.slice(0, -4)}.${digits.slice(-4)}`
      assert.strictEqual(decimal(ValueKind.number, text), unscaled)
      assert.strictEqual(decimal(ValueKind.string, ` ${text}000 `), unscaled)
      assert.strictEqual(decimal(ValueKind.number, `${unscaled}e-4`), unscaled)
    })
)

it.effect.prop("integers of every size are exact or refused", [Schema.BigInt], ([value]) =>
  Effect.sync(() => {
    const bigint = Values.compile({ kind: "BIGINT" })
    const fits = BigInt.asIntN(64, value) === value
    assert.strictEqual(bigint(ValueKind.number, String(value)), fits ? value : undefined)
    const tiny = Values.compile({ kind: "TINYINT" })
    const small = value >= -128n && value <= 127n
    assert.strictEqual(tiny(ValueKind.string, String(value)), small ? Number(value) : undefined)
  }))

it("cuts the fraction of an integer exactly, also beyond what a double holds", () => {
  const bigint = Values.compile({ kind: "BIGINT" })
  const int = Values.compile({ kind: "INT" })
  const cases: ReadonlyArray<readonly [string, bigint | undefined, number | undefined]> = [
    ["9007199254740993.0", 9_007_199_254_740_993n, undefined],
    ["-9007199254740993.9", -9_007_199_254_740_993n, undefined],
    ["9223372036854775807.99", 9_223_372_036_854_775_807n, undefined],
    ["9223372036854775808.0", undefined, undefined],
    ["9.007199254740993e15", 9_007_199_254_740_993n, undefined],
    ["90071992547409935e-1", 9_007_199_254_740_993n, undefined],
    ["2147483647.99999999999999999", 2_147_483_647n, 2_147_483_647],
    ["-0.9", 0n, 0],
    ["1.5e3", 1500n, 1500],
    ["5.", 5n, 5],
    [".5", 0n, 0],
    ["0.000e999999999", 0n, 0],
    ["1e999999999", undefined, undefined],
    ["1e-999999999", 0n, 0],
    ["1.5x", undefined, undefined]
  ]
  for (const [text, big, small] of cases) {
    for (const token of [ValueKind.number, ValueKind.string]) {
      assert.strictEqual(bigint(token, text), big, text)
      assert.strictEqual(int(token, text), small, text)
    }
  }
})

it("rounds half away from zero, and refuses what the precision cannot hold", () => {
  const cases: ReadonlyArray<readonly [string, bigint | undefined]> = [
    ["1.005", 101n],
    ["-1.005", -101n],
    ["1.0049999999999999999999", 100n],
    ["999.995", undefined],
    ["999.99", 99_999n],
    [".5", 50n],
    ["5.", 500n],
    ["1e2", 10_000n],
    ["1E-2", 1n],
    ["4e-3", 0n],
    ["5e-3", 1n],
    ["0e999999999", 0n],
    ["1e999999999", undefined],
    ["1e-999999999", 0n],
    ["", undefined],
    [".", undefined],
    ["-", undefined],
    ["1 2", undefined]
  ]
  for (const [text, expected] of cases) assert.strictEqual(Values.parseDecimal(text, 5, 2), expected, text)
  const short = Values.compile({ kind: "DECIMAL", precision: 5, scale: 2 })
  for (const [text, expected] of cases) assert.strictEqual(short(ValueKind.string, text), expected, text)
})

it("measures texts in bytes", () => {
  const convert = Values.compile({ kind: "VARCHAR", bytes: 6 })
  assert.strictEqual(convert(ValueKind.string, "äää"), "äää")
  assert.isUndefined(convert(ValueKind.string, "ääää"))
  assert.isUndefined(convert(ValueKind.string, "1234567"))
})

it("reads hexadecimal text only when it is complete and fits", () => {
  assert.deepStrictEqual(Values.fromHex("00fF", 2), Buffer.from([0, 255]))
  assert.isUndefined(Values.fromHex("0", 2))
  assert.isUndefined(Values.fromHex("0g", 2))
  assert.isUndefined(Values.fromHex("000000", 2))
})
