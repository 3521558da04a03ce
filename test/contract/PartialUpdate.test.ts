import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const
const partial = { partial_update: "true", columns: "id,n" } as const

const values = (server: Shape, table: string) =>
  server.sql(`SELECT id, name, n FROM ${table} ORDER BY id`).pipe(
    Effect.map((rows) => rows.map((row) => [Number(row["id"]), row["name"], row["n"]]))
  )

const duplicateTable = (server: Shape) => server.table(tColumns, "DUPLICATE KEY (id) DISTRIBUTED BY HASH(id)")

layer(ContractServer.layer, live)("partial and conditional updates", (it) => {
  it.effect("95, 96: a partial update leaves the other columns alone and inserts missing keys", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, name VARCHAR(10) NULL DEFAULT \"new\", n INT NULL")
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }] })
      const reply = yield* server.load({
        table,
        rows: [{ id: 1, n: 9 }, { id: 3, n: 3 }, { id: 1, n: 10 }],
        headers: partial
      })
      assert.strictEqual(reply["NumberLoadedRows"], 3)
      assert.deepStrictEqual(yield* values(server, table), [[1, "a", 10], [2, "b", 2], [3, "new", 3]])
    }))

  it.effect("a delete within a partial update removes the row, and what follows starts from the defaults", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }] })
      const rows = [{ id: 1, __op: 1 }, { id: 1, n: 5 }, { id: 2, n: 6 }, { id: 2, __op: 1 }]
      yield* server.load({ table, rows, headers: partial })
      assert.deepStrictEqual(yield* values(server, table), [[1, null, 5]])
    }))

  it.effect("a partial update that would insert a row without a NOT NULL column fails [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(`${tColumns}, req INT NOT NULL`)
      yield* server.load({ table, rows: [{ id: 1, n: 1, req: 7 }] })
      assert.strictEqual(
        (yield* server.load({ table, rows: [{ id: 1, n: 2 }], headers: partial }))["Status"],
        "Success"
      )
      const reply = yield* server.load({ table, rows: [{ id: 1, n: 3 }, { id: 2, n: 3 }], headers: partial })
      assert.strictEqual(reply["Status"], "Fail")
      assert.deepStrictEqual(yield* values(server, table), [[1, null, 2]])
    }))

  it.effect("97: every key column has to be listed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ n: 1 }], headers: { ...partial, columns: "n" } })
      assert.include(String(reply["Message"]), "key column id not in partial update columns")
    }))

  it.effect("98: only primary key tables take partial updates", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* duplicateTable(server)
      const reply = yield* server.load({ table, rows: [{ id: 1, n: 1 }], headers: partial })
      assert.include(String(reply["Message"]), "Only primary key table support partial update")
      yield* server.load({ table, rows: [{ id: 1 }, { id: 1 }] })
      assert.lengthOf(yield* values(server, table), 2)
    }))

  it.effect("99: the flag is true or false", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { partial_update: "yes" } })
      assert.include(String(reply["Message"]), "Invalid partial update flag format")
    }))

  it.effect("100: with merge_condition a smaller value keeps the stored row, and deletes ignore it", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { merge_condition: "n" }
      yield* server.load({
        table,
        rows: [{ id: 1, name: "a", n: 5 }, { id: 2, name: "b", n: 5 }, { id: 3, name: "c", n: 5 }]
      })
      const rows = [
        { id: 1, name: "low", n: 4 },
        { id: 2, name: "equal", n: 5 },
        { id: 4, name: "high", n: 9 },
        { id: 4, name: "late", n: 8 },
        { id: 3, n: 1, __op: 1 }
      ]
      const reply = yield* server.load({ table, rows, headers })
      assert.strictEqual(reply["NumberLoadedRows"], 5)
      assert.deepStrictEqual(yield* values(server, table), [[1, "a", 5], [2, "equal", 5], [4, "high", 9]])
    }))

  it.effect("103: a merge condition on a key, on nothing, or on another model is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const message = (name: string, condition: string) =>
        server.load({ table: name, rows: [{ id: 1 }], headers: { merge_condition: condition } }).pipe(
          Effect.map((reply) => String(reply["Message"]))
        )
      assert.include(yield* message(table, "id"), "Merge condition column id should not be primary key!")
      assert.include(yield* message(table, "missing"), "Merge condition column missing does not exist.")
      assert.include(
        yield* message(yield* duplicateTable(server), "n"),
        "Conditional update only support primary key table"
      )
    }))

  it.effect("95, 96: every mode, and a mode nobody knows, updates rows and inserts missing keys [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const mode of ["row", "auto", "column", "sideways"]) {
        const table = yield* server.table("id BIGINT NOT NULL, name VARCHAR(10) NULL DEFAULT \"new\", n INT NULL")
        yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }] })
        const headers = { ...partial, partial_update_mode: mode }
        const reply = yield* server.load({ table, rows: [{ id: 1, n: 9 }, { id: 2, n: 2 }], headers })
        assert.strictEqual(reply["Status"], "Success", mode)
        assert.deepStrictEqual(yield* values(server, table), [[1, "a", 9], [2, "new", 2]], mode)
      }
    }))

  it.effect("95: a partial update of NULL stores NULL, and its columns may be computed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }] })
      yield* server.load({ table, rows: [{ id: 1, n: null }], headers: partial })
      yield* server.load({
        table,
        rows: [{ id: 2, x: "z" }],
        headers: { ...partial, columns: "id, x, name = upper(x)" }
      })
      assert.deepStrictEqual(yield* values(server, table), [[1, "a", null], [2, "Z", 2]])
    }))

  it.effect("97: without columns, or with the key in other letters, no key column is listed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      for (const columns of [undefined, "ID, n"]) {
        const reply = yield* server.load({ table, rows: [{ id: 1, n: 1 }], headers: { ...partial, columns } })
        assert.include(String(reply["Message"]), "key column id not in partial update columns")
      }
    }))

  it.effect("100: merge_condition guards partial updates too, and deletes ignore it there", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [1, 2, 3].map((id) => ({ id, name: "a", n: 5 })) })
      const headers = { ...partial, merge_condition: "n" }
      const rows = [{ id: 1, n: 4 }, { id: 2, n: 6 }, { id: 3, n: 1, __op: 1 }, { id: 4, n: 1 }]
      assert.strictEqual((yield* server.load({ table, rows, headers }))["NumberLoadedRows"], 4)
      assert.deepStrictEqual(yield* values(server, table), [[1, "a", 5], [2, "a", 6], [4, null, 1]])
      const without = yield* server.load({ table, rows, headers: { ...headers, columns: "id, name" } })
      assert.include(String(without["Message"]), "Merge condition column n does not exist.")
    }))

  it.effect("100: conditions compare numbers, decimals and datetimes; equal values replace", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const kept = (type: string, stored: string, incoming: string) =>
        Effect.gen(function*() {
          const table = yield* server.table(`id BIGINT NOT NULL, name VARCHAR(10) NULL, n ${type} NULL`)
          const headers = { merge_condition: "n" }
          yield* server.load({ table, rows: [{ id: 1, name: "old", n: stored }], headers })
          yield* server.load({ table, rows: [{ id: 1, name: "new", n: incoming }], headers })
          const [row] = yield* server.sql(`SELECT name FROM ${table}`)
          return row?.["name"]
        })
      assert.strictEqual(yield* kept("LARGEINT", "100000000000000000000", "99999999999999999999"), "old")
      assert.strictEqual(yield* kept("DECIMAL(38,10)", "1.0000000001", "1.0000000002"), "new")
      assert.strictEqual(yield* kept("DATETIME", "2024-01-02 00:00:00.000001", "2024-01-02"), "old")
      assert.strictEqual(yield* kept("DATE", "2024-01-02", "20240102"), "new")
    }))
})
