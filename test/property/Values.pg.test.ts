/**
 * Generated values of every type through a whole job: PostgreSQL judges in SQL whether what StarRocks answers in SQL is
 * the value it holds. Against another version: `POSTGRES_INSTALLATION=/usr/lib/postgresql/15 npm test -- test/property/Values`.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"
import * as ValueCases from "../support/ValueCases.ts"

/** Offsets with minutes, with seconds (before 1937), with daylight saving, and beyond a day's change. */
const ZONES = ["Europe/Amsterdam", "Asia/Kathmandu", "Pacific/Apia"]
/** Rows that each session writes; more with a larger number in the environment. */
const ROWS = Number(process.env["VALUES_ROWS"] ?? 40)
const SEED = Number(process.env["VALUES_SEED"] ?? 20_240_229)
/** The texts that a session gives whose settings are those of the replication connection. */
const PINNED =
  "set datestyle = 'ISO'; set intervalstyle = 'iso_8601'; set timezone = 'UTC'; set bytea_output = 'hex'; " +
  "set extra_float_digits = 1"

type Values = ReadonlyArray<string | null>

/** The values of one row: the edges first, then generated ones, and NULL now and then. */
const rowOf = (cases: ReadonlyArray<ValueCases.ValueCase>, row: number, random: ValueCases.Random): Values =>
  cases.map((each) => each.edges[row] ?? (random() < 0.1 ? null : each.generate(random)))

const columnsOf = (cases: ReadonlyArray<ValueCases.ValueCase>, type: (each: ValueCases.ValueCase) => string): string =>
  cases.map((each, index) => `c${index} ${type(each)}`).join(", ")

/** Both tables, empty. */
const create = Effect.fnUntraced(function*(
  source: PgAddress,
  query: (statement: string) => Effect.Effect<unknown>,
  name: string,
  cases: ReadonlyArray<ValueCases.ValueCase>
) {
  yield* run(source, `create table ${name} (id int primary key, ${columnsOf(cases, (each) => each.type)})`)
  yield* query(
    `CREATE TABLE shop.${name} (id INT NOT NULL, ${columnsOf(cases, (each) => `${each.target} NULL`)})
     PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
  )
})

/** Writes the rows of one session, whose own settings must not reach the sink. */
const write = (
  source: PgAddress,
  zone: number,
  name: string,
  cases: ReadonlyArray<ValueCases.ValueCase>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* PostgresServer.connect(source)
    const random = ValueCases.random(SEED + zone)
    const places = cases.map((_, index) => `$${index + 2}`).join(", ")
    yield* Effect.promise(async () => {
      await client.query(
        `set timezone = '${ZONES[zone]}'; set datestyle = 'SQL, DMY'; set intervalstyle = 'sql_standard';
        set bytea_output = 'escape'; set extra_float_digits = -5`
      )
      // Ambiguous only for people: the texts are written in ISO.
      await client.query("begin; set local datestyle = 'ISO, YMD'")
      for (let row = 0; row < ROWS; row++) {
        const values = rowOf(cases, row, random)
        await client.query(`insert into ${name} values ($1, ${places})`, [zone * ROWS + row, ...values])
      }
      await client.query("commit")
    })
  })

type Read = ReadonlyArray<Readonly<Record<string, string | null>>>

/** The rows whose answer is not the value, for each column. */
const judge = Effect.fnUntraced(function*(
  source: PgAddress,
  name: string,
  cases: ReadonlyArray<ValueCases.ValueCase>,
  answers: Read
) {
  const client = yield* PostgresServer.connect(source)
  const ids = answers.map((row) => row["id"])
  const wrong: Array<string> = []
  yield* Effect.promise(async () => {
    await client.query(PINNED)
    for (const [index, each] of cases.entries()) {
      const { rows } = await client.query<{ id: number; held: string; x: string }>(
        `select id, format('%s', c) as held, x
           from (select id, c${index} as c from ${name}) as held
           join unnest($1::int[], $2::text[]) as answer (id, x) using (id)
          where case when num_nulls(c, x) > 0 then num_nulls(c, x) = 1 else not (${each.judge}) end
          order by id limit 1`,
        [ids, answers.map((row) => row[`c${index}`])]
      )
      for (const row of rows) {
        wrong.push(`${each.type} as ${each.target}, row ${row.id}: ${row.held.slice(0, 99)} <> ${row.x?.slice(0, 99)}`)
      }
    }
  })
  return wrong
})

/** A database with the types of the cases, an endpoint, and how to ask it. */
const stage = Effect.gen(function*() {
  const { freshDatabase } = yield* PostgresServer.PostgresServer
  const source = yield* freshDatabase
  const endpoint = yield* Effect.orDie(StarRocksEndpoint.start)
  const sql = Context.get(yield* Layer.build(StarRocksSql.layer(endpoint.sink)), StarRocksSql)
  return { source, endpoint, query: (statement: string) => Effect.orDie(sql.query(statement)) }
})

/** Asks again until the table has so many rows; the test's own timeout ends it. */
const arrived = (query: (statement: string) => Effect.Effect<Read>, name: string, count: number) =>
  query(`SELECT count(*) AS n FROM shop.${name}`).pipe(
    Effect.repeat({ until: (rows) => Number(rows[0]?.["n"]) === count, schedule: PostgresServer.pollEvery })
  )

/** Waits for something, as long as the job runs. */
const running = <A>(job: DbmazzProcess.DbmazzProcess, awaited: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.raceFirst(
    awaited,
    Effect.flatMap(job.exit, (status) => Effect.die(`the job ended with ${status}: ${job.log()}`))
  )

layer(PostgresServer.layer(), { excludeTestServices: true })("Values through a job, on real servers", (it) => {
  it.effect.each(LoadFormat.FORMATS)(
    "T36 T40 T41 T42 T43 T44 T45 T71 every type in %s: StarRocks' answer is PostgreSQL's value, in three time zones",
    (format) =>
      Effect.gen(function*() {
        const { endpoint, query, source } = yield* stage
        const tables = [["typed", ValueCases.TYPED], ["texts", ValueCases.TEXTS]] as const
        yield* run(source, ValueCases.DEFINITIONS)
        for (const [name, cases] of tables) yield* create(source, query, name, cases)
        // What the sessions of dbmazz begin with must not reach the sink either, nor its own time zone.
        for (
          const setting of [
            "timezone = 'Asia/Kathmandu'",
            "datestyle = 'German, DMY'",
            "intervalstyle = 'postgres_verbose'",
            "bytea_output = 'escape'",
            "extra_float_digits = -15"
          ]
        ) yield* run(source, `alter database ${source.database} set ${setting}`)
        const environment = {
          TABLES: "typed,texts",
          SLOT_NAME: `values_every_${format}`,
          TZ: "Pacific/Apia",
          STREAM_LOAD_FORMAT: format,
          // Small loads: one with the text \N goes as JSON lines, the others do not.
          FLUSH_BYTES: "4096",
          LOG_LEVEL: "info,StreamLoader=debug"
        }
        const job = yield* DbmazzProcess.start(
          ["run"],
          DbmazzProcess.jobEnvironment(source, endpoint.sink, environment)
        )
        yield* running(job, job.logged("\"replicating\""))
        for (const [name, cases] of tables) {
          yield* Effect.forEach(ZONES, (_, zone) => write(source, zone, name, cases), { discard: true })
        }
        for (const [name, cases] of tables) {
          yield* running(job, arrived(query, name, ZONES.length * ROWS))
          const columns = cases.map((each, index) =>
            each.target === "VARBINARY" ? `hex(c${index}) AS c${index}` : `c${index}`
          )
          const answers = yield* query(`SELECT id, ${columns.join(", ")} FROM shop.${name} ORDER BY id`)
          assert.deepStrictEqual(yield* judge(source, name, cases, answers), [])
        }
        const formats = job.log().match(/(?<="format":")\w+/g) ?? []
        assert.isNotEmpty(formats)
        const others = formats.filter((sent) => sent !== format)
        assert.isAtMost(others.length, format === "csv" ? formats.length / 4 : 0)
        const verify = yield* DbmazzProcess.start(
          ["verify"],
          DbmazzProcess.jobEnvironment(source, endpoint.sink, environment)
        )
        assert.strictEqual(yield* verify.exit, 0, `equal values are equal for verify, too: ${verify.output()}`)
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect.each(LoadFormat.FORMATS)(
    "T40 T41 T43 T71 policies: what a column cannot hold becomes what docs/type-mapping.md says, in %s",
    (format) =>
      Effect.gen(function*() {
        const { endpoint, query, source } = yield* stage
        const columns: ReadonlyArray<readonly [type: string, target: string, value: string, expected: string | null]> =
          [
            ["float8", "DOUBLE", "-Infinity", "-1.7976931348623157e+308"],
            ["numeric", "DECIMAL(5,2)", "NaN", null],
            ["numeric", "DECIMAL(5,2)", "123456", "999.99"],
            ["numeric", "DECIMAL(5,2)", "-1.005", "-1.01"],
            ["bigint", "INT", "-9000000000", "-2147483648"],
            ["timestamptz", "DATETIME", "infinity", "9999-12-31 23:59:59.999999"],
            ["date", "DATE", "0044-03-15 BC", "0001-01-01"],
            ["text", "VARCHAR(6)", "a🦀🦀", "a🦀"],
            ["bytea", "VARBINARY(2)", "\\x010203", "0102"],
            ["jsonb", "JSON", "[1e400, 1]", `["1${"0".repeat(400)}",1]`],
            ["text", "VARCHAR(1048576)", "🦀".repeat(300_000), "🦀".repeat(262_144)],
            [
              "jsonb",
              "JSON",
              `{"d": "${"0123456789".repeat(1_048_576)}"}`,
              `{"d":"${"0123456789".repeat(1_048_576)}"}`
            ],
            ["jsonb", "JSON", "null", "\"null\""],
            ["json", "JSON", "{\"a\": \"\\ud800\"}", "\"{\\\"a\\\": \\\"\\\\ud800\\\"}\""],
            ["json[]", "JSON", "{1,\"\\\"\\\\udc00\\\"\"}", JSON.stringify("{1,\"\\\"\\\\udc00\\\"\"}")],
            ["int[]", "JSON", "[0:1]={7,8}", "\"[0:1]={7,8}\""]
          ]
        yield* run(
          source,
          `create table t (id int primary key, ${columns.map(([type], index) => `c${index} ${type}`).join(", ")})`
        )
        yield* query(
          `CREATE TABLE shop.t (id INT NOT NULL, ${
            columns.map(([, target], index) => `c${index} ${target} NULL`).join(", ")
          }) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        const job = yield* DbmazzProcess.start(
          ["run"],
          DbmazzProcess.jobEnvironment(source, endpoint.sink, {
            TABLES: "t",
            SLOT_NAME: `values_policies_${format}`,
            STREAM_LOAD_FORMAT: format,
            VALUE_POLICY_NOT_FINITE: "clamp",
            VALUE_POLICY_NUMERIC_OVERFLOW: "clamp",
            VALUE_POLICY_NUMERIC_SCALE: "clamp",
            VALUE_POLICY_DATE_RANGE: "clamp",
            VALUE_POLICY_LENGTH: "clamp",
            VALUE_POLICY_JSON_NUMBER: "string",
            VALUE_POLICY_JSON_NULL: "string",
            VALUE_POLICY_JSON_TEXT: "string",
            VALUE_POLICY_ARRAY_BOUNDS: "string"
          })
        )
        yield* running(job, job.logged("\"replicating\""))
        yield* run(
          source,
          `insert into t values (1, ${columns.map((_, index) => `$${index + 1}`).join(", ")})`,
          columns.map(([, , value]) => value)
        )
        yield* running(job, arrived(query, "t", 1))
        const list = columns.map(([, target], index) =>
          `${target.startsWith("VARBINARY") ? `hex(c${index})` : `c${index}`} AS c${index}`
        )
        const [answer] = yield* query(`SELECT ${list.join(", ")} FROM shop.t`)
        for (const [index, [type, , , expected]] of columns.entries()) {
          const got = answer?.[`c${index}`] ?? null
          if (type !== "float8") assert.isTrue(got === expected, `column ${index}: ${got?.slice(0, 99)}`)
          else assert.strictEqual(Number(got), Number(expected))
        }
      }).pipe(Effect.scoped)
  )

  it.effect("T40 by default a value that has no form stops its table alone; the log says which, and never the value", () =>
    Effect.gen(function*() {
      const { endpoint, query, source } = yield* stage
      yield* run(source, "create table t (id int primary key, n numeric); create table u (id int primary key)")
      for (const columns of ["t (id INT NOT NULL, n DECIMAL(9,2) NULL)", "u (id INT NOT NULL)"]) {
        yield* query(
          `CREATE TABLE shop.${columns} PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
      }
      const job = yield* DbmazzProcess.start(
        ["run"],
        DbmazzProcess.jobEnvironment(source, endpoint.sink, { TABLES: "t,u", SLOT_NAME: "values_fail" })
      )
      yield* running(job, job.logged("\"replicating\""))
      yield* run(source, "insert into t values (7, 98765432109.5); insert into u values (1)")
      yield* job.logged("VALUE_UNREPRESENTABLE")
      yield* running(job, arrived(query, "u", 1))
      for (const part of ["public.t", "id=7", "column 'n'", "VALUE_POLICY_NUMERIC_OVERFLOW"]) {
        assert.include(job.log(), part)
      }
      assert.notInclude(job.log(), "98765432109")
      assert.deepStrictEqual(yield* query("SELECT id FROM shop.t"), [])
    }).pipe(Effect.scoped))
})
