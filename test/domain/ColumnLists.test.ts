import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ColumnLists from "../../src/domain/ColumnLists.ts"
import type { SourceTable } from "../../src/domain/Table.ts"
import * as TableLists from "../../src/domain/TableLists.ts"

const table = (name: string, columns: ReadonlyArray<string>, schema = "public"): SourceTable => ({
  name: { schema, name },
  oid: 1,
  kind: "r",
  replicaIdentity: "f",
  columns: columns.map((column) => ({
    name: column,
    typeOid: 25,
    typeName: "text",
    typmod: -1,
    notNull: false,
    generated: false
  })),
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true
})

const PEOPLE = table("people", ["id", "name", "email", "secret_a", "Odd.name"])
const ORDERS = table("orders", ["id", "email", "total"], "sales")

const apply = (columnsInclude: ReadonlyArray<string>, columnsExclude: ReadonlyArray<string>) => {
  const { problems, tables, unmatched } = ColumnLists.apply({ ...TableLists.NONE, columnsInclude, columnsExclude }, [
    PEOPLE,
    ORDERS
  ])
  return {
    problems,
    unmatched,
    tables,
    columns: tables.map((each) => each.columns.map((column) => column.name)),
    leftOut: tables.map((each) => (each.leftOut ?? []).map((column) => column.name))
  }
}

const Pattern = Schema.Literals([
  "people.*",
  "*.*.email",
  "people.secret_*",
  "*.*.*e*",
  "sales.orders.total",
  "people.id"
])

describe("ColumnLists", () => {
  it.effect.prop(
    "the key stays, exclude wins over include, and every column is either replicated or left out",
    [Schema.Array(Pattern), Schema.Array(Pattern)],
    ([include, exclude]) =>
      Effect.sync(() => {
        const { columns, leftOut } = apply(include, exclude)
        const excludedOnly = apply([], exclude)
        for (const [index, source] of [PEOPLE, ORDERS].entries()) {
          const all = source.columns.map((column) => column.name)
          assert.include(columns[index]!, "id")
          assert.sameMembers([...columns[index]!, ...leftOut[index]!], all)
          assert.deepStrictEqual(columns[index]!.filter((name) => excludedOnly.leftOut[index]!.includes(name)), [])
        }
        const back = apply(include.toReversed(), exclude.toReversed())
        assert.deepStrictEqual([back.columns, back.leftOut], [columns, leftOut])
      }),
    { arbitrary: { runs: 500 } }
  )

  it("exclude takes away from the tables it names; a bare table is in public", () => {
    assert.deepStrictEqual(apply([], ["people.secret_*", "people.email", "people.\"Odd.name\""]).columns, [
      ["id", "name"],
      ["id", "email", "total"]
    ])
    assert.deepStrictEqual(apply([], ["*.*.email"]).columns, [["id", "name", "secret_a", "Odd.name"], ["id", "total"]])
    assert.strictEqual(apply([], ["people.email"]).tables[1], ORDERS, "a table without a rule is as it was")
  })

  it("include holds for the tables it names, with the key, and exclude still wins", () => {
    const { columns, problems } = apply(["people.*e*"], ["people.secret_*"])
    assert.deepStrictEqual(columns, [["id", "name", "email", "Odd.name"], ["id", "email", "total"]])
    assert.deepStrictEqual(problems, [])
  })

  it("a rule holds for columns that come later", () => {
    const { tables } = apply(["sales.orders.total"], ["people.secret_*"])
    const [people, orders] = tables.map((each) => each.selection)
    assert.deepStrictEqual(
      ["secret_b", "note"].map((name) => [ColumnLists.keeps(people, name), ColumnLists.keeps(orders, name)]),
      [[false, false], [true, false]]
    )
    assert.isTrue(ColumnLists.keeps(undefined, "anything"))
  })

  it("a list that would do nothing, or would leave out the key, is told with its variable and entry", () => {
    const { problems, unmatched } = apply(["people.nam"], ["*.*.id", "orders.email", "email", "a.b.c.d"])
    assert.deepStrictEqual(problems, [
      "COLUMNS_EXCLUDE: 'email' is not table.column or schema.table.column; example: COLUMNS_EXCLUDE=orders.note",
      "COLUMNS_EXCLUDE: 'a.b.c.d' is not table.column or schema.table.column; example: COLUMNS_EXCLUDE=orders.note",
      "COLUMNS_EXCLUDE: '*.*.id' matches 'id', which is in the primary key of 'public.people' and cannot be left out",
      "COLUMNS_EXCLUDE: '*.*.id' matches 'id', which is in the primary key of 'sales.orders' and cannot be left out"
    ])
    assert.deepStrictEqual(unmatched, [
      "COLUMNS_INCLUDE: 'people.nam' matches no column of the tables of this job; correct it or take it out",
      "COLUMNS_EXCLUDE: 'orders.email' matches no column of the tables of this job; correct it or take it out"
    ])
  })
})
