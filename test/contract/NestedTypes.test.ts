import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external, type Shape, stored } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

const refusal = (server: Shape, columns: string, rest?: string) =>
  server.table(columns, rest).pipe(Effect.flip, Effect.map((error) => error.message))

const lenient = { headers: { strict_mode: "false" } } as const

layer(ContractServer.layer, live)("arrays, maps and structs", (it) => {
  it.effect("maps are loaded from objects, their keys in the key's type", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["MAP<VARCHAR(10),INT>", "{\"k\": 1, \"é\\\"\": null}", "{\"k\":1,\"é\\\"\":null}"],
        ["MAP<INT,VARCHAR(10)>", "{\"1\":\"a\",\"-2\":\"b\"}", "{1:\"a\",-2:\"b\"}"],
        [
          "MAP<INT,DECIMAL(38,10)>",
          "{\"1\":1234567890123456789012345678.0123456789}",
          "{1:1234567890123456789012345678.0123456789}"
        ],
        ["MAP<DATE,DATETIME>", "{\"20240102\":\"2024-01-02T03:04:05Z\"}", "{\"2024-01-02\":\"2024-01-02 03:04:05\"}"],
        ["MAP<INT,INT>", "{}", "{}"],
        ["MAP<INT,MAP<VARCHAR(5),BIGINT>>", "{\"1\":{\"a\":9007199254740993}}", "{1:{\"a\":9007199254740993}}"]
      ] as const
      for (const [type, value, expected] of cases) {
        assert.strictEqual(yield* stored(server, type, value), expected, type)
      }
      assert.isNull(yield* stored(server, "MAP<INT,INT>", "null"))
      assert.strictEqual(yield* stored(server, "MAP<INT,INT>", "{\"1\":1,\"01\":2}"), "{1:2}")
    }))

  it.effect("structs take members by name without case, missing ones are NULL and unknown ones ignored", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const type = "STRUCT<a INT, b VARCHAR(10), c DECIMAL(10,2), d BOOLEAN>"
      assert.strictEqual(
        yield* stored(server, type, "{\"b\": \"x, \\\"y\\\"\", \"A\": 1, \"c\": \"1.005\", \"d\": true}"),
        "{\"a\":1,\"b\":\"x, \\\"y\\\"\",\"c\":1.01,\"d\":1}"
      )
      assert.strictEqual(
        yield* stored(server, type, "{\"a\":2,\"z\":[1]}"),
        "{\"a\":2,\"b\":null,\"c\":null,\"d\":null}"
      )
      assert.strictEqual(yield* stored(server, type, "{}"), "{\"a\":null,\"b\":null,\"c\":null,\"d\":null}")
      assert.isNull(yield* stored(server, type, "null"))
      assert.strictEqual(yield* stored(server, "STRUCT<`a b` INT>", "{\"a b\":1}"), "{\"a b\":1}")
    }))

  it.effect("89: they nest in each other", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["ARRAY<ARRAY<INT>>", "[[1,null],null,[]]", "[[1,null],null,[]]"],
        [
          "ARRAY<STRUCT<x INT, y ARRAY<VARCHAR(5)>>>",
          "[{\"x\":1,\"y\":[\"a\"]},null]",
          "[{\"x\":1,\"y\":[\"a\"]},null]"
        ],
        ["ARRAY<MAP<INT,INT>>", "[{\"1\":2},{}]", "[{1:2},{}]"],
        [
          "STRUCT<m MAP<VARCHAR(5),STRUCT<q DATE>>>",
          "{\"m\":{\"k\":{\"q\":\"2024-01-02\"}}}",
          "{\"m\":{\"k\":{\"q\":\"2024-01-02\"}}}"
        ],
        ["ARRAY<FLOAT>", "[0.1, 16777216, null]", "[0.1,16777216,null]"],
        ["ARRAY<DECIMAL(10,2)>", "[\"1.005\", 2]", "[1.01,2.00]"],
        ["ARRAY<BOOLEAN>", "[true,\"false\",null]", "[1,0,null]"],
        ["ARRAY<DATETIME>", "[\"2024-01-02\"]", "[\"2024-01-02 00:00:00\"]"]
      ] as const
      for (const [type, value, expected] of cases) {
        assert.strictEqual(yield* stored(server, type, value), expected, type)
      }
    }))

  it.effect("a value of another shape fails strictly, and is NULL otherwise", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const shapes = [["ARRAY<INT>", "{}"], ["MAP<INT,INT>", "[1]"], ["MAP<INT,INT>", "\"{}\""], [
        "STRUCT<a INT>",
        "5"
      ]] as const
      for (const [type, value] of shapes) {
        assert.strictEqual(yield* stored(server, type, value), "Fail", `${type} ${value}`)
        assert.isNull(yield* stored(server, type, value, lenient), `${type} ${value}`)
      }
    }))

  it.effect("a bad value inside fails strictly, and is NULL in its place otherwise [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["ARRAY<INT>", "[1,\"x\",3]", "[1,null,3]"],
        ["ARRAY<VARCHAR(2)>", "[\"ä\",\"abc\"]", "[\"ä\",null]"],
        ["MAP<INT,TINYINT>", "{\"1\":128,\"2\":127}", "{1:null,2:127}"],
        ["STRUCT<a INT, b DATE>", "{\"a\":\"x\",\"b\":\"2024-13-01\"}", "{\"a\":null,\"b\":null}"],
        ["ARRAY<STRUCT<a INT>>", "[{\"a\":1},5]", "[{\"a\":1},null]"]
      ] as const
      for (const [type, value, expected] of cases) {
        assert.strictEqual(yield* stored(server, type, value), "Fail", type)
        assert.strictEqual(yield* stored(server, type, value, lenient), expected, type)
      }
      assert.strictEqual(yield* stored(server, "MAP<INT,INT>", "{\"x\":1}"), "Fail")
      assert.isNull(yield* stored(server, "MAP<INT,INT>", "{\"x\":1}", lenient))
    }))

  it.effect("a mapping hands a nested field on under another name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, m MAP<VARCHAR(5),INT>, l ARRAY<INT>")
      const reply = yield* server.load({
        table,
        rows: [{ id: 1, x: { a: 1 }, y: [2] }],
        headers: { columns: "id, x, y, m = x, l = y" }
      })
      assert.strictEqual(reply["Status"], "Success")
      const [row] = yield* server.sql(`SELECT m, l FROM ${table}`)
      assert.deepStrictEqual([row?.["m"], row?.["l"]], ["{\"a\":1}", "[2]"])
      const refused = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id, m = 'x'" } })
      assert.strictEqual(refused["Status"], "Fail")
    }))

  it.effect("they survive upserts, partial updates and reopened results", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, m MAP<INT,INT>, s STRUCT<a INT>, n INT")
      yield* server.load({ table, rows: [{ id: 1, m: { 1: 1 }, s: { a: 1 }, n: 1 }, { id: 2, m: { 2: 2 } }] })
      yield* server.load({ table, rows: [{ id: 1, n: 5 }], headers: { partial_update: "true", columns: "id,n" } })
      yield* server.load({
        table,
        rows: [{ id: 2, s: { a: 9 } }],
        headers: { partial_update: "true", columns: "id,s" }
      })
      const rows = yield* server.sql(`SELECT m, s, n FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(rows.map((row) => [row["m"], row["s"], row["n"]]), [["{1:1}", "{\"a\":1}", 5], [
        "{2:2}",
        "{\"a\":9}",
        null
      ]])
    }))

  it.effect("DESC and SHOW CREATE TABLE write a type that reads the same", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(
        "id BIGINT NOT NULL, m MAP<INT,ARRAY<VARCHAR(5)>>, s STRUCT<a INT, b DECIMAL(5,2)>"
      )
      const described = yield* server.sql(`DESC ${table}`)
      assert.deepStrictEqual(
        described.slice(1).map((row) => String(row["Type"]).replaceAll("(11)", "").replaceAll(", ", ",")),
        [
          "map<int,array<varchar(5)>>",
          "struct<a int,b decimal(5,2)>"
        ]
      )
      const [created] = yield* server.sql(`SHOW CREATE TABLE ${table}`)
      const statement = String(created?.["Create Table"])
      yield* server.sql(`DROP TABLE ${table}`)
      yield* server.sql(statement)
      assert.deepStrictEqual(yield* server.sql(`DESC ${table}`), described)
      yield* server.sql(`ALTER TABLE ${table} ADD COLUMN extra MAP<INT,INT> NULL`)
      const columns = yield* server.sql(
        `SELECT DATA_TYPE FROM information_schema.columns WHERE TABLE_NAME = '${table}' AND COLUMN_NAME = 's'`
      )
      assert.deepStrictEqual(columns.map((row) => row["DATA_TYPE"]), ["struct"])
    }))

  it.effect("115: they are no keys and no bucket columns", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const type of ["ARRAY<INT>", "MAP<INT,INT>", "STRUCT<a INT>", "JSON", "VARBINARY"]) {
        assert.include(
          yield* refusal(server, `k ${type} NOT NULL, n INT`, "PRIMARY KEY (k) DISTRIBUTED BY HASH(k)"),
          "type not supported"
        )
        yield* refusal(server, `k ${type}, n INT`, "DUPLICATE KEY (k) DISTRIBUTED BY HASH(n)")
        yield* refusal(server, `n INT, k ${type}`, "DUPLICATE KEY (n) DISTRIBUTED BY HASH(k)")
      }
      yield* refusal(server, "id INT NOT NULL, m MAP<ARRAY<INT>,INT>")
      yield* refusal(server, "id INT NOT NULL, s STRUCT<a INT, A INT>")
      yield* refusal(server, "id INT NOT NULL, s STRUCT<>")
      yield* refusal(server, "id INT NOT NULL, m MAP<INT>")
      yield* refusal(server, "id INT NOT NULL, m MAP<INT,INT> DEFAULT \"x\"")
    }))

  it.effect.skipIf(external)("types nest at most fifteen levels deep", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const nested = (depth: number): string => `${"ARRAY<".repeat(depth)}INT${">".repeat(depth)}`
      yield* server.table(`id INT NOT NULL, v ${nested(15)}`)
      assert.include(yield* refusal(server, `id INT NOT NULL, v ${nested(16)}`), "maximum nesting depth")
    }))
})
