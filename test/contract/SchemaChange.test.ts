import { assert, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { ContractServer, external, newLabel, type Shape, tColumns } from "./ContractServer.ts"
import { type Address, connect } from "./SqlClient.ts"
import { http } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const

const job = (server: Shape, table: string) =>
  server.sql(
    `SHOW ALTER TABLE COLUMN FROM ${server.database} WHERE TableName = '${table}' ORDER BY CreateTime DESC, JobId DESC LIMIT 1`
  ).pipe(Effect.map((rows) => rows[0] ?? {}))

const until = (server: Shape, table: string, ...states: ReadonlyArray<string>) =>
  job(server, table).pipe(
    Effect.repeat({
      schedule: Schedule.spaced("10 millis"),
      until: (row) => states.includes(String(row["State"]))
    })
  )

const ended = (server: Shape, table: string) => until(server, table, "FINISHED", "CANCELLED")

const altered = (server: Shape, table: string, clauses: string) =>
  server.sql(`ALTER TABLE ${table} ${clauses}`).pipe(Effect.andThen(ended(server, table)))

/** A load whose last byte waits for the effect given. */
const openLoad = (server: Shape, table: string, label: string, beforeEnd: Effect.Effect<unknown>) =>
  server.load({ table, rows: [{ id: 77 }], headers: { label, columns: "id" }, beforeEnd })

const unevolving =
  "PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\", \"fast_schema_evolution\" = \"false\")"

const createUnevolving = (server: Shape, name: string) =>
  server.sql(`CREATE TABLE ${server.database}.${name} (${tColumns}) ${unevolving}`)

/** An operation of a Stream Load transaction, at the BE when the FE sends it there. */
const transaction = (server: Shape, operation: string, headers: Record<string, string>, body = "") =>
  Effect.gen(function*() {
    const request = {
      method: operation === "load" ? "PUT" : "POST",
      path: `/api/transaction/${operation}`,
      headers: { db: server.database, ...headers },
      expect: operation === "load",
      body
    }
    const answer = yield* server.fe(request)
    const final = answer.status === 307 ? yield* server.be(request) : answer
    assert.match(final.body, /"Status":\s*"OK"/, operation)
  })

/** A load that has begun and whose body ends when it is released. */
const runningLoad = Effect.fnUntraced(function*(server: Shape, table: string) {
  const label = newLabel()
  const release = yield* Deferred.make<void>()
  const load = yield* Effect.forkChild(openLoad(server, table, label, Deferred.await(release)))
  yield* Effect.repeat(server.labelState(label), {
    schedule: Schedule.spaced("10 millis"),
    until: (state) => state["state"] === "PREPARE"
  })
  return { label, load, release }
})

layer(ContractServer.layer, live)("schema changes", (it) => {
  it.effect("a column is added while a load runs: only metadata changes, nothing waits, and the load succeeds", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const { load, release } = yield* runningLoad(server, table)
      assert.strictEqual((yield* altered(server, table, "ADD COLUMN a INT DEFAULT \"7\""))["State"], "FINISHED")
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Fiber.join(load))["Status"], "Success")
      assert.strictEqual((yield* altered(server, table, "DROP COLUMN n"))["State"], "FINISHED")
      const rows = yield* server.sql(`SELECT * FROM ${table}`)
      assert.deepStrictEqual(rows.map((row) => [Object.keys(row), row["a"]]), [[["id", "name", "ts", "a"], 7]])
    }))

  it.effect("several columns with defaults are added by one statement, and rows that were there have them", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      const row = yield* altered(
        server,
        table,
        "ADD COLUMN a DECIMAL(6,2) NULL DEFAULT '12.50', ADD COLUMN b DATETIME NULL DEFAULT '2024-02-29 01:02:03.000004', " +
          "ADD COLUMN c BOOLEAN NULL DEFAULT 'true', ADD COLUMN e VARCHAR(9) NULL DEFAULT 'it''s'"
      )
      assert.deepStrictEqual([row["State"], row["Msg"]], ["FINISHED", ""])
      yield* server.load({ table, rows: [{ id: 2 }], headers: { columns: "id" } })
      const rows = yield* server.sql(`SELECT id, a, b, c, e FROM ${table} ORDER BY id`)
      const values = ["12.50", "2024-02-29 01:02:03.000004", "1", "it's"]
      assert.deepStrictEqual(rows.map((each) => Object.values(each).map(String)), [["1", ...values], ["2", ...values]])
    }))

  it.effect("a partial update that was planned before a column came leaves that column's values alone", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }, { id: 2 }] })
      const partial = (column: string) => ({ partial_update: "true", columns: `id,${column}` })
      const reply = yield* server.load({
        table,
        rows: [{ id: 1, n: 2 }, { id: 3, n: 3 }],
        headers: partial("n"),
        beforeEnd: Effect.gen(function*() {
          assert.strictEqual((yield* altered(server, table, "ADD COLUMN x INT DEFAULT \"7\""))["State"], "FINISHED")
          const other = yield* server.load({ table, rows: [{ id: 1, x: 55 }], headers: partial("x") })
          assert.strictEqual(other["Status"], "Success")
        }).pipe(Effect.orDie)
      })
      assert.strictEqual(reply["Status"], "Success")
      const rows = yield* server.sql(`SELECT id, name, n, x FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(rows.map((row) => [Number(row["id"]), row["name"], row["n"], row["x"]]), [
        [1, "a", 2, 55],
        [2, null, null, 7],
        [3, null, 3, 7]
      ])
    }))

  it.effect.skipIf(external)(
    "a load fails when a column it carries is dropped or gets another type meanwhile [?: so this endpoint]",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        for (const clause of ["DROP COLUMN n", "MODIFY COLUMN n BIGINT"]) {
          const table = yield* server.table(tColumns)
          yield* server.load({ table, rows: [{ id: 1, n: 1 }] })
          // A change of type waits for the loads that were there before it; this one is not.
          server.faults.on("schema-change-running", { table })
          yield* server.sql(`ALTER TABLE ${table} ${clause}`)
          yield* until(server, table, "RUNNING")
          const reply = yield* server.load({
            table,
            rows: [{ id: 1, n: 2 }],
            headers: { partial_update: "true", columns: "id,n" },
            beforeEnd: Effect.suspend(() => {
              server.faults.off("schema-change-running")
              return Effect.orDie(ended(server, table))
            })
          })
          assert.strictEqual(reply["Status"], "Fail", clause)
          assert.include(String(reply["Message"]), `column n of table "${server.database}.${table}" has changed`)
          assert.strictEqual(reply["NumberLoadedRows"], 0)
        }
      })
  )

  it.effect("a change of type waits for the loads that were running when it began, and for no later one", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const { load, release } = yield* runningLoad(server, table)
      yield* server.sql(`ALTER TABLE ${table} MODIFY COLUMN n BIGINT`)
      yield* until(server, table, "WAITING_TXN")
      const second = yield* Effect.flip(server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`))
      assert.match(second.message, /state is not NORMAL/)
      // Loads go on meanwhile, and do not prolong the wait.
      assert.strictEqual((yield* server.load({ table, rows: [{ id: 1, n: 5 }] }))["Status"], "Success")
      const later = yield* Deferred.make<void>()
      const laterLabel = newLabel()
      const laterLoad = yield* Effect.forkChild(openLoad(server, table, laterLabel, Deferred.await(later)))
      yield* Effect.repeat(server.labelState(laterLabel), {
        schedule: Schedule.spaced("10 millis"),
        until: (state) => state["state"] === "PREPARE"
      })
      assert.strictEqual((yield* job(server, table))["State"], "WAITING_TXN")
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(load)
      assert.strictEqual((yield* ended(server, table))["State"], "FINISHED")
      yield* Deferred.succeed(later, undefined)
      yield* Fiber.join(laterLoad)
      assert.strictEqual((yield* server.load({ table, rows: [{ id: 2, n: 3_000_000_000 }] }))["Status"], "Success")
    }))

  it.effect("a prepared transaction blocks a change without fast schema evolution until it ends; CANCEL ends the wait", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = `waits_${process.pid}`
      yield* createUnevolving(server, table)
      const label = newLabel()
      yield* transaction(server, "begin", { label, table })
      yield* transaction(server, "load", { label, table, format: "json" }, "{\"id\":1}")
      yield* transaction(server, "prepare", { label, table })
      yield* server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`)
      yield* until(server, table, "WAITING_TXN")
      yield* server.sql(`CANCEL ALTER TABLE COLUMN FROM ${table}`)
      const cancelled = yield* ended(server, table)
      assert.deepStrictEqual([cancelled["State"], cancelled["Msg"]], ["CANCELLED", "user cancelled"])
      const again = yield* Effect.flip(server.sql(`CANCEL ALTER TABLE COLUMN FROM ${table}`))
      assert.match(again.message, /is not under SCHEMA_CHANGE/)
      yield* server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`)
      yield* until(server, table, "WAITING_TXN")
      yield* transaction(server, "commit", { label })
      assert.strictEqual((yield* ended(server, table))["State"], "FINISHED")
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 1)
    }))

  it.effect("a job that waits longer than its timeout is CANCELLED and says so", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const { load, release } = yield* runningLoad(server, table)
      const row = yield* altered(server, table, "MODIFY COLUMN n BIGINT PROPERTIES (\"timeout\" = \"1\")")
      assert.strictEqual(row["State"], "CANCELLED")
      assert.match(String(row["Msg"]), /[Tt]imeout/)
      assert.strictEqual(String(row["Timeout"]), "1")
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Fiber.join(load))["Status"], "Success")
    }))

  it.effect("119: the job's row has the columns of the contract", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const row = yield* altered(server, table, "ADD COLUMN a INT")
      assert.includeMembers(Object.keys(row), [
        "JobId",
        "TableName",
        "CreateTime",
        "FinishTime",
        "IndexName",
        "IndexId",
        "OriginIndexId",
        "SchemaVersion",
        "TransactionId",
        "State",
        "Msg",
        "Progress",
        "Timeout"
      ])
      assert.deepStrictEqual([row["TableName"], row["State"], String(row["Timeout"])], [table, "FINISHED", "86400"])
    }))

  it.effect("MODIFY COLUMN changes the types of the list exactly, and refuses the others", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const changes: ReadonlyArray<readonly [from: string, to: string, value: unknown, becomes: string]> = [
        ["TINYINT", "SMALLINT", 5, "5"],
        ["SMALLINT", "INT", -5, "-5"],
        ["INT", "BIGINT", 2147483647, "2147483647"],
        ["BIGINT", "LARGEINT", "9223372036854775807", "9223372036854775807"],
        ["INT", "VARCHAR(20)", -12, "-12"],
        ["DECIMAL(10,2)", "VARCHAR(20)", "12.50", "12.50"],
        ["VARCHAR(5)", "VARCHAR(20)", "ab", "ab"],
        ["CHAR(3)", "VARCHAR(3)", "abc", "abc"],
        ["VARCHAR(30)", "INT", "42", "42"],
        [
          "VARCHAR(30)",
          "LARGEINT",
          "-170141183460469231731687303715884105728",
          "-170141183460469231731687303715884105728"
        ],
        ["VARCHAR(30)", "DATE", "2024-02-29", "2024-02-29"],
        ["VARCHAR(30)", "DOUBLE", "1.5", "1.5"],
        ["DATE", "DATETIME", "2024-02-29", "2024-02-29 00:00:00"],
        ["DATETIME", "DATE", "2024-02-29 23:59:59", "2024-02-29"],
        ["FLOAT", "DOUBLE", 1.5, "1.5"],
        ["DECIMAL(10,2)", "DECIMAL(20,4)", "12.50", "12.5000"]
      ]
      const names = changes.map((_, index) => `c${index}`)
      // A value of 40 digits does not fit VARCHAR(30).
      const definition = (index: number, type: string): string =>
        `${names[index] ?? ""} ${type.replace("(30)", "(50)")}`
      const table = yield* server.table(
        `id BIGINT NOT NULL, ${changes.map(([from], index) => definition(index, from)).join(", ")}`
      )
      yield* server.load({
        table,
        rows: [Object.fromEntries([["id", 1], ...changes.map(([, , value], index) => [names[index], value])]), {
          id: 2
        }]
      })
      const row = yield* altered(
        server,
        table,
        changes.map(([, to], index) => `MODIFY COLUMN ${definition(index, to)}`).join(", ")
      )
      assert.deepStrictEqual([row["State"], row["Msg"]], ["FINISHED", ""])
      const [first, second] = yield* server.sql(`SELECT * FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(names.map((name) => String(first?.[name])), changes.map(([, , , becomes]) => becomes))
      assert.isTrue(names.every((name) => second?.[name] === null))
    }))

  it.effect("MODIFY COLUMN refuses narrowing, keys, defaults, and NULL to NOT NULL, with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(
        "id BIGINT NOT NULL, i INT, s VARCHAR(10), d DECIMAL(10,2), dt DATETIME, da DATE, vb VARBINARY, ar ARRAY<INT>, " +
          "j JSON, nn INT NOT NULL DEFAULT \"0\""
      )
      const refused = [
        "MODIFY COLUMN i SMALLINT",
        "MODIFY COLUMN i DATETIME",
        "MODIFY COLUMN s VARCHAR(5)",
        "MODIFY COLUMN s JSON",
        "MODIFY COLUMN d DECIMAL(10,4)",
        "MODIFY COLUMN d DECIMAL(8,2)",
        "MODIFY COLUMN d VARCHAR(13)",
        "MODIFY COLUMN dt INT",
        "MODIFY COLUMN dt STRING",
        "MODIFY COLUMN da STRING",
        "MODIFY COLUMN vb STRING",
        "MODIFY COLUMN ar STRING",
        "MODIFY COLUMN j VARCHAR(10)",
        "MODIFY COLUMN id LARGEINT",
        "MODIFY COLUMN i INT NOT NULL",
        "MODIFY COLUMN nn INT NOT NULL DEFAULT \"1\"",
        "MODIFY COLUMN nope INT",
        "DROP COLUMN nope",
        "DROP COLUMN id",
        "ADD COLUMN i INT",
        "ADD COLUMN a INT AFTER nope",
        "ADD COLUMN a INT FIRST",
        "ADD COLUMN a INT, RENAME nn",
        "ADD PARTITION p VALUES LESS THAN (\"1\")",
        "ADD INDEX x (i)",
        "ADD COLUMN a BIGINT AUTO_INCREMENT"
      ]
      for (const clause of refused) {
        const error = yield* Effect.flip(server.sql(`ALTER TABLE ${table} ${clause}`))
        assert.include([1064, 1060, 5064], error.code, clause)
      }
      // NOT NULL to NULL is allowed.
      assert.strictEqual(
        (yield* altered(server, table, "MODIFY COLUMN nn INT NULL DEFAULT \"0\""))["State"],
        "FINISHED"
      )
      assert.strictEqual((yield* server.load({ table, rows: [{ id: 1, nn: null }] }))["Status"], "Success")
    }))

  it.effect("a stored value that the new type cannot hold cancels the job and leaves the table as it was", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, a VARCHAR(20), b VARCHAR(20), c INT, e VARCHAR(20)")
      yield* server.load({ table, rows: [{ id: 1, a: "1.5", b: "300", c: 12345, e: "2024-02-30" }] })
      for (
        const clause of [
          "MODIFY COLUMN a INT",
          "MODIFY COLUMN b TINYINT",
          "MODIFY COLUMN c VARCHAR(3)",
          "MODIFY COLUMN e DATE",
          "ADD COLUMN x INT, MODIFY COLUMN a INT"
        ]
      ) {
        const row = yield* altered(server, table, clause)
        assert.strictEqual(row["State"], "CANCELLED", clause)
        assert.notStrictEqual(String(row["Msg"]), "")
      }
      const described = yield* server.sql(`DESC ${table}`)
      assert.deepStrictEqual(described.map((row) => row["Type"]), [
        "bigint",
        "varchar(20)",
        "varchar(20)",
        "int",
        "varchar(20)"
      ])
      const [row] = yield* server.sql(`SELECT * FROM ${table}`)
      assert.deepStrictEqual([row?.["a"], row?.["b"], row?.["c"], row?.["e"]], ["1.5", "300", 12345, "2024-02-30"])
    }))

  it.effect("a table and a column get new names at once; rows, loads and SHOW CREATE TABLE follow", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, n: 5 }] })
      yield* server.sql(`ALTER TABLE ${table} RENAME COLUMN n TO m`)
      const renamed = `${table}_renamed_${process.pid}`
      yield* server.sql(`ALTER TABLE ${table} RENAME ${renamed}`)
      assert.strictEqual((yield* Effect.flip(server.sql(`SELECT * FROM ${table}`))).code, 5502)
      assert.strictEqual((yield* server.load({ table: renamed, rows: [{ id: 2, m: 6 }] }))["Status"], "Success")
      const rows = yield* server.sql(`SELECT m FROM ${renamed} ORDER BY id`)
      assert.deepStrictEqual(rows.map((row) => row["m"]), [5, 6])
      const other = yield* server.table(tColumns)
      assert.strictEqual((yield* Effect.flip(server.sql(`ALTER TABLE ${renamed} RENAME ${other}`))).code, 1050)
      yield* server.sql(`ALTER TABLE ${renamed} SWAP WITH ${other}`)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${renamed}`), 0)
      assert.lengthOf(yield* server.sql(`SELECT m FROM ${other}`), 2)
      const [create] = yield* server.sql(`SHOW CREATE TABLE ${other}`)
      assert.include(String(create?.["Create Table"]), "`m` int")
    }))

  it.effect.skipIf(external)("what loads are writing to keeps its name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const { load, release } = yield* runningLoad(server, table)
      const error = yield* Effect.flip(server.sql(`ALTER TABLE ${table} RENAME ${table}_x`))
      assert.match(error.message, /unfinished loads/)
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Fiber.join(load))["Status"], "Success")
    }))

  it.effect("CREATE TABLE LIKE takes the definition and no rows; properties that may not change are refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      const copy = `${table}_like_${process.pid}`
      yield* server.sql(`CREATE TABLE ${copy} LIKE ${table}`)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${copy}`), 0)
      assert.deepStrictEqual(yield* server.sql(`DESC ${copy}`), yield* server.sql(`DESC ${table}`))
      assert.strictEqual((yield* Effect.flip(server.sql(`CREATE TABLE ${copy} LIKE ${table}`))).code, 1050)
      yield* server.sql(`ALTER TABLE ${copy} SET ("enable_persistent_index" = "true")`)
      assert.isAbove((yield* Effect.flip(server.sql(`ALTER TABLE ${copy} SET ("no_such_thing" = "1")`))).code, 1000)
      yield* server.sql(`ALTER TABLE ${copy} COMMENT = "a copy"`)
      const [create] = yield* server.sql(`SHOW CREATE TABLE ${copy}`)
      const statement = String(create?.["Create Table"])
      yield* server.sql(`DROP TABLE ${copy}`)
      yield* server.sql(statement)
      assert.strictEqual((yield* server.sql(`SHOW CREATE TABLE ${copy}`))[0]?.["Create Table"], statement)
    }))

  it.effect.skipIf(external)(
    "a job that waits for a prepared transaction goes on waiting after a restart",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* TemporaryDirectory.make("jobs")
        const endpoint = EmbeddedStarRocks.make({ dataDir, database: "d" })
        const query = (server: Address, statement: string) =>
          Effect.scoped(
            Effect.flatMap(connect(server, { user: "root", database: "d" }), (client) => client.query(statement))
          )
        const state = (server: Address) =>
          query(server, "SHOW ALTER TABLE COLUMN FROM d").pipe(Effect.map((rows) => rows[0]?.["State"]))
        const waiting = (server: Address) =>
          state(server).pipe(
            Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (found) => found === "WAITING_TXN" })
          )
        const call = (port: number, operation: string, body = "") =>
          Effect.promise(() =>
            http("127.0.0.1", port, {
              method: operation === "load" ? "PUT" : "POST",
              path: `/api/transaction/${operation}`,
              headers: { authorization: "Basic cm9vdDo=", db: "d", table: "t", label: "kept", format: "json" },
              expect: operation === "load",
              body
            })
          ).pipe(Effect.tap((answer) => Effect.sync(() => assert.match(answer.body, /"Status":\s*"OK"/, operation))))
        yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* endpoint
          yield* query(server, "CREATE TABLE t (id INT, n INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
          yield* call(server.bePort, "begin")
          yield* call(server.bePort, "load", "{\"id\":1,\"n\":2}")
          yield* call(server.bePort, "prepare")
          yield* query(server, "ALTER TABLE t MODIFY COLUMN n BIGINT")
          yield* waiting(server)
        }))
        const server = yield* endpoint
        yield* waiting(server)
        yield* call(server.fePort, "commit")
        yield* state(server).pipe(
          Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (found) => found === "FINISHED" })
        )
        assert.strictEqual((yield* query(server, "DESC t"))[1]?.["Type"], "bigint")
        assert.lengthOf(yield* query(server, "SELECT * FROM t"), 1)
      }).pipe(Effect.scoped)
  )
})
