import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll } from "../support/Rows.ts"

const TABLE = mapping("t", ["id"], { id: "bigint(20)", v: "varchar(10)" })
const COLUMNS = [{ name: "id", oid: 20 }, { name: "v", oid: 25 }]

describe("KnownRelations: whose rows they are", () => {
  it("T55 a table stops that is called otherwise since the setup looked, though no row of it has come; before that its rows are its own under any name", () => {
    const AT = 10n
    const found = { lookedAt: Lsn.Lsn.make(AT) }
    const t = { ...TABLE, ...found, oid: 1 }
    const u = { ...mapping("u", ["id"], { id: "bigint(20)", v: "varchar(10)" }), ...found, oid: 2 }
    const rowOf = (id: number, name: string, schema?: string) => [
      Bytes.relation(id, name, COLUMNS, schema),
      Bytes.insert(id, ["1", "a"])
    ]
    const given = (tables: ReadonlyArray<TableMapping>, commit: bigint, ...messages: ReadonlyArray<Buffer>) =>
      decodeAll(tables, [Bytes.begin(commit), ...messages]).map((change) =>
        change._tag === "Row"
          ? change.route.mapping.source.name
          : change._tag === "Stop"
          ? change.error.message
          : change._tag
      )
    const now = (name: string) => `table public.t is now called ${name}`
    const another = "another table is now called public.t: the one that was replicated was dropped or renamed"
    // It gets its name back, and its rows have been skipped.
    assert.deepStrictEqual(given([t], AT + 1n, ...rowOf(1, "t9"), ...rowOf(1, "t")), [now("public.t9")])
    assert.deepStrictEqual(given([t], AT + 1n, ...rowOf(1, "t", "s"), ...rowOf(1, "t")), [now("s.t")])
    assert.deepStrictEqual(given([t], AT + 1n, ...rowOf(2, "t")), [another])
    const twice = [...rowOf(2, "t9"), ...rowOf(2, "t")]
    assert.deepStrictEqual(given([t], AT + 1n, ...twice, ...twice), [another])
    assert.deepStrictEqual(given([t, u], AT + 1n, ...rowOf(2, "t")), [
      "table public.u is now called public.t",
      another
    ])
    assert.deepStrictEqual(given([t], AT, ...rowOf(1, "t9"), ...rowOf(1, "t"), ...rowOf(1, "t8")), [
      "t",
      "Reannounced",
      "t",
      "Reannounced",
      "t"
    ])
    assert.deepStrictEqual(given([t], AT, ...rowOf(2, "t9")), [])
    // Both names are of the job: who had which is not known.
    assert.deepStrictEqual(given([t, u], AT, ...rowOf(2, "t")), ["t"])
    assert.deepStrictEqual(given([TABLE], AT + 1n, ...rowOf(1, "t9"), ...rowOf(1, "t")), ["Reannounced", "t"])
  })
})
