import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Identifier from "../../src/domain/Identifier.ts"
import * as TableLists from "../../src/domain/TableLists.ts"

const names = (texts: ReadonlyArray<string>) =>
  texts.map((text) => {
    const entry = Identifier.parseTable(text)
    if (entry === undefined) throw new Error(`not a table name: ${text}`)
    return entry
  })
const table = (name: string, ...ancestors: ReadonlyArray<string>): TableLists.CatalogueTable => ({
  name: names([name])[0]!,
  ancestors: names(ancestors)
})
const resolve = (
  entries: ReadonlyArray<string>,
  exclude: ReadonlyArray<string>,
  catalogue: ReadonlyArray<TableLists.CatalogueTable>
) => {
  const { problems, tables } = TableLists.resolve(names(entries), exclude, catalogue)
  return { problems, tables: tables.map(Identifier.show) }
}

const SHOP = [
  table("order_items"),
  table("orders"),
  table("Orders"),
  table("sales.order_1"),
  table("sales.audit"),
  table("hr.audit"),
  table("dbmazz_checkpoints")
]

const Entry = Schema.Literals(["*", "a*", "*b", "s.*", "*.ab", "*.*", "ab", "s.b", "gone", "\"a*\"", "\"a*\".b"])
const Name = Schema.Literals(["a", "b", "ab", "s.a", "s.b", "s.ab", "t.ab", "\"a*\"", "\"a*\".b", "dbmazz_x"])
const Case = Schema.Struct({
  entries: Schema.NonEmptyArray(Entry),
  exclude: Schema.Array(Entry),
  catalogue: Schema.Array(Name)
})

describe("TableLists", () => {
  it.effect.prop(
    "neither the order of the lists nor the catalogue's decides what is replicated",
    [Case],
    ([given]) =>
      Effect.sync(() => {
        const catalogue = [...new Set(given.catalogue)].map((name) => table(name))
        const forth = resolve(given.entries, given.exclude, catalogue)
        const back = resolve(given.entries.toReversed(), given.exclude.toReversed(), catalogue.toReversed())
        assert.sameMembers([...back.tables], [...forth.tables])
        assert.sameMembers([...back.problems], [...forth.problems])
        assert.strictEqual(new Set(forth.tables).size, forth.tables.length, "no table twice")
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "nothing excluded is replicated, and nothing else is left out",
    [Case],
    ([given]) =>
      Effect.sync(() => {
        const catalogue = [...new Set(given.catalogue)].map((name) => table(name))
        const all = resolve(given.entries, [], catalogue).tables
        const kept = resolve(given.entries, given.exclude, catalogue).tables
        const excluded = all.filter((name) => !kept.includes(name))
        const taken = resolve(given.exclude, [], all.map((name) => ({ name: split(name), ancestors: [] }))).tables
        assert.deepStrictEqual(kept.filter((name) => taken.includes(name)), [])
        assert.deepStrictEqual(excluded.filter((name) => !taken.includes(name)), [])
      }),
    { arbitrary: { runs: 500 } }
  )

  it("a bare pattern is in schema public, case counts, and our own tables are never matched", () => {
    assert.deepStrictEqual(resolve(["order*"], [], SHOP).tables, ["public.order_items", "public.orders"])
    assert.deepStrictEqual(resolve(["*"], [], SHOP).tables, ["public.Orders", "public.order_items", "public.orders"])
    assert.deepStrictEqual(resolve(["*.audit"], [], SHOP).tables, ["hr.audit", "sales.audit"])
    assert.deepStrictEqual(resolve(["*.*"], ["*.audit", "public.*"], SHOP).tables, ["sales.order_1"])
    assert.deepStrictEqual(resolve(["*"], ["\"*\""], SHOP).tables.length, 3, "a quoted asterisk is one")
  })

  it("a pattern that matches nothing and lists that leave nothing are told by name; a named table is not looked for", () => {
    assert.deepStrictEqual(resolve(["orders", "nope_*", "dbmazz_*"], [], SHOP).problems, [
      "TABLES: the pattern 'public.nope_*' matches no table; correct it or take it out",
      "TABLES: the pattern 'public.dbmazz_*' matches no table; correct it or take it out"
    ])
    assert.deepStrictEqual(resolve(["orders"], ["*.*"], SHOP), {
      tables: [],
      problems: ["TABLES_EXCLUDE: excludes every table of TABLES"]
    })
    assert.include(resolve(["orders"], ["a.b.c"], SHOP).problems.join(), "TABLES_EXCLUDE: 'a.b.c' is not a table name")
    assert.deepStrictEqual(resolve(["absent"], ["tmp_*"], []), { tables: ["public.absent"], problems: [] })
  })

  it("a row is not replicated twice: partitions are left to a partitioned table that is matched, else they are matched", () => {
    const events = [
      table("events"),
      table("events_1", "events"),
      table("events_1a", "events_1", "events"),
      table("other")
    ]
    assert.deepStrictEqual(resolve(["*"], [], events).tables, ["public.events", "public.other"])
    assert.deepStrictEqual(resolve(["events", "*_1a"], [], events).tables, ["public.events"])
    assert.deepStrictEqual(resolve(["*"], ["events", "events_1"], events).tables, ["public.events_1a", "public.other"])
    for (const entries of [["*", "events_1a"], ["events_1a", "*"]]) {
      assert.sameMembers([...resolve(entries, [], events).tables], [
        "public.events",
        "public.events_1a",
        "public.other"
      ], "one that is named stays")
    }
  })
})

const split = (shown: string): Identifier.QualifiedName => {
  const at = shown.indexOf(".")
  return { schema: shown.slice(0, at), name: shown.slice(at + 1) }
}
