import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** Everything a setup could change in PostgreSQL. */
const catalogue = (replica: Replica.Replica) =>
  run(
    replica.source,
    `select (select json_agg(c order by c.relname) from (select relname, relreplident from pg_class
               where relnamespace = 'public'::regnamespace) c) as relations,
            (select json_agg(p.pubname) from pg_publication p) as publications,
            (select json_agg(s.slot_name) from pg_replication_slots s where database = current_database()) as slots`
  )

layer(PostgresServer.layer(), { excludeTestServices: true })("Commands", (it) => {
  it.effect("check says what run would do and changes nothing; after run there is nothing left to do", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const [postgres, starrocks] = [yield* catalogue(replica), yield* replica.query("DESC shop.items")]
      const check = yield* DbmazzProcess.start(["check"], replica.environment())
      assert.strictEqual(yield* check.exit, 0, check.log())
      assert.include(check.output(), "alter table \"public\".\"items\" replica identity full")
      assert.include(check.output(), "create publication \"dbmazz_pub\" for table only \"public\".\"items\"")
      assert.include(check.output(), "pg_create_logical_replication_slot")
      assert.include(check.output(), "dbmazz_op_type")
      assert.deepStrictEqual(yield* catalogue(replica), postgres)
      assert.deepStrictEqual(yield* replica.query("DESC shop.items"), starrocks)

      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("\"replicating\"")
      const again = yield* DbmazzProcess.start(["check"], replica.environment())
      assert.strictEqual(yield* again.exit, 0)
      assert.include(again.output(), "run would change nothing")
    }))

  it.effect("a wrong configuration exits 78 with every problem at once and no secret", () =>
    Effect.gen(function*() {
      const job = yield* DbmazzProcess.start(["run"], {
        DATABASE_URL: "mysql://me:hunter2@db/",
        STARROCKS_URL: "http://root:hunter2@fe:8030",
        FLUSH_SIZE: "many"
      })
      assert.strictEqual(yield* job.exit, 78)
      for (
        const expected of [
          "names no database",
          "must start with postgres://",
          "STARROCKS_URL",
          "STARROCKS_DB",
          "FLUSH_SIZE",
          "example:"
        ]
      ) {
        assert.include(job.log(), expected)
      }
      assert.notInclude(job.log(), "hunter2")
    }))

  it.effect("a missing table on either side is its typed error with the remedy, exit 78, and no slot is left behind", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const job = yield* DbmazzProcess.start(["run"], replica.environment({ TABLES: "items,nowhere" }))
      assert.strictEqual(yield* job.exit, 78)
      assert.include(job.log(), "Table 'public.nowhere' not found in PostgreSQL.")
      yield* run(replica.source, "create table only_here (id int primary key)")
      const other = yield* DbmazzProcess.start(["run"], replica.environment({ TABLES: "items,only_here" }))
      assert.strictEqual(yield* other.exit, 78)
      assert.include(other.log(), "not found in StarRocks. Create the table before starting CDC.")
      assert.include(other.log(), "to do:")
      const slots = yield* run(replica.source, "select from pg_replication_slots where database = current_database()")
      assert.strictEqual(slots.length, 0)
    }))

  it.effect("T77 a StarRocks that does not answer is waited for, with one line each time", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      replica.endpoint.faults.on("unavailable")
      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("retryInMs")
      replica.endpoint.faults.off()
      yield* job.logged("\"replicating\"")
      yield* run(replica.source, "insert into items values (1, 'a')")
      yield* replica.caughtUp
    }))

  it.effect("an unknown flag exits 2", () =>
    Effect.gen(function*() {
      const job = yield* DbmazzProcess.start(["run", "--nonsense"], {})
      assert.strictEqual(yield* job.exit, 2)
    }))
})
