import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import type { Settings } from "../../src/domain/config/Settings.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as Traffic from "../../src/programs/Traffic.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const TABLES = ["orders", "order_items", "toast_test", "keyed"] as const

const targetTables = fs.readFileSync(new URL("../../demo/sql/starrocks.sql", import.meta.url), "utf8")
  .replaceAll(/^--.*$/gm, "").split(/;\s*$/m).filter((statement) => statement.trim() !== "")
  .map((statement) => statement.replace("IF NOT EXISTS ", "IF NOT EXISTS shop."))

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

/** A key that natural language and bytes sort differently, in two parts. */
const KEYED_SOURCE =
  `create table keyed (code text collate "und-x-icu", part int, padded char(6), day date, weight float8,
  at timestamptz, note text, primary key (part, code))`
const KEYED_TARGET = `CREATE TABLE shop.keyed (part INT NOT NULL, code VARCHAR(100) NOT NULL, padded VARCHAR(24) NULL,
  day DATE NULL, weight DOUBLE NULL, at DATETIME NULL, note STRING NULL)
  PRIMARY KEY (part, code) DISTRIBUTED BY HASH(part) PROPERTIES ("replication_num" = "1")`
/** More rows than a page holds, with codes such as Ab, aB, 🦀 and ～ beside each other. */
const KEYED_ROWS = `insert into keyed
  select c || (i / 7), i % 3, 'x', date '2024-01-01' + i, i / 3.0,
         timestamptz '2024-01-01 00:00:00.5+02' + i * interval '1 h', c
    from generate_series(1, 5000) i,
         lateral (select (array['a', 'B', 'Ab', 'aB', '🦀', '～', 'é'''])[1 + i % 7]) as v (c)`

/** Deleted orders that are looked for one by one. */
const DELETED_ORDERS_MIN = 10

/** Both worlds with everything replicated, and dbmazz stopped. */
const replicated = Effect.gen(function*() {
  const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  const { sink } = yield* StarRocksEndpoint.start
  const traffic = yield* Traffic.make(source, 7)
  yield* traffic.createTables
  yield* PostgresServer.run(source, KEYED_SOURCE)
  const statements = Effect.forEach(
    [...targetTables, KEYED_TARGET],
    (statement) => StarRocksSql.use(({ query }) => query(statement))
  )
  yield* statements.pipe(Effect.provide(StarRocksSql.layer(sink)))
  const environment = DbmazzProcess.jobEnvironment(source, sink, {
    TABLES: TABLES.join(","),
    SLOT_NAME: `slot_of_${source.database}`
  })
  const job = yield* DbmazzProcess.start(["run"], environment)
  yield* job.logged("\"replicating\"")
  yield* traffic.seedRows
  yield* PostgresServer.run(source, KEYED_ROWS)
  // On a slow machine a second is too short to delete enough.
  yield* Effect.repeat(traffic.run(600, 1), {
    until: () => traffic.report().deletedKeys.orders.length > DELETED_ORDERS_MIN
  })
  yield* PostgresServer.run(source, "delete from keyed where note = 'B' and part = 1")
  // On a slow machine the traffic may not get to delete of every table.
  yield* PostgresServer.run(source, "delete from toast_test where id = (select max(id) from toast_test)")
  const tables = TABLES.map((name) => ({ schema: "public", name }))
  const settings = { source, sink, tables } satisfies Pick<Settings, "source" | "sink" | "tables">
  // A stop loads what was received, and the last change may still be on its way.
  yield* Verify.verify(settings, ARRIVAL_MS_MAX)
  yield* job.kill("SIGTERM")
  assert.strictEqual(yield* job.exit, 0)
  return { source, traffic, job: settings }
})

layer(PostgresServer.layer(), { excludeTestServices: true })("verify", (it) => {
  it.effect("T74 equal is equal, and each kind of difference is named by table, key and column", () =>
    Effect.gen(function*() {
      const { job, source, traffic } = yield* replicated
      const equal = yield* Verify.verify(job, 0)
      assert.deepStrictEqual(Object.values(equal.tables).flatMap((table) => table.examples), [])
      assert.isTrue(equal.equal)
      for (const name of TABLES) {
        const [row] = yield* PostgresServer.run(source, `select count(*)::int as n from ${name}`)
        assert.strictEqual(equal.tables[name]?.source, row?.["n"])
        assert.strictEqual(equal.tables[name]?.sink, row?.["n"])
        assert.isAbove(equal.tables[name]?.deleted ?? 0, 0, `${name} has soft-deleted rows`)
      }
      const { deletedKeys } = traffic.report()
      assert.isAbove(deletedKeys.orders.length, DELETED_ORDERS_MIN)
      assert.deepStrictEqual(yield* Verify.notSoftDeleted(job, deletedKeys), {
        orders: [],
        order_items: [],
        toast_test: [],
        keyed: []
      })

      // The traffic deletes by chance; these are alive.
      const [alive] = yield* PostgresServer.run(
        source,
        "select (select min(id)::text from orders) as orders_id, (select min(id)::text from order_items) as items_id"
      )
      const [victim, changed] = [String(alive?.["orders_id"]), String(alive?.["items_id"])]
      yield* PostgresServer.run(
        source,
        `delete from orders where id = ${victim};
         insert into orders (id, customer_id, status, total) values (90000001, 1, 'missing', 1);
         update order_items set attributes = '{"changed": true}', price = -1 where id = ${changed};
         update keyed set weight = -1 where part = 2 and code = 'Ab' || (select min(substr(code, 3)) from keyed
            where part = 2 and code like 'Ab%')`
      )
      const differs = yield* Verify.verify(job, 0)
      assert.isFalse(differs.equal)
      assert.deepStrictEqual(differs.tables["orders"]?.examples, [
        { key: { id: victim }, problem: "unexpected", columns: [] },
        { key: { id: "90000001" }, problem: "missing", columns: [] }
      ])
      assert.deepStrictEqual(differs.tables["order_items"]?.examples, [
        { key: { id: changed }, problem: "different", columns: ["price", "attributes"] }
      ])
      assert.strictEqual(differs.tables["toast_test"]?.different, 0)
      const [keyed, ...others] = differs.tables["keyed"]?.examples ?? []
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual([keyed?.problem, keyed?.columns, keyed?.key["part"]], ["different", ["weight"], "2"])
      assert.deepStrictEqual((yield* Verify.notSoftDeleted(job, { orders: [victim, 90000001] }))["orders"], [victim])

      // A key that was deleted, and is alive again in the source alone.
      const again = deletedKeys.orders[0]!
      yield* PostgresServer.run(
        source,
        `insert into orders (id, customer_id, status, total) values (${again}, 1, 'x', 1)`
      )
      const revived = yield* Verify.verify({ ...job, tables: [{ schema: "public", name: "orders" }] }, 0)
      const example = revived.tables["orders"]?.examples.find((each) => each.key["id"] === String(again))
      assert.deepStrictEqual([example?.problem, example?.columns], ["deleted", []])
    }))

  it.effect("a column that cannot be compared is named with what is wrong: missing, or of a type that nothing is written to", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const { sink } = yield* StarRocksEndpoint.start
      yield* PostgresServer.run(source, "create table lists (id int primary key, numbers int[], amount numeric(9, 2))")
      const query = (statement: string) =>
        StarRocksSql.use((sql) => sql.query(statement)).pipe(Effect.provide(StarRocksSql.layer(sink)))
      const verify = Effect.flip(Verify.verify({ source, sink, tables: [{ schema: "public", name: "lists" }] }, 0))
      yield* query(
        "CREATE TABLE shop.lists (id INT NOT NULL, numbers ARRAY<INT> NULL) PRIMARY KEY (id) " +
          "DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
      )
      assert.include((yield* verify).message, "Column 'numbers' of StarRocks table 'shop.lists' has type array<int>")
      yield* query("DROP TABLE shop.lists")
      yield* query(
        "CREATE TABLE shop.lists (id INT NOT NULL, numbers JSON NULL) PRIMARY KEY (id) " +
          "DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
      )
      const missing = yield* verify
      assert.include(
        missing._tag === "SetupError" ? missing.remediation : missing.message,
        "ALTER TABLE `shop`.`lists` ADD COLUMN `amount` DECIMAL(9,2) NULL"
      )
    }))

  it.effect("T58 row level security hides no row from the replica, and verify says that it cannot see them all", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const source = yield* PostgresServer.freshRole(replica.source, "replication")
      yield* PostgresServer.run(
        replica.source,
        `alter table items replica identity full; create publication dbmazz_pub for table items;
         alter table items enable row level security; create policy few on items using (id < 10);
         grant select on items to ${source.user}; grant create on schema public to ${source.user}`
      )
      const job = yield* DbmazzProcess.start(
        ["run"],
        DbmazzProcess.jobEnvironment(source, replica.sink, { TABLES: "items", SLOT_NAME: replica.slot })
      )
      yield* job.logged("\"replicating\"")
      yield* PostgresServer.run(replica.source, "insert into items values (1, 'seen'), (10, 'hidden')")
      yield* replica.caughtUp
      const verify = Verify.verify({ source, sink: replica.sink, tables: [{ schema: "public", name: "items" }] }, 0)
      const error = yield* Effect.flip(verify)
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgRowsHidden", error.message)
      assert.include(error._tag === "SetupError" ? error.remediation : "", `ALTER ROLE "${source.user}" BYPASSRLS`)
      yield* PostgresServer.run(replica.source, `alter role ${source.user} bypassrls`)
      assert.isTrue((yield* verify).equal)
    }))

  it.effect("T48 the rows of a table that inherits from another are its own, in the replica and for verify", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const { sink, source } = replica
      const child = { schema: "public", name: "child" }
      yield* PostgresServer.run(source, "create table child (primary key (id)) inherits (items)")
      const job = yield* DbmazzProcess.start(
        ["run"],
        replica.environment({ TABLES: "items,child", AUTO_CREATE_TABLES: "true" })
      )
      yield* job.logged("\"replicating\"")
      yield* PostgresServer.run(source, "insert into items values (1, 'x'); insert into child values (2, 'y')")
      yield* PostgresServer.run(source, "update items set name = 'z'")
      const tables = [{ schema: "public", name: "items" }, child]
      const verified = yield* Verify.verify({ source, sink, tables }, ARRIVAL_MS_MAX)
      const rows = Object.values(verified.tables).map((table) => [table.source, table.sink, table.different])
      assert.deepStrictEqual(rows, [[1, 1, 0], [1, 1, 0]])
    }))

  it.effect("the traffic keeps its rate and its mix, and the same seed writes the same first rows", () =>
    Effect.gen(function*() {
      const reports = []
      const rows = []
      for (const _ of [1, 2]) {
        const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
        const traffic = yield* Traffic.make(address, 42)
        yield* traffic.createTables
        yield* traffic.seedRows
        yield* traffic.seedRows
        rows.push(
          yield* PostgresServer.run(
            address,
            `select count(*)::int, md5(string_agg(o::text, '|' order by id)) from orders o
           union all select count(*)::int, md5(string_agg(i::text, '|' order by id)) from order_items i`
          )
        )
        yield* traffic.run(1_000, 2)
        reports.push(traffic.report())
      }
      assert.deepStrictEqual(rows[0], rows[1])
      assert.deepStrictEqual(rows[0]?.map((row) => row["count"]), [1_000, 3_000])
      for (const { deletes, inserts, operations, updates } of reports) {
        assert.isAtLeast(operations, 1_800)
        assert.isAtMost(operations, 2_300)
        assert.closeTo(inserts / operations, 0.7, 0.05)
        assert.closeTo(updates / operations, 0.25, 0.05)
        assert.closeTo(deletes / operations, 0.05, 0.02)
      }
    }))

  it.effect("documents of toast_test are really out of line, so an update that leaves them alone sends none", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const traffic = yield* Traffic.make(address, 3)
      yield* traffic.createTables
      yield* traffic.run(500, 1)
      const [row] = yield* PostgresServer.run(
        address,
        `select count(*)::int as rows, min(octet_length(document)) as least, min(pg_column_size(document)) as stored,
                pg_table_size((select reltoastrelid from pg_class where relname = 'toast_test')) > 8192 as toasted
           from toast_test`
      )
      assert.isAbove(Number(row?.["rows"]), 10)
      assert.isAbove(Number(row?.["least"]), 8_192)
      assert.isAbove(Number(row?.["stored"]), 8_000, "not compressed to fit a page")
      assert.isTrue(row?.["toasted"])
    }))
})
