import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import * as Identifier from "../../src/domain/Identifier.ts"
import * as SetupStep from "../../src/domain/postgres/SetupStep.ts"
import * as TableLists from "../../src/domain/TableLists.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import * as PostgresSetup from "../../src/layers/PostgresSetup.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as ReplicaIdentity from "../../src/layers/ReplicaIdentity.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const on = (address: PgAddress) =>
  Effect.provide(CheckpointStore.layer.pipe(Layer.provideMerge(PostgresSql.layer(address, "dbmazz setup"))))

const quietly = Effect.provideService(References.MinimumLogLevel, "Fatal")

const jobOf = (
  source: PgAddress,
  tables: string,
  replicaIdentity: "full" | "keep" = "full"
): PostgresSetup.Job => ({
  truncatePolicy: "ignore",
  source,
  slot: `slot_of_${source.database}`,
  publication: "dbmazz_pub",
  tables: Identifier.splitList(tables).flatMap((entry) => Identifier.parseTable(entry) ?? []),
  lists: TableLists.NONE,
  replicaIdentity
})

const inspect = (job: PostgresSetup.Job) => PostgresSetup.inspect(job).pipe(on(job.source))
const setUp = (job: PostgresSetup.Job) =>
  PostgresSetup.inspect(job).pipe(
    Effect.flatMap((plan) => PostgresSetup.apply(plan)),
    on(job.source),
    quietly
  )
/** What is wrong, with what to run. */
const problemsOf = (job: PostgresSetup.Job) =>
  Effect.map(
    inspect(job),
    ({ problems }) => problems.map((problem) => [SetupError.describe(problem), SetupError.remedy(problem)] as const)
  )
const stepsOf = (job: PostgresSetup.Job) => Effect.map(inspect(job), ({ steps }) => steps.map(SetupStep.sql))

const fresh = Effect.fnUntraced(function*(statements: string) {
  const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  yield* run(address, statements)
  return address
})

const identities = (address: PgAddress) =>
  Effect.map(
    run(address, "select relname, relreplident from pg_class where relkind in ('r', 'p') and oid >= 16384 order by 1"),
    (rows) =>
      Object.fromEntries(
        rows.flatMap((row) => row["relname"] === "dbmazz_checkpoints" ? [] : [[row["relname"], row["relreplident"]]])
      )
  )

/** The server's refusal of a statement; undefined: it takes it. */
const refusal = (address: PgAddress, statement: string) =>
  Effect.map(
    run(
      address,
      `do $$ begin ${statement}; exception when others then perform set_config('test.refusal', sqlerrm, false); end $$;
       select current_setting('test.refusal', true) as refusal`
    ),
    (rows) => {
      const text = rows[0]?.["refusal"]
      return typeof text === "string" && text !== "" ? text : undefined
    }
  )

layer(PostgresServer.layer(), { excludeTestServices: true })("Identity and publications at setup", (it) => {
  it.effect("a table is published without those that inherit from it: the application goes on writing to them", () =>
    Effect.gen(function*() {
      const source = yield* fresh(
        "create table a (id int primary key, n int); create table of_a () inherits (a); insert into of_a values (1); " +
          "create table b (id int primary key, n int); create table of_b () inherits (b); insert into of_b values (1)"
      )
      yield* setUp(jobOf(source, "a"))
      yield* setUp(jobOf(source, "a,b"))
      for (const table of ["of_a", "of_b"]) {
        assert.isUndefined(yield* refusal(source, `update ${table} set n = 1`))
      }
      const rows = yield* run(source, "select tablename from pg_publication_tables order by 1")
      assert.deepStrictEqual(rows.map((row) => row["tablename"]), ["a", "b"])
    }))

  it.effect("keep alters no table, takes DEFAULT and USING INDEX, and refuses what does not tell rows apart", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        `create table plain (id int primary key, note text);
         create table indexed (id int primary key, code int not null, region int not null);
         create unique index by_code on indexed (region, id); alter table indexed replica identity using index by_code;
         create table keyless (a int not null, b int not null); create unique index keyless_ab on keyless (b, a);
         alter table keyless replica identity using index keyless_ab;
         create table nothing (id int primary key); alter table nothing replica identity nothing;
         create table other (id int primary key, code int not null unique);
         alter table other replica identity using index other_code_key`
      )
      const before = yield* identities(address)
      const good = jobOf(address, "plain,indexed,keyless", "keep")
      const ready = yield* setUp(good)
      assert.deepStrictEqual(yield* identities(address), before)
      assert.deepStrictEqual(ready.tables.map((table) => [table.replicaIdentity, table.primaryKey]), [
        ["d", ["id"]],
        ["i", ["id"]],
        ["i", ["b", "a"]]
      ])
      assert.deepStrictEqual(yield* stepsOf(good), [])
      const problems = yield* problemsOf(jobOf(address, "nothing,other", "keep"))
      assert.deepStrictEqual(problems.map(([, remedy]) => remedy), [
        "Run as the table's owner: ALTER TABLE \"public\".\"nothing\" REPLICA IDENTITY DEFAULT; or set REPLICA_IDENTITY=full.",
        "Run as the table's owner: ALTER TABLE \"public\".\"other\" REPLICA IDENTITY DEFAULT; or set REPLICA_IDENTITY=full."
      ])
      yield* setUp(jobOf(address, "nothing,other"))
      assert.deepInclude(yield* identities(address), { nothing: "f", other: "f", plain: "d" })
    }))

  it.effect("T49 a table without a primary key gets the same unique index as key at every start, and that is told", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        `create table t (a int not null, b int not null, c int, d int not null);
         create unique index t_partial on t (d) where d > 0; create unique index t_expression on t ((a + 1));
         create unique index t_nullable on t (c); alter table t add constraint t_later unique (a) deferrable;
         create unique index t_wide on t (d, b, a) include (c); create unique index t_pair on t (b, a);
         alter table t replica identity using index t_wide`
      )
      const plan = yield* inspect(jobOf(address, "t"))
      assert.deepStrictEqual(plan.notes, ["'public.t' has no primary key: its unique index 't_pair' (b, a) is the key"])
      const first = yield* setUp(jobOf(address, "t"))
      assert.deepStrictEqual(first.tables[0]?.primaryKey, ["b", "a"])
      assert.deepStrictEqual((yield* setUp(jobOf(address, "t"))).tables[0]?.primaryKey, ["b", "a"])
      yield* run(address, "drop index t_pair; drop index t_wide")
      const [problem] = yield* problemsOf(jobOf(address, "t"))
      assert.include(problem?.[0], "no unique index over NOT NULL columns")
      assert.include(problem?.[1], "CREATE UNIQUE INDEX ON \"public\".\"t\"")
    }))

  it.effect("T46 the setup never makes PostgreSQL refuse the application's updates of a table with generated columns", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        `create table g (id int primary key, a int, doubled int generated always as (a * 2) stored); insert into g values (1)`
      )
      const sends = (yield* PostgresServer.majorOf(address)) >= 18
      const sent = (ready: PostgresSetup.SourceReady) => ready.tables[0]?.columns.map((column) => !column.generated)
      // A publication that was made before, of ours: what it lacks is set before the identity is.
      yield* run(address, "create publication dbmazz_pub for table g")
      const job = jobOf(address, "g")
      assert.deepStrictEqual(
        (yield* stepsOf(job)).filter((step) => step.startsWith("alter publication")),
        sends
          ? ["alter publication \"dbmazz_pub\" set (publish_generated_columns = stored)"]
          : []
      )
      assert.deepStrictEqual(sent(yield* setUp(job)), [true, true, sends])
      assert.isUndefined(yield* refusal(address, "update g set a = 2"))
      assert.deepStrictEqual(yield* stepsOf(job), [])
      // Of somebody else, or another one of anybody's: refused before anything is altered.
      const role = yield* PostgresServer.freshRole(address, "replication")
      yield* run(
        address,
        `create table h (id int primary key, a int, doubled int generated always as (a * 2) stored);
         alter table h owner to ${role.user}; grant all on all tables in schema public to ${role.user};
         create publication theirs for table h`
      )
      const foreign = yield* problemsOf({ ...jobOf(role, "h"), publication: "theirs" })
      const beside = yield* problemsOf(jobOf(address, "h"))
      if (sends) {
        for (const [text, remedy] of [foreign[0] ?? ["", ""], beside[0] ?? ["", ""]]) {
          assert.match(text, /'theirs'.*generated columns/)
          assert.include(
            remedy,
            "ALTER PUBLICATION \"theirs\" SET (publish_generated_columns = stored); or set REPLICA_"
          )
        }
        assert.lengthOf([...foreign, ...beside], 2)
        assert.deepInclude(yield* identities(address), { h: "d" })
        const virtual = "create table v (id int primary key, a int, d int generated always as (a * 2) virtual)"
        yield* run(address, virtual)
        const [problem] = yield* problemsOf(jobOf(address, "v"))
        assert.include(problem?.[0], "virtual generated columns (d)")
        yield* setUp(jobOf(address, "v", "keep"))
        assert.isUndefined(yield* refusal(address, "insert into v values (1, 1); update v set a = 2"))
      } else assert.deepStrictEqual([foreign, beside], [[], []])
    }))

  it.effect("T32 T55 a column list and a row filter are refused where PostgreSQL would refuse updates, else followed", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        "create table listed (id int primary key, a int, b int); insert into listed values (1, 1, 1)"
      )
      const refused = yield* refusal(
        address,
        "execute 'create publication dbmazz_pub for table listed (id, a, b)'"
      )
      if ((yield* PostgresServer.majorOf(address)) < 15) {
        // Nothing to refuse: the server knows neither lists nor filters.
        assert.include(refused ?? "", "syntax error")
        return
      }
      assert.isUndefined(refused)
      const [whole] = yield* problemsOf(jobOf(address, "listed"))
      assert.include(whole?.[0], "its column list for 'public.listed'")
      yield* run(address, "alter table listed replica identity full")
      assert.match(
        (yield* refusal(address, "update listed set a = 2")) ?? "",
        /cannot update table/,
        "the server agrees"
      )
      yield* run(
        address,
        "alter table listed replica identity default; alter publication dbmazz_pub set table listed (a)"
      )
      const [keyless] = yield* problemsOf(jobOf(address, "listed", "keep"))
      assert.include(keyless?.[0], "lacks 'id' of the replica identity")
      yield* run(address, "alter publication dbmazz_pub set table listed (id, a)")
      const ready = yield* setUp(jobOf(address, "listed", "keep"))
      assert.deepStrictEqual(ready.tables[0]?.columns.map(({ name }) => name), ["id", "a"])
      assert.isUndefined(yield* refusal(address, "update listed set a = 3"))

      yield* run(address, "create table f (id int primary key, a int); insert into f values (1, 1)")
      yield* run(address, "alter publication dbmazz_pub add table f where (a > 0 and id > 0)")
      const [filtered] = yield* problemsOf(jobOf(address, "f", "keep"))
      assert.include(filtered?.[0], "its row filter for 'public.f' reads 'a', which is not in")
      assert.match((yield* refusal(address, "update f set a = 2")) ?? "", /cannot update table/, "the server agrees")
      const notes = (yield* inspect(jobOf(address, "f"))).notes.join()
      assert.include(notes, "only rows of 'public.f' that fit the publication's row filter")
      yield* setUp(jobOf(address, "f"))
      assert.isUndefined(yield* refusal(address, "update f set a = 2"))
      // Another job's list would make the same trouble.
      yield* run(address, "create table o (id int primary key, a int); create publication theirs for table o (id)")
      const [other] = yield* problemsOf(jobOf(address, "o"))
      assert.match(other?.join() ?? "", /'theirs': it has a column list.*ALTER PUBLICATION "theirs" DROP TABLE/)
      assert.deepStrictEqual(yield* problemsOf(jobOf(address, "o", "keep")), [])
    }))

  it.effect("T57 a partitioned table is published under its own name, and every partition is FULL, those to come too", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        `create schema parts; create table events (id int primary key, note text) partition by range (id);
         create table parts.low partition of events for values from (0) to (100) partition by range (id);
         create table parts.low_a partition of parts.low for values from (0) to (50);
         create table high partition of events for values from (100) to (200)`
      )
      const job = jobOf(address, "events")
      yield* setUp(job)
      const whole = { events: "f", high: "f", low: "d", low_a: "f" }
      assert.deepStrictEqual(yield* identities(address), whole)
      const published = "select tablename from pg_publication_tables"
      assert.deepStrictEqual(yield* run(address, published), [{ tablename: "events" }])
      assert.deepStrictEqual(yield* stepsOf(job), [])
      yield* run(address, "create table later partition of events for values from (200) to (300)")
      assert.deepStrictEqual(yield* stepsOf(job), ["alter table \"public\".\"later\" replica identity full"])
      const watch = ReplicaIdentity.watch([{ schema: "public", name: "events" }], 20).pipe(on(address), quietly)
      const found = PostgresServer.until(address, "(select relreplident = 'f' from pg_class where relname = 'later')")
      yield* Effect.raceFirst(watch, found)
      assert.deepStrictEqual(yield* identities(address), { ...whole, later: "f" })

      const both = yield* problemsOf(jobOf(address, "events,high"))
      assert.include(both[0]?.[0], "'public.high' is a partition of 'public.events'")
      const [hidden] = yield* problemsOf(jobOf(address, "high"))
      assert.include(hidden?.[0], "publishes the rows of 'public.high' under the name of 'public.events'")
    }))

  it.effect("T55 a publication that shows partitions only is altered when it is ours, else refused with what to run", () =>
    Effect.gen(function*() {
      const address = yield* fresh(
        `create table events (id int primary key) partition by range (id);
         create table events_1 partition of events for values from (0) to (100);
         create publication dbmazz_pub for table events; create publication everything for all tables`
      )
      const role = yield* PostgresServer.freshRole(address, "replication")
      yield* run(address, `grant select on all tables in schema public to ${role.user}`)
      yield* run(address, `alter table events owner to ${role.user}; alter table events_1 owner to ${role.user}`)
      yield* run(address, `grant create on schema public to ${role.user}`)
      for (const publication of ["dbmazz_pub", "everything"]) {
        const all = yield* problemsOf({ ...jobOf(role, "events"), publication })
        const problems = all.filter(([text]) => text.includes("publication"))
        assert.deepStrictEqual(problems.map(([, remedy]) => remedy), [
          `Run as its owner: ALTER PUBLICATION "${publication}" SET (publish_via_partition_root = true); or name the ` +
          "partitions in TABLES. See docs/tables-and-columns.md."
        ])
        const job = { ...jobOf(address, "events"), publication, slot: `${publication}_${address.database}` }
        assert.include(
          yield* stepsOf(job),
          `alter publication "${publication}" set (publish_via_partition_root = true)`
        )
        yield* setUp(job)
        assert.deepStrictEqual(yield* stepsOf(job), [])
      }
    }))
})
