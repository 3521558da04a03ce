import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Lsn from "../../src/domain/Lsn.ts"

describe("Lsn: a position that reads differently on two sides loses or repeats WAL", () => {
  it.effect.prop("the text form is what decode(encode) gives back", [Lsn.Lsn], ([lsn]) =>
    Effect.gen(function*() {
      const text = yield* Schema.encodeEffect(Lsn.FromText)(lsn)
      assert.strictEqual(text, Lsn.format(lsn))
      assert.strictEqual(yield* Schema.decodeUnknownEffect(Lsn.FromText)(text), lsn)
      assert.deepStrictEqual(Lsn.fromText(text.toLowerCase()), Result.succeed(lsn))
    }))

  it.effect.prop(
    "the BIGINT form keeps the order of positions below 2^63",
    [Lsn.Lsn, Lsn.Lsn],
    ([a, b]) =>
      Effect.sync(() => {
        assert.strictEqual(Lsn.fromBigint(Lsn.toBigint(a)), a)
        const half = 1n << 63n
        if (a < half && b < half) assert.strictEqual(Lsn.toBigint(a) < Lsn.toBigint(b), a < b)
      })
  )

  it.effect.prop("the wire form is the two 32-bit halves", [Lsn.Lsn], ([lsn]) =>
    Effect.sync(() => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64BE(lsn)
      assert.strictEqual(Lsn.fromHalves(bytes.readUInt32BE(0), bytes.readUInt32BE(4)), lsn)
    }))

  it("prints what PostgreSQL prints", () => {
    assert.strictEqual(Lsn.format(Lsn.Lsn.make(0x16_b374_d848n)), "16/B374D848")
    assert.strictEqual(Lsn.format(Lsn.ZERO), "0/0")
  })

  it("refuses what is not a position", () => {
    for (const text of ["", "16", "16/", "/16", "16/123456789", "G/0", "1/2/3", " 1/2"]) {
      assert.isTrue(Result.isFailure(Lsn.fromText(text)), text)
      assert.isTrue(Result.isFailure(Schema.decodeUnknownResult(Lsn.FromText)(text)), text)
    }
  })

  it("never counts a distance backwards and never goes below zero", () => {
    const [low, high] = [Lsn.Lsn.make(5n), Lsn.Lsn.make(9n)]
    assert.strictEqual(Lsn.distance(low, high), 4)
    assert.strictEqual(Lsn.distance(high, low), 0)
    assert.strictEqual(Lsn.minus(low, 9n), 0n)
    assert.strictEqual(Lsn.max(low, high), high)
  })
})
