import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

const TABLES = `
  create schema "Sales Q1"; create table orders (id int primary key, note text);
  create table "Sales Q1".orders (id int primary key, note text); create table "Sales Q1"."select" (id int primary key);
  create table "Größe 名" ("Id" int, "where" text, "a b" int, primary key ("Id")) partition by range ("Id");
  create table low partition of "Größe 名" for values from (0) to (100);
  create table keyless (b int not null, a int not null, note text); create unique index keyless_key on keyless (b, a);
  create table computed (id int primary key, a int, twice int generated always as (a * 2) stored);
  create table filtered (id int primary key, a int)`

const CHANGES = `
  insert into items values (1, 'one'), (2, 'two'); update items set name = 'uno' where id = 1;
  insert into orders values (1, 'ours'); insert into "Sales Q1".orders values (1, 'theirs'), (2, 'gone');
  delete from "Sales Q1".orders where id = 2; insert into "Sales Q1"."select" values (7);
  insert into "Größe 名" values (1, 'x', 1), (2, 'y', 2); update "Größe 名" set "Id" = 3 where "Id" = 2;
  delete from "Größe 名" where "Id" = 1;
  insert into keyless values (1, 2, 'a'), (2, 1, 'b'); update keyless set a = 9, note = 'c' where b = 1;
  delete from keyless where b = 2; insert into computed values (1, 21), (2, 1); update computed set a = 4 where id = 2;
  insert into filtered values (1, 1), (2, -1), (3, 3), (4, -4); update filtered set a = -3 where id = 3;
  update filtered set a = 4 where id = 4`

layer(PostgresServer.layer(), { excludeTestServices: true })("Tables of every shape", (it) => {
  it.effect(
    "T46 T47 T48 T55 of one name, partitioned, without a primary key, computed, filtered: each row in its place",
    () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { query, source } = replica
        yield* run(source, TABLES)
        const filters = (yield* PostgresServer.majorOf(source)) >= 15
        yield* run(source, `create publication dbmazz_pub for table filtered ${filters ? "where (a > 0)" : ""}`)
        const environment = replica.environment({
          TABLES: "items,orders,\"Sales Q1\".*,Größe 名,keyless,computed,filtered",
          TARGET_TABLES: "\"Sales Q1\".*=sales_*",
          AUTO_CREATE_TABLES: "true"
        })
        const checked = yield* DbmazzProcess.start(["check"], environment)
        assert.strictEqual(yield* checked.exit, 0, checked.output())
        assert.include(
          checked.output(),
          "note: 'public.keyless' has no primary key: its unique index 'keyless_key' (b, a)"
        )
        assert.strictEqual(
          checked.output().includes("note: only rows of 'public.filtered' that fit the publication's row filter"),
          filters
        )

        const job = yield* DbmazzProcess.start(["run"], environment)
        yield* job.logged("\"replicating\"")
        // What is no row: it neither stops nor shifts anything.
        yield* run(
          source,
          `select pg_logical_emit_message(true, 'p', 'in a transaction'), pg_logical_emit_message(false, 'p', 'alone');
         select pg_replication_origin_create('node ' || current_database());
         select pg_replication_origin_session_setup('node ' || current_database());
         begin; select pg_replication_origin_xact_setup('0/1', now()); ${CHANGES}; commit;
         select pg_replication_origin_session_reset();
         select pg_replication_origin_drop('node ' || current_database())`
        )
        const settings = Result.getOrThrow(Settings.fromEnv(environment))
        const verified = yield* Verify.verify(settings, ARRIVAL_MS_MAX)
        assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
        assert.deepStrictEqual(
          Object.fromEntries(
            Object.entries(verified.tables).map(([name, table]) => [name, [table.sink, table.deleted]])
          ),
          {
            items: [2, 0],
            "public.orders": [1, 0],
            "Sales Q1.orders": [1, 1],
            select: [1, 0],
            "Größe 名": [1, 2],
            keyless: [1, 2],
            computed: [2, 0],
            filtered: filters ? [2, 1] : [4, 0]
          }
        )
        assert.deepStrictEqual(yield* query("SELECT note FROM shop.sales_orders WHERE id = 1"), [{ note: "theirs" }])
        assert.deepStrictEqual(
          yield* query("SELECT `Id`, `where`, `a b` FROM shop.`Größe 名` WHERE dbmazz_is_deleted = true ORDER BY `Id`"),
          [{ Id: "1", where: "x", "a b": "1" }, { Id: "2", where: "y", "a b": "2" }],
          "a deleted row keeps its last values"
        )

        // Partitions come and go while the job runs, by CREATE and by ATTACH, with columns in another order.
        yield* run(
          source,
          `create table high partition of "Größe 名" for values from (100) to (200);
         create table other ("a b" int, gone int, "where" text, "Id" int not null); alter table other drop column gone;
         alter table "Größe 名" attach partition other for values from (200) to (300);
         insert into "Größe 名" values (100, 'new', 1), (200, 'attached', 2)`
        )
        yield* job.logged("\"public.high\"")
        yield* job.logged("\"public.other\"")
        yield* run(
          source,
          `update "Größe 名" set "a b" = 3 where "Id" >= 100; delete from "Größe 名" where "Id" in (100, 200);
         insert into "Größe 名" values (201, 'stays', 1); alter table "Größe 名" detach partition high`
        )
        assert.isTrue((yield* Verify.verify(settings, ARRIVAL_MS_MAX)).equal)
        assert.deepStrictEqual(
          yield* query(
            "SELECT `where`, `a b` FROM shop.`Größe 名` WHERE dbmazz_is_deleted = true AND `Id` >= 100 ORDER BY 1"
          ),
          [{ where: "attached", "a b": "3" }, { where: "new", "a b": "3" }]
        )
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0, job.log())
        assert.notInclude(job.log(), "unknown kind")
        const again = yield* DbmazzProcess.start(["check"], environment)
        assert.strictEqual(yield* again.exit, 0, again.output())
        assert.include(again.output(), "run would change nothing")
      }),
    90_000
  )

  it.effect("T54 indexes that are made and made again, nested and concurrent DDL: no table stops, and each row has its columns", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const { source } = replica
      yield* run(
        source,
        "create table keyless (b int not null, a int not null); create table others (id int primary key)"
      )
      yield* run(source, "create unique index keyless_key on keyless (b, a)")
      const environment = replica.environment({ TABLES: "items,keyless,others", AUTO_CREATE_TABLES: "true" })
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")

      // Each waits for the transaction that writes, which has the table's shape from before it and after it.
      const client = yield* PostgresServer.connect(source)
      const write = (statement: string) => Effect.promise(() => client.query(statement))
      const waits = run(
        source,
        `select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query ilike '%concurrently%'`
      ).pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: ([row]) => row?.["n"] === 1 }))
      const statements = [
        "create index concurrently items_name on items (name)",
        "reindex table concurrently items",
        "reindex index concurrently keyless_key",
        "drop index concurrently items_name"
      ]
      for (const [at, statement] of statements.entries()) {
        yield* write(`begin; insert into items values (${2 * at}, 'before'); insert into keyless values (${at}, 1)`)
        const altering = yield* Effect.forkChild(run(source, statement))
        yield* waits
        yield* write(
          `insert into items values (${2 * at + 1}, 'after'); update keyless set a = 2 where b = ${at}; commit`
        )
        yield* Fiber.join(altering)
      }

      // One table is altered in an open transaction, the other one meanwhile; in a block, and in one that is undone.
      yield* write("begin; alter table items add column late int default 1; insert into items values (100, 'a', 2)")
      yield* run(
        source,
        `do $$ begin
           execute 'alter table others add column nested int default 3';
           insert into others values (1, 4);
           begin execute 'alter table others add column undone int'; insert into others values (2, 5, 6); raise 'undo';
           exception when raise_exception then null; end;
           insert into others values (3, 7); alter table others add column more text; insert into others values (4, 8, 'x');
         end $$`
      )
      yield* write("insert into items values (101, 'b', 3); commit; insert into others values (5, 9, 'y')")
      const verified = yield* Verify.verify(Result.getOrThrow(Settings.fromEnv(environment)), ARRIVAL_MS_MAX).pipe(
        Effect.retry({
          schedule: PostgresServer.pollEvery,
          while: (error) => error._tag === "SetupError" && error.code === "SrColumnMissing"
        })
      )
      assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
      assert.deepStrictEqual(Object.values(verified.tables).map((table) => table.sink), [10, 4, 4])
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0, job.log())
      const added = [...job.log().matchAll(/ALTER TABLE `shop`\.`(\w+)` ADD COLUMN `(\w+)`/g)]
        .map(([, table, column]) => `${table}.${column}`).filter((name) => !name.includes("dbmazz"))
      assert.deepStrictEqual([...new Set(added)].toSorted(), ["items.late", "others.more", "others.nested"])
      const again = yield* DbmazzProcess.start(["check"], environment)
      assert.strictEqual(yield* again.exit, 0, again.output())
      assert.include(again.output(), "run would change nothing")
      assert.include(again.output(), "its unique index 'keyless_key' (b, a) is the key")
    }))

  it.effect(
    "a table that joins by a reload gets the target that TARGET_TABLES has for it, and status shows it by its name",
    () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* run(replica.source, "create schema sales; create table sales.items (id bigint primary key, name text)")
        const environment = replica.environment({
          TARGET_TABLES: "sales.items=sales_items",
          AUTO_CREATE_TABLES: "true",
          RETRY_BASE_MS: "50",
          RETRY_MAX_MS: "500"
        })
        const job = yield* ControlledJob.start(environment)
        yield* job.replicating
        const shared = yield* ControlledJob.start({
          ...environment,
          TARGET_TABLES: "",
          TABLES: "*.items",
          SLOT_NAME: "shared"
        })
        yield* shared.until((health) => health.error_detail.includes("more than one source table"))
        const tables = ["items", "sales.items"]
        const reload = { flush_size: 0n, flush_interval_ms: 0n, tables }
        assert.isTrue((yield* job.client.ReloadConfig(reload)).success)
        yield* PostgresServer.until(
          replica.source,
          "exists (select from pg_publication_tables where schemaname = 'sales')"
        )
        yield* job.replicating
        yield* run(replica.source, "insert into items values (1, 'ours'); insert into sales.items values (1, 'theirs')")
        const settings = Result.getOrThrow(Settings.fromEnv({ ...environment, TABLES: tables.join() }))
        const verified = yield* Verify.verify(settings, ARRIVAL_MS_MAX)
        assert.deepStrictEqual(Object.values(verified.tables).map(({ different, sink }) => [different, sink]), [
          [0, 1],
          [0, 1]
        ])
        assert.deepStrictEqual(yield* replica.query("SELECT name FROM shop.sales_items"), [{ name: "theirs" }])
        assert.deepStrictEqual((yield* job.client.GetStatus()).tables, tables)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "Fatal")),
    60_000
  )
})
