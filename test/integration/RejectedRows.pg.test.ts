import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PrometheusMetrics } from "effect/observability"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** No column, no text of StarRocks and no error looks like it. */
const SECRET = "Xylophone"
const ROWS = 120

/** How `notes` is declared in StarRocks; only the setup knows of the audit columns. */
const declared = (nameBytes: number, audit = "") =>
  `(id BIGINT NOT NULL, req INT NOT NULL, name VARCHAR(${nameBytes}) NULL${audit})
   PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`

/** A replica with a second table, `notes`: StarRocks refuses a row of it whose `req` is NULL. */
const start = (policy: string, extra: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const { database } = replica.sink
    yield* run(replica.source, "create table notes (id bigint primary key, req int, name text)")
    yield* replica.query(`CREATE TABLE ${database}.notes ${declared(50)}`)
    const environment = replica.environment({
      TABLES: "items,notes",
      ON_REJECTED_ROW: policy,
      RETRY_BASE_MS: "50",
      RETRY_MAX_MS: "200",
      ...extra
    })
    /** A table that was made anew behind the job's back, with less room than the job has seen. */
    const narrow = Effect.andThen(
      replica.query(`DROP TABLE ${database}.notes`),
      replica.query(
        `CREATE TABLE ${database}.notes ${
          declared(
            6,
            ", dbmazz_op_type TINYINT, dbmazz_is_deleted BOOLEAN, dbmazz_synced_at DATETIME, dbmazz_cdc_version BIGINT"
          )
        }`
      )
    )
    const keys = (rows: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
      rows.map((row) => Object.values(row).join(" "))
    const live = Effect.map(
      replica.query(`SELECT id, name FROM ${database}.notes WHERE dbmazz_is_deleted = false ORDER BY id`),
      keys
    )
    const sql = (statements: string) => run(replica.source, statements)
    const rejected = Effect.map(
      sql(
        "select row_key ->> 'id', operation, column_name from dbmazz_rejected_rows r order by (row_key ->> 'id')::bigint, lsn"
      ),
      keys
    )
    /** The source's rows, without those whose last change is among the rejected ones. */
    const good = Effect.map(
      sql(
        `select id, name from notes n where not exists (select from dbmazz_rejected_rows r
           where r.row_key ->> 'id' = n.id::text and n.name <> 'later') order by n.id`
      ),
      keys
    )
    const checkpointed = PostgresServer.until(
      replica.source,
      "(select lsn from dbmazz_checkpoints) > (select max(lsn) - '0/0' from dbmazz_rejected_rows)"
    )
    return { ...replica, environment, narrow, live, rejected, good, sql, checkpointed }
  })

const equal = <A, E>(one: Effect.Effect<A, E>, other: Effect.Effect<A, E>) =>
  Effect.all([one, other]).pipe(
    Effect.repeat({ schedule: PostgresServer.pollEvery, until: ([a, b]) => JSON.stringify(a) === JSON.stringify(b) })
  )

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "120 seconds" })(
  "Rows that StarRocks refuses",
  (it) => {
    it.effect("T20 T22 killed while it looks for them, each is diverted exactly once, and everything else arrives", () =>
      Effect.gen(function*() {
        const replica = yield* start("divert", { FLUSH_SIZE: "1000" })
        const { rejected, sql } = replica
        const job = yield* DbmazzProcess.start(["run"], replica.environment)
        yield* job.logged("\"replicating\"")
        yield* replica.narrow
        // NULL where none may be, too long for the new table, and too long for the one that the job knows.
        yield* sql(
          `begin;
           insert into notes values (-1, 1, 'moves');
           insert into notes select n, case when n % 40 = 7 then null else n end,
             case n % 40 when 11 then '${SECRET}' when 20 then repeat('${SECRET}', 10) else 'ok' end
             from generate_series(1, ${ROWS}) n;
           update notes set id = 1001, req = null where id = -1;
           commit`
        )
        const total = 1 + 3 * (ROWS / 40)
        yield* PostgresServer.until(replica.source, "(select count(*) from dbmazz_rejected_rows) >= 3")
        yield* job.kill("SIGKILL")
        yield* job.exit
        assert.isBelow((yield* rejected).length, total)
        const again = yield* DbmazzProcess.start(["run"], replica.environment)
        yield* equal(replica.live, replica.good)
        yield* replica.checkpointed
        const expected = [
          ...Array.from({ length: ROWS }, (_, index) => index + 1).flatMap((id) => {
            const found = new Map([
              [7, "req"],
              [11, "name"],
              [20, "name"]
            ]).get(id % 40)
            return found === undefined ? [] : [`${id} insert ${found}`]
          }),
          "1001 update req"
        ]
        assert.deepStrictEqual(yield* rejected, expected)
        // The old key of a row that moved is gone, wherever it went.
        const [moved] = yield* replica.query(
          `SELECT dbmazz_is_deleted AS gone FROM ${replica.sink.database}.notes WHERE id = -1`
        )
        assert.strictEqual(moved?.["gone"], "1")

        // What comes later of the same keys is taken as it is, a delete even of what never came.
        yield* sql("update notes set req = 1, name = 'later' where id = 7; delete from notes where id = 11")
        yield* equal(replica.live, replica.good)
        assert.include(yield* replica.live, "7 later")
        assert.deepStrictEqual(yield* rejected, expected)
        const kept = yield* sql("select string_agg(r::text, ' ') as text from dbmazz_rejected_rows r")
        for (const text of [job.log(), again.log(), String(kept[0]?.["text"])]) assert.notInclude(text, SECRET)
        assert.include(job.log(), "a string of 9 bytes is too long, the max length of 'name' is 6")
        yield* again.kill("SIGTERM")
        assert.strictEqual(yield* again.exit, 0)
      }))

    it.effect("T73 stop says table, column and reason and no value; divert then goes on where it stopped", () =>
      Effect.gen(function*() {
        const replica = yield* start("stop")
        const job = yield* DbmazzProcess.start(["run"], replica.environment)
        yield* job.logged("\"replicating\"")
        yield* replica.sql(`insert into notes values (1, 1, 'ok'), (2, null, '${SECRET}')`)
        yield* job.logged("the table is stopped")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 1)
        assert.match(job.log(), /VALUE_UNREPRESENTABLE/)
        assert.match(job.log(), /the row id=2 of public\.notes, .* has a value in column 'req' .*: it is NULL/)
        assert.include(job.log(), "ALTER TABLE `shop`.`notes` MODIFY COLUMN `req` INT NULL")
        assert.notInclude(job.log(), SECRET)
        assert.deepStrictEqual(yield* replica.sql("select to_regclass('dbmazz_rejected_rows') as oid"), [{ oid: null }])

        const own = yield* DbmazzProcess.start(["check"], { ...replica.environment, TABLES: "dbmazz_rejected_rows" })
        assert.strictEqual(yield* own.exit, 78)
        assert.include(own.output(), "is dbmazz's own table and is never replicated")

        const kept = { ...replica.environment, ON_REJECTED_ROW: "divert", REJECTED_ROW_VALUES: "keep" }
        yield* DbmazzProcess.start(["run"], kept)
        yield* replica.checkpointed.pipe(
          Effect.andThen(replica.rejected),
          // Until the setup has made the table there is none to ask.
          (look) =>
            Effect.andThen(
              PostgresServer.until(replica.source, "to_regclass('dbmazz_rejected_rows') is not null"),
              look
            )
        )
        assert.deepStrictEqual(yield* replica.live, ["1 ok"])
        assert.deepStrictEqual(
          yield* replica.sql("select row_values, label <> '' as labelled from dbmazz_rejected_rows"),
          [
            { row_values: { id: "2", req: null, name: SECRET }, labelled: true }
          ]
        )
      }))

    it.effect.each(["json", "csv"])(
      "T44 JSON that no server can read is diverted by its key and column, and the rows beside it arrive, as %s",
      (format) =>
        Effect.gen(function*() {
          const replica = yield* Replica.start
          const { database } = replica.sink
          yield* run(replica.source, "create table docs (id bigint primary key, doc json)")
          yield* replica.query(
            `CREATE TABLE ${database}.docs (id BIGINT NOT NULL, doc JSON NULL)
             PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
          )
          const job = yield* DbmazzProcess.start(
            ["run"],
            replica.environment({ TABLES: "items,docs", ON_REJECTED_ROW: "divert", STREAM_LOAD_FORMAT: format })
          )
          yield* job.logged("\"replicating\"")
          yield* run(
            replica.source,
            `insert into docs values (1, '"\\u0000"'), (2, '{"${SECRET}": "\\ud800"}'), (3, '{"a": 1, "a": 2}'),
               (4, (repeat('[', 300) || repeat(']', 300))::json), (5, '[1e400]');
             insert into docs values (6, (repeat('[', 200) || repeat(']', 200))::json)`
          )
          yield* equal(
            Effect.map(
              replica.query(`SELECT id FROM ${database}.docs ORDER BY id`),
              (rows) => rows.map(({ id }) => id)
            ),
            Effect.succeed(["1", "3", "6"])
          )
          assert.deepStrictEqual(
            yield* run(
              replica.source,
              "select row_key ->> 'id' as id, code, column_name, split_part(reason, 'see ', 2) as see from dbmazz_rejected_rows order by 1"
            ),
            [
              { id: "2", code: "VALUE_UNREPRESENTABLE", column_name: "doc", see: "VALUE_POLICY_JSON_TEXT" },
              { id: "4", code: "VALUE_UNREPRESENTABLE", column_name: "doc", see: "VALUE_POLICY_JSON_TEXT" },
              { id: "5", code: "VALUE_UNREPRESENTABLE", column_name: "doc", see: "VALUE_POLICY_JSON_NUMBER" }
            ]
          )
          assert.notInclude(job.log(), SECRET)
        })
    )

    it.effect("T37 T39 what follows a left-out row is never a mixture of two versions: it is whole, or stops the table by name", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { database } = replica.sink
        const sql = (statements: string) => run(replica.source, statements)
        yield* sql(
          `create table docs (id bigint primary key, req int, doc text);
           alter table docs alter doc set storage external`
        )
        yield* replica.query(
          `CREATE TABLE ${database}.docs (id BIGINT NOT NULL, req INT NOT NULL, doc STRING)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        const stored = (columns: string) =>
          Effect.map(
            replica.query(`SELECT ${columns} FROM ${database}.docs ORDER BY id`),
            (rows) => rows.map((row) => Object.values(row).join(" "))
          )
        /** Waits for `req`, and looks at the document beside it. */
        const arrived = Effect.fnUntraced(function*(expected: ReadonlyArray<string>) {
          yield* equal(stored("id, req"), Effect.succeed(expected.map((row) => row.slice(0, -2))))
          assert.deepStrictEqual(yield* stored("id, req, left(doc, 1) AS doc"), expected)
        })
        const environment = (policy: string) => replica.environment({ TABLES: "items,docs", ON_REJECTED_ROW: policy })
        const job = yield* DbmazzProcess.start(["run"], environment("divert"))
        yield* job.logged("\"replicating\"")
        yield* sql("insert into docs select n, n, repeat('a', 6000) from generate_series(1, 3) n")
        yield* arrived(["1 1 a", "2 2 a", "3 3 a"])
        yield* sql("update docs set req = null, doc = repeat('b', 6000) where id < 3")
        yield* PostgresServer.until(replica.source, "(select count(*) from dbmazz_rejected_rows) = 2")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0)

        const later = yield* DbmazzProcess.start(["run"], environment("stop"))
        yield* later.logged("\"replicating\"")
        yield* sql("update docs set req = 10 + id where id <> 2")
        yield* arrived(["1 11 b", "2 2 a", "3 13 a"])

        // Without old rows only StarRocks could have what an update leaves out.
        yield* sql("alter table docs replica identity default; update docs set req = 30 where id = 3")
        yield* arrived(["1 11 b", "2 2 a", "3 30 a"])
        yield* sql("update docs set req = 20 where id = 2")
        yield* later.logged("the table is stopped")
        assert.match(later.log(), /TOAST_VALUE_UNKNOWN/)
        yield* arrived(["1 11 b", "2 2 a", "3 30 a"])
      }))

    it.effect("T57 a delete by its key alone of a row that never came: the statement that the error says makes room for it", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { database } = replica.sink
        yield* run(
          replica.source,
          "create table old (id bigint primary key, n int not null); insert into old values (1, 1), (2, 2)"
        )
        yield* replica.query(
          `CREATE TABLE ${database}.old (id BIGINT NOT NULL, n INT NOT NULL)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        const environment = replica.environment({ TABLES: "items,old", REPLICA_IDENTITY: "keep" })
        const job = yield* DbmazzProcess.start(["run"], environment)
        yield* job.logged("\"replicating\"")
        yield* run(replica.source, "delete from old where id = 1; insert into old values (3, 3)")
        yield* job.logged("the table is stopped")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 1)
        assert.include(job.log(), "SR_REJECTED_LOAD")
        const statement = /ALTER TABLE \S+ MODIFY COLUMN [^;"]+(?=;)/.exec(job.log())?.[0] ?? ""
        assert.strictEqual(statement, `ALTER TABLE \`${database}\`.\`old\` MODIFY COLUMN \`n\` INT NULL`)
        yield* replica.query(statement)
        yield* DbmazzProcess.start(["run"], environment)
        const rows = Effect.map(
          replica.query(`SELECT id, n, dbmazz_is_deleted AS gone FROM ${database}.old ORDER BY id`),
          (found) => found.map(({ gone, id, n }) => `${id} ${n} ${gone}`)
        )
        yield* equal(rows, Effect.succeed(["1 null 1", "3 3 0"]))
      }))

    it.effect("health and metrics say so; a row that cannot be kept yet holds the position; too many stop the table", () =>
      Effect.gen(function*() {
        const replica = yield* start("divert", { REJECTED_ROWS_PER_HOUR: "2" })
        const job = yield* ControlledJob.start(replica.environment)
        yield* job.replicating
        yield* replica.sql("insert into notes values (1, null, 'a')")
        const first = yield* job.until(({ error_detail }) => error_detail.includes("dbmazz_rejected_rows"))
        assert.strictEqual(first.status, "SERVING")
        assert.match(
          first.error_detail,
          /^1 row of 'public\.notes' .* the insert of id=1 at .*, it is NULL, and the column is NOT NULL and has no default$/
        )
        assert.match(yield* PrometheusMetrics.format(), /dbmazz_rejected_rows_total\{table="shop\.notes"\} 1\b/)
        yield* replica.checkpointed

        // While somebody holds the table, neither the checkpoint nor the slot may pass the row.
        const before = yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* PostgresServer.connect(replica.source)
          yield* Effect.promise(() => client.query("begin; lock table dbmazz_rejected_rows in access exclusive mode"))
          const held = yield* replica.positions
          yield* replica.sql("insert into notes values (2, null, 'b'), (3, 3, 'c')")
          yield* job.until(({ error_detail }) => error_detail.includes("Rejected rows cannot be kept"))
          assert.deepStrictEqual(yield* replica.positions, held)
          return held
        }))
        yield* PostgresServer.until(replica.source, "(select count(*) from dbmazz_rejected_rows) = 2")
        yield* replica.checkpointed
        assert.notDeepEqual(yield* replica.positions, before)
        assert.deepStrictEqual(yield* replica.rejected, [1, 2].map((id) => `${id} insert req`))
        assert.deepStrictEqual(yield* replica.live, ["3 c"])

        yield* replica.sql("insert into notes values (4, null, 'd')")
        const full = yield* job.until(({ status }) => status === "NOT_SERVING")
        assert.include(full.error_detail, "Table 'public.notes' is stopped")
        assert.include(full.error_detail, "REJECTED_ROWS_PER_HOUR")
        assert.strictEqual((yield* replica.rejected).length, 2)
        yield* replica.sql("insert into items values (1, 'goes on')")
        yield* replica.caughtUp
      }))
  }
)
