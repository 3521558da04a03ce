import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import * as Lz4 from "../support/Lz4.ts"
import { ContractServer, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

const rowsOf = (server: Shape, table: string) =>
  server.sql(`SELECT id, name, n FROM ${table} ORDER BY id`).pipe(
    Effect.map((rows) => rows.map((row) => [Number(row["id"]), row["name"], row["n"]]))
  )

layer(ContractServer.layer, live)("JSON bodies under jsonpaths, json_root and compression", (it) => {
  it.effect("jsonpaths map members, nested members and elements to columns by position", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { columns: "n,id,name", jsonpaths: "[\"$.l[1]\", \"$.key.id\", \"$.\\\"a.b\\\"\"]" }
      const rows = [{ key: { id: 1 }, "a.b": "x", l: [0, 7] }, { key: { id: 2 }, l: [0] }]
      const reply = yield* server.load({ table, rows, headers })
      assert.strictEqual(reply["Status"], "Success", String(reply["Message"]))
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "x", 7], [2, null, null]])
    }))

  it.effect("without columns the paths belong to the table's columns; those without a path are NULL", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({
        table,
        rows: [{ a: 1, b: "x", n: 9, name: "not this" }],
        headers: { jsonpaths: "[\"$.a\",\"$.b\"]" }
      })
      assert.strictEqual(reply["Status"], "Success")
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "x", null]])
    }))

  it.effect("a path to __op behind the columns deletes", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }] })
      const rows = [{ id: 1, o: 1 }, { id: 2, o: 0 }, { id: 3 }]
      const behind = { jsonpaths: "[\"$.id\",\"$.name\",\"$.n\",\"$.ts\",\"$.o\"]" }
      assert.strictEqual((yield* server.load({ table, rows, headers: behind }))["NumberLoadedRows"], 3)
      assert.deepStrictEqual((yield* rowsOf(server, table)).map(([id]) => id), [2, 3])
      const named = { columns: "__op,id", jsonpaths: "[\"$.o\",\"$.id\"]" }
      yield* server.load({ table, rows: [{ id: 2, o: "delete" }], headers: named })
      assert.deepStrictEqual((yield* rowsOf(server, table)).map(([id]) => id), [3])
    }))

  it.effect("an __op that no path maps filters its row instead of becoming an upsert [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1, __op: 1 }], headers: { jsonpaths: "[\"$.id\"]" } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["NumberFilteredRows"], 1)
    }))

  it.effect("json_root names the row, or with strip_outer_array the array of rows", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const one = yield* server.load({ table, rows: [{ d: { r: { id: 1, n: 1 } } }], headers: { json_root: "$.d.r" } })
      assert.strictEqual(one["Status"], "Success", String(one["Message"]))
      const rows = [{ d: { r: [{ id: 2, n: 2 }, { id: 3, n: 3 }] } }]
      const headers = { json_root: "$.d.r", strip_outer_array: "true" }
      assert.strictEqual((yield* server.load({ table, rows, headers }))["NumberLoadedRows"], 2)
      const mapped = { ...headers, columns: "n,id", jsonpaths: "[\"$.id\",\"$.n\"]" }
      yield* server.load({ table, rows: [{ d: { r: [{ id: 4, n: 5 }] } }], headers: mapped })
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, null, 1], [2, null, 2], [3, null, 3], [5, null, 4]])
      const array = yield* server.load({ table, rows, headers: { json_root: "$.d.r" } })
      assert.include(String(array["Message"]), "should be object type")
      const object = yield* server.load({ table, rows: [{ d: { r: {} } }], headers })
      assert.include(String(object["Message"]), "should be array type")
      assert.strictEqual((yield* server.load({ table, rows: [{}], headers: { json_root: "$.x" } }))["Status"], "Fail")
    }))

  it.effect("paths that this endpoint does not read fail the load by name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      for (const jsonpaths of ["[\"$.a[*]\"]", "[\"$.*\"]", "[\"a\"]", "[1]", "$.a", "[\"$.a[0][1]\"]"]) {
        const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { jsonpaths } })
        assert.strictEqual(reply["Status"], "Fail", jsonpaths)
        assert.include(String(reply["Message"]), "Invalid json path", jsonpaths)
      }
    }))

  it.effect("32: gzip, deflate, zstd and lz4_frame are decompressed, by either header", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const body = Buffer.from(
        Array.from({ length: 5_000 }, (_, id) => JSON.stringify({ id, name: `ä${id}` })).join("\n")
      )
      const bodies = {
        gzip: gzipSync(body),
        DEFLATE: deflateSync(body),
        zstd: zstdCompressSync(body),
        lz4_frame: Lz4.frame(body)
      }
      for (const [compression, compressed] of Object.entries(bodies)) {
        const table = yield* server.table(tColumns)
        for (const headers of [{ compression }, { "content-encoding": compression }]) {
          const reply = yield* server.load({ table, body: compressed, headers, chunkBytes: 3001 })
          assert.strictEqual(reply["NumberLoadedRows"], 5_000, compression)
        }
        const damaged = yield* server.load({ table, body: compressed.subarray(0, -9), headers: { compression } })
        assert.strictEqual(damaged["Status"], "Fail", compression)
      }
      const table = yield* server.table(tColumns)
      const garbage = yield* server.load({ table, body: "{\"id\":1}", headers: { compression: "lz4_frame" } })
      assert.strictEqual(garbage["Status"], "Fail")
      assert.include(String(garbage["Message"]), "decompress failed: ")
      assert.strictEqual((yield* rowsOf(server, table)).length, 0)
    }))

  it.effect("compressions without a decompressor fail by name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      for (const compression of ["lzo", "lz4"]) {
        const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { compression } })
        assert.strictEqual(reply["Status"], "Fail")
        assert.include(String(reply["Message"]), compression)
      }
    }))
})
