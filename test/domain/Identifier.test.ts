import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Identifier from "../../src/domain/Identifier.ts"

/** Parts that a dot or a quote in them could make look like others, and ordinary ones. */
const Part = Schema.NonEmptyArray(Schema.Literals(["a", "b", ".", "\"", " ", "*", ",", "é"]))
const Table = Schema.Struct({ schema: Part, name: Part })
const tableOf = ({ name, schema }: typeof Table.Type): Identifier.QualifiedName => ({
  schema: schema.join(""),
  name: name.join("")
})

describe("Identifier.show", () => {
  it.effect.prop(
    "T47 is one text for one table, and no other table's",
    [Table, Table],
    ([one, other]) =>
      Effect.sync(() => {
        const [a, b] = [tableOf(one), tableOf(other)]
        assert.strictEqual(Identifier.show(a) === Identifier.show(b), a.schema === b.schema && a.name === b.name)
        // The same letters, parted at another dot.
        const text = `${a.schema}.${a.name}.${b.schema}`
        const dots = [...text.matchAll(/(?<=.)\.(?=.)/g)].map(({ index }) => index)
        const shown = dots.map((at) => Identifier.show({ schema: text.slice(0, at), name: text.slice(at + 1) }))
        assert.strictEqual(new Set(shown).size, dots.length)
      }),
    { arbitrary: { runs: 2_000 } }
  )

  it.effect.prop(
    "a reason that names a table gives statements for that table",
    [Table],
    ([given]) =>
      Effect.sync(() => {
        const table = tableOf(given)
        assert.deepStrictEqual(Identifier.unshow(Identifier.show(table)), table)
      }),
    { arbitrary: { runs: 1_000 } }
  )

  it("an ordinary name is as it is written, and another one as TABLES has it", () => {
    assert.strictEqual(Identifier.show({ schema: "public", name: "Order items*, é" }), "public.Order items*, é")
    for (const text of ["\"a.b\".c", "a.\"b.c\"", "a.\"say \"\"hi\"\"\"", "\"\"\"\".t"]) {
      assert.strictEqual(Identifier.show(Identifier.parseTable(text)!), text)
    }
  })
})
