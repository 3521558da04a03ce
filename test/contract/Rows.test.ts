import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const
const nnColumns = `${tColumns}, req INT NOT NULL`

const ids = (server: Shape, table: string) =>
  server.sql(`SELECT id FROM ${table} ORDER BY id`).pipe(Effect.map((rows) => rows.map((row) => Number(row["id"]))))

const values = (server: Shape, table: string) =>
  server.sql(`SELECT id, name, n FROM ${table} ORDER BY id`).pipe(
    Effect.map((rows) => rows.map((row) => [Number(row["id"]), row["name"], row["n"]]))
  )

layer(ContractServer.layer, live)("rows of a load", (it) => {
  it.effect("49: rows without __op are upserts", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }, { id: 3 }] })
      assert.strictEqual(reply["NumberTotalRows"], 3)
      assert.strictEqual(reply["NumberLoadedRows"], 3)
      assert.deepStrictEqual(yield* ids(server, table), [1, 2, 3])
    }))

  it.effect("50: an upsert of an existing key replaces the row", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }] })
      const reply = yield* server.load({ table, rows: [{ id: 1, name: "b" }] })
      assert.strictEqual(reply["NumberLoadedRows"], 1)
      assert.deepStrictEqual(yield* values(server, table), [[1, "b", null]])
    }))

  it.effect("51, 52: __op 1 and 'delete' delete the row of the key", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }, { id: 3 }] })
      const reply = yield* server.load({ table, rows: [{ id: 1, __op: 1 }, { id: 2, __op: "delete" }] })
      assert.strictEqual(reply["NumberLoadedRows"], 2)
      assert.deepStrictEqual(yield* ids(server, table), [3])
    }))

  it.effect("53: deleting a missing key changes nothing and counts", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 9, __op: 1 }] })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberLoadedRows"], 1)
      assert.deepStrictEqual(yield* ids(server, table), [])
    }))

  it.effect("54: of several rows of a key the last wins", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = [
        { id: 1, name: "a" },
        { id: 1, __op: 1 },
        { id: 1, name: "z" },
        { id: 2, name: "b" },
        { id: 2, __op: 1 }
      ]
      yield* server.load({ table, rows })
      assert.deepStrictEqual(yield* values(server, table), [[1, "z", null]])
    }))

  it.effect("56: an explicit null __op filters the row [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1, __op: null }] })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["NumberFilteredRows"], 1)
    }))

  it.effect("60: leaving a NOT NULL column without default out of columns fails the load before the body", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(nnColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id,name" } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.include(String(reply["Message"]), "Column has no default value. column: req")
      assert.strictEqual(reply["LoadBytes"], 0)
    }))

  it.effect("a missing NOT NULL member filters the row; a missing nullable one is NULL, not the default", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(nnColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1 }] })
      assert.strictEqual(reply["Status"], "Fail")
      const withDefault = yield* server.table("id BIGINT NOT NULL, a INT NULL DEFAULT \"7\"")
      yield* server.load({ table: withDefault, rows: [{ id: 1 }] })
      yield* server.load({ table: withDefault, rows: [{ id: 2 }], headers: { columns: "id" } })
      const found = yield* server.sql(`SELECT a FROM ${withDefault} ORDER BY id`)
      assert.deepStrictEqual(found.map((row) => row["a"]), [null, 7])
    }))

  it.effect("62: unknown members are ignored; names of members are compared with case", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1, Name: "x", extra: { deep: ["}", "\\\""] }, n: 4 }] })
      assert.strictEqual(reply["Status"], "Success")
      assert.deepStrictEqual(yield* values(server, table), [[1, null, 4]])
    }))

  it.effect("64: an array needs strip_outer_array", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, body: "[{\"id\":1},{\"id\":2}]" })
      assert.strictEqual(reply["Status"], "Fail")
      assert.include(String(reply["Message"]), "array type")
      assert.include(String(reply["Message"]), "strip_outer_array=true")
    }))

  it.effect("65: with strip_outer_array the elements are rows, and an object is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { strip_outer_array: "true" }
      const reply = yield* server.load({ table, body: " [ {\"id\":1} , {\"id\":2} ] ", headers })
      assert.strictEqual(reply["Status"], "Success")
      assert.deepStrictEqual(yield* ids(server, table), [1, 2])
      const object = yield* server.load({ table, body: "{\"id\":1}", headers })
      assert.include(String(object["Message"]), "the value should be array type with strip_outer_array=true")
      assert.strictEqual((yield* server.load({ table, body: "[{\"id\":3}", headers }))["Status"], "Fail")
    }))

  it.effect("67: a body that is no JSON fails", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, body: "hello" })
      assert.strictEqual(reply["Status"], "Fail")
      assert.include(String(reply["Message"]), "illegal json started with h")
    }))

  it.effect("68: truncated JSON loads nothing", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, body: "{\"id\":1}\n{\"id\":2,\"na" })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["NumberLoadedRows"], 0)
      assert.deepStrictEqual(yield* ids(server, table), [])
    }))

  it.effect("69: an empty body fails", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      for (const body of ["", " \n "]) {
        const reply = yield* server.load({ table, body })
        assert.strictEqual(reply["Status"], "Fail")
        assert.include(String(reply["Message"]), "all partitions have no load data")
      }
    }))

  it.effect("70: one bad row of ten fails the whole load, with an error log", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = Array.from({ length: 10 }, (_, id) => ({ id, n: id === 4 ? "bad" : id }))
      const reply = yield* server.load({ table, rows })
      assert.strictEqual(reply["Status"], "Fail")
      assert.include(String(reply["Message"]), "too many filtered rows")
      assert.strictEqual(reply["NumberFilteredRows"], 1)
      assert.deepStrictEqual(yield* ids(server, table), [])
      const url = new URL(String(reply["ErrorURL"]))
      const log = yield* server.be({ method: "GET", path: `${url.pathname}${url.search}` })
      assert.match(log.body, /^Error: .*n.*\. Row: \{"id":4,"n":"bad"\}\n$/)
    }))

  it.effect("71: within max_filter_ratio the good rows load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = Array.from({ length: 10 }, (_, id) => ({ id, n: id === 4 ? "bad" : id }))
      const reply = yield* server.load({ table, rows, headers: { max_filter_ratio: "0.2" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberTotalRows"], 10)
      assert.strictEqual(reply["NumberLoadedRows"], 9)
      assert.strictEqual(reply["NumberFilteredRows"], 1)
      assert.isString(reply["ErrorURL"])
      assert.deepStrictEqual(yield* ids(server, table), [0, 1, 2, 3, 5, 6, 7, 8, 9])
    }))

  it.effect("73: rows outside of the where predicate are unselected, and not part of the ratio", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = Array.from({ length: 10 }, (_, id) => ({ id, n: id }))
      const reply = yield* server.load({ table, rows, headers: { where: "n > 5" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberUnselectedRows"], 4 + 2)
      assert.strictEqual(reply["NumberLoadedRows"], 4)
      assert.deepStrictEqual(yield* ids(server, table), [6, 7, 8, 9])
    }))

  it.effect("73: a where predicate stands for itself: brackets that reach beyond it, and values it cannot compare, fail the load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = [{ id: 1, n: 1 }, { id: 9, n: 9 }]
      for (const where of ["id > 5) or (1=1", "(id > 5", "id > 5)", "id > 5) -- ", "cast('x' as int) > n"]) {
        const reply = yield* server.load({ table, rows, headers: { where } })
        assert.deepStrictEqual([reply["Status"], reply["NumberLoadedRows"]], ["Fail", 0], where)
      }
      assert.deepStrictEqual(yield* ids(server, table), [])
      const quoted = yield* server.load({ table, rows, headers: { where: "(id > 5) and name is null or name = ')' " } })
      assert.strictEqual(quoted["NumberLoadedRows"], 1)
    }))

  it.effect("a large load of many chunks keeps every row, and deletes and upserts of one load stay apart", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = Array.from({ length: 30_000 }, (_, id) => ({ id, name: `ä${id}`, n: id }))
      assert.strictEqual((yield* server.load({ table, rows, chunkBytes: 4099 }))["NumberLoadedRows"], 30_000)
      yield* server.load({ table, rows: rows.map((row) => ({ id: row.id, n: -1, __op: row.id % 3 === 0 ? 1 : 0 })) })
      const [found] = yield* server.sql(`SELECT count(*) AS c, sum(n) AS s, count(name) AS names FROM ${table}`)
      assert.deepStrictEqual([Number(found?.["c"]), Number(found?.["s"]), Number(found?.["names"])], [
        20_000,
        -20_000,
        0
      ])
    }))

  it.effect("51: a delete needs the NOT NULL columns like any other row", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(nnColumns)
      yield* server.load({ table, rows: [{ id: 1, req: 1 }] })
      const headers = { max_filter_ratio: "1" }
      const refused = yield* server.load({ table, rows: [{ id: 1, __op: 1 }, { id: 2, req: 2 }], headers })
      assert.strictEqual(refused["NumberFilteredRows"], 1)
      assert.deepStrictEqual(yield* ids(server, table), [1, 2])
      yield* server.load({ table, rows: [{ id: 1, req: 0, __op: 1 }] })
      assert.deepStrictEqual(yield* ids(server, table), [2])
      const omitted = yield* server.load({ table, rows: [{ id: 2, __op: 1 }], headers: { columns: "id, __op" } })
      assert.include(String(omitted["Message"]), "Column has no default value. column: req")
    }))

  it.effect("60: an omitted NOT NULL column takes its default, constant or the time of the load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(
        "id BIGINT NOT NULL, a INT NOT NULL DEFAULT \"7\", made DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, " +
          "d DATE NOT NULL DEFAULT \"2024-01-02\""
      )
      const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id" } })
      assert.strictEqual(reply["Status"], "Success")
      const [row] = yield* server.sql(`SELECT a, made, d FROM ${table}`)
      assert.deepStrictEqual([row?.["a"], row?.["d"]], [7, "2024-01-02"])
      assert.match(String(row?.["made"]), /^20\d\d-/)
    }))
})
