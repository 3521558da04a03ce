import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as NestedText from "../../../../src/layers/embedded/starrocks/values/NestedText.ts"
import { ValueKind } from "../../../../src/layers/embedded/starrocks/values/ValueKind.ts"
import * as Values from "../../../../src/layers/embedded/starrocks/values/Values.ts"

it.effect.prop(
  "an object's text comes apart into the members that JSON.parse reads",
  [Schema.Record(Schema.String, Schema.Json), Schema.Literals([0, 1, 3])],
  ([object, indent]) =>
    Effect.sync(() => {
      // Two members of one name are one to JSON.parse, and a lone surrogate never gets here.
      const text = JSON.stringify(object, undefined, indent)
      const known: Record<string, unknown> = JSON.parse(text)
      const found = NestedText.members(text).map(({ name, value }) => [
        name,
        value.kind === ValueKind.string ? value.text : JSON.parse(value.text)
      ])
      assert.deepStrictEqual(found, Object.entries(known))
    })
)

it("maps keep the last value of a key, in the key's type", () => {
  const convert = Values.compile({
    kind: "MAP",
    key: { kind: "LARGEINT" },
    value: { kind: "ARRAY", element: { kind: "INT" } }
  })
  assert.deepStrictEqual(convert(ValueKind.object, "{\"1\": [1, 2], \"2\": [], \"01\": [3]}"), [1n, [3], 2n, []])
  assert.deepStrictEqual(convert(ValueKind.object, "{}"), [])
  assert.isUndefined(convert(ValueKind.array, "[]"))
  assert.isUndefined(convert(ValueKind.object, "{\"x\": []}"))
})

it("structs take the last of several members of a name, whatever its letters", () => {
  const members = [{ name: "a", type: { kind: "INT" } }, { name: "B", type: { kind: "INT" } }] as const
  const strict = Values.compile({ kind: "STRUCT", members })
  assert.deepStrictEqual(strict(ValueKind.object, "{\"A\":1,\"a\":2,\"c\":{\"b\":9}}"), [2, null])
  assert.isUndefined(strict(ValueKind.object, "{\"a\":1,\"b\":\"x\"}"))
  assert.deepStrictEqual(Values.compile({ kind: "STRUCT", members }, true)(ValueKind.object, "{\"a\":1,\"b\":\"x\"}"), [
    1,
    null
  ])
})
