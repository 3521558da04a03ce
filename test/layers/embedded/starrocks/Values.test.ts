import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Kind } from "../../../../src/layers/embedded/starrocks/values/TokenKind.ts"
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
      assert.strictEqual(decimal(Kind.number, text), unscaled)
      assert.strictEqual(decimal(Kind.string, ` ${text}000 `), unscaled)
      assert.strictEqual(decimal(Kind.number, `${unscaled}e-4`), unscaled)
    })
)

it.effect.prop("integers of every size are exact or refused", [Schema.BigInt], ([value]) =>
  Effect.sync(() => {
    const bigint = Values.compile({ kind: "BIGINT" })
    const fits = BigInt.asIntN(64, value) === value
    assert.strictEqual(bigint(Kind.number, String(value)), fits ? value : undefined)
    const tiny = Values.compile({ kind: "TINYINT" })
    const small = value >= -128n && value <= 127n
    assert.strictEqual(tiny(Kind.string, String(value)), small ? Number(value) : undefined)
  }))

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
  for (const [text, expected] of cases) assert.strictEqual(short(Kind.string, text), expected, text)
})

it("measures texts in bytes", () => {
  const convert = Values.compile({ kind: "VARCHAR", bytes: 6 })
  assert.strictEqual(convert(Kind.string, "äää"), "äää")
  assert.isUndefined(convert(Kind.string, "ääää"))
  assert.isUndefined(convert(Kind.string, "1234567"))
})

it("reads hexadecimal text only when it is complete and fits", () => {
  assert.deepStrictEqual(Values.fromHex("00fF", 2), Buffer.from([0, 255]))
  assert.isUndefined(Values.fromHex("0", 2))
  assert.isUndefined(Values.fromHex("0g", 2))
  assert.isUndefined(Values.fromHex("000000", 2))
})
