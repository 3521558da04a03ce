import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as MysqlStage from "../support/MysqlStage.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))

const connected = (sink: SrAddress, limits = { connectMs: 5_000, statementMs: 60_000 }) =>
  Effect.provide(StarRocksSql.layer(sink, limits))

const TABLE =
  "CREATE TABLE shop.t (id BIGINT NOT NULL, price DECIMAL(38,9), seen DATETIME, day DATE, name STRING, ok BOOLEAN) " +
  "PRIMARY KEY (id) DISTRIBUTED BY HASH(id) BUCKETS 1 PROPERTIES (\"replication_num\" = \"1\")"
const ROWS = [
  `{"id":9223372036854775807,"price":"12345678901234567890.123456789","seen":"2024-02-29 23:59:59",` +
  `"day":"0001-01-01","name":"straße","ok":true}`,
  `{"id":2,"price":null,"seen":null,"day":null,"name":null,"ok":null}`
]

describe("values", () => {
  it.live("come as the server wrote them: no digit, date or NULL is changed on the way", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* query(TABLE), [])
        const loaded = yield* StreamLoadClient.use((client) =>
          Effect.flatMap(client.permit, (permit) =>
            client.load({
              target: { schema: "shop", name: "t" },
              label: "values",
              columns: undefined,
              body: Buffer.from(ROWS.join("\n")),
              rowCount: ROWS.length,
              run: "r",
              lastCommitLsn: Lsn.Lsn.make(1n)
            }, permit))
        )
        assert.strictEqual(loaded._tag, "Loaded")
        const rows = yield* query("SELECT id, price, seen, day, name FROM shop.t ORDER BY id DESC")
        assert.deepStrictEqual({ ...rows[0] }, {
          id: "9223372036854775807",
          price: "12345678901234567890.123456789",
          seen: "2024-02-29 23:59:59",
          day: "0001-01-01",
          name: "straße"
        })
        assert.deepStrictEqual({ ...rows[1] }, { id: "2", price: null, seen: null, day: null, name: null })
      }).pipe(connected(sink), Effect.provide(StreamLoadClient.layer(sink)))
    }))
})

describe("refusals", () => {
  it.live("of a statement keep the connection and say the server's number and words", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(query("SELECT * FROM shop.nothing"))
        assert.strictEqual(error._tag, "SrSqlError")
        assert.isTrue(error._tag === "SrSqlError" && error.code === 5502 && error.message.includes("nothing"))
        assert.deepStrictEqual((yield* query("SELECT 1 AS one")).map((row) => ({ ...row })), [{ one: "1" }])
      }).pipe(connected(sink))
    }))

  it.live("of a login need a person, and do not repeat the password", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const wrong = { ...sink, password: Redacted.make("hunter2") }
      const error = yield* Effect.flip(query("SELECT 1")).pipe(connected(wrong))
      assert.isTrue(error._tag === "SetupError" && error.code === "SrConnectionFailed")
      assert.include(error.message, `StarRocks connection failed to '${sink.url}'`)
      assert.notInclude(JSON.stringify(error), "hunter2")
    }))
})

describe("the connection", () => {
  it.live("that was lost is opened again by the next statement", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query("SELECT 1")
        faults.on("unavailable")
        const lost = yield* Effect.flip(query("SELECT 1"))
        assert.isTrue(lost._tag === "TransientError" && lost.code === "SR_UNREACHABLE")
        assert.strictEqual((yield* Effect.flip(query("SELECT 1")))._tag, "TransientError")
        faults.off()
        assert.strictEqual((yield* query("SELECT 1")).length, 1)
      }).pipe(connected(sink))
    }))

  it.live("to a port where nobody listens fails at once, and names the port", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const sqlPort = yield* HttpStage.deadPort
      const error = yield* Effect.flip(query("SELECT 1")).pipe(connected({ ...sink, sqlPort }))
      assert.isTrue(error._tag === "TransientError" && error.code === "SR_UNREACHABLE")
      assert.include(error.message, `${sink.host}:${sqlPort}`)
    }))

  it.live("to something that is not MySQL fails, and does not end the process", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const http = yield* HttpStage.start((turn) => turn.reply("hello"))
      const limits = { connectMs: 200, statementMs: 200 }
      const error = yield* Effect.flip(query("SELECT 1")).pipe(connected({ ...sink, sqlPort: http.port }, limits))
      assert.strictEqual(error._tag, "TransientError")
    }))

  it.live("on which an answer is overdue is dropped: a late answer is never taken for the next statement's", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        faults.on("mysql-stall", { count: 1 })
        const error = yield* Effect.flip(query("SELECT 1"))
        assert.include(error.message, "no answer within 200 ms")
        assert.deepStrictEqual((yield* query("SELECT 2 AS two")).map((row) => ({ ...row })), [{ two: "2" }])
      }).pipe(connected(sink, { connectMs: 5_000, statementMs: 200 }))
    }))

  it.live("whose statement was interrupted is dropped, and the next statement is not kept waiting", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        faults.on("mysql-stall", { count: 1 })
        const fiber = yield* Effect.forkChild(query("SELECT 1"))
        yield* HttpStage.until(() => faults.hits("mysql-stall") === 1)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual((yield* query("SELECT 2 AS two")).map((row) => ({ ...row })), [{ two: "2" }])
      }).pipe(connected(sink))
    }))

  it.live("is shared by concurrent statements one after the other, each with its own answer", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const answers = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        (index) => query(`SELECT ${index} AS n`),
        { concurrency: "unbounded" }
      ).pipe(connected(sink))
      assert.deepStrictEqual(
        answers.map((rows) => rows[0]?.["n"]),
        Array.from({ length: 20 }, (_, index) => String(index))
      )
    }))
})

describe("what a server sees of us", () => {
  const address = (port: number): SrAddress => ({
    url: "http://127.0.0.1:8030",
    host: "127.0.0.1",
    sqlPort: port,
    database: "shop",
    user: "root",
    password: Redacted.make("")
  })
  const CLIENT_MULTI_STATEMENTS = 0x10000
  const COM_QUIT = 1
  const COM_QUERY = 3

  it.live("126 plain text statements only: no SET at the start, nothing prepared, never two in one", () =>
    Effect.gen(function*() {
      const stage = yield* MysqlStage.start
      yield* query("SELECT 1").pipe(connected(address(stage.port)))
      yield* HttpStage.until(() => stage.open() === 0)
      assert.deepStrictEqual(stage.commands, [
        { command: COM_QUERY, text: "SELECT 1" },
        { command: COM_QUIT, text: "" }
      ])
      assert.deepStrictEqual(stage.capabilities.map((flags) => flags & CLIENT_MULTI_STATEMENTS), [0])
    }))

  it.live("one connection, however many ask at once, and also after a refusal", () =>
    Effect.gen(function*() {
      const stage = yield* MysqlStage.start
      yield* Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3, 4], (n) => query(`SELECT ${n}`), { concurrency: "unbounded" })
        assert.strictEqual((yield* Effect.flip(query("refused")))._tag, "SrSqlError")
        yield* query("SELECT 5")
      }).pipe(connected(address(stage.port)))
      assert.strictEqual(stage.connections(), 1)
    }))

  it.live("a connection that breaks while nobody uses it neither ends the process nor fails the next statement", () =>
    Effect.gen(function*() {
      const stage = yield* MysqlStage.start
      yield* Effect.gen(function*() {
        yield* query("SELECT 1")
        stage.cut()
        yield* HttpStage.until(() => stage.open() === 0)
        // Two turns of the event loop, within which our end of the socket reads the reset too.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))))
        yield* query("SELECT 2")
      }).pipe(connected(address(stage.port)))
      assert.strictEqual(stage.connections(), 2)
    }))
})
