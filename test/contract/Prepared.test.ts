import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external } from "./ContractServer.ts"
import { administrator, connect, type SqlClient } from "./SqlClient.ts"

const live = { excludeTestServices: true } as const

const columns =
  "id BIGINT NOT NULL, b BOOLEAN, i INT, f DOUBLE, d DECIMAL(20,4), s VARCHAR(40), ts DATETIME, dt DATE, l LARGEINT, j JSON"

const rows = [
  {
    id: "9007199254740993",
    b: true,
    i: -5,
    f: 1.5,
    d: "12345678901234.5678",
    s: "it's \\ \"a\" ü😀",
    ts: "2024-01-02 03:04:05.000006",
    dt: "2024-02-29",
    l: "170141183460469231731687303715884105727",
    j: { a: [1] }
  },
  { id: 2 }
]

layer(ContractServer.layer, live)("prepared statements", (it) => {
  const prepared = Effect.gen(function*() {
    const server = yield* ContractServer
    const table = yield* server.table(columns)
    yield* server.load({ table, rows })
    const client = yield* connect(server, { ...administrator, database: server.database })
    return { server, table, client }
  })

  it.effect("a prepared SELECT reads every type as the text protocol does, and NULL as NULL", () =>
    Effect.gen(function*() {
      const { client, table } = yield* prepared
      const select = `SELECT * FROM ${table} ORDER BY id`
      const binary = yield* client.execute(select, [])
      assert.lengthOf(binary, 2)
      assert.deepStrictEqual(binary, yield* client.query(select))
      assert.strictEqual(String(binary[1]?.["id"]), "9007199254740993")
      assert.strictEqual(binary[1]?.["ts"], "2024-01-02 03:04:05.000006")
      assert.strictEqual(binary[0]?.["ts"], null)
    }).pipe(Effect.scoped))

  it.effect("parameters of every kind find their row, and text stays text", () =>
    Effect.gen(function*() {
      const { client, table } = yield* prepared
      const count = (where: string, ...values: Parameters<SqlClient["execute"]>[1]) =>
        client.execute(`SELECT count(*) AS n FROM ${table} WHERE ${where}`, values).pipe(
          Effect.map(([row]) => Number(row?.["n"]))
        )
      assert.strictEqual(yield* count("id = ?", 2), 1)
      assert.strictEqual(yield* count("id = ?", "9007199254740993"), 1)
      assert.strictEqual(yield* count("id = ?", 9007199254740993n), 1)
      assert.strictEqual(yield* count("i = ? AND f = ?", -5, 1.5), 1)
      assert.strictEqual(yield* count("s = ?", "it's \\ \"a\" ü😀"), 1)
      assert.strictEqual(yield* count("s = ?", "' OR '1' = '1"), 0)
      assert.strictEqual(yield* count("s = ?", "\\' OR 1 = 1 -- "), 0)
      assert.strictEqual(yield* count("ts < ?", new Date(Date.UTC(2030, 0, 1))), 1)
      assert.strictEqual(yield* count("s <=> ?", null), 1)
      assert.strictEqual(yield* count("b = ? OR id = ?", true, 2), 2)
      assert.strictEqual(yield* count("s LIKE ? AND '?' = '?'", "it''s%".replace("''", "'")), 1)
      const limited = yield* client.execute(`SELECT id FROM ${table} ORDER BY id LIMIT ?`, [1])
      assert.lengthOf(limited, 1)
      assert.strictEqual(yield* count("ts > date_sub(now(), INTERVAL ? DAY) OR id = ?", 1, 2), 1)
      const [value] = yield* client.execute("SELECT ? AS a, ? AS b", ["x", null])
      assert.deepStrictEqual([value?.["a"], value?.["b"]], ["x", null])
    }).pipe(Effect.scoped))

  it.effect("126: INSERT, SHOW and every other statement are refused with 1295, and the connection goes on", () =>
    Effect.gen(function*() {
      const { client, table } = yield* prepared
      for (
        const statement of [
          `INSERT INTO ${table} (id) VALUES (?)`,
          `DELETE FROM ${table} WHERE id = ?`,
          "SET sql_mode = ?",
          `DROP TABLE ${table}`
        ]
      ) {
        const error = yield* Effect.flip(client.execute(statement, statement.includes("?") ? [1] : []))
        assert.include([1295, 1064], error.code, statement)
      }
      assert.strictEqual((yield* Effect.flip(client.execute("SELECT * FROM nope_at_all WHERE id = ?", [1]))).code, 5502)
      assert.lengthOf(yield* client.execute(`SELECT id FROM ${table} WHERE id = ?`, [2]), 1)
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)("a text longer than 16 MiB arrives whole", () =>
    Effect.gen(function*() {
      const { client } = yield* prepared
      const [row] = yield* client.execute("SELECT repeat('a', 20000000) AS v", [])
      assert.strictEqual(String(row?.["v"]).length, 20_000_000)
    }).pipe(Effect.scoped))

  it.effect("sums are numbers that a client reads as text, the greatest LARGEINT too", () =>
    Effect.gen(function*() {
      const { client, table } = yield* prepared
      const query = `SELECT sum(i), sum(i) AS s, max(l) AS m, l + 0 AS w FROM ${table} WHERE i < ? GROUP BY l`
      const expected = [
        "-5",
        "-5",
        "170141183460469231731687303715884105727",
        "170141183460469231731687303715884105727"
      ]
      const [binary] = yield* client.execute(query, [0])
      assert.deepStrictEqual(Object.values(binary ?? {}).map((value) => typeof value), [
        "string",
        "string",
        "string",
        "string"
      ])
      assert.deepStrictEqual(Object.values(binary ?? {}), expected)
      const [plain] = yield* client.query(query.replace("?", "0"))
      assert.deepStrictEqual(Object.values(plain ?? {}).map(String), expected)
      assert.deepStrictEqual(Object.keys(plain ?? {}), ["sum(i)", "s", "m", "w"])
      if (external) return
      const types = yield* Effect.promise(() =>
        client.connection.query(query.replace("?", "0")).then(([, fields]) => fields.map((field) => field.columnType))
      )
      // LONGLONG for the sums, text for what only a LARGEINT holds.
      assert.deepStrictEqual(types, [8, 8, 253, 253])
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)(
    "a statement that was closed is unknown, and a connection holds a bounded number of them",
    () =>
      Effect.gen(function*() {
        const { client } = yield* prepared
        const outcome = yield* Effect.promise(async () => {
          const kept = []
          for (let index = 0; index < 1100; index++) {
            // Every statement is another text, because the client keeps one per text.
            const statement = await client.connection.prepare(`SELECT ${index}`).catch((error: unknown) => error)
            if (statement instanceof Error) return { count: kept.length, message: statement.message }
            kept.push(statement)
          }
          return { count: kept.length, message: "" }
        })
        assert.strictEqual(outcome.count, 1024)
        assert.match(outcome.message, /max_prepared_stmt_count/)
        assert.lengthOf(yield* client.query("SELECT 1"), 1)
      }).pipe(Effect.scoped)
  )
})
