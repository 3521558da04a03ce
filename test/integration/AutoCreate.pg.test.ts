import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Settings from "../../src/domain/config/Settings.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

/** A source of its own, an endpoint without tables, and the environment of a job between the two. */
const start = Effect.fnUntraced(function*(tables: string, extra: Readonly<Record<string, string>> = {}) {
  const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  const endpoint = yield* Effect.orDie(StarRocksEndpoint.start)
  const sql = Context.get(yield* Layer.build(StarRocksSql.layer(endpoint.sink)), StarRocksSql)
  return {
    source,
    query: (statement: string) => Effect.orDie(sql.query(statement)),
    environment: DbmazzProcess.jobEnvironment(source, { ...endpoint.sink, database: "made" }, {
      TABLES: tables,
      SLOT_NAME: `slot_of_${source.database}`,
      AUTO_CREATE_TABLES: "true",
      ...extra
    })
  }
})

/** Columns of every mapped type, and names that need their quotes. */
const WIDE = `create table "Wide Ones" (
  note text, id bigint, b boolean, i2 smallint, i4 int, f4 real, f8 double precision, n numeric, n2 numeric(12, 2),
  n40 numeric(40, 10), v varchar(5), c char(3), u uuid, d date, t time, ts timestamp, tz timestamptz, j json, jb jsonb,
  bin bytea, "select" int, "Größe" text, "名前" text, "a b, ""c""" int, "Region" text, primary key ("Region", id))`
const WIDE_ROWS = `insert into "Wide Ones" values
  (repeat('🦀', 100000), 1, true, -32768, 2147483647, 1.5, 0.1, 12345678901234567890.123456789, -9999999999.99,
   123456789012345678901234567890.1234567891, '🦀🦀🦀🦀🦀', 'é', gen_random_uuid(), '0001-01-01', '23:59:59.999999',
   '9999-12-31 23:59:59.999999', '2024-02-29 12:00:00.5+05:30', '{"a": [1, null]}', '{"b": "ü"}', '\\x00ff', 1, 'ß', '字', 2, 'eu'),
  (null, 2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, 'eu'),
  ('', 2, false, 0, 0, 0, 0, 0, 0, 0, '', '', null, '2024-01-01', '00:00', '2024-01-01', '2024-01-01', '[]', '0', '', 0, '',
   '', 0, '')`

/** One table for each kind of key that StarRocks has another type for, and one of several columns. */
const KEYS: ReadonlyArray<readonly [table: string, type: string, rows: string, changed: string]> = [
  ["of_integer", "numeric(10)", "('1'), ('-9999999999'), ('7')", "8"],
  ["of_large", "numeric(38)", `('${"9".repeat(38)}'), ('-1'), ('7')`, "8"],
  ["of_decimal", "numeric(6, 3)", "('0.001'), ('-999.999'), ('7')", "-0.5"],
  ["of_numeric", "numeric", "('1e30'), ('NaN'), ('-Infinity'), ('7')", "1.50"],
  ["of_uuid", "uuid", `('${"0".repeat(31)}1'), ('${"f".repeat(32)}'), ('${"0".repeat(31)}7')`, "0".repeat(32)],
  ["of_char", "char(5)", "('a'), ('é'), ('7')", "b"],
  ["of_text", "text", `('a''b\\c'), ('${"x".repeat(128)}'), (''), ('7')`, "8 "],
  ["of_bytes", "bytea", "('\\x00'), (''), ('7')", "8"],
  ["of_double", "double precision", "('-2.2250738585072014e-308'), ('NaN'), ('0.1'), ('7')", "8"],
  ["of_date", "date", "('0001-01-01'), ('9999-12-31'), ('2007-07-07')", "2008-08-08"],
  ["of_instant", "timestamptz", "('2024-01-01 00:00:00.000001+02'), ('2007-07-07')", "2008-08-08"],
  ["of_boolean", "boolean", "('t')", "f"],
  ["of_time", "time", "('00:00'), ('23:59:59.999999')", "08:00"],
  ["of_mood", "mood", "('sad'), ('a,\"b\"'), ('7')", "8"],
  ["of_their_mood", "theirs.mood", "('8'), ('7'), ('x')", "9"],
  ["of_document", "jsonb", "('{\"a\": 1}'), ('[]'), ('7')", "8"]
]

layer(PostgresServer.layer(), { excludeTestServices: true })("AUTO_CREATE_TABLES", (it) => {
  it.effect("T37 T42 T44 T45 T49 T71 on an empty sink every table is created, rows of every type arrive, and verify says equal", () =>
    Effect.gen(function*() {
      const { environment, query, source } = yield* start("*", { COLUMNS_EXCLUDE: "*.secret" })
      yield* run(source, WIDE)
      yield* run(
        source,
        `create schema theirs; create type mood as enum ('sad', '7', 'a,"b"', '8');
         create type theirs.mood as enum ('x', '9', '8', '7')`
      )
      for (const [table, type] of KEYS) {
        yield* run(source, `create table ${table} (n int, secret point, k ${type} primary key)`)
      }
      const check = yield* DbmazzProcess.start(["check"], environment)
      assert.strictEqual(yield* check.exit, 0, check.log())
      assert.include(check.output(), "CREATE DATABASE IF NOT EXISTS `made`")
      assert.include(check.output(), "CREATE TABLE IF NOT EXISTS `made`.`Wide Ones` (\n")
      assert.include(check.output(), "PRIMARY KEY (`Region`, `id`)")
      assert.include(check.output(), "\"replication_num\" = \"1\"")
      assert.deepStrictEqual(yield* query("SHOW DATABASES LIKE 'made'"), [])

      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(source, WIDE_ROWS)
      for (const [table, , rows, changed] of KEYS) {
        yield* run(source, `insert into ${table} (k) values ${rows}; update ${table} set n = 1`)
        yield* run(source, `update ${table} set k = '${changed}' where ctid = (select min(ctid) from ${table})`)
      }
      yield* run(source, "delete from of_mood where k = '7'; delete from of_their_mood where k = '7'")
      yield* run(source, "update \"Wide Ones\" set i4 = 3; update \"Wide Ones\" set \"Region\" = 'us' where id = 1")
      yield* run(source, "delete from of_uuid where k = '00000000-0000-0000-0000-000000000000'")
      const settings = Result.getOrThrow(Settings.fromEnv(environment))
      const verified = yield* Verify.verify(settings, ARRIVAL_MS_MAX)
      assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
      assert.isTrue(verified.equal)
      assert.strictEqual(Object.keys(verified.tables).length, KEYS.length + 1)
      for (const [name, table] of Object.entries(verified.tables)) {
        assert.isAbove(table.source, 0, name)
        assert.strictEqual(table.sink, table.source, name)
      }
      assert.isUndefined(
        (yield* query("DESC made.of_uuid")).find((column) => column["Field"] === "secret")
      )
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0, job.log())

      const again = yield* DbmazzProcess.start(["check"], environment)
      assert.strictEqual(yield* again.exit, 0)
      assert.include(again.output(), "run would change nothing")
    }))

  it.effect("T47 columns that differ only by case are refused by name, and one of them can be left out", () =>
    Effect.gen(function*() {
      const { environment, source } = yield* start("mixed")
      yield* run(source, "create table mixed (id int primary key, name text, \"Name\" text)")
      const job = yield* DbmazzProcess.start(["run"], environment)
      assert.strictEqual(yield* job.exit, 78)
      assert.include(job.log(), "Columns name, Name of table 'public.mixed' differ only by case")
      const check = yield* DbmazzProcess.start(["check"], { ...environment, COLUMNS_EXCLUDE: "mixed.\"Name\"" })
      assert.strictEqual(yield* check.exit, 0, check.output())
    }))

  it.effect("94 a row whose key is too long stops its table with the row's name, and no other table", () =>
    Effect.gen(function*() {
      const { environment, query, source } = yield* start("texts,others")
      yield* run(source, "create table texts (k text primary key); create table others (id int primary key)")
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(source, `insert into texts values ('fits'), ('long${"x".repeat(125)}'); insert into others values (1)`)
      yield* job.logged("VALUE_UNREPRESENTABLE")
      assert.include(job.log(), "it takes 129 bytes there")
      assert.include(job.log(), "make `made`.`texts` anew with the shorter primary key")
      yield* run(source, "insert into others values (2)")
      yield* query("SELECT count(*) AS n FROM made.others").pipe(
        Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: ([row]) => row?.["n"] === "2" })
      )
      assert.notInclude(job.log(), "primary key size exceed")
    }))
})
