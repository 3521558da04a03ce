import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external, type LoadOptions, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

const textOf = (value: unknown): string | null =>
  typeof value === "number" ? String(value) : typeof value === "string" ? value : null

const rowsOf = (server: Shape, table: string, columns = "id, name, n") =>
  server.sql(`SELECT ${columns} FROM ${table} ORDER BY id`).pipe(
    Effect.map((rows) => rows.map((row) => Object.values(row).map(textOf)))
  )

/** Loads one row through the `columns` header into a fresh table of these columns; the stored rows, or the message. */
const through = (
  server: Shape,
  ddl: string,
  columns: string,
  row: Record<string, unknown>,
  options: Partial<LoadOptions> = {}
) =>
  Effect.gen(function*() {
    const table = yield* server.table(`id BIGINT NOT NULL, ${ddl}`)
    const reply = yield* server.load({
      table,
      rows: [row],
      ...options,
      headers: { columns: `id, ${columns}`, ...options.headers }
    })
    if (reply["Status"] !== "Success") return String(reply["Message"])
    return (yield* rowsOf(server, table, "*")).map((found) => found.slice(1))
  })

const lenient = { headers: { strict_mode: "false" } } as const

layer(ContractServer.layer, live)("expressions in the columns header", (it) => {
  it.effect("57: __op is a field that columns lists, as 0, 1 or a word", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }, { id: 3 }] })
      const headers = { columns: "id, name, __op" }
      const rows = [{ id: 1, name: "a", __op: 0 }, { id: 2, __op: 1 }, { id: 3, __op: "delete" }, {
        id: 4,
        __op: "upsert"
      }]
      const reply = yield* server.load({ table, rows, headers })
      assert.strictEqual(reply["NumberLoadedRows"], 4)
      assert.deepStrictEqual(yield* rowsOf(server, table), [["1", "a", null], ["4", null, null]])
    }))

  it.effect("58: __op='delete' deletes every row of the load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }, { id: 3 }] })
      const columns = "id, name, op, __op='delete'"
      const reply = yield* server.load({ table, rows: [{ id: 1, op: 0 }, { id: 3, __op: 0 }], headers: { columns } })
      assert.strictEqual(reply["NumberLoadedRows"], 2)
      assert.deepStrictEqual(yield* rowsOf(server, table), [["2", null, null]])
    }))

  it.effect("58: __op=op and expressions tell deletes from upserts; a row without a value is filtered", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }] })
      yield* server.load({
        table,
        rows: [{ id: 1, op: 1 }, { id: 2, op: "delete" }, { id: 5, op: "0" }],
        headers: { columns: "id, op, __op=op" }
      })
      assert.deepStrictEqual((yield* rowsOf(server, table)).map(([id]) => id), ["3", "4", "5"])
      yield* server.load({
        table,
        rows: [{ id: 3, op: "D" }, { id: 4, op: "U", name: "u" }],
        headers: { columns: "id, name, op, __op = if(op = 'D', 1, 0)" }
      })
      assert.deepStrictEqual(yield* rowsOf(server, table), [["4", "u", null], ["5", null, null]])
      for (const row of [{ id: 9 }, { id: 9, op: null }, { id: 9, op: "x" }, { id: 9, op: 2 }]) {
        const reply = yield* server.load({ table, rows: [row], headers: { columns: "id, op, __op=op" } })
        assert.strictEqual(reply["NumberFilteredRows"], 1)
      }
    }))

  it.effect("a constant __op is upsert, delete, 0 or 1; on tables without a primary key it is ignored", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const wrong = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id, __op='insert'" } })
      assert.include(String(wrong["Message"]), "load op type string not supported: insert")
      const noConstant = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id, __op=NULL" } })
      assert.include(String(noConstant["Message"]), "const load op type column should only be upsert(0)/delete(1)")
      assert.strictEqual(
        (yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id, __op=1" } }))["Status"],
        "Success"
      )
      const duplicates = yield* server.table(tColumns, "DUPLICATE KEY (id) DISTRIBUTED BY HASH(id)")
      yield* server.load({ table: duplicates, rows: [{ id: 1 }], headers: { columns: "id, __op='delete'" } })
      yield* server.load({ table: duplicates, rows: [{ id: 2, __op: 1 }] })
      assert.lengthOf(yield* rowsOf(server, duplicates), 2)
    }))

  it.effect("temporary columns are read and not stored; expressions see them whatever their place in the list", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const found = yield* through(
        server,
        "full VARCHAR(50), cents BIGINT, at DATETIME, flag BOOLEAN, price DECIMAL(10,2), d DATE",
        "full = concat(upper(first), ' ', trim(last)), first, last, price, cents = cast(price * 100 as bigint), " +
          "moment, at = moment, flag = (first = 'ann'), d = to_date(moment)",
        { id: 1, first: "ann", last: " Lee ", price: "12.34", moment: "2024-01-02 03:04:05.5" }
      )
      assert.deepStrictEqual(found, [["ANN Lee", "1234", "2024-01-02 03:04:05.500000", "1", "12.34", "2024-01-02"]])
    }))

  it.effect("a mapping replaces the field of the same name, and names are compared without case", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const found = yield* through(server, "n INT, name VARCHAR(20)", "n, name, N = n + 1, Name = lower(NAME)", {
        id: 1,
        n: 4,
        name: "AB"
      })
      assert.deepStrictEqual(found, [["5", "ab"]])
    }))

  it.effect("without any field in the list every column of the table is one", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }], headers: { columns: "n = 7" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.deepStrictEqual(yield* rowsOf(server, table), [["1", "a", "7"]])
    }))

  it.effect("a result out of the column's range filters the row in both modes [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const options of [{}, lenient]) {
        const long = yield* through(server, "v VARCHAR(3)", "a, v = concat(a, a)", { id: 1, a: "xy" }, options)
        assert.include(String(long), "too many filtered rows")
        const big = yield* through(server, "v TINYINT", "a, v = a + 100", { id: 1, a: 100 }, options)
        assert.include(String(big), "too many filtered rows")
        const wide = yield* through(server, "v DECIMAL(4,2)", "a, v = a", { id: 1, a: "100" }, options)
        assert.include(String(wide), "too many filtered rows")
      }
    }))

  it.effect("a result that cannot be cast is NULL in both modes, and filters where NULL may not be [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const options of [{}, lenient]) {
        assert.deepStrictEqual(yield* through(server, "v INT", "a, v = a", { id: 1, a: "word" }, options), [[null]])
        const refused = yield* through(server, "v INT NOT NULL", "a, v = a", { id: 1, a: "word" }, options)
        assert.include(String(refused), "too many filtered rows")
      }
    }))

  it.effect("the error log names the value that does not fit", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, v VARCHAR(3), d DECIMAL(12,2), n INT NOT NULL")
      const log = (row: Record<string, unknown>, headers: Record<string, string>) =>
        Effect.gen(function*() {
          const reply = yield* server.load({ table, rows: [row], headers })
          const url = new URL(String(reply["ErrorURL"]))
          return (yield* server.be({ method: "GET", path: `${url.pathname}${url.search}` })).body
        })
      assert.include(
        yield* log({ id: 1, n: 1, v: "wxyz" }, {}),
        "String 'wxyz'(length=4) is too long. The max length of 'v' is 3"
      )
      assert.include(
        yield* log({ id: 1, n: 1, a: "wxyz" }, { columns: "id, n, a, v = upper(a)" }),
        "String 'WXYZ'(length=4) is too long. The max length of 'v' is 3"
      )
      assert.include(
        yield* log({ id: 1, n: 1, d: "12345678901.5" }, {}),
        "Decimal '12345678901.5' is out of range. The type of 'd' is DECIMAL64(12,2)'"
      )
      assert.include(yield* log({ id: 1 }, {}), "NULL value in non-nullable column 'n'")
      assert.include(yield* log({ id: 1, n: "x" }, { strict_mode: "false" }), "NULL value in non-nullable column 'n'")
    }))

  it.effect("bad lists are refused by name before the body is read", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const message = (columns: string) =>
        server.load({ table, rows: [{ id: 1 }], headers: { columns } }).pipe(Effect.map((reply) => {
          assert.strictEqual(reply["Status"], "Fail")
          assert.strictEqual(reply["LoadBytes"], 0)
          return String(reply["Message"])
        }))
      assert.include(yield* message("id, id"), "Duplicate column: id")
      assert.include(yield* message("id, ID"), "Duplicate column: ID")
      assert.include(yield* message("id, n = 1, N = 2"), "Duplicate column mapping: N")
      assert.include(yield* message("id, x = 1"), "Mapping column is not in table. column: x")
      assert.include(yield* message("id, n = m + 1"), "unknown reference column, column=n, reference=m")
      assert.include(yield* message("id,, n"), "parse columns header failed")
    }))

  it.effect.skipIf(external)(
    "an expression outside of the known ones is refused with its text",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const reply = yield* server.load({ table, rows: [{ id: 1 }], headers: { columns: "id, a, name = reverse(a)" } })
        assert.match(
          String(reply["Message"]),
          /'reverse\(a\)' of column name: there is no function reverse; it knows .*concat/
        )
      })
  )

  it.effect("73: where sees computed columns and the operation, and unknown names are refused by name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = [1, 2, 3, 4].map((id) => ({ id, a: id }))
      const headers = { columns: "id, a, n = a * 10", where: "n > 20 and id <> 4" }
      const reply = yield* server.load({ table, rows, headers })
      assert.strictEqual(reply["NumberUnselectedRows"], 3)
      assert.deepStrictEqual(yield* rowsOf(server, table), [["3", null, "30"]])
      for (const name of ["a", "missing", "__row"]) {
        const refused = yield* server.load({ table, rows, headers: { ...headers, where: `${name} > 2` } })
        assert.include(
          String(refused["Message"]),
          `unknown column reference in where statement, reference=${name}`
        )
        assert.strictEqual(refused["LoadBytes"], 0)
      }
    }))
})
