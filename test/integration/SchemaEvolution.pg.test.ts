import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

const start = (extra: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const { database } = replica.sink
    const environment = replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "200", ...extra })
    const types = (table: string) =>
      Effect.map(
        replica.query(`DESC ${database}.${table}`),
        (found) => new Map(found.map((row) => [row["Field"], String(row["Type"]).toLowerCase()]))
      )
    /** Live rows; none while a column is missing. */
    const rows = Effect.fnUntraced(function*(columns: string, table = "items") {
      const there = yield* types(table)
      const named = (columns.match(/\w+/g) ?? []).filter((name) => name !== "length")
      if (!["dbmazz_is_deleted", ...named].every((name) => there.has(name))) return []
      const found = yield* replica.query(
        `SELECT ${columns} FROM ${database}.${table} WHERE dbmazz_is_deleted = false ORDER BY id`
      )
      return found.map((row) => Object.values(row).map(String).join(" "))
    })
    const shows = Effect.fnUntraced(function*(columns: string, expected: ReadonlyArray<string>, table = "items") {
      yield* rows(columns, table).pipe(
        Effect.repeat({
          schedule: PostgresServer.pollEvery,
          until: (found) => JSON.stringify(found) === JSON.stringify(expected)
        }),
        Effect.timeoutOption(ARRIVAL_MS_MAX)
      )
      assert.deepStrictEqual(yield* rows(columns, table), expected)
    })
    return {
      ...replica,
      environment,
      rows,
      shows,
      columns: types("items"),
      sql: (statements: string) => run(replica.source, statements),
      job: Effect.gen(function*() {
        const job = yield* DbmazzProcess.start(["run"], environment)
        yield* job.logged("\"replicating\"")
        return job
      }),
      changes: Effect.map(
        replica.query(`SHOW ALTER TABLE COLUMN FROM ${database} WHERE TableName = 'items'`),
        (jobs) => jobs.length
      ),
      verified: Effect.suspend(() => Verify.verify(Result.getOrThrow(Settings.fromEnv(environment)), ARRIVAL_MS_MAX))
    }
  })

const stopped = Effect.fnUntraced(function*(job: DbmazzProcess.DbmazzProcess) {
  yield* job.logged("SCHEMA_CHANGED")
  const line = job.log().split("\n").find((each) => each.includes("SCHEMA_CHANGED")) ?? ""
  return { line, statements: [...line.matchAll(/ALTER TABLE [^;]+;/g)].map(([statement]) => statement) }
})

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "120 seconds" })(
  "A source table whose columns change",
  (it) => {
    it.effect("T53 added columns arrive with their defaults, in and between transactions, one or many, rolled back or gone again", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "items,born", AUTO_CREATE_TABLES: "true" })
        const { sql } = replica
        yield* sql("create table born (id bigint primary key, v varchar(10))")
        // The texts of old rows' values are not to be those of the database.
        for (const setting of ["extra_float_digits = -15", "timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'"]) {
          yield* sql(`alter database ${replica.source.database} set ${setting}`)
        }
        const job = yield* replica.job
        yield* sql("insert into items values (1, 'old'), (2, 'old'); insert into born values (1, 'old')")
        yield* replica.caughtUp
        yield* sql("alter table items add column a int; insert into items values (3, 'x', 3)")
        yield* sql(
          "begin; insert into items values (4, 'x', 4); alter table items add column b text default 'it''s \\ \"b\"'; " +
            "insert into items (id) values (5); alter table items add column c numeric(6, 2) default 12.5, " +
            "add column d timestamptz default now(); update items set c = 1 where id = 1; commit"
        )
        yield* sql("begin; alter table items add column undone int; insert into items (id) values (99); rollback")
        yield* sql(
          "create type mood as enum ('sad', 'ok'); create domain small as int; " +
            "alter table items add column e mood default 'ok', add column f small default 7, add column g bool default true, " +
            "add column h date default '2024-02-29', add column i float8 default 0.123456789012345, " +
            "add column j jsonb, add column p tstzrange default '[\"2024-01-01 00:00:00+00\",)', " +
            "add column q interval default '1 day'; " +
            "insert into items (id, e, f, j) values (6, 'sad', 8, '{\"k\": 1}')"
        )
        yield* sql("alter table born add column n bigint default 9000000000; insert into born values (2, 'new', 2)")
        yield* replica.shows("id, f", ["1 7", "2 7", "3 7", "4 7", "5 7", "6 8"])
        yield* replica.shows("id, n", ["1 9000000000", "2 2"], "born")
        const verified = yield* replica.verified
        assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
        assert.isTrue(verified.equal)
        const columns = yield* replica.columns
        assert.deepStrictEqual(["a", "f", "h", "undone"].map((name) => columns.get(name)), [
          "int",
          "int",
          "date",
          undefined
        ])
        assert.include(job.log(), "\"statement\":\"ALTER TABLE `shop`.`items` ADD COLUMN `a` INT NULL\"")

        // Every row gets a value of its own, which PostgreSQL sends to nobody.
        yield* sql("alter table items add column u uuid default gen_random_uuid(); insert into items (id) values (10)")
        yield* job.logged("which PostgreSQL did not send")
        const statement = /UPDATE [^;]+;/.exec(job.log())?.[0] ?? ""
        yield* sql(statement.replaceAll("\\\"", "\""))
        yield* replica.shows("id, f", ["1 7", "2 7", "3 7", "4 7", "5 7", "6 8", "10 7"])
        assert.isTrue((yield* replica.verified).equal)

        // The catalogue is newer than the WAL: a column that came and went before it was read, and one under another name.
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0, job.log())
        yield* sql("alter table items add column gone text; insert into items (id, gone) values (7, 'was here')")
        yield* sql("alter table items drop column gone; insert into items (id) values (8)")
        yield* sql("alter table items add column k int default 5; insert into items (id, k) values (9, 6)")
        yield* replica.job
        yield* replica.shows("id, gone, k", [
          "1 null 5",
          "2 null 5",
          "3 null 5",
          "4 null 5",
          "5 null 5",
          "6 null 5",
          "7 was here 5",
          "8 null 5",
          "9 null 6",
          "10 null 5"
        ])
        const last = yield* replica.verified
        assert.deepStrictEqual(Object.values(last.tables).flatMap((table) => table.examples), [])
        assert.isTrue(last.equal)
      }))

    it.effect("T53 a slow ALTER holds no other table, is not run twice after a kill, and no row is loaded without its column", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "items,others", AUTO_CREATE_TABLES: "true" })
        const { endpoint: { faults }, sql } = replica
        yield* sql("create table others (id bigint primary key)")
        const job = yield* replica.job
        yield* sql("insert into items values (1, 'old')")
        yield* replica.caughtUp
        faults.on("schema-change-running", { table: "items" })
        yield* sql("alter table items add column a int default 7; insert into items values (2, 'new', 2)")
        yield* job.logged("the others go on")
        const held = yield* replica.positions
        for (const id of [1, 2, 3]) {
          yield* sql(`insert into others values (${id}); update items set a = ${id} where id = 2`)
          yield* replica.shows("id", [1, 2, 3].slice(0, id).map(String), "others")
        }
        assert.deepStrictEqual(yield* replica.rows("id"), ["1"])
        assert.deepStrictEqual(yield* replica.positions, held)
        yield* job.kill("SIGKILL")
        yield* job.exit

        const again = yield* replica.job
        yield* again.logged("the others go on")
        yield* sql("insert into others values (4)")
        yield* replica.shows("id", ["1", "2", "3", "4"], "others")
        assert.strictEqual(yield* replica.changes, 2, "the audit columns and this one")
        faults.off()
        yield* replica.shows("id, a", ["1 7", "2 3"])
        assert.strictEqual(yield* replica.changes, 2)
        yield* sql("insert into items values (3, 'later', 3)")
        assert.isTrue((yield* replica.verified).equal)
        yield* again.kill("SIGTERM")
        assert.strictEqual(yield* again.exit, 0, again.log())
      }))

    it.effect("a job that is told to end while a table is altered says that its rows are not loaded", () =>
      Effect.gen(function*() {
        const replica = yield* start()
        const job = yield* replica.job
        yield* replica.sql("insert into items values (1, 'old')")
        yield* replica.caughtUp
        replica.endpoint.faults.on("schema-change-running", { table: "items" })
        yield* replica.sql("alter table items add column a int; insert into items values (2, 'new', 2)")
        yield* job.logged("the others go on")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 1)
        assert.include(job.log(), "which is not over yet")
        replica.endpoint.faults.off()
        yield* replica.job
        yield* replica.shows("id, a", ["1 null", "2 2"])
      }))

    it.effect("T52 a renamed column is added and the old one keeps its values, a dropped one is not written any more, both are told", () =>
      Effect.gen(function*() {
        const replica = yield* start()
        const { sql } = replica
        const job = yield* replica.job
        yield* sql(
          "alter table items add column extra int default 1; insert into items values (1, 'one'), (2, 'two'), (9, 'nine')"
        )
        yield* replica.shows("id, name, extra", ["1 one 1", "2 two 1", "9 nine 1"])
        yield* sql("alter table items rename column name to title; update items set title = 'ONE' where id = 1")
        yield* replica.shows("id, name, title", ["1 one ONE", "2 two null", "9 nine null"])
        // StarRocks has the row, but not yet the large value that the update does not touch.
        yield* sql("alter table items add column doc text; alter table items alter column doc set storage external")
        yield* sql(
          "update items set doc = repeat('d', 20000); alter table items rename column doc to page"
        )
        yield* sql("update items set title = 'TWO' where id = 2")
        yield* replica.shows("id, title, length(page)", ["1 ONE null", "2 TWO 20000", "9 nine null"])
        yield* job.logged("is now called 'title'")
        assert.include(
          job.log(),
          "UPDATE `shop`.`items` SET `title` = `name` WHERE `title` IS NULL;"
        )
        yield* sql(
          "update items set extra = 2 where id = 1; alter table items drop column extra; " +
            "update items set title = 'One' where id = 1; insert into items values (3, 'three')"
        )
        yield* replica.shows("id, title, extra", ["1 One 2", "2 TWO 1", "3 three 1", "9 nine 1"])
        yield* job.logged("column 'extra' of public.items is gone")
        // What the rows had when the column was added is not what they have when it gets another name.
        yield* sql("alter table items add column e int default 7; update items set e = 8 where id = 1")
        yield* replica.shows("id, e", ["1 8", "2 7", "3 7", "9 7"])
        yield* sql("alter table items rename column e to f; update items set title = 'Two' where id = 2")
        yield* replica.shows("id, e, f", ["1 8 null", "2 7 7", "3 7 null", "9 7 null"])
        // A run that did not see the change knows as little of it.
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0)
        yield* replica.job
        yield* sql("update items set title = 'NINE' where id = 9")
        yield* replica.shows("id, title, length(page)", ["1 One 20000", "2 Two 20000", "3 three null", "9 NINE 20000"])
      }))

    it.effect("types that grow are widened before the first value that needs it, also when the change was made while nobody looked", () =>
      Effect.gen(function*() {
        const replica = yield* start()
        const { sql } = replica
        yield* sql(
          "alter table items add column i int, add column f real, add column n numeric(6, 2), add column v varchar(3), " +
            "add column d date, add column t int, add column w varchar(3)"
        )
        const job = yield* replica.job
        yield* sql("insert into items values (1, 'x', 1, 1.5, 1.25, 'abc', '2024-01-01', 5, 'abc')")
        yield* replica.shows("id, i, f, n, v, d, t, w", ["1 1 1.5 1.25 abc 2024-01-01 5 abc"])
        yield* sql(
          "alter table items alter i type bigint, alter f type float8, alter n type numeric(12, 4), " +
            "alter v type varchar(2000), alter d type timestamp, alter t type text, alter w type text; " +
            "insert into items values (2, 'x', 9000000000, 0.1, 12345678.1234, repeat('é', 2000), '2024-01-01 10:00', 'five', " +
            "repeat('w', 100000))"
        )
        const expected = [
          "1 1 1.5 1.2500 3 2024-01-01 00:00:00 5 3",
          "2 9000000000 0.1 12345678.1234 4000 2024-01-01 10:00:00 five 100000"
        ]
        yield* replica.shows("id, i, f, n, length(v), d, t, length(w)", expected)
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0, job.log())
        yield* sql(
          "alter table items alter i type numeric(20), alter n type numeric(30, 8), alter v type varchar(5000)"
        )
        yield* sql("insert into items (id, n, v) values (3, 1234567890123456789012.12345678, repeat('v', 9000 - 4000))")
        yield* replica.job
        yield* replica.shows("id, n, length(v)", [
          "1 1.25000000 3",
          "2 12345678.12340000 4000",
          "3 1234567890123456789012.12345678 5000"
        ])
        assert.isTrue((yield* replica.verified).equal)
      }))

    it.effect("a type that StarRocks cannot follow, a NOT NULL column that is gone and the key stop the table; the remedy mends it", () =>
      Effect.gen(function*() {
        const replica = yield* start()
        const { database } = replica.sink
        const { sql } = replica
        /** Runs what the table's error says, and begins anew. */
        const mend = Effect.fnUntraced(function*(job: DbmazzProcess.DbmazzProcess) {
          const { line, statements } = yield* stopped(job)
          assert.strictEqual(yield* job.exit, 1)
          for (const statement of statements) {
            yield* replica.query(statement)
            yield* replica.query(`SHOW ALTER TABLE COLUMN FROM ${database}`).pipe(
              Effect.repeat({
                schedule: PostgresServer.pollEvery,
                until: (jobs) => jobs.every((row) => row["State"] === "FINISHED")
              })
            )
          }
          return { line, statements, job: yield* replica.job }
        })
        yield* replica.query(`ALTER TABLE ${database}.items ADD COLUMN must VARCHAR(9) NOT NULL DEFAULT "x"`)
        yield* sql("alter table items add column n int, add column must text not null default 'y'")
        const first = yield* replica.job
        yield* sql("insert into items values (1, 'x', 1)")
        yield* replica.shows("id, n, must", ["1 1 y"])
        yield* sql(
          "alter table items alter n type date using '2024-01-01'; insert into items values (2, 'x', '2024-02-02')"
        )
        const misfit = yield* mend(first)
        assert.deepStrictEqual(misfit.statements, [
          "ALTER TABLE `shop`.`items` RENAME COLUMN `n` TO `n_before`;",
          "ALTER TABLE `shop`.`items` ADD COLUMN `n` DATE NULL;"
        ])
        yield* replica.shows("id, n, n_before", ["1 null 1", "2 2024-02-02 null"])
        yield* sql("alter table items drop column must; insert into items values (3, 'x', '2024-03-03')")
        yield* replica.shows("id, must", ["1 y", "2 y", "3 x"])
        yield* sql("alter table items rename column id to key; insert into items values (4, 'x', '2024-04-04')")
        const key = yield* stopped(misfit.job)
        assert.deepStrictEqual(key.statements, [], "StarRocks alters no column of a key")
        assert.include(key.line, "Take the table out with TABLES_EXCLUDE")
        assert.strictEqual(yield* misfit.job.exit, 1)
      }))

    it.effect("SCHEMA_CHANGE_POLICY: stop alters nothing and says what to run, add only adds", () =>
      Effect.gen(function*() {
        const replica = yield* start({ SCHEMA_CHANGE_POLICY: "stop" })
        const { sql } = replica
        const job = yield* replica.job
        yield* sql("insert into items values (1, 'x')")
        yield* replica.caughtUp
        yield* sql("alter table items add column a int; insert into items values (2, 'x', 2)")
        const { statements } = yield* stopped(job)
        assert.deepStrictEqual(statements, ["ALTER TABLE `shop`.`items` ADD COLUMN `a` INT NULL;"])
        assert.strictEqual(yield* job.exit, 1)
        assert.isFalse((yield* replica.columns).has("a"))
        const refused = yield* DbmazzProcess.start(["run"], replica.environment)
        assert.strictEqual(yield* refused.exit, 78)
        const adding = { ...replica.environment, SCHEMA_CHANGE_POLICY: "add" }
        const check = yield* DbmazzProcess.start(["check"], adding)
        assert.strictEqual(yield* check.exit, 0)
        assert.include(check.output(), "ALTER TABLE `shop`.`items` ADD COLUMN `a` INT NULL")
        const added = yield* DbmazzProcess.start(["run"], adding)
        yield* replica.shows("id, a", ["1 null", "2 2"])
        yield* sql("alter table items alter a type bigint; insert into items values (3, 'x', 9000000000)")
        yield* added.logged("VALUE_UNREPRESENTABLE")
        assert.strictEqual((yield* replica.columns).get("a"), "int")
        assert.strictEqual(yield* added.exit, 1)
        // Rows that are left out are so in every shape.
        const diverting = yield* DbmazzProcess.start(["run"], { ...adding, ON_REJECTED_ROW: "divert" })
        yield* diverting.logged("\"replicating\"")
        yield* sql(
          "alter table items add column b int; insert into items values (4, 'x', 9000000001, 4), (5, 'x', 5, 6)"
        )
        yield* replica.shows("id, a, b", ["1 null null", "2 2 null", "5 5 6"])
        const rejected = yield* sql("select row_key ->> 'id' as id from dbmazz_rejected_rows order by 1")
        assert.deepStrictEqual(rejected, [{ id: "3" }, { id: "4" }])
      }))
  }
)
