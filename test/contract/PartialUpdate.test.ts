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
})
