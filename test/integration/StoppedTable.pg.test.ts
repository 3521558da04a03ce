import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const errorsOf = (job: DbmazzProcess.DbmazzProcess): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  job.log().split("\n").filter((line) => line.includes("\"level\":\"error\"")).map((line) => JSON.parse(line))

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })("A table that stops", (it) => {
  it.effect("neither stops the others nor loses a row: the slot waits, and after the repair everything arrives", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const { database } = replica.sink
      yield* run(replica.source, "create table notes (id bigint primary key, name text)")
      yield* replica.query(
        `CREATE TABLE ${database}.notes (id BIGINT NOT NULL, name VARCHAR(5) NULL)
         PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
      )
      const environment = replica.environment({ TABLES: "items,notes" })
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(replica.source, "insert into items values (1, 'before'); insert into notes values (1, 'fits')")
      yield* replica.caughtUp
      yield* run(replica.source, "insert into notes values (2, 'too long for it')")
      yield* job.logged("the table is stopped")
      const held = yield* replica.positions
      yield* run(replica.source, "insert into items select n, 'after' from generate_series(2, 500) n")
      yield* run(replica.source, "update notes set name = 'ok' where id = 1; insert into notes values (3, 'late')")
      yield* replica.caughtUp
      assert.deepStrictEqual(yield* replica.positions, held)
      assert.deepStrictEqual(yield* replica.query(`SELECT id, name FROM ${database}.notes`), [{
        id: "1",
        name: "fits"
      }])
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 1)
      assert.include(job.log(), "VALUE_UNREPRESENTABLE")
      assert.notInclude(job.log(), "too long for it")
      // One event, one line: whoever counts them is called once.
      const lines = errorsOf(job)
      assert.deepStrictEqual(lines.map(({ code, message, table }) => ({ code, message, table })), [{
        code: "VALUE_UNREPRESENTABLE",
        message: "the table is stopped; the others go on, and the slot keeps everything from here on",
        table: "public.notes"
      }])
      assert.include(String(lines[0]?.["error"]), "column 'name'")
      assert.isNotEmpty(lines[0]?.["remediation"])

      yield* replica.query(`ALTER TABLE ${database}.notes MODIFY COLUMN name VARCHAR(50) NULL`)
      yield* replica.query(`SELECT count(*) AS n FROM ${database}.notes`).pipe(
        Effect.andThen(replica.query(`SHOW ALTER TABLE COLUMN FROM ${database} WHERE TableName = 'notes'`)),
        Effect.repeat({
          schedule: PostgresServer.pollEvery,
          until: (rows) => rows.every((row) => row["State"] === "FINISHED")
        })
      )
      yield* DbmazzProcess.start(["run"], environment)
      const expected = [{ id: "1", name: "ok" }, { id: "2", name: "too long for it" }, { id: "3", name: "late" }]
      yield* replica.query(`SELECT id, name FROM ${database}.notes ORDER BY id`).pipe(
        Effect.repeat({
          schedule: PostgresServer.pollEvery,
          until: (rows) => JSON.stringify(rows) === JSON.stringify(expected)
        })
      )
      yield* replica.caughtUp
    }))

  it.effect("that is the last one is told of once, also by a job that waits for a person", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const environment = replica.environment({
        TRUNCATE_POLICY: "fail",
        HTTP_PORT: String(yield* HttpStage.deadPort),
        LOG_LEVEL: "info,Supervisor=debug"
      })
      const job = yield* DbmazzProcess.start(["run"], environment)
      yield* job.logged("\"replicating\"")
      yield* run(replica.source, "truncate items")
      yield* job.logged("\"level\":\"debug\",\"module\":\"Supervisor\"")
      const lines = errorsOf(job)
      assert.deepStrictEqual(lines.map(({ code, message, table }) => ({ code, message, table })), [{
        code: "TRUNCATE_UNSUPPORTED",
        message: "the table is stopped, and none is left; the slot keeps everything from here on",
        table: "public.items"
      }])
    }))
})
