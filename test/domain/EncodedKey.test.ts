import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as EncodedKey from "../../src/domain/EncodedKey.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import * as Rows from "../support/Rows.ts"

const TEXT = 25
const TEXTS = 1009
const INT8 = 20

/** The error of loading rows with these keys, or the number of rows that are loaded. */
const load = (
  table: TableMapping,
  columns: ReadonlyArray<readonly [name: string, oid: number]>,
  ...rows: ReadonlyArray<ReadonlyArray<string>>
) => {
  const changes = Rows.decodeAll([table], [
    Bytes.relation(1, "t", columns.map(([name, oid]) => ({ name, oid }))),
    Bytes.begin(100n),
    ...rows.map((values) => Bytes.insert(1, values)),
    Bytes.commit(100n, 200n)
  ])
  return Result.map(Rows.loadsOf(Rows.rowsOf(changes)), (loads) => loads.flatMap(({ rows: all }) => all).length)
}

const messageOf = (result: ReturnType<typeof load>): string => Result.isFailure(result) ? result.failure.message : ""

describe("94 a key that StarRocks cannot hold is found before it fails a whole load", () => {
  it("one text may be 128 bytes long, and its bytes are counted, not its characters", () => {
    const table = mapping("t", ["id"], { id: "varchar(65533)", n: "bigint(20)" })
    const columns = [["id", TEXT], ["n", INT8]] as const
    assert.deepStrictEqual(load(table, columns, ["x".repeat(128), "1"], ["é".repeat(64), "2"]), Result.succeed(2))
    const message = messageOf(load(table, columns, ["short", "1"], ["é".repeat(65), "2"]))
    assert.include(message, "primary key (id)")
    assert.include(message, "it takes 130 bytes there, and at most 128")
    assert.include(message, "of public.t, committed at 0/64")
  })

  it("T45 of an array the JSON is counted that is sent for it, not PostgreSQL's text", () => {
    const table = mapping("t", ["id"], { id: "varchar(65533)" })
    const columns = [["id", TEXTS]] as const
    const of = (count: number) => [`{${Array.from({ length: count }, () => "a").join(",")}}`]
    // ["a",…]: four bytes an element and one more.
    assert.deepStrictEqual(load(table, columns, of(31), ["{é,NULL}"]), Result.succeed(2))
    assert.include(messageOf(load(table, columns, of(32))), "it takes 129 bytes there")
    const two = mapping("t", ["id", "n"], { id: "varchar(65533)", n: "bigint(20)" })
    const both = [["id", TEXTS], ["n", INT8]] as const
    assert.deepStrictEqual(load(two, both, [...of(29), "1"]), Result.succeed(1))
    assert.include(messageOf(load(two, both, [...of(30), "1"])), "it takes 131 bytes there")
  })

  it("several columns share the bytes: fixed widths, and two bytes behind each text but the last", () => {
    const columns = [["a", TEXT], ["n", INT8], ["b", TEXT]] as const
    const table = mapping("t", ["a", "n", "b"], { a: "varchar(65533)", n: "bigint(20)", b: "varchar(65533)" })
    assert.deepStrictEqual(load(table, columns, ["x".repeat(60), "1", "y".repeat(58)]), Result.succeed(1))
    assert.include(messageOf(load(table, columns, ["x".repeat(60), "1", "y".repeat(59)])), "takes 129 bytes")
    // The text of a long integer is no part of its width.
    assert.deepStrictEqual(load(table, columns, ["x".repeat(60), "9".repeat(18), "y".repeat(58)]), Result.succeed(1))
  })

  it("the target's order says which text is the last one", () => {
    const columns = [["a", TEXT], ["n", INT8]] as const
    const types = { n: "bigint(20)", a: "varchar(65533)" }
    const other = mapping("t", ["a", "n"], types)
    assert.deepStrictEqual(load(other, columns, ["x".repeat(120), "1"]), Result.succeed(1))
    const same = mapping("t", ["a", "n"], { a: types.a, n: types.n })
    assert.include(messageOf(load(same, columns, ["x".repeat(120), "1"])), "takes 130 bytes")
  })

  it("a table whose keys have fixed widths is not looked at", () => {
    for (const type of ["bigint(20)", "bigint(20) unsigned", "tinyint(1)", "date", "datetime", "LARGEINT"]) {
      assert.isUndefined(EncodedKey.excess(mapping("t", ["id"], { id: type })), type)
    }
  })

  it("the shortest key of a table is the sum of what no row is without", () => {
    const column = (typeOid: number, typmod = -1) => ({
      column: { name: "c", typeOid, typeName: "", typmod, notNull: true, generated: false },
      type: typeOid === INT8 ? "bigint unsigned" : "VARCHAR(40)"
    })
    const [uuid, bpchar] = [2950, 1042]
    assert.strictEqual(EncodedKey.leastBytes([column(INT8), column(TEXT), column(TEXT)]), 16 + 2)
    assert.strictEqual(EncodedKey.leastBytes([column(uuid), column(uuid), column(uuid)]), 36 * 3 + 2 * 2)
    assert.strictEqual(EncodedKey.leastBytes([column(bpchar, 200 + 4)]), 200)
    assert.strictEqual(EncodedKey.leastBytes([column(bpchar)]), 0)
  })
})
