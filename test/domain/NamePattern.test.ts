import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as NamePattern from "../../src/domain/NamePattern.ts"

const pattern = (text: string): NamePattern.NamePattern => ({ text, wild: text.includes("*") })

/** Few letters, so that texts and patterns often fit each other. */
const Letters = (letters: ReadonlyArray<string>) => Schema.Array(Schema.Literals(letters)).check(Schema.isMaxLength(8))

/** The same by trying every length for each asterisk. */
const fits = (text: string, name: string): boolean => {
  if (text === "") return name === ""
  if (text[0] !== "*") return name !== "" && text[0] === name[0] && fits(text.slice(1), name.slice(1))
  return Array.from({ length: name.length + 1 }, (_, skipped) => skipped).some((skipped) =>
    fits(text.slice(1), name.slice(skipped))
  )
}

describe("NamePattern: a name matched too much is replicated by mistake, one too few is lost", () => {
  it.effect.prop(
    "matches what an exhaustive search finds",
    [Letters(["a", "b", "*"]), Letters(["a", "b"])],
    ([letters, name]) =>
      Effect.sync(() => {
        const text = letters.join("")
        assert.strictEqual(NamePattern.matches(pattern(text), name.join("")), fits(text, name.join("")), text)
      }),
    { arbitrary: { runs: 2_000 } }
  )

  it("keeps case, and takes no letter of a regular expression or of LIKE for a pattern", () => {
    assert.isTrue(NamePattern.matches(pattern("Order_*"), "Order_1"))
    assert.isFalse(NamePattern.matches(pattern("Order_*"), "order_1"))
    assert.isFalse(NamePattern.matches(pattern("Order_*"), "OrderX1"))
    assert.isFalse(NamePattern.matches(pattern("a.*"), "ab"))
    assert.isFalse(NamePattern.matches(pattern("a?"), "ab"))
    assert.strictEqual(NamePattern.like(pattern("50%_\\*")), "50\\%\\_\\\\%")
    assert.strictEqual(NamePattern.like(NamePattern.literal("a*_")), "a*\\_")
  })

  it("a pattern of many asterisks is no slower than its name is long", () => {
    const started = performance.now()
    assert.isFalse(NamePattern.matches(pattern(`${"a*".repeat(30)}b`), "a".repeat(63)))
    assert.isBelow(performance.now() - started, 1_000)
  })

  it("what is quoted is literal, and what is no list of parts is refused", () => {
    assert.deepStrictEqual(NamePattern.parseParts("a*.\"b*\".\"we\"\"ird, one.\""), [
      pattern("a*"),
      NamePattern.literal("b*"),
      NamePattern.literal("we\"ird, one.")
    ])
    for (const wrong of ["", ".", "a..b", ".a", "a.", "\"a\"b", "a\"b", "\"\""]) {
      assert.isUndefined(NamePattern.parseParts(wrong), wrong)
    }
  })
})
