import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A partition that is exchanged",
  (it) => {
    it.effect("T37 T56 for one with the same keys stops its table before two rows are mixed, at each start; months that go and come do not", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const sql = (statements: string) => run(replica.source, statements)
        const start = Effect.gen(function*() {
          const job = yield* DbmazzProcess.start(
            ["run"],
            replica.environment({ AUTO_CREATE_TABLES: "true", TABLES: "items,parted,monthly,away,daily" })
          )
          yield* job.logged("\"replicating\"")
          return job
        })
        const shows = (table: string, expected: ReadonlyArray<string>) =>
          replica.query(`SELECT id, n, length(doc) AS length FROM shop.${table} ORDER BY id`).pipe(
            Effect.map((rows) => rows.map((row) => Object.values(row).join(" "))),
            Effect.repeat({
              schedule: PostgresServer.pollEvery,
              until: (found) => JSON.stringify(found) === JSON.stringify(expected)
            })
          )
        yield* sql(
          `create table parted (id int primary key, n int, doc text) partition by range (id);
         create table part partition of parted for values from (0) to (10);
         create table monthly (id int primary key, n int, doc text) partition by range (id);
         create table january partition of monthly for values from (0) to (10);
         create function noise() returns text language sql volatile as
           $$ select string_agg(md5(random()::text || n), '') from generate_series(1, 600) n $$;
         create table away (id int primary key, n int, doc text) partition by range (id);
         create table gone partition of away for values from (0) to (10);
         create table daily (id int primary key, n int, doc text) partition by range (id);
         create table other (like parted including all); insert into other values (1, 0, noise());
         create table back (like parted including all); insert into back values (1, 0, noise())`
        )
        const loading = yield* start
        yield* sql("insert into parted values (1, 0, noise()); insert into monthly values (1, 0, noise())")
        yield* shows("parted", ["1 0 19200"])
        yield* shows("monthly", ["1 0 19200"])
        // One leaves before a start, and the one in its place comes after it.
        yield* sql("insert into away values (1, 0, noise())")
        yield* shows("away", ["1 0 19200"])
        yield* sql("alter table away detach partition gone")
        yield* loading.kill("SIGTERM")
        assert.strictEqual(yield* loading.exit, 0, loading.log())
        const first = yield* start
        yield* sql("drop table january")
        yield* sql("create table february partition of monthly for values from (10) to (20)")
        yield* sql("insert into monthly values (11, 0, noise())")
        yield* shows("monthly", ["1 0 19200", "11 0 19200"])
        yield* sql("update monthly set n = 1")
        yield* shows("monthly", ["1 0 19200", "11 1 19200"])

        yield* sql(
          "begin; create table today partition of daily for values from (0) to (10); insert into daily values (1, 0, noise()); commit"
        )
        yield* shows("daily", ["1 0 19200"])
        yield* sql("update daily set n = 1")
        yield* shows("daily", ["1 1 19200"])
        yield* sql("alter table away attach partition back for values from (0) to (10); update away set n = 2")
        yield* first.logged("the row id=1 of public.away")

        yield* sql(
          `alter table parted detach partition part; alter table parted attach partition other for values from (0) to (10);
         update parted set n = 2`
        )
        yield* first.logged("the row id=1 of public.parted")
        yield* sql("insert into items values (1, 'x')")
        yield* replica.caughtUp
        yield* shows("parted", ["1 0 19200"])
        yield* shows("away", ["1 0 19200"])
        yield* first.kill("SIGKILL")
        yield* first.exit
        const again = yield* start
        yield* again.logged("the row id=1 of public.parted")
        yield* again.logged("the row id=1 of public.away")
        yield* sql("insert into items values (2, 'x'); update monthly set n = 2")
        yield* replica.caughtUp
        yield* shows("monthly", ["1 0 19200", "11 2 19200"])
        yield* shows("parted", ["1 0 19200"])
        yield* again.kill("SIGTERM")
        assert.strictEqual(yield* again.exit, 1, again.log())
      }))
  }
)
