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

layer(PostgresServer.layer(), { excludeTestServices: true })("Table and column lists", (it) => {
  it.effect("what they leave out stays in the source, may change its shape there, and is not missed by verify", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const { source } = replica
      yield* run(
        source,
        `create table people (secret_at point, id int primary key, name text, secret_note text);
         create table people_tmp (id int primary key);
         create schema hr; create table hr.staff (id int primary key, name text, salary numeric)`
      )
      const create = (columns: string) =>
        replica.query(
          `CREATE TABLE shop.${columns} PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
      yield* create("people (id INT NOT NULL, name STRING, secret_note STRING)")
      yield* create("staff (id INT NOT NULL, name STRING)")
      const environment = replica.environment({
        TABLES: "items,peo*,*.staff",
        TABLES_EXCLUDE: "*_tmp",
        COLUMNS_INCLUDE: "hr.*.name",
        COLUMNS_EXCLUDE: "people.secret_*"
      })
      const settings = Result.getOrThrow(Settings.fromEnv(environment))
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(
        source,
        `insert into people values ('(1,2)', 1, 'Ann', 'hush'), (null, 2, 'Bob', null), ('(1,2)', 3, 'Cid', 'hush');
         insert into hr.staff values (1, 'Ann', 17.5);
         insert into items values (1, 'one'); insert into people_tmp values (1)`
      )
      yield* run(
        source,
        `update people set secret_note = repeat('x', 10000) where id = 1;
         update people set name = 'Ann B.' where id = 1; delete from people where id = 3;
         alter table people add column secret_more point, alter column secret_note type bytea using null;
         alter table hr.staff add column iban interval;
         update people set secret_more = '(3,4)'; insert into people values (null, 4, 'Dan', null, '(1,1)');
         update hr.staff set name = 'Ann B.', iban = '1 h'`
      )
      const verified = yield* Verify.verify(settings, ARRIVAL_MS_MAX)
      assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
      assert.isTrue(verified.equal)
      assert.deepStrictEqual(
        Object.entries(verified.tables).map(([name, table]) => [name, table.source, table.sink, table.deleted]),
        [["items", 1, 1, 0], ["people", 3, 3, 1], ["staff", 1, 1, 0]]
      )
      assert.deepStrictEqual(yield* replica.query("SELECT id, name, secret_note FROM shop.people ORDER BY id"), [
        { id: "1", name: "Ann B.", secret_note: null },
        { id: "2", name: "Bob", secret_note: null },
        { id: "3", name: "Cid", secret_note: null },
        { id: "4", name: "Dan", secret_note: null }
      ])
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0, job.log())
      assert.notInclude(job.log(), "stopped\"")

      // The changed shape is no problem of the next setup either, and what is compared is still compared.
      const again = yield* DbmazzProcess.start(["check"], environment)
      assert.strictEqual(yield* again.exit, 0, again.output())
      assert.include(again.output(), "run would change nothing")
      yield* run(source, "update people set name = 'Eve' where id = 2")
      assert.deepStrictEqual((yield* Verify.verify(settings, 0)).tables["people"]?.examples, [
        { key: { id: "2" }, problem: "different", columns: ["name"] }
      ])
    }))

  it.effect("T47 tables whose names differ by where the dot is are two, and a stranger's rows are nobody's", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const { source } = replica
      const environment = replica.environment({ AUTO_CREATE_TABLES: "true", TABLES: `"a.b".c,a."b.c","a.b".d` })
      yield* run(
        source,
        `create schema a; create schema "a.b"; create publication dbmazz_pub for all tables;
         create table "a.b".c (id int primary key, v text); create table a."b.c" (id int primary key, v text);
         create table "a.b".d (id int primary key, v text); create table a."b.d" (id int primary key, v text)`
      )
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(
        source,
        `insert into a."b.d" values (1, 'stranger'); insert into a."b.c" values (1, 'in a');
         insert into "a.b".c values (1, 'in a.b'), (2, 'in a.b'); insert into "a.b".d values (2, 'wanted')`
      )
      const verified = yield* Verify.verify(Result.getOrThrow(Settings.fromEnv(environment)), ARRIVAL_MS_MAX)
      assert.deepStrictEqual(
        Object.entries(verified.tables).map(([name, { different, sink, source }]) => [name, source, sink, different]),
        [["c", 2, 2, 0], ["\"b.c\"", 1, 1, 0], ["d", 1, 1, 0]],
        job.log()
      )
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0, job.log())
    }))
})
