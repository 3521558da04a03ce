import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { TableMapping } from "../../src/domain/Table.ts"
import { DEFAULTS, type Policies } from "../../src/domain/values/ValuePolicy.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, loadsOf, rowsOf, SYNCED_AT } from "../support/Rows.ts"

const OIDS = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  json: 114,
  float8: 701,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802
} as const
type TypeName = keyof typeof OIDS

/** One row with a key and one column of the type, written for a target of this StarRocks type. */
const written = (type: TypeName, target: string, cell: Bytes.Cell, old?: ReadonlyArray<Bytes.Cell>) => {
  const table = mapping("t", ["id"], { id: "bigint(20)", v: target })
  const changes = decodeAll([table], [
    Bytes.relation(1, "t", [{ name: "id", oid: OIDS.int8 }, { name: "v", oid: OIDS[type] }]),
    Bytes.begin(100n),
    old === undefined && cell !== undefined ? Bytes.insert(1, ["1", cell]) : Bytes.update(1, old, ["1", cell])
  ])
  for (const change of changes) if (change._tag === "Stop") throw change.error
  return loadsOf(rowsOf(changes))
}
const value = (type: TypeName, target: string, cell: Bytes.Cell, old?: ReadonlyArray<Bytes.Cell>): unknown =>
  Result.getOrThrow(written(type, target, cell, old))[0]!.rows[0]!["v"]
const line = (type: TypeName, target: string, cell: Bytes.Cell): string =>
  Result.getOrThrow(written(type, target, cell))[0]!.text

describe("RowEncoder: the literal of each type", () => {
  it("writes what StarRocks reads exactly, for every mapped pair", () => {
    assert.strictEqual(value("bool", "boolean", "t"), true)
    assert.strictEqual(value("bool", "tinyint(1)", "f"), false)
    assert.strictEqual(value("bool", "int(11)", "t"), 1)
    assert.include(line("int8", "bigint(20)", "-9223372036854775808"), `"v":-9223372036854775808,`)
    assert.strictEqual(value("int4", "varchar(20)", "7"), "7")
    assert.strictEqual(value("float8", "double", "1.5e-07"), 1.5e-7)
    assert.strictEqual(
      value("numeric", "decimal(38, 10)", "12345678901234567890.0123456789"),
      "12345678901234567890.0123456789"
    )
    assert.strictEqual(value("text", "varchar(10)", ""), "")
    assert.strictEqual(value("date", "date", "2024-02-29"), "2024-02-29")
    assert.strictEqual(value("time", "varchar(32)", "24:00:00"), "24:00:00")
    assert.strictEqual(value("timestamp", "datetime", "2024-01-02 03:04:05.123456"), "2024-01-02 03:04:05.123456")
    assert.strictEqual(value("timestamptz", "datetime", "2024-01-02 03:04:05.123456+00"), "2024-01-02 03:04:05.123456")
    assert.strictEqual(value("timestamptz", "varchar(64)", "2024-01-02 03:04:05+00"), "2024-01-02 03:04:05+00")
    assert.strictEqual(
      value("uuid", "varchar(36)", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
      "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    )
    assert.deepStrictEqual(value("jsonb", "json", `{"a": [1, null]}`), { a: [1, null] })
    assert.strictEqual(value("jsonb", "varchar(100)", `"x"`), `"x"`)
    assert.strictEqual(value("bytea", "varchar(100)", "\\xff00"), "\\xff00")
  })

  it("keeps digits that a double would round (T43)", () => {
    assert.include(line("jsonb", "json", `{"n": 9223372036854775807}`), `{"n": 9223372036854775807}`)
    assert.include(line("int8", "bigint(20)", "9007199254740993"), `"v":9007199254740993,`)
  })

  it("sends NULL as null and an empty string as an empty string", () => {
    assert.strictEqual(value("text", "varchar(10)", null), null)
    assert.strictEqual(value("jsonb", "json", null), null)
  })

  it("sends a binary column as hex in a member that `columns` decodes", () => {
    const load = Result.getOrThrow(written("bytea", "varbinary", "\\x00ff"))[0]!
    assert.strictEqual(load.rows[0]!["dbmazz_hex_1"], "00ff")
    assert.strictEqual(
      load.columns,
      "`id`,dbmazz_hex_1,dbmazz_op_type,dbmazz_is_deleted,dbmazz_synced_at,dbmazz_cdc_version," +
        "`v`=to_binary(dbmazz_hex_1,'hex')"
    )
    assert.strictEqual(Result.getOrThrow(written("text", "varchar(10)", "x"))[0]!.columns, undefined)
  })

  for (
    const [type, target, cell] of [
      ["float8", "double", "NaN"],
      ["float8", "double", "-Infinity"],
      ["numeric", "decimal(10, 2)", "NaN"],
      ["numeric", "decimal(10, 2)", "Infinity"],
      ["date", "date", "infinity"],
      ["date", "date", "0044-03-15 BC"],
      ["date", "date", "10000-01-01"],
      ["timestamp", "datetime", "-infinity"],
      ["timestamptz", "datetime", "infinity"],
      ["timestamptz", "datetime", "0044-03-15 00:00:00+00 BC"],
      ["timestamptz", "datetime", "2024-01-02 03:04:05+02"]
    ] as const
  ) {
    it(`T40 T41 ${type} '${cell}' stops with the table, column and class, never with NULL`, () => {
      const result = written(type, target, cell)
      assert.isTrue(Result.isFailure(result))
      if (!Result.isFailure(result)) return
      assert.strictEqual(result.failure.code, "VALUE_UNREPRESENTABLE")
      assert.deepInclude(result.failure.context, { table: "public.t", key: "id=1", column: "v" })
      assert.notInclude(result.failure.message, `'${cell}'`)
    })
  }

  it("T43 decimals that the target would round stop it; zeros beyond its scale do not", () => {
    assert.strictEqual(value("numeric", "decimal(10, 2)", "1.2300"), "1.2300")
    assert.strictEqual(value("numeric", "bigint(20)", "7.0"), "7")
    for (
      const [target, cell] of [["decimal(10, 2)", "1.234"], ["decimal128(38, 9)", "0.0000000001"], [
        "bigint(20)",
        "7.5"
      ]]
    ) {
      const result = written("numeric", target!, cell!)
      assert.isTrue(Result.isFailure(result) && result.failure.code === "VALUE_UNREPRESENTABLE", `${cell} in ${target}`)
    }
  })

  it("T43 pairs that lose digits without an error are not accepted", () => {
    const pairs = [["int8", "double"], ["numeric", "double"], ["float8", "float"]] as const
    for (const [type, target] of pairs) assert.throws(() => written(type, target, "1"), /cannot be written/)
  })

  it("T37 an unchanged TOASTed value is taken from the old row, NULL included", () => {
    assert.strictEqual(value("text", "varchar(10)", undefined, ["1", "kept"]), "kept")
    assert.strictEqual(value("text", "varchar(10)", undefined, ["1", null]), null)
  })

  it("T37 without the old row an unchanged value is an error, not NULL", () => {
    const result = written("text", "varchar(10)", undefined)
    assert.isTrue(Result.isFailure(result) && result.failure.code === "TOAST_VALUE_UNKNOWN")
  })

  it("writes the audit columns as dbmazz v1 did, with the commit LSN as version", () => {
    const table = mapping("t", ["id"], { id: "bigint(20)" })
    const changes = decodeAll([table], [
      Bytes.relation(1, "t", [{ name: "id", oid: OIDS.int8 }]),
      Bytes.begin(0x1_0000_0001n),
      Bytes.insert(1, ["1"]),
      Bytes.update(1, ["2"], ["2"]),
      Bytes.remove(1, ["3"])
    ])
    const audit = { dbmazz_synced_at: SYNCED_AT, dbmazz_cdc_version: 0x1_0000_0001 }
    assert.deepStrictEqual<unknown>(Result.getOrThrow(loadsOf(rowsOf(changes)))[0]!.rows, [
      { id: 1, dbmazz_op_type: 0, dbmazz_is_deleted: false, ...audit },
      { id: 2, dbmazz_op_type: 1, dbmazz_is_deleted: false, ...audit },
      { id: 3, dbmazz_op_type: 2, dbmazz_is_deleted: true, ...audit }
    ])
  })

  it("a relation that no longer fits its target names every column and the remedy", () => {
    const table = mapping("t", ["id"], { id: "bigint(20)", v: "int(11)" })
    const [stop] = decodeAll([table], [
      Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name: "v", oid: 25 }, { name: "w", oid: 25 }])
    ])
    assert.strictEqual(stop?._tag, "Stop")
    if (stop?._tag !== "Stop") return
    assert.strictEqual(stop.error.code, "SCHEMA_CHANGED")
    assert.include(stop.error.message, "column 'v': text cannot be written to int(11)")
    assert.include(stop.error.message, "column 'w': the target table has no column of this name")
    assert.include(stop.error.remediation, "ALTER TABLE `d`.`t`")
  })
})

const Cell = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0x10ffff })))
const toText = (points: ReadonlyArray<number>): string =>
  String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff))

describe("RowEncoder law", () => {
  it.effect.prop(
    "a line parses to exactly the row: any Unicode, control characters, NULLs, column names",
    [Schema.Array(Schema.NullOr(Cell)), Schema.Array(Cell)],
    ([cells, names]) =>
      Effect.sync(() => {
        const columns = cells.map((_, index) => `${toText(names[index] ?? []).replaceAll("\0", "")}c${index}`)
        const types = Object.fromEntries(columns.map((column) => [column, "varchar(65533)"]))
        const table = mapping("t", ["id"], { id: "bigint(20)", ...types })
        const texts = cells.map((cell) => (cell === null ? null : toText(cell)))
        const changes = decodeAll([table], [
          Bytes.relation(1, "t", [{ name: "id", oid: 20 }, ...columns.map((name) => ({ name, oid: 25 }))]),
          Bytes.begin(1n),
          Bytes.insert(1, ["42", ...texts])
        ])
        const row = Result.getOrThrow(loadsOf(rowsOf(changes)))[0]!.rows[0]!
        assert.deepStrictEqual<unknown>(row, {
          id: 42,
          ...Object.fromEntries(columns.map((column, index) => [column, texts[index]!])),
          dbmazz_op_type: 0,
          dbmazz_is_deleted: false,
          dbmazz_synced_at: SYNCED_AT,
          dbmazz_cdc_version: 1
        })
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("RowEncoder: what the catalogue and the configuration say of a column", () => {
  const shape = { id: "int(11)", v: "varchar(99)" }
  const rowsOfType = (table: TableMapping, cells: ReadonlyArray<Bytes.Cell>, oid: number) =>
    loadsOf(rowsOf(decodeAll([table], [
      Bytes.relation(1, "t", [{ name: "id", oid: OIDS.int8 }, { name: "v", oid }]),
      Bytes.begin(100n),
      Bytes.insert(1, cells)
    ])))

  it("T45 a domain and an array of an enum are written as what they are made of, an unknown type as text", () => {
    const table = { ...mapping("t", ["id"], shape), types: new Map([[70_000, 1009], [70_001, OIDS.int4]]) }
    const cell = (oid: number, text: string) => Result.getOrThrow(rowsOfType(table, ["1", text], oid))[0]!.rows[0]!["v"]
    assert.strictEqual(cell(70_000, "{sad,\"very happy\"}"), "[\"sad\",\"very happy\"]")
    assert.strictEqual(cell(70_001, "7"), "7")
    assert.strictEqual(cell(70_002, "(1,\"a b\")"), "(1,\"a b\")")
  })

  it("T56 a key is never clamped: two keys would become one row", () => {
    const policies: Policies = { ...DEFAULTS, numericOverflow: "clamp", length: "clamp" }
    const table = { ...mapping("t", ["id"], { ...shape, v: "varchar(2)" }), policies }
    assert.strictEqual(Result.getOrThrow(rowsOfType(table, ["1", "abc"], OIDS.text))[0]!.rows[0]!["v"], "ab")
    const result = rowsOfType(table, ["2147483648", "a"], OIDS.text)
    assert.isTrue(Result.isFailure(result) && result.failure.code === "VALUE_UNREPRESENTABLE")
  })
})
