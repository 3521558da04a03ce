import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SingleText from "../../../src/domain/values/SingleText.ts"

const view = new DataView(new ArrayBuffer(4))
const floatOf = (bits: number): number => {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}

/** The bits of every finite float that is not negative, but the greatest. */
const Bits = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0x7f7f_fffe }))
/** More than enough digits for a double between two floats. */
const SCALE = 200
const digitsOf = (value: number): bigint => {
  let scaled = value
  let twos = 0
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    twos += 1
  }
  return BigInt(scaled) * 5n ** BigInt(twos) * 10n ** BigInt(SCALE - twos)
}

describe("SingleText: a float that StarRocks rounds to another one", () => {
  it.effect.prop("T43 is the float itself as a double", [Bits], ([bits]) =>
    Effect.sync(() => {
      const single = floatOf(bits)
      assert.strictEqual(Number(SingleText.exact(single.toPrecision(9))), single)
      assert.strictEqual(Number(SingleText.exact(`-${single.toPrecision(9)}`)), -single)
    }), { arbitrary: { runs: 500 } })

  it.effect.prop(
    "T43 a decimal beside the middle between two floats goes to its own side",
    [Bits],
    ([bits]) =>
      Effect.sync(() => {
        const [below, above] = [floatOf(bits), floatOf(bits + 1)]
        const middle = digitsOf((below + above) / 2)
        assert.strictEqual(Number(SingleText.exact(`${middle - 1n}e-${SCALE}`)), below)
        assert.strictEqual(Number(SingleText.exact(`${middle + 1n}e-${SCALE}`)), above)
      }),
    { arbitrary: { runs: 300 } }
  )
})
