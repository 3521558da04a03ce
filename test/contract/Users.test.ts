import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { ContractServer, external, newLabel, type Shape, tColumns } from "./ContractServer.ts"
import { type Address, connect, type Login } from "./SqlClient.ts"
import type { Request } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const

let lastUser = 0

/** A user of a fresh name, dropped with the scope. */
const user = (server: Shape, password = "se'cret") =>
  Effect.acquireRelease(
    Effect.gen(function*() {
      const name = `u${process.pid}_${++lastUser}`
      const written = password.replaceAll("'", "''")
      yield* server.sql(`CREATE USER '${name}'@'%' IDENTIFIED BY '${written}'`)
      return { user: name, password }
    }),
    ({ user: name }) => Effect.ignore(server.sql(`DROP USER '${name}'@'%'`))
  )

const authorization = (login: Login): string =>
  `Basic ${Buffer.from(`${login.user}:${login.password ?? ""}`).toString("base64")}`

const query = (server: Address, login: Login, statement: string) =>
  Effect.scoped(Effect.flatMap(connect(server, login), (client) => client.query(statement)))

const refused = (server: Address, login: Login, statement: string) => Effect.flip(query(server, login, statement))

const grants = (server: Shape, login: Login) =>
  server.sql(`SHOW GRANTS FOR '${login.user}'@'%'`).pipe(Effect.map((rows) => rows.map((row) => String(row["Grants"]))))

layer(ContractServer.layer, live)("users and privileges", (it) => {
  it.effect("7: a user without INSERT is sent away with 401 at the FE and with 200 Fail at the BE, and loads nothing", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const login = yield* user(server)
      const load = {
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        headers: { authorization: authorization(login), format: "json", strict_mode: "true" },
        expect: true,
        body: "{\"id\":1}"
      }
      const fe = yield* server.fe(load)
      assert.strictEqual(fe.status, 401)
      assert.match(fe.body, /Access denied/)
      const be = yield* server.be(load)
      assert.strictEqual(be.status, 200)
      assert.match(be.body, /"Status": "Fail"/)
      assert.match(be.body, /Access denied/)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 0)
      // 9: nobody is told that a table does not exist before the BE looks for it.
      const nowhere = yield* server.fe({ ...load, path: `/api/${server.database}/nowhere/_stream_load` })
      assert.strictEqual(nowhere.status, 307)
      yield* server.sql(`GRANT INSERT ON TABLE ${server.database}.${table} TO USER '${login.user}'@'%'`)
      assert.strictEqual((yield* server.fe(load)).status, 307)
      assert.match((yield* server.be(load)).body, /"Status": "Success"/)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 1)
      yield* server.sql(`REVOKE INSERT ON TABLE ${server.database}.${table} FROM USER '${login.user}'@'%'`)
      assert.strictEqual((yield* server.fe(load)).status, 401)
    }).pipe(Effect.scoped))

  it.effect("what has begun is not everybody's: operations and _cancel need INSERT, and the BE the password [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { database } = server
      const table = yield* server.table(tColumns)
      const login = yield* user(server)
      const mine = { authorization: server.authorization }
      const his = { authorization: authorization(login) }
      const nobody = { authorization: authorization({ user: "nobody_here", password: "x" }) }
      const request = (operation: string, label: string, who: Readonly<Record<string, string>>): Request => ({
        method: operation === "load" ? "PUT" : "POST",
        path: `/api/transaction/${operation}`,
        headers: { label, db: database, table, format: "json", ...who },
        body: operation === "load" ? "{\"id\":1}" : ""
      })
      const state = (label: string) => Effect.map(server.labelState(label), (answer) => answer["state"])
      const cancel = (label: string, who: Readonly<Record<string, string>>) =>
        server.fe({ method: "POST", path: `/api/${database}/${table}/_cancel?label=${label}`, headers: who })

      const open = newLabel()
      assert.match((yield* server.be(request("begin", open, mine))).body, /"OK"/)
      for (const operation of ["load", "prepare", "commit", "rollback"]) {
        for (const who of [his, nobody]) {
          const fe = yield* server.fe(request(operation, open, who))
          assert.strictEqual(fe.status, 401, operation)
          assert.match(fe.body, /Access denied/)
        }
        const be = yield* server.be(request(operation, open, nobody))
        assert.match(be.body, /Access denied/, operation)
        const without = yield* server.be(request(operation, open, { authorization: "" }))
        assert.match(without.body, /no valid Basic authorization/)
      }
      assert.match((yield* server.be(request("load", open, his))).body, /Access denied/)
      assert.strictEqual((yield* cancel(open, his)).status, 401)
      assert.strictEqual(yield* state(open), "PREPARE")
      yield* server.be(request("load", open, mine))
      yield* server.be(request("prepare", open, mine))
      for (const operation of ["commit", "rollback"]) {
        assert.strictEqual((yield* server.fe(request(operation, open, his))).status, 401)
      }
      assert.strictEqual((yield* cancel(open, his)).status, 401)
      assert.strictEqual(yield* state(open), "PREPARED")

      yield* server.sql(`GRANT INSERT ON TABLE ${database}.${table} TO USER '${login.user}'@'%'`)
      assert.match((yield* server.fe(request("commit", open, his))).body, /"OK"/)
      assert.strictEqual(yield* state(open), "VISIBLE")
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 1)
      const other = newLabel()
      yield* server.be(request("begin", other, mine))
      assert.match((yield* server.be(request("load", other, his))).body, /"OK"/)
      assert.match((yield* cancel(other, his)).body, /"OK"/)
      assert.strictEqual(yield* state(other), "ABORTED")
    }).pipe(Effect.scoped))

  it.effect("a password is needed, and a new one counts at once, for MySQL and for HTTP", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const login = yield* user(server)
      assert.lengthOf(yield* query(server, login, "SELECT 1"), 1)
      for (const wrong of [{ ...login, password: "no" }, { ...login, password: "" }, { user: "nobody_here" }]) {
        const error = yield* refused(server, wrong, "SELECT 1")
        assert.deepStrictEqual([error.code, error.state], [1045, "28000"])
      }
      yield* server.sql(`ALTER USER '${login.user}'@'%' IDENTIFIED BY 'second'`)
      assert.strictEqual((yield* refused(server, login, "SELECT 1")).code, 1045)
      const second = { ...login, password: "second" }
      // A user may change his own password.
      yield* query(server, second, "SET PASSWORD = PASSWORD('third')")
      assert.strictEqual((yield* refused(server, second, "SELECT 1")).code, 1045)
      const third = { ...login, password: "third" }
      assert.lengthOf(yield* query(server, third, "SELECT 1"), 1)
      const health = (who: Login) =>
        server.fe({
          method: "PUT",
          path: `/api/${server.database}/nowhere/_stream_load`,
          headers: { authorization: authorization(who) },
          expect: true,
          body: "x"
        }).pipe(Effect.map((answer) => answer.status))
      assert.deepStrictEqual([yield* health(third), yield* health(second)], [307, 401])
      yield* server.sql(`DROP USER '${login.user}'@'%'`)
      assert.strictEqual((yield* refused(server, third, "SELECT 1")).code, 1045)
    }).pipe(Effect.scoped))

  it.effect("reading, changing and dropping need their privileges, and say which one is missing", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { database } = server
      const table = yield* server.table(tColumns)
      const secret = yield* server.table(tColumns)
      const login = yield* user(server)
      const database5203 = yield* refused(server, { ...login, database }, "SELECT 1")
      assert.deepStrictEqual([database5203.code, database5203.state], [5203, "42000"])
      assert.match(database5203.message, /the ANY privilege\(s\) on DATABASE/)
      const select = yield* refused(server, login, `SELECT * FROM ${database}.${table}`)
      assert.deepStrictEqual([select.code, select.state], [5203, "42000"])
      assert.include(
        select.message,
        `you need (at least one of) the SELECT privilege(s) on TABLE ${table} for this operation`
      )
      yield* server.sql(`GRANT SELECT ON ${database}.${table} TO '${login.user}'@'%'`)
      assert.lengthOf(yield* query(server, { ...login, database }, `SELECT * FROM ${table}`), 0)
      // Every table that a statement reads is looked at, however it is named.
      for (
        const statement of [
          `SELECT * FROM ${table}, ${secret}`,
          `SELECT * FROM ${table} t JOIN ${database}.${secret} s ON t.id = s.id`,
          `SELECT * FROM (SELECT * FROM ${secret}) s`,
          `SELECT id FROM ${table} WHERE id IN (SELECT id FROM ${secret})`,
          `SELECT * FROM ${table} UNION ALL SELECT * FROM ${secret}`,
          `WITH ${secret} AS (SELECT * FROM ${secret}) SELECT * FROM ${secret}`,
          `WITH a AS (SELECT 1 AS id) SELECT * FROM ${secret} AS ${secret}(a, b, c, d)`,
          `SELECT * FROM (WITH ${secret} AS (SELECT 1) SELECT * FROM ${secret}) x, ${secret}`,
          `SELECT * FROM (${table} JOIN ${secret} USING (id))`,
          `SELECT (SELECT max(id) FROM default_catalog.${database}.${secret})`
        ]
      ) {
        assert.strictEqual((yield* refused(server, { ...login, database }, statement)).code, 5203, statement)
      }
      const denied = {
        [`ALTER TABLE ${database}.${table} ADD COLUMN a INT`]: /ALTER privilege/,
        [`DROP TABLE ${database}.${table}`]: /DROP privilege/,
        [`TRUNCATE TABLE ${database}.${table}`]: /DELETE privilege/,
        [`CREATE TABLE ${database}.x (id INT) PRIMARY KEY (id)`]: /CREATE TABLE privilege/,
        [`DROP DATABASE ${database}`]: /DROP privilege/,
        "CREATE DATABASE not_by_you": /CREATE DATABASE privilege/,
        "SHOW BACKENDS": /OPERATE privilege/,
        "SHOW PROC '/backends'": /OPERATE privilege/,
        "CREATE USER x": /GRANT privilege/,
        [`GRANT INSERT ON ${database}.${table} TO '${login.user}'@'%'`]: /GRANT privilege/
      }
      for (const [statement, message] of Object.entries(denied)) {
        const error = yield* refused(server, login, statement)
        assert.strictEqual(error.code, 5203, statement)
        assert.match(error.message, message)
      }
      const seen = yield* query(server, { ...login, database }, "SHOW TABLES")
      assert.deepStrictEqual(seen.map((row) => Object.values(row)[0]), [table])
      assert.strictEqual((yield* refused(server, login, `DESC ${database}.${secret}`)).code, 5203)
    }).pipe(Effect.scoped))

  it.effect("GRANT and REVOKE in both spellings, whole databases, and SHOW GRANTS", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { database } = server
      const table = yield* server.table(tColumns)
      const login = yield* user(server)
      const read = query(server, login, `SELECT * FROM ${database}.${table}`)
      yield* server.sql(`GRANT SELECT, INSERT ON ALL TABLES IN DATABASE ${database} TO USER '${login.user}'@'%'`)
      yield* read
      const [grant] = (yield* grants(server, login)).filter((text) => text.includes("ALL TABLES IN DATABASE"))
      assert.match(grant ?? "", /^GRANT (SELECT, INSERT|INSERT, SELECT) ON ALL TABLES IN DATABASE/)
      yield* server.sql(`REVOKE SELECT ON ALL TABLES IN DATABASE ${database} FROM USER '${login.user}'@'%'`)
      assert.strictEqual((yield* Effect.flip(read)).code, 5203)
      yield* server.sql(`GRANT ALL ON ALL TABLES IN ALL DATABASES TO '${login.user}'@'%'`)
      yield* server.sql(`GRANT CREATE TABLE ON DATABASE ${database} TO '${login.user}'@'%'`)
      yield* read
      yield* query(
        server,
        { ...login, database },
        `CREATE TABLE by_${login.user} (id INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
      )
      yield* query(server, { ...login, database }, `DROP TABLE by_${login.user}`)
      assert.strictEqual((yield* refused(server, login, `DROP DATABASE ${database}`)).code, 5203)
      assert.strictEqual((yield* Effect.flip(server.sql("GRANT SELECT ON nowhere.t TO 'no_such_user'@'%'"))).code, 1064)
      const users = (yield* server.sql("SHOW USERS")).map((row) => row["User"])
      assert.include(users, `'${login.user}'@'%'`)
      const duplicate = yield* Effect.flip(server.sql(`CREATE USER '${login.user}'@'%'`))
      assert.match(duplicate.message, /user already exists/)
      yield* server.sql(`CREATE USER IF NOT EXISTS '${login.user}'@'%'`)
      yield* server.sql("DROP USER IF EXISTS no_such_user")
      assert.strictEqual((yield* Effect.flip(server.sql("DROP USER no_such_user"))).code, 1064)
    }).pipe(Effect.scoped))

  it.effect("the old GRANT on a database's star is understood; a user of another address does not come in", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const login = yield* user(server, "")
      yield* server.sql(`GRANT SELECT ON ${server.database}.* TO '${login.user}'@'%'`)
      assert.lengthOf(yield* query(server, login, `SELECT * FROM ${server.database}.${table}`), 0)
      const elsewhere = `e${login.user}`
      yield* server.sql(`CREATE USER '${elsewhere}'@'10.255.255.254' IDENTIFIED WITH mysql_native_password BY 'x'`)
      assert.strictEqual((yield* refused(server, { user: elsewhere, password: "x" }, "SELECT 1")).code, 1045)
      yield* server.sql(`DROP USER '${elsewhere}'@'10.255.255.254'`)
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)(
    "users, passwords and grants survive a restart, and no password is in the files",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* TemporaryDirectory.make("users")
        const endpoint = EmbeddedStarRocks.make({ dataDir, database: "d" })
        const root = { user: "root" }
        yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* endpoint
          yield* query(server, root, "CREATE TABLE d.t (id INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
          yield* query(server, root, "CREATE USER reader IDENTIFIED BY 'clear_password_1'")
          yield* query(server, root, "GRANT SELECT ON d.t TO reader")
          yield* query(server, root, "SET PASSWORD = PASSWORD('clear_password_2')")
        }))
        yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* endpoint
          const reader = { user: "reader", password: "clear_password_1" }
          assert.lengthOf(yield* query(server, reader, "SELECT * FROM d.t"), 0)
          assert.strictEqual((yield* refused(server, reader, "DROP TABLE d.t")).code, 5203)
          assert.strictEqual((yield* refused(server, root, "SELECT 1")).code, 1045)
          yield* query(server, { ...root, password: "clear_password_2" }, "DROP TABLE d.t")
          // What was granted on a table goes with it.
          const grants = yield* query(server, reader, "SHOW GRANTS")
          assert.lengthOf(grants, 0)
        }))
        const file = yield* Effect.promise(() => readFile(join(dataDir, "endpoint.duckdb")))
        assert.isFalse(file.includes("clear_password"))
      }).pipe(Effect.scoped)
  )
})
