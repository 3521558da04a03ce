import { assert, describe, it } from "@effect/vitest"
import * as NamePattern from "../../../src/domain/NamePattern.ts"
import type { Relation } from "../../../src/domain/pgoutput/Message.ts"
import * as SeenColumns from "../../../src/domain/schema/SeenColumns.ts"
import * as ShapeChange from "../../../src/domain/schema/ShapeChange.ts"
import type { SourceColumn, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const INT = 23
const TEXT = 25

const column = (name: string, attnum: number | undefined, typeOid = INT, typmod = -1): SourceColumn => ({
  name,
  typeName: "",
  notNull: false,
  generated: false,
  typeOid,
  typmod,
  ...(attnum === undefined ? {} : { attnum })
})

/** As the setup has found it; StarRocks has `id`, `a` and `b`. */
const table = (columns: ReadonlyArray<SourceColumn>, more: Partial<TableMapping> = {}): TableMapping => ({
  ...mapping("t", ["id"], { id: "int", a: "int", b: "int" }),
  sourceColumns: new Map(columns.map((each) => [each.name, each])),
  ...more
})

const ID = column("id", 1)
const A = column("a", 2)

const relationOf = ({ sourceColumns = new Map() }: TableMapping): Relation => ({
  _tag: "Relation",
  relationId: 1,
  schema: "public",
  name: "t",
  replicaIdentity: "f",
  columns: [...sourceColumns.values()].map(({ name, typeOid, typmod }) => ({ name, typeOid, typmod, key: true }))
})

/** What each beginning tells, and each look between them is told of as well. */
const beginnings = (...tables: ReadonlyArray<TableMapping>): ReadonlyArray<ReadonlyArray<string>> => {
  let seen: SeenColumns.SeenColumns = new Map()
  return tables.map((mapping) => {
    const found = SeenColumns.findings(mapping, seen)
    seen = SeenColumns.stored(SeenColumns.now([mapping]))
    return found.map(({ column, kind }) => `${column.name} ${kind}`)
  })
}

describe("Columns that are others than they were known to be", () => {
  it("T52 T53 are found at the next beginning, once; those that a table has got or lost are not", () => {
    const changes: ReadonlyArray<readonly [ReadonlyArray<SourceColumn>, ReadonlyArray<string>]> = [
      [[ID, column("a", 3)], ["a another"]],
      [[ID, column("a", 2, TEXT)], ["a retyped"]],
      [[ID, column("a", 2, INT, 8)], ["a retyped"]],
      [[ID, { ...A, declaredOid: 16_400 }], ["a retyped"]],
      [[ID, column("a", undefined)], []],
      [[ID, { ...A, expression: 7 }], []],
      [[ID, A, column("b", 3), column("unknown", 4)], ["b away"]],
      [[ID], []],
      [[column("id", 3), A], []]
    ]
    for (const [columns, found] of changes) {
      assert.deepStrictEqual(beginnings(table([ID, A]), table(columns), table(columns)), [[], found, []])
    }
  })

  it("T53 one that is computed by another expression is found, and one that has become an ordinary column is not", () => {
    const computed = (expression: number | null) => table([ID, { ...A, expression }])
    assert.deepStrictEqual(beginnings(computed(7), computed(8), computed(8), computed(null)), [
      [],
      ["a recomputed"],
      [],
      []
    ])
  })

  it("T52 one that was away is found when it is there again, whoever knew that it was away", () => {
    assert.deepStrictEqual(beginnings(table([ID, A]), table([ID]), table([ID]), table([ID, A])), [[], [], [], [
      "a away"
    ]])
    const renamed = table([ID, A, column("b", 2)], { doubtful: new Set(["a"]) })
    const found = SeenColumns.findings(table([ID, A]), SeenColumns.now([renamed]))
    assert.deepStrictEqual(found, [{ column: A, kind: "away" }])
    const excluded = table([ID, A], {
      selection: { key: ["id"], includes: undefined, excludes: [NamePattern.literal("a")] }
    })
    assert.deepStrictEqual(beginnings(table([ID, A]), excluded, table([ID, A])), [[], [], ["a away"]])
    assert.deepStrictEqual(beginnings(excluded, table([ID, A])), [[], ["a away"]])
  })

  it("T52 T53 one that both sides have got since is found, unless the setup has added and told it", () => {
    const before = { ...table([ID]), targetColumns: mapping("t", ["id"], { id: "int", b: "int" }).targetColumns }
    const both = table([ID, A])
    assert.deepStrictEqual(beginnings(before, both, both), [[], ["a added"], []])
    assert.deepStrictEqual(beginnings(before, { ...both, addedAtStart: new Set(["a"]) }, both), [[], [], []])
    assert.deepStrictEqual(beginnings(before, table([ID])), [[], []], "a column of the target alone")
  })

  it("T52 one that is computed and not sent is away, whoever doubts it, and found when it is sent", () => {
    const unsent = [ID, { ...A, generated: true }]
    const doubted = table(unsent, { doubtful: new Set(["a"]) })
    assert.deepStrictEqual(beginnings(doubted, table(unsent), table([ID, A])), [[], [], ["a away"]])
  })

  it("T53 one whose target is too narrow for its new type is found at each beginning until that is wider", () => {
    const limited = (length: number) => column("a", 2, 1043, length + 4)
    const target = (type: string) => ({
      targetColumns: new Map([["id", { name: "id", type: "int", nullable: false }], ["a", {
        name: "a",
        type,
        nullable: true
      }]])
    })
    const before = SeenColumns.now([table([ID, limited(10)], target("varchar(40)"))])
    const narrow = table([ID, limited(30)], target("varchar(40)"))
    const retyped = SeenColumns.retyped(narrow, before)
    assert.deepStrictEqual([...retyped], ["a"])
    const next = SeenColumns.stored(SeenColumns.now([{ ...narrow, retyped }], before))
    assert.deepStrictEqual([...SeenColumns.retyped(narrow, next)], ["a"], "a killed program has not made it wider")
    const wide = table([ID, limited(30)], target("varchar(120)"))
    assert.strictEqual(SeenColumns.retyped(wide, next).size, 0)
    assert.isTrue(ShapeChange.isSettled(relationOf(narrow), narrow, "evolve"))
    assert.isFalse(ShapeChange.isSettled(relationOf(narrow), { ...narrow, retyped }, "evolve"))
  })

  it("are stored for as many tables as are within the bound, and compared by what they say", () => {
    const tables = ["t", "u", "v"].map((name) => ({ ...table([ID, A]), source: { schema: "public", name } }))
    const seen = SeenColumns.now(tables)
    assert.deepStrictEqual([...SeenColumns.stored(seen, 8).keys()], ["public.t", "public.u"])
    assert.isTrue(SeenColumns.isSame(seen, SeenColumns.now(tables)))
    const one = SeenColumns.now([table([ID, A])])
    for (const other of [table([ID, column("a", 3)]), table([ID]), table([ID, A, column("b", 3)])]) {
      assert.isFalse(SeenColumns.isSame(one, SeenColumns.now([other])))
    }
  })
})
