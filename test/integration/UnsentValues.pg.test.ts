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

const start = (extra: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const environment = (more: Readonly<Record<string, string>> = {}) =>
      replica.environment({ AUTO_CREATE_TABLES: "true", RETRY_BASE_MS: "50", RETRY_MAX_MS: "200", ...extra, ...more })
    const verify = (waitMs: number) => Verify.verify(Result.getOrThrow(Settings.fromEnv(environment())), waitMs)
    return {
      ...replica,
      sql: (statements: string) => run(replica.source, statements),
      job: (more: Readonly<Record<string, string>> = {}) =>
        Effect.gen(function*() {
          const job = yield* DbmazzProcess.start(["run"], environment(more))
          yield* job.logged("\"replicating\"")
          return job
        }),
      /** Waits until the statement on the sink answers so. */
      shows: Effect.fnUntraced(function*(statement: string, expected: ReadonlyArray<string>) {
        const answer = Effect.map(
          replica.query(statement),
          (rows) => rows.map((row) => Object.values(row).map(String).join(" "))
        )
        yield* answer.pipe(
          Effect.repeat({
            schedule: PostgresServer.pollEvery,
            until: (found) => JSON.stringify(found) === JSON.stringify(expected)
          }),
          Effect.timeoutOption(ARRIVAL_MS_MAX)
        )
        assert.deepStrictEqual(yield* answer, expected)
      }),
      /** The tables that differ. */
      differing: Effect.map(verify(0), ({ tables }) =>
        Object.entries(tables).filter(([, { different }]) => different > 0).map(([name]) => name)),
      equal: Effect.gen(function*() {
        const { equal, tables } = yield* verify(ARRIVAL_MS_MAX)
        assert.deepStrictEqual(
          Object.values(tables).flatMap(({ examples }) =>
            examples
          ),
          []
        )
        assert.isTrue(equal)
      })
    }
  })

/** What the job has told to run in PostgreSQL, each once. */
const told = (job: DbmazzProcess.DbmazzProcess): ReadonlyArray<string> => [
  ...new Set(
    job.log().split("\n").filter((line) => line.includes("run in PostgreSQL")).flatMap((line) =>
      /UPDATE "public"[^;]+;/.exec(String(JSON.parse(line).message)) ?? []
    )
  )
]

/** 19 kB of another text for each row, which nothing makes smaller: stored out of line. */
const NOISE = `create function noise() returns text language sql volatile as
  $$ select string_agg(md5(random()::text || n), '') from generate_series(1, 600) n $$;`

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "120 seconds" })(
  "Values that PostgreSQL gives to rows and does not send",
  (it) => {
    it.effect("T52 T53 T54 are told with each change of the columns, and what is told to run brings them", () =>
      Effect.gen(function*() {
        const tables = ["another", "swapped", "retyped", "filled", "chosen", "lost"]
        const replica = yield* start({ TABLES: ["items", ...tables].join(",") })
        const { sql } = replica
        yield* sql(
          "create table another (id int primary key, n int, a int); create table swapped (id int primary key, a int, b int); " +
            "create table retyped (id int primary key, t timestamp, n numeric(10, 4), m int); " +
            "create table filled (id int generated always as identity primary key); create table chosen (id int primary key); " +
            "create table lost (id int primary key, gone int); create domain positive as int default 5 check (value > 0)"
        )
        const job = yield* replica.job()
        yield* sql(
          "insert into another values (1, 1, 1), (2, 2, 2); insert into swapped values (1, 1, 2), (2, 3, 4); " +
            "insert into retyped values (1, '2024-01-01 10:00', 1.2345, 1), (2, null, null, null); " +
            "insert into filled values (default), (default); insert into chosen values (1), (2); " +
            "insert into lost values (1, 1), (2, 2); insert into items values (1, 'x')"
        )
        yield* replica.equal
        // Another column under an old name; in StarRocks its values would be those of the column before.
        yield* sql("alter table another drop a; update another set n = 0 where id = 1")
        yield* sql("alter table another add a text; insert into another values (3, 3, 'three')")
        yield* sql(
          "begin; alter table swapped rename a to x; alter table swapped rename b to a; alter table swapped rename x to b; " +
            "insert into swapped values (3, 5, 6); commit"
        )
        yield* sql(
          "set timezone = 'America/New_York'; alter table retyped alter t type timestamptz, alter n type numeric(12, 2), " +
            "alter m type bigint using m * 1000; insert into retyped (id) values (3)"
        )
        yield* sql(
          "alter table filled add g int generated always as identity, add u uuid not null default gen_random_uuid(), " +
            "add d positive; alter table filled alter u drop default; insert into filled (u) values (gen_random_uuid())"
        )
        yield* sql("alter table lost drop gone; insert into lost values (3)")
        // StarRocks has the column already: somebody has added it there first.
        yield* replica.query("ALTER TABLE shop.chosen ADD COLUMN early INT NULL DEFAULT '0'")
        yield* sql("alter table chosen add early int default 7; insert into chosen values (3, 3)")
        yield* sql("insert into items values (2, 'y')")
        yield* job.logged("column 'gone' of public.lost is gone")
        // Each table waits for its own columns only.
        for (const table of tables) yield* replica.shows(`SELECT count(*) FROM shop.${table}`, ["3"])
        yield* replica.shows("SELECT count(*) FROM shop.items", ["2"])
        assert.deepStrictEqual(yield* replica.differing, [
          "another",
          "swapped",
          "retyped",
          "filled",
          "chosen"
        ])
        const statements = told(job)
        assert.deepStrictEqual([...statements].sort(), [
          "UPDATE \"public\".\"another\" SET \"a\" = \"a\";",
          "UPDATE \"public\".\"chosen\" SET \"early\" = \"early\";",
          "UPDATE \"public\".\"filled\" SET \"d\" = \"d\" WHERE \"d\" IS NOT NULL;",
          "UPDATE \"public\".\"filled\" SET \"u\" = \"u\" WHERE \"g\" IS NOT NULL;",
          "UPDATE \"public\".\"filled\" SET \"u\" = \"u\" WHERE \"u\" IS NOT NULL;",
          "UPDATE \"public\".\"retyped\" SET \"m\" = \"m\";",
          "UPDATE \"public\".\"retyped\" SET \"n\" = \"n\";",
          "UPDATE \"public\".\"retyped\" SET \"t\" = \"t\";",
          "UPDATE \"public\".\"swapped\" SET \"a\" = \"a\";",
          "UPDATE \"public\".\"swapped\" SET \"b\" = \"b\";"
        ])
        for (const statement of statements) yield* sql(statement)
        yield* replica.equal
        assert.strictEqual(told(job).length, statements.length, "nothing is told twice")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0, job.log())
      }))

    it.effect("T52 T53 they are told of a table that the session has not seen before, of names that were away, and of a default that is gone", () =>
      Effect.gen(function*() {
        const tables = ["back", "retyped", "filled", "part", "moved", "json", "none", "twice"]
        const replica = yield* start({ TABLES: tables.join(",") })
        const { sql } = replica
        yield* sql(
          "create table back (id int primary key, a int); create table retyped (id int primary key, t timestamp); " +
            "create table filled (id int primary key); create table moved (id int primary key); create table json (id int primary key); " +
            "create table part (id int primary key) partition by range (id); create table none (id int primary key); " +
            // The first partitions are partitioned, too, and hold no rows of their own.
            Array.from(
              { length: 8 },
              (_, at) =>
                `create table part${at} partition of part for values from (${at * 10}) to (${at * 10 + 10}) ` +
                "partition by range (id); "
            ).join("") +
            "create table leaf partition of part0 for values from (0) to (10); create table twice (id int primary key)"
        )
        const first = yield* replica.job()
        yield* sql(
          "insert into back values (1, 1), (2, 2); insert into retyped values (1, '2024-01-01 10:00'); " +
            ["filled", "part", "moved", "json", "none", "twice"].map((table) => `insert into ${table} values (1)`).join(
              "; "
            )
        )
        yield* replica.equal
        yield* first.kill("SIGTERM")
        assert.strictEqual(yield* first.exit, 0, first.log())
        const job = yield* replica.job()
        yield* sql("alter table back rename a to b; update back set b = 10 where id = 1")
        yield* sql("alter table back rename b to a; insert into back values (3, 3)")
        yield* sql(
          "set timezone = 'America/New_York'; alter table retyped alter t type timestamptz; insert into retyped (id) values (3)"
        )
        yield* sql("alter table filled add u uuid default gen_random_uuid(); alter table filled alter u drop default")
        yield* sql("alter table part add u int default 7; alter table part alter u drop default")
        yield* sql("alter table moved add u int default 7; alter table moved alter u drop default")
        yield* sql("vacuum full moved")
        yield* sql("alter table json add u jsonb default '{}'; alter table json alter u drop default")
        yield* sql("alter table none add u int")
        for (const table of ["filled", "part", "moved", "json", "none"]) yield* sql(`insert into ${table} values (3)`)
        yield* replica.shows("SELECT count(*) FROM shop.none", ["2"])
        yield* job.kill("SIGSTOP")
        yield* sql("alter table twice add c int default 1; update twice set c = 5")
        yield* sql("alter table twice drop c, add c int default 2; insert into twice values (3, 3)")
        yield* job.kill("SIGCONT")
        for (const table of tables) {
          yield* replica.shows(`SELECT count(*) FROM shop.${table}`, [table === "back" ? "3" : "2"])
        }
        assert.deepStrictEqual(yield* replica.differing, tables.filter((table) => table !== "none"))
        const statements = told(job)
        assert.deepStrictEqual([...statements].sort(), [
          "UPDATE \"public\".\"back\" SET \"a\" = \"a\";",
          "UPDATE \"public\".\"filled\" SET \"u\" = \"u\" WHERE \"u\" IS NOT NULL;",
          "UPDATE \"public\".\"json\" SET \"u\" = \"u\" WHERE \"u\" IS NOT NULL;",
          "UPDATE \"public\".\"moved\" SET \"u\" = \"u\" WHERE \"u\" IS NOT NULL;",
          "UPDATE \"public\".\"part\" SET \"u\" = \"u\" WHERE \"u\" IS NOT NULL;",
          "UPDATE \"public\".\"retyped\" SET \"t\" = \"t\";",
          "UPDATE \"public\".\"twice\" SET \"c\" = \"c\";"
        ])
        for (const statement of statements) yield* sql(statement)
        yield* replica.equal
      }))

    it.effect("T37 T53 a row that is updated after its table was rewritten brings its large values, which nothing has announced", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "docs,again,parted" })
        const { sql } = replica
        const random = "(select string_agg(md5(n::text || i), '') from generate_series(1, 600) n)"
        yield* sql(
          `create table docs (id int primary key, n int, doc text); create table again (id int primary key, n int, doc text);
           create table parted (id int primary key, n int, doc text) partition by range (id);
           create table part partition of parted for values from (0) to (10); ${NOISE}
           create publication dbmazz_pub for table docs, again, parted with (publish_via_partition_root)`
        )
        const job = yield* replica.job()
        yield* sql(
          `insert into docs select i, 0, ${random} from generate_series(1, 2) i; insert into again select * from docs; ` +
            "insert into parted select * from docs"
        )
        yield* replica.equal
        yield* sql("alter table docs alter doc type text using reverse(doc); update docs set n = 1")
        // Out of the partitioned table its rows are nobody's, and what becomes of them is not sent.
        yield* sql(
          "alter table parted detach partition part; update part set doc = reverse(doc); " +
            "alter table parted attach partition part for values from (0) to (10); update parted set n = 1"
        )
        // The same shape once more, with another column in it.
        yield* sql(
          "begin; alter table again drop doc; alter table again add doc text default noise(); commit; " +
            "update again set n = 1 where id = 1"
        )
        yield* replica.shows("SELECT id, n FROM shop.docs ORDER BY id", ["1 1", "2 1"])
        yield* replica.shows("SELECT id, n FROM shop.again ORDER BY id", ["1 1", "2 0"])
        yield* replica.shows("SELECT id, n FROM shop.parted ORDER BY id", ["1 1", "2 1"])
        assert.deepStrictEqual(yield* replica.differing, ["again"])
        assert.deepStrictEqual(told(job), ["UPDATE \"public\".\"again\" SET \"doc\" = \"doc\";"])
        for (const statement of told(job)) yield* sql(statement)
        yield* replica.equal
      }))

    it.effect("T37 T55 a row that is updated after it was not published brings its large values, which nothing has announced", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "docs,other" })
        const { sql } = replica
        yield* sql(
          `create table docs (id int primary key, n int, doc text); create table other (id int primary key, n int, doc text); ${NOISE}
           create publication dbmazz_pub for table docs, other`
        )
        yield* replica.job()
        yield* sql("insert into docs values (1, 0, noise()); insert into other values (1, 0, noise())")
        yield* replica.equal
        // For less than the minute between two looks at the publication, which would stop the table.
        yield* sql("alter publication dbmazz_pub drop table docs")
        yield* sql("update docs set doc = reverse(doc)")
        yield* sql("alter publication dbmazz_pub add table docs")
        yield* sql("alter publication dbmazz_pub set (publish = 'insert')")
        yield* sql("update other set doc = reverse(doc)")
        yield* sql("alter publication dbmazz_pub set (publish = 'insert, update, delete, truncate')")
        yield* sql("update docs set n = 1; update other set n = 1")
        yield* replica.equal
      }))

    it.effect("T37 T55 a row that is inserted while its table is published with a list of columns brings the others when it is updated", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "listed" })
        const { sql } = replica
        const columns = (yield* PostgresServer.majorOf(replica.source)) >= 15 ? "(id, n)" : ""
        yield* sql(
          `create table listed (id int primary key, n int, doc text); ${NOISE} create publication dbmazz_pub for table listed`
        )
        yield* replica.job()
        yield* sql("insert into listed values (1, 0, noise())")
        yield* replica.equal
        yield* sql(
          `alter publication dbmazz_pub set table listed ${columns}; insert into listed values (2, 0, noise());
           alter publication dbmazz_pub set table listed`
        )
        yield* replica.shows("SELECT id, doc IS NULL FROM shop.listed ORDER BY id", [
          "1 0",
          `2 ${columns === "" ? 0 : 1}`
        ])
        yield* sql("update listed set n = 1")
        yield* replica.equal
      }))

    it.effect("T39 T57 under a key-only identity they are brought with what is told, large ones too, which an update leaves out", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "docs", REPLICA_IDENTITY: "keep", PUBLICATION_NAME: "listed" })
        const { sql } = replica
        // Before column lists only the new column is one that StarRocks lacks.
        const lists = (yield* PostgresServer.majorOf(replica.source)) >= 15
        yield* sql(
          `create table docs (id int primary key, n int, late int default 3);
           create publication listed for table docs${lists ? " (id, n)" : ""}; ${NOISE}`
        )
        const job = yield* replica.job()
        yield* sql("insert into docs values (1, 1, 1), (2, 2, 2)")
        yield* replica.shows("SELECT id, n FROM shop.docs ORDER BY id", ["1 1", "2 2"])
        yield* sql("alter table docs add doc text default noise()")
        yield* sql("alter publication listed set table docs")
        yield* sql("update docs set n = 3 where id = 1")
        yield* replica.shows("SELECT id, n FROM shop.docs ORDER BY id", ["1 3", "2 2"])
        const statements = told(job)
        assert.deepStrictEqual([...statements].sort(), [
          "UPDATE \"public\".\"docs\" SET \"doc\" = \"doc\" WHERE \"doc\" IS NOT NULL;",
          ...(lists ? ["UPDATE \"public\".\"docs\" SET \"late\" = \"late\";"] : [])
        ])
        assert.include(job.log(), "while the replica identity of the table is FULL")
        yield* sql("alter table docs replica identity full")
        for (const statement of statements) yield* sql(statement)
        yield* sql("alter table docs replica identity default")
        yield* replica.equal
      }))

    it.effect("T54 T56 a key that is not unique any more stops the table before two rows become one; other DDL on it does not", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "ahead,items,grown,silent" })
        const { sql } = replica
        yield* sql(
          "create table grown (id int, v text, primary key (id)); create table silent (id int, v text, primary key (id)); " +
            "create table ahead (id int, v text, primary key (id))"
        )
        const job = yield* replica.job()
        yield* sql(
          "insert into grown values (1, 'a'); insert into ahead values (1, 'a'); insert into items values (1, 'x')"
        )
        yield* replica.equal
        yield* sql("create unique index concurrently fewer on items (id)")
        yield* sql(
          "alter table items drop constraint items_pkey; alter table items add primary key (id, name); analyze items; " +
            "insert into items values (2, 'y')"
        )
        yield* sql("reindex table concurrently items")
        yield* sql("update items set name = 'z' where id = 2")
        yield* replica.equal
        yield* sql("alter table grown drop constraint grown_pkey; alter table grown add primary key (id, v)")
        yield* sql("insert into grown values (1, 'b')")
        yield* job.logged("is not its key any more")
        // Since the setup has seen it, and before its first row.
        yield* sql("alter table silent drop constraint silent_pkey; alter table silent add primary key (id, v)")
        yield* sql("insert into silent values (1, 'a'), (1, 'b')")
        yield* job.logged("of public.silent is not its key any more")
        // The catalogue has it under another name by the time that it is looked at.
        yield* job.kill("SIGSTOP")
        yield* sql(
          "alter table ahead drop constraint ahead_pkey; alter table ahead add primary key (id, v); " +
            "insert into ahead values (1, 'b'); alter table ahead rename to elsewhere"
        )
        yield* job.kill("SIGCONT")
        yield* job.logged("of public.ahead is not its key any more")
        yield* replica.shows("SELECT id, v FROM shop.ahead", ["1 a"])
        yield* replica.shows("SELECT id, v FROM shop.grown", ["1 a"])
        yield* sql("insert into items values (3, 'still')")
        yield* replica.shows("SELECT count(*) FROM shop.items", ["3"])
      }))

    it.effect("T53 T56 a key that gets another type, or is another column, stops its table, which no reconnect and no restart brings back", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "items,keyed,renum" })
        const { sql } = replica
        yield* sql(
          "create table keyed (id numeric(10, 2) primary key, n int); create table renum (id serial primary key, v text)"
        )
        const job = yield* replica.job()
        yield* sql(
          "insert into keyed values (1.50, 1); insert into items values (1, 'x'); " +
            "insert into renum (v) values ('a'), ('b'), ('c'), ('d'); delete from renum where id <= 2"
        )
        yield* replica.equal
        const unchanged = Effect.gen(function*() {
          yield* replica.shows("SELECT id, n FROM shop.keyed", ["1.50 1"])
          yield* replica.shows("SELECT id, v FROM shop.renum WHERE dbmazz_is_deleted = false ORDER BY id", [
            "3 c",
            "4 d"
          ])
        })
        yield* sql("alter table renum drop id, add id serial primary key; insert into renum (v) values ('new')")
        yield* job.logged("it is part of the key and another column than before")
        yield* sql("alter table keyed alter id type numeric(10, 4); update keyed set n = 2")
        yield* job.logged("it is part of the key and has another type")

        yield* sql(
          `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${replica.slot}'`
        )
        yield* job.logged("the key of public.keyed is not")
        yield* job.logged("the key of public.renum is not")
        yield* sql("insert into items values (2, 'x')")
        yield* replica.shows("SELECT count(*) FROM shop.items", ["2"])
        yield* unchanged
        yield* job.kill("SIGTERM")
        yield* job.exit
        const again = yield* replica.job()
        yield* again.logged("the key of public.keyed is not")
        yield* again.logged("the key of public.renum is not")
        yield* sql("insert into items values (3, 'x')")
        yield* replica.shows("SELECT count(*) FROM shop.items", ["3"])
        yield* unchanged
      }))

    it.effect("T52 T53 are told at a start that adds columns: one that was renamed, filled, or left out until then", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "docs" })
        const { sql } = replica
        yield* sql("create table docs (id int primary key, old text, secret int)")
        const first = yield* replica.job({ COLUMNS_EXCLUDE: "docs.secret" })
        yield* sql("insert into docs values (1, 'a', 1), (2, 'b', 2)")
        yield* replica.shows("SELECT id, old FROM shop.docs ORDER BY id", ["1 a", "2 b"])
        yield* first.kill("SIGTERM")
        assert.strictEqual(yield* first.exit, 0, first.log())
        yield* sql("alter table docs rename old to title; alter table docs add u uuid default gen_random_uuid()")
        const job = yield* replica.job()
        const statements = told(job)
        assert.lengthOf(statements, 1)
        assert.include(job.log(), "(title, secret, u)")
        for (const statement of statements) yield* sql(statement)
        yield* replica.equal
      }))

    it.effect("T52 T53 are told at a start of columns that became others while no process ran, and of no others", () =>
      Effect.gen(function*() {
        const replica = yield* start({ TABLES: "another,away,both_sides,retyped,same" })
        const { sql } = replica
        yield* sql(
          "create table another (id int primary key, a int); create table away (id int primary key, a int); " +
            "create table retyped (id int primary key, t timestamp); create table same (id int primary key, a int); " +
            "create table both_sides (id int primary key)"
        )
        const first = yield* replica.job()
        yield* sql(
          "insert into another values (1, 1); insert into away values (1, 1), (2, 2); insert into same values (1, 1); " +
            "insert into both_sides values (1); " +
            "insert into retyped values (1, '2024-01-01 10:00')"
        )
        yield* replica.equal
        yield* sql("alter table away rename a to b; update away set b = 10 where id = 1")
        const [end] = yield* sql("select pg_current_wal_insert_lsn()::text as lsn")
        yield* first.logged("is now called 'b'")
        yield* replica.shows("SELECT a, b FROM shop.away WHERE id = 1", ["1 10"])
        // A checkpoint is the last position before the end of a commit.
        yield* run(
          replica.source,
          `select '0/1'::pg_lsn + lsn >= '${String(end?.["lsn"])}' as "isPast" from dbmazz_checkpoints`
        ).pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: ([row]) => row?.["isPast"] === true }))
        yield* first.kill("SIGKILL")
        yield* first.exit
        yield* sql(
          "alter table another drop a, add a int; alter table away rename b to a; alter table same add c int; alter table same drop c; " +
            "set timezone = 'America/New_York'; alter table retyped alter t type timestamptz"
        )
        yield* sql("vacuum full same")
        yield* sql("alter table both_sides add c int default 7")
        yield* replica.query("ALTER TABLE shop.both_sides ADD COLUMN c INT NULL")
        const job = yield* replica.job()
        yield* sql("insert into same values (2, 2)")
        yield* replica.shows("SELECT count(*) FROM shop.same", ["2"])
        const statements = told(job)
        assert.deepStrictEqual([...statements].sort(), [
          "UPDATE \"public\".\"another\" SET \"a\" = \"a\";",
          "UPDATE \"public\".\"away\" SET \"a\" = \"a\";",
          "UPDATE \"public\".\"both_sides\" SET \"c\" = \"c\";",
          "UPDATE \"public\".\"retyped\" SET \"t\" = \"t\";"
        ])
        assert.deepStrictEqual((yield* replica.differing).toSorted(), ["another", "away", "both_sides", "retyped"])
        for (const statement of statements) yield* sql(statement)
        yield* replica.equal
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0, job.log())
        const last = yield* replica.job()
        yield* sql("insert into same values (3, 3)")
        yield* replica.shows("SELECT count(*) FROM shop.same", ["3"])
        assert.lengthOf(told(last), 0, "once")
      }))
  }
)
