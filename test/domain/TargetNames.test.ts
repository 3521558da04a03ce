import { assert, describe, it } from "@effect/vitest"
import * as Identifier from "../../src/domain/Identifier.ts"
import type { SourceTable } from "../../src/domain/Table.ts"
import * as TargetNames from "../../src/domain/TargetNames.ts"

const table = (name: string): SourceTable => ({
  name: Identifier.parseTable(name)!,
  oid: 1,
  kind: "r",
  replicaIdentity: "f",
  columns: [],
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true
})

const named = (entries: ReadonlyArray<string>, ...tables: ReadonlyArray<string>) => {
  const { problems, tables: found } = TargetNames.apply(entries, tables.map(table))
  return { problems, targets: found.map(TargetNames.targetName) }
}

describe("TARGET_TABLES: a row in another table's place is lost there and wrong here", () => {
  it("a table keeps its bare name unless the list names another", () => {
    const { problems, targets } = named(["sales.orders=sales_orders"], "orders", "sales.orders", "sales.items")
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(targets, ["orders", "sales_orders", "items"])
  })

  it("a bare name is in schema public, quoted parts are names, and = may be part of one", () => {
    const entries = ["orders=o", "\"Sales.Q1\".\"a=b\"=\"x.*\""]
    assert.deepStrictEqual(named(entries, "orders", "\"Sales.Q1\".\"a=b\""), { problems: [], targets: ["o", "x.*"] })
  })

  it("patterns name many, * in the target is the table's name, and an entry for one table wins", () => {
    const entries = ["sales.*=sales_*", "*.log=log_all", "sales.orders=orders_of_sales"]
    const names = ["sales.orders", "sales.items", "public.log"]
    const { problems, targets } = named(entries, ...names)
    assert.deepStrictEqual([problems, targets], [[], ["orders_of_sales", "sales_items", "log_all"]])
    assert.deepStrictEqual(named(entries.toReversed(), ...names).targets, targets)
  })

  it("two patterns that disagree, entries for nothing, and entries that are none are told", () => {
    const twice = named(["a.*=x_*", "*.t=y"], "a.t").problems
    assert.deepStrictEqual(twice, ["TARGET_TABLES: '*.t=y' and 'a.*=x_*' give 'a.t' two names; take one out"])
    assert.match(named(["b.t=y"], "a.t").problems.join(), /^TARGET_TABLES: 'b\.t=y' matches no table of the database/)
    const later = { schema: "b", name: "t" }
    assert.deepStrictEqual(TargetNames.idle(["b.t=y", "a.t=x", "?"], [table("a.t")]), [
      { schema: { text: "b", wild: false }, name: { text: "t", wild: false } }
    ])
    assert.deepStrictEqual(
      TargetNames.apply(["b.t=y"], [table("a.t")], [later]).problems,
      [],
      "it may join the job later"
    )
    for (const entry of ["a.t", "a.t=", "=x", "a.t=other.x", "a.b.c=x", "a.t=*_*"]) {
      const { problems, targets } = named([entry], "a.t")
      assert.deepStrictEqual([problems.length, targets], [1, ["t"]], entry)
      assert.include(problems[0], "example: TARGET_TABLES=sales.orders=sales_orders")
    }
  })

  it("the entry that an error suggests can be used as it is", () => {
    for (const name of ["sales.orders", "\"Sales Q1\".\"a=b\"", "\"a.b\".\"c,*\""]) {
      const { problems, targets } = named([TargetNames.example(table(name).name)], name)
      assert.deepStrictEqual(problems, [], name)
      assert.notStrictEqual(targets[0], table(name).name.name)
    }
  })
})
