import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Bisection } from "../../src/domain/Bisection.ts"

/** Offers `count` rows to a sink that refuses a part for any of these rows. */
const offer = (count: number, bad: ReadonlySet<number>) => {
  const bisection = new Bisection()
  const accepted: Array<number> = []
  const found: Array<number> = []
  const parts: Array<string> = []
  for (let from = 0; from < count;) {
    const to = bisection.end(from, count)
    const rows = Array.from({ length: to - from }, (_, index) => from + index)
    parts.push(`${from}-${to}`)
    if (rows.some((row) => bad.has(row))) {
      if (rows.length > 1) {
        bisection.refused(from, to)
        continue
      }
      found.push(from)
    } else accepted.push(...rows)
    from = to
  }
  return { accepted, found, parts }
}

const COUNT = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_000 }))
const BAD = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_999 }))).check(
  Schema.isMaxLength(30)
)

describe("Bisection: a refusal that names no row must cost neither a good row nor a load for each", () => {
  it.effect.prop(
    "finds exactly the refused rows, accepts every other one once and in order, within 1 + 2k log n parts, each offered once",
    [COUNT, BAD],
    ([count, rows]) =>
      Effect.sync(() => {
        const bad = new Set(rows.filter((row) => row < count))
        const { accepted, found, parts } = offer(count, bad)
        assert.deepStrictEqual(found, [...bad].toSorted((a, b) => a - b))
        const good = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row))
        assert.deepStrictEqual(accepted, good)
        assert.isAtMost(parts.length, 1 + 2 * bad.size * Math.ceil(Math.log2(count)))
        assert.strictEqual(new Set(parts).size, parts.length)
      }),
    { arbitrary: { runs: 200 } }
  )

  it("one row among ten thousand costs at most 29 parts, and the parts are the same each time", () => {
    for (const row of [0, 4_999, 5_000, 9_999]) {
      const { found, parts } = offer(10_000, new Set([row]))
      assert.deepStrictEqual(found, [row])
      assert.isAtMost(parts.length, 29)
      assert.deepStrictEqual(offer(10_000, new Set([row])).parts, parts)
    }
  })
})
