import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"

const jsonOf = (text: string): string => {
  const writer = new ByteWriter(1)
  const bytes = Buffer.from(text, "utf8")
  writer.jsonString(bytes, 0, bytes.length)
  return writer.view().toString("utf8")
}

const CodePoint = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0x10ffff }))

describe("ByteWriter: a character escaped wrongly is a load refused or a value changed", () => {
  it.effect.prop(
    "a JSON string reads back as the text, whatever Unicode it holds",
    [Schema.Array(CodePoint)],
    ([points]) =>
      Effect.sync(() => {
        const text = String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff))
        assert.strictEqual(JSON.parse(jsonOf(text)), text)
      }),
    { arbitrary: { runs: 500 } }
  )

  it("escapes every control character, quotes and backslashes, and nothing else", () => {
    for (let code = 0; code < 0x100; code++) {
      const text = String.fromCharCode(code)
      assert.strictEqual(JSON.parse(jsonOf(text)), text, `U+${code.toString(16)}`)
      if (code >= 0x20 && code !== 0x22 && code !== 0x5c) assert.strictEqual(jsonOf(text), `"${text}"`)
    }
  })

  it("text longer than a piece, with characters across the cut, stays whole", () => {
    const text = "añ\n\"€😀".repeat(5_000)
    assert.strictEqual(JSON.parse(jsonOf(text)), text)
  })

  it("grows without losing what was written, by loop and by native copy", () => {
    const writer = new ByteWriter(1)
    const source = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index & 0xff))
    for (let length = 0; length < 200; length++) writer.copy(source, length, length * 2)
    writer.byte(7)
    const expected = Buffer.concat([
      ...Array.from({ length: 200 }, (_, length) => source.subarray(length, length * 2)),
      Buffer.from([7])
    ])
    assert.isTrue(writer.view().equals(expected))
    writer.truncate(3)
    assert.isTrue(writer.view().equals(expected.subarray(0, 3)))
  })
})
