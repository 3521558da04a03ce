import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import mysql from "mysql2/promise"
import * as Net from "node:net"
import { ContractServer, external, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

const alterState = (server: Shape, table: string) =>
  server.sql(
    `SHOW ALTER TABLE COLUMN FROM ${server.database} WHERE TableName = '${table}' ORDER BY CreateTime DESC LIMIT 1`
  ).pipe(Effect.map((rows) => rows[0]?.["State"]))

const finished = (server: Shape, table: string) =>
  alterState(server, table).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (state) => state === "FINISHED" })
  )

const code = (server: Shape, statement: string) =>
  Effect.flip(server.sql(statement)).pipe(Effect.map((error) => error.code))

layer(ContractServer.layer, live)("the MySQL port", (it) => {
  it.effect("112: the version can be parsed, and the comment says StarRocks", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const [row] = yield* server.sql("SELECT current_version() AS v, @@version_comment AS c")
      assert.match(String(row?.["v"]), /^\d+\.\d+\.\d+/)
      assert.match(String(row?.["c"]), /^StarRocks/)
    }))

  it.effect("113, 114: unknown databases and tables have the new codes", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const use = yield* Effect.flip(server.sql("USE nope"))
      assert.deepStrictEqual([use.code, use.state], [5501, "3F000"])
      assert.strictEqual(yield* code(server, "SELECT * FROM nope.t"), 5501)
      const table = yield* Effect.flip(server.sql(`SELECT * FROM ${server.database}.nope`))
      assert.deepStrictEqual([table.code, table.state], [5502, "42602"])
      assert.strictEqual(yield* code(server, "SELECT 1 FROM `nope` AS x JOIN y"), 5502)
    }))

  it.effect("115: key types that cannot be keys, nullable keys and keys out of order are refused with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const type of ["DECIMAL(10,2)", "CHAR(5)", "DOUBLE", "JSON", "VARBINARY"]) {
        const error = yield* Effect.flip(server.table(`id ${type} NOT NULL`))
        assert.strictEqual(error.code, 1064)
        assert.match(error.message, /primary key column\[id\] type not supported/)
      }
      const nullable = yield* Effect.flip(server.table("id BIGINT NULL"))
      assert.match(nullable.message, /primary key column\[id\] cannot be nullable/)
      assert.strictEqual((yield* Effect.flip(server.table("n INT, id BIGINT NOT NULL"))).code, 1064)
    }))

  it.effect("117: more replicas than nodes are refused with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const error = yield* Effect.flip(server.sql(
        `CREATE TABLE replicated (id BIGINT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "3")`
      ))
      assert.strictEqual(error.code, 1064)
    }))

  it.effect("118: creating a table twice is 1050, or nothing with IF NOT EXISTS; a database likewise", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const rest =
        "(id BIGINT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
      yield* server.sql(`CREATE TABLE twice ${rest}`)
      yield* server.sql(`CREATE TABLE IF NOT EXISTS twice ${rest}`)
      assert.strictEqual(yield* code(server, `CREATE TABLE twice ${rest}`), 1050)
      yield* server.sql(`CREATE DATABASE IF NOT EXISTS ${server.database}`)
      assert.strictEqual(yield* code(server, `CREATE DATABASE ${server.database}`), 1007)
      yield* server.sql("DROP TABLE twice")
      assert.strictEqual(yield* code(server, "DROP TABLE twice"), 5502)
      yield* server.sql("DROP TABLE IF EXISTS twice")
    }))

  it.effect("119: ADD COLUMN is a job; when it is FINISHED the column is there and old rows have its default", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      yield* server.sql(
        `ALTER TABLE ${table} ADD COLUMN a INT NULL, ADD COLUMN b VARCHAR(5) NOT NULL DEFAULT "x" AFTER name`
      )
      yield* finished(server, table)
      const fields = (yield* server.sql(`DESC ${table}`)).map((row) => row["Field"])
      assert.deepStrictEqual(fields, ["id", "name", "b", "n", "ts", "a"])
      const [row] = yield* server.sql(`SELECT * FROM ${table}`)
      assert.deepStrictEqual(Object.keys(row ?? {}), fields)
      assert.deepStrictEqual([row?.["a"], row?.["b"]], [null, "x"])
    }))

  it.effect.skipIf(external)(
    "120, 123: while a job runs, a second ALTER is refused and loads ignore the new member",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        server.faults.on("schema-change-running", { table })
        yield* server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`)
        assert.strictEqual(yield* alterState(server, table), "PENDING")
        yield* alterState(server, table).pipe(
          Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (state) => state === "RUNNING" })
        )
        const second = yield* Effect.flip(server.sql(`ALTER TABLE ${table} ADD COLUMN b INT`))
        assert.strictEqual(second.code, 5014)
        assert.match(second.message, /state is not NORMAL/)
        assert.strictEqual((yield* server.load({ table, rows: [{ id: 1, a: 5 }] }))["Status"], "Success")
        server.faults.off("schema-change-running")
        yield* finished(server, table)
        yield* server.load({ table, rows: [{ id: 2, a: 6 }] })
        const rows = yield* server.sql(`SELECT a FROM ${table} ORDER BY id`)
        assert.deepStrictEqual(rows.map((row) => row["a"]), [null, 6])
      })
  )

  it.effect("122: ADD COLUMN NOT NULL needs a default; known names, keys and wrong changes are refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} ADD COLUMN a INT NOT NULL`), 1064)
      assert.include([1060, 1064], yield* code(server, `ALTER TABLE ${table} ADD COLUMN NAME INT`))
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} DROP COLUMN id`), 1064)
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} MODIFY COLUMN name VARCHAR(5)`), 1064)
      yield* server.sql(`ALTER TABLE ${table} MODIFY COLUMN name VARCHAR(20), MODIFY COLUMN n BIGINT`)
      yield* finished(server, table)
      assert.strictEqual(
        (yield* server.load({ table, rows: [{ id: 1, name: "123456789012", n: 3e9 }] }))["Status"],
        "Success"
      )
      yield* server.sql(`ALTER TABLE ${table} DROP COLUMN n`)
      yield* Effect.repeat(server.sql(`DESC ${table}`), {
        schedule: Schedule.spaced("10 millis"),
        until: (rows) => rows.length === 3
      })
    }))

  it.effect("124: after TRUNCATE the table is empty", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      yield* server.sql(`TRUNCATE TABLE ${table}`)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 0)
    }))

  it.effect("125: information_schema describes keys, model and types", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id LARGEINT NOT NULL, b BOOLEAN, s STRING, d DECIMAL(12,3) COMMENT \"it's\"")
      const where = `WHERE TABLE_SCHEMA = '${server.database}' AND TABLE_NAME = '${table}'`
      const columns = yield* server.sql(
        `SELECT COLUMN_NAME, COLUMN_KEY, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.columns ${where} ORDER BY ORDINAL_POSITION`
      )
      assert.deepStrictEqual(columns.map((row) => Object.values(row)), [
        ["id", "PRI", "bigint unsigned", "bigint(20) unsigned", "NO"],
        ["b", "", "tinyint", "tinyint(1)", "YES"],
        ["s", "", "varchar", "varchar(65533)", "YES"],
        ["d", "", "decimal", "decimal(12,3)", "YES"]
      ])
      const [config] = yield* server.sql(
        `SELECT TABLE_MODEL, PRIMARY_KEY FROM information_schema.tables_config ${where}`
      )
      assert.deepStrictEqual(Object.values(config ?? {}), ["PRI_KEYS", "`id`"])
      const [found] = yield* server.sql(`SELECT TABLE_TYPE, ENGINE FROM information_schema.tables ${where}`)
      assert.deepStrictEqual(Object.values(found ?? {}), ["BASE TABLE", "StarRocks"])
      const [created] = yield* server.sql(`SHOW CREATE TABLE ${table}`)
      assert.match(String(created?.["Create Table"]), /PRIMARY KEY\(`id`\)/)
    }))

  it.effect("126: preparing an INSERT is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const refused = yield* Effect.promise(async () => {
        const connection = await mysql.createConnection({ host: server.host, port: server.mysqlPort, user: "root" })
        try {
          return await connection.execute("INSERT INTO t VALUES (?)", [1]).then(() => "accepted", (error: Error) =>
            error.message)
        } finally {
          connection.destroy()
        }
      })
      assert.notStrictEqual(refused, "accepted")
    }))

  it.effect("127: SHOW BACKENDS tells the port that the FE redirects to", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const [row] = yield* server.sql("SHOW BACKENDS")
      assert.strictEqual(row?.["Alive"], "true")
      assert.strictEqual(Number(row?.["HttpPort"]), server.bePort)
    }))

  it.effect("ordinary queries: joins, aggregates, limits, quoting, functions and names of columns", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({
        table,
        rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }, { id: 3, name: "a" }]
      })
      const joined = yield* server.sql(
        `SELECT a.name, count(*), sum(b.n) AS total FROM \`${table}\` a JOIN ${server.database}.${table} AS b ON a.id = b.id ` +
          "WHERE a.name <> \"z\" GROUP BY a.name ORDER BY a.name LIMIT 0, 5"
      )
      assert.deepStrictEqual(joined.map((row) => [row["name"], Number(row["count(*)"]), Number(row["total"])]), [
        ["a", 2, 1],
        ["b", 1, 2]
      ])
      const [row] = yield* server.sql(
        "SELECT 1, 'it''s', \"say \\\"hi\\\"\", IF(1 > 2, 'y', 'n') AS f, concat('a', 1), NULL <=> NULL AS e, database() AS d"
      )
      assert.deepStrictEqual(Object.values(row ?? {}), [1, "it's", "say \"hi\"", "n", "a1", 1, server.database])
      const nulls = yield* server.sql(`SELECT n FROM ${table} ORDER BY n`)
      assert.deepStrictEqual(nulls.map((entry) => entry["n"]), [null, 1, 2])
    }))

  it.effect("statements nobody knows are 1064 with their first words; settings of drivers are accepted", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const error = yield* Effect.flip(server.sql("FROBNICATE the whole thing at once"))
      assert.strictEqual(error.code, 1064)
      if (!external) assert.include(error.message, "FROBNICATE the whole thing")
      for (
        const statement of ["SET NAMES utf8mb4", "SET autocommit = 1, @@session.sql_mode = 'ANSI'", "SHOW WARNINGS"]
      ) {
        yield* server.sql(statement)
      }
      assert.strictEqual(yield* code(server, "SET no_such_thing = 1"), 1193)
      assert.strictEqual(yield* code(server, "SET sql_mode = concat('a', 'b')"), 1064)
      for (
        const broken of [
          "SELECT FROM WHERE",
          "SELECT (",
          "CREATE TABLE",
          "ALTER TABLE x",
          "SHOW",
          ";",
          "SELECT 1; SELECT 2"
        ]
      ) {
        assert.isAbove(yield* code(server, broken), 1000, broken)
      }
    }))

  it.effect.skipIf(external)("bytes that are no protocol end their own connection only", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (let seed = 1; seed <= 40; seed++) {
        yield* Effect.callback<void>((resume) => {
          const socket = Net.connect(server.mysqlPort, server.host)
          const bytes = Buffer.from(Array.from({ length: seed * 7 }, (_, index) => (index * seed * 31 + seed) & 0xff))
          socket.on("connect", () => socket.end(bytes))
          socket.on("error", () => undefined)
          socket.on("close", () => resume(Effect.void))
          socket.resume()
        })
      }
      assert.lengthOf(yield* server.sql("SELECT 1"), 1)
    }))
})
