import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import * as Identifier from "../../src/domain/Identifier.ts"
import * as TableLists from "../../src/domain/TableLists.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import * as PostgresSetup from "../../src/layers/PostgresSetup.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as TableCatalogue from "../../src/layers/TableCatalogue.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

const on = (address: PgAddress) =>
  Effect.provide(CheckpointStore.layer.pipe(Layer.provideMerge(PostgresSql.layer(address, "dbmazz setup"))))

const jobOf = (source: PgAddress, tables: string, lists: Partial<TableLists.Lists> = {}): PostgresSetup.Job => ({
  truncatePolicy: "ignore",
  source,
  slot: `slot_of_${source.database}`,
  publication: "dbmazz_pub",
  tables: Identifier.splitList(tables).flatMap((entry) => Identifier.parseTable(entry) ?? []),
  lists: { ...TableLists.NONE, ...lists }
})

const inspect = (job: PostgresSetup.Job) => PostgresSetup.inspect(job).pipe(on(job.source))
const problemsOf = (job: PostgresSetup.Job) =>
  Effect.map(inspect(job), (plan) => plan.problems.map(SetupError.describe))
const tablesOf = (job: PostgresSetup.Job) =>
  Effect.map(inspect(job), (plan) => plan.facts.tables.map((table) => Identifier.show(table.name)))
const setUp = (job: PostgresSetup.Job) =>
  PostgresSetup.inspect(job).pipe(
    Effect.flatMap((plan) => PostgresSetup.apply(plan)),
    on(job.source),
    Effect.provideService(References.MinimumLogLevel, "Fatal")
  )

const published = (address: PgAddress) =>
  Effect.map(
    PostgresServer.run(address, "select tablename from pg_publication_tables order by tablename"),
    (rows) => rows.map((row) => row["tablename"])
  )

const freshShop = Effect.gen(function*() {
  const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  yield* PostgresServer.run(
    address,
    `create schema sales; create schema "Odd.One"; create schema "pg-like";
     create table orders (id int primary key, note text, secret text);
     create table "order_Items" (id int primary key, secret point);
     create table orderxtmp (id int primary key);
     create table sales.audit (id int primary key);
     create table "Odd.One".audit (id int primary key);
     create table "pg-like".audit (id int primary key);
     create table "50%\\off*" (id int primary key);
     create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, updated_at timestamptz);
     create view order_view as select 1 as id;
     create table events (id int primary key) partition by range (id);
     create table events_1 partition of events for values from (0) to (100) partition by range (id);
     create table sales.events_1a partition of events_1 for values from (0) to (50)`
  )
  return address
})

layer(PostgresServer.layer(), { excludeTestServices: true })("The lists against a catalogue", (it) => {
  it.effect("T48 a look at tables waits for nobody who truncates or alters them, and finds the partitions of every level", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const other = yield* PostgresServer.connect(address)
      yield* Effect.promise(() => other.query("begin; lock table events, events_1, sales.events_1a, orders"))
      const sql = PostgresSql.layer(address, "dbmazz setup", { lock_timeout: "1ms" })
      const tables = yield* TableCatalogue.readTables([
        { schema: "public", name: "events" },
        { schema: "public", name: "orders" }
      ]).pipe(Effect.provide(sql))
      assert.deepStrictEqual(
        tables.map(({ partitions }) => (partitions ?? []).map(({ name }) => Identifier.show(name))),
        [
          ["sales.events_1a"],
          []
        ]
      )
      const [inherits] = yield* PostgresServer.run(
        address,
        `select json_object_agg(inhrelid, xmin::text::bigint) as attached from pg_inherits
          where inhrelid in ('events_1'::regclass, 'sales.events_1a'::regclass)`
      )
      assert.deepStrictEqual<unknown>(tables.map(({ attached }) => attached), [inherits?.["attached"], {}])
    }))

  it.effect("patterns find ordinary and partitioned tables by exact letters, never views, system or our own tables", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const found = (tables: string, tablesExclude: ReadonlyArray<string> = []) =>
        tablesOf(jobOf(address, tables, { tablesExclude }))
      assert.deepStrictEqual(
        yield* found("*"),
        [
          "public.50%\\off*",
          "public.events",
          "public.orderxtmp",
          "public.order_Items",
          "public.orders"
        ].toSorted()
      )
      assert.deepStrictEqual(yield* found("order_*"), ["public.order_Items"])
      assert.deepStrictEqual(yield* found("50%\\*"), ["public.50%\\off*"])
      assert.deepStrictEqual(yield* found("50%_o*,\"*\",orders"), ["public.orders"])
      assert.deepStrictEqual(yield* found("\"50%\\off*\""), ["public.50%\\off*"])
      assert.deepStrictEqual(yield* found("*.audit"), ["\"Odd.One\".audit", "pg-like.audit", "sales.audit"])
      assert.deepStrictEqual(yield* found("\"Odd.One\".*"), ["\"Odd.One\".audit"])
      assert.deepStrictEqual(yield* found("*.*", ["public.*", "*.audit"]), ["sales.events_1a"])
      assert.deepStrictEqual(yield* found("*.events*", ["events"]), ["public.events_1"])
    }))

  it.effect("a pattern without a table, a matched table without a key and one that may not be read stop the setup", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      assert.deepStrictEqual(
        yield* problemsOf(jobOf(address, "orders,nope_*,absent", { columnsExclude: ["orders.x"] })),
        [
          "Configuration is invalid:\n" +
          "  - TABLES: the pattern 'public.nope_*' matches no table; correct it or take it out\n" +
          "  - COLUMNS_EXCLUDE: 'orders.x' matches no column of the tables of this job; correct it or take it out",
          "Table 'public.absent' not found in PostgreSQL. Verify the table exists and is accessible."
        ]
      )
      yield* PostgresServer.run(address, "create table sales.keyless (id int)")
      const [keyless, ...others] = (yield* inspect(jobOf(address, "sales.*"))).problems
      assert.deepStrictEqual([keyless, others], [{ _tag: "PgPrimaryKeyMissing", table: "sales.keyless" }, []])
      assert.include(SetupError.remedy(keyless!), "TABLES_EXCLUDE")
      assert.deepStrictEqual(yield* problemsOf(jobOf(address, "sales.*", { tablesExclude: ["sales.keyless"] })), [])

      const stranger = yield* PostgresServer.freshRole(address, "replication")
      const unseen = yield* inspect(jobOf(stranger, "sales.aud*"))
      assert.deepInclude(unseen.problems, {
        _tag: "PgPrivilegeMissing",
        table: "sales.audit",
        role: stranger.user,
        privilege: "SELECT"
      })
    }))

  it.effect("a table that comes later is taken up by the next setup, and an excluded one is not published", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address, "order*", { tablesExclude: ["*tmp"], columnsExclude: ["\"order_Items\".secret"] })
      assert.deepStrictEqual((yield* setUp(job)).tables.map((table) => table.name.name), ["order_Items", "orders"])
      assert.deepStrictEqual(yield* published(address), ["order_Items", "orders"])
      yield* PostgresServer.run(address, "create table orders_2 (id int primary key); create table order_tmp ()")
      assert.deepStrictEqual((yield* setUp(job)).tables.map((table) => table.name.name), [
        "order_Items",
        "orders",
        "orders_2"
      ])
      assert.deepStrictEqual(yield* published(address), ["order_Items", "orders", "orders_2"])
      assert.deepStrictEqual((yield* inspect(job)).steps, [])
    }))

  it.effect("a column left out is not looked for, and updates of its table go on: it is published with all columns", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const ready = yield* setUp(jobOf(address, "order_*,orders", { columnsExclude: ["*.secret"] }))
      assert.deepStrictEqual(
        ready.tables.map((table) => [table.columns, table.leftOut ?? []].map((some) => some.map(({ name }) => name))),
        [[["id"], ["secret"]], [["id", "note"], ["secret"]]]
      )
      yield* PostgresServer.run(address, "insert into orders values (1, 'a', 'b'); update orders set secret = 'c'")
      assert.deepStrictEqual(yield* problemsOf(jobOf(address, "orders", { columnsExclude: ["*.*.id"] })), [
        "Configuration is invalid:\n  - COLUMNS_EXCLUDE: '*.*.id' matches 'id', which is in the primary key of " +
        "'public.orders' and cannot be left out"
      ])
    }))

  it.effect("more tables than a job may have are told, not read", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      // Partitioned tables have no storage to make; a transaction of all of them would need too many locks.
      yield* PostgresServer.run(
        address,
        `do $$ begin for i in 0..${TableLists.MATCHED_MAX} loop
           execute format('create table many_%s (id int) partition by list (id)', i);
           if i % 1000 = 0 then commit; end if;
         end loop; end $$`
      )
      const plan = yield* inspect(jobOf(address, "*"))
      assert.deepStrictEqual(plan.facts.tables, [])
      assert.include(plan.problems.map(SetupError.describe).join(), `match more than ${TableLists.MATCHED_MAX} tables`)
    }))

  it.effect("T54 a column that is dropped between two looks at the catalogue is not taken for one that a list hides", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address, "orders")
      yield* setUp(job)
      yield* PostgresServer.run(address, "alter table orders add column gone int")
      let drops = 0
      const between = Layer.effect(
        PostgresSql.PostgresSql,
        Effect.map(PostgresSql.PostgresSql, ({ query }) => ({
          query: (statement: string, parameters?: ReadonlyArray<unknown>) =>
            statement.includes("pg_publication_tables") && drops++ === 0
              ? Effect.andThen(query("alter table orders drop column gone"), query(statement, parameters))
              : query(statement, parameters)
        }))
      ).pipe(Layer.provide(PostgresSql.layer(address, "dbmazz setup")))
      const plan = yield* Effect.provide(PostgresSetup.inspect(job), Layer.provideMerge(CheckpointStore.layer, between))
      // Before PostgreSQL 15 a publication says nothing of columns, and one look is enough.
      assert.strictEqual(drops > 1, plan.facts.serverVersion >= 150_000)
      assert.deepStrictEqual(plan.problems.map(SetupError.describe), [])
    }))

  it.effect("T36 T42 what old rows show in an added column is read as it is sent, whatever the database is set to", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const missing = [
        ["f", "float8", "0.123456789012345", "0.123456789012345"],
        ["p", "tstzrange", "[2024-01-01 00:00:00+00,)", "[\"2024-01-01 00:00:00+00\",)"],
        ["m", "timestamptz", "2024-02-03 04:05:06+00", "2024-02-03 04:05:06.000000"],
        ["i", "interval", "1 day 02:00:00", "P1DT2H"],
        ["d", "date", "2024-03-02", "2024-03-02"]
      ] as const
      for (
        const setting of [
          "extra_float_digits = -15",
          "timezone = 'Asia/Kolkata'",
          "datestyle = 'SQL, DMY'",
          "intervalstyle = 'sql_standard'"
        ]
      ) yield* PostgresServer.run(address, `alter database ${address.database} set ${setting}`)
      yield* PostgresServer.run(
        address,
        `set datestyle = 'ISO, YMD'; create table t (id int primary key); insert into t values (1); alter table t ${
          missing.map(([name, type, value]) => `add column ${name} ${type} default '${value}'`).join(", ")
        }`
      )
      const { facts } = yield* inspect(jobOf(address, "t"))
      assert.deepStrictEqual(
        facts.tables[0]?.columns.flatMap(({ missing: text, name }) => name === "id" ? [] : [[name, text]]),
        missing.map(([name, , , text]) => [name, text])
      )
    }))
})
