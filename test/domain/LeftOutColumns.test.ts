import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as NamePattern from "../../src/domain/NamePattern.ts"
import type { ColumnSelection } from "../../src/domain/Table.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, loadsOf, rowsOf } from "../support/Rows.ts"

const INT8 = 20
const TEXT = 25
const BYTEA = 17
const POINT = 600

const EXCLUDED: ColumnSelection = {
  key: ["id"],
  includes: undefined,
  excludes: [{ text: "secret*", wild: true }, NamePattern.literal("first")]
}
const TABLE = {
  ...mapping("t", ["id"], { id: "bigint(20)", v: "varchar(10)", raw: "varbinary" }),
  selection: EXCLUDED
}

/** The columns of the source: left-out ones at the front, in the middle and at the end, of a type without a mapping too. */
const COLUMNS = [
  { name: "first", oid: TEXT },
  { name: "id", oid: INT8 },
  { name: "secret_a", oid: POINT },
  { name: "v", oid: TEXT },
  { name: "secret_b", oid: TEXT }
]

const loads = (messages: ReadonlyArray<Buffer>, table = TABLE) => {
  const changes = decodeAll([table], messages)
  for (const change of changes) if (change._tag === "Stop") throw change.error
  return Result.getOrThrow(loadsOf(rowsOf(changes)))
}
const data = (rows: ReadonlyArray<Record<string, unknown>>) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("dbmazz_"))))

describe("Columns that are left out", () => {
  it("are not in the load, whatever their value is, and the others keep theirs", () => {
    const [load, ...others] = loads([
      Bytes.relation(1, "t", COLUMNS),
      Bytes.begin(100n),
      Bytes.insert(1, ["hush", "1", "(1,2)", "a", "hush"]),
      Bytes.insert(1, [null, "2", null, null, null]),
      Bytes.update(1, ["hush", "3", "(1,2)", "toasted", "hush"], [undefined, "3", undefined, undefined, undefined]),
      Bytes.remove(1, ["hush", "4", "(1,2)", "gone", "hush"])
    ])
    assert.deepStrictEqual(others, [])
    assert.notInclude(load!.text, "hush")
    assert.deepStrictEqual(data(load!.rows), [
      { id: 1, v: "a" },
      { id: 2, v: null },
      { id: 3, v: "toasted" },
      { id: 4, v: "gone" }
    ])
    // The target's `raw` is not among them: it keeps its values.
    assert.deepInclude(load, {
      partialUpdate: true,
      columns: "`id`,`v`,dbmazz_op_type,dbmazz_is_deleted,dbmazz_synced_at,dbmazz_cdc_version"
    })
  })

  it("a `columns` header names only what is written, each binary member as the row has it", () => {
    const [load] = loads([
      Bytes.relation(1, "t", [...COLUMNS, { name: "raw", oid: BYTEA }]),
      Bytes.begin(100n),
      Bytes.insert(1, ["hush", "1", null, "a", "hush", "\\x00ff"])
    ])
    assert.strictEqual(load!.rows[0]!["dbmazz_hex_5"], "00ff")
    assert.strictEqual(
      load!.columns,
      "`id`,`v`,dbmazz_hex_5,dbmazz_op_type,dbmazz_is_deleted,dbmazz_synced_at,dbmazz_cdc_version," +
        "`raw`=to_binary(dbmazz_hex_5,'hex')"
    )
  })

  it("a change of their type, one more and one less do not stop the table; another column's still do", () => {
    const shape = (columns: ReadonlyArray<Bytes.ColumnSpec>) => Bytes.relation(1, "t", columns)
    const after = COLUMNS.filter(({ name }) => name !== "first")
      .map((column) => (column.name === "secret_a" ? { ...column, oid: TEXT } : column))
    const changes = decodeAll([TABLE], [
      shape(COLUMNS),
      Bytes.begin(1n),
      Bytes.insert(1, ["x", "1", "(1,2)", "a", "y"]),
      shape([...after, { name: "secret_c", oid: POINT }]),
      Bytes.insert(1, ["2", "x", "b", "y", "(1,2)"]),
      Bytes.commit(1n, 2n),
      shape([...after, { name: "extra", oid: TEXT }])
    ])
    assert.deepStrictEqual(changes.map((change) => change._tag), ["Row", "Reannounced", "Row", "Boundary", "Stop"])
    const written = rowsOf(changes).flatMap((row) => Result.getOrThrow(loadsOf([row])))
    assert.deepStrictEqual(data(written.flatMap((load) => load.rows)), [{ id: 1, v: "a" }, { id: 2, v: "b" }])
    const stop = changes.at(-1)
    assert.deepStrictEqual(stop?._tag === "Stop" ? stop.error.context : {}, { table: "public.t", columns: "extra" })
  })

  it("with an include list a column that comes later is left out", () => {
    const only = { ...TABLE, selection: { key: ["id"], includes: [NamePattern.literal("v")], excludes: [] } }
    const [load] = loads([
      Bytes.relation(1, "t", [{ name: "v", oid: TEXT }, { name: "id", oid: INT8 }, { name: "later", oid: POINT }]),
      Bytes.begin(1n),
      Bytes.insert(1, ["a", "1", "(1,2)"])
    ], only)
    assert.deepStrictEqual(data(load!.rows), [{ v: "a", id: 1 }])
  })
})
