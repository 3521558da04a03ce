import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const AUDIT = "dbmazz_op_type TINYINT, dbmazz_is_deleted BOOLEAN, dbmazz_synced_at DATETIME, dbmazz_cdc_version BIGINT"

/** A job with a table `notes`, whose column `req` StarRocks has so. */
const start = Effect.fnUntraced(function*(req: string, extra: Readonly<Record<string, string>> = {}) {
  const replica = yield* Replica.start
  const { database } = replica.sink
  const create = (column: string, audit = "") =>
    replica.query(
      `CREATE TABLE ${database}.notes (id BIGINT NOT NULL, req INT ${column}, doc STRING NULL${audit})
       PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
    )
  yield* run(replica.source, "create table notes (id bigint primary key, req int, doc text)")
  yield* run(replica.source, "alter table notes alter doc set storage external, alter req set not null")
  yield* create(req)
  const job = yield* ControlledJob.start(
    replica.environment({ TABLES: "items,notes", RETRY_BASE_MS: "50", RETRY_MAX_MS: "200", ...extra })
  )
  yield* job.replicating
  /** Waits until StarRocks has done it. */
  const alter = (statement: string) =>
    replica.query(statement).pipe(
      Effect.andThen(
        replica.query(`SHOW ALTER TABLE COLUMN FROM ${database} WHERE TableName = 'notes'`).pipe(
          Effect.repeat({
            schedule: PostgresServer.pollEvery,
            until: (jobs) => jobs.every((row) => row["State"] === "FINISHED")
          })
        )
      )
    )
  /** Waits until the rows of StarRocks are these. */
  const arrived = (...expected: ReadonlyArray<string>) =>
    replica.query(
      `SELECT id, req, length(doc) AS n FROM ${database}.notes WHERE dbmazz_is_deleted = false ORDER BY id`
    ).pipe(Effect.repeat({
      schedule: PostgresServer.pollEvery,
      until: (rows) => JSON.stringify(rows.map(({ id, n, req }) => `${id} ${req} ${n}`)) === JSON.stringify(expected)
    }))
  return {
    ...replica,
    job,
    sql: (statement: string) => run(replica.source, statement),
    alter,
    arrived,
    lift: alter(`ALTER TABLE ${database}.notes MODIFY COLUMN req INT NULL`),
    /** Somebody makes the table anew: StarRocks makes no column NOT NULL that was not. */
    remake: Effect.andThen(replica.query(`DROP TABLE ${database}.notes`), create("NOT NULL", `, ${AUDIT}`))
  }
})

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A column that may be NULL on one side alone",
  (it) => {
    it.effect.each([["json", "stop"], ["csv", "divert"]] as const)(
      "takes NULL as soon as StarRocks has made it nullable, and no row is refused for what it was, as %s with %s",
      ([format, policy]) =>
        Effect.gen(function*() {
          const replica = yield* start("NOT NULL", { STREAM_LOAD_FORMAT: format, ON_REJECTED_ROW: policy })
          const { arrived, job, lift, sql } = replica
          yield* sql("insert into notes values (1, 1, repeat('d', 6000)), (2, 2, 'x')")
          yield* arrived("1 1 6000", "2 2 1")
          yield* lift
          yield* sql("alter table notes alter req drop not null")
          yield* sql("insert into notes values (3, null, 'y')")
          yield* arrived("1 1 6000", "2 2 1", "3 null 1")
          yield* sql("update notes set req = null where id = 1; delete from notes where id = 3")
          yield* arrived("1 null 6000", "2 2 1")
          // The shape that comes next is another encoder's.
          yield* sql("alter table notes add more int; insert into notes values (4, null, 'z', 1)")
          yield* arrived("1 null 6000", "2 2 1", "4 null 1")
          const { error_detail, status } = yield* job.client.Check()
          assert.deepStrictEqual([status, error_detail], ["SERVING", ""])
        })
    )

    it.effect("T73 stops by key and column where only the source has changed; the statement of the error and resume go on", () =>
      Effect.gen(function*() {
        const { alter, arrived, job, sql } = yield* start("NOT NULL")
        yield* sql("alter table notes alter req drop not null")
        yield* sql("insert into notes values (1, 1, 'x'), (2, null, 'y'), (3, 3, 'z')")
        const { error_detail } = yield* job.until(({ error_detail }) => error_detail.includes("is stopped"))
        assert.match(error_detail, /the row id=2 of public\.notes, .* in column 'req' .*: it is NULL, and the column/)
        yield* arrived("1 1 1")
        const [statement = ""] = /ALTER TABLE `shop`\.`notes` MODIFY COLUMN `req` INT NULL/.exec(error_detail) ?? []
        yield* alter(statement)
        assert.isTrue((yield* job.client.Resume()).success)
        yield* job.replicating
        yield* arrived("1 1 1", "2 null 1", "3 3 1")
      }))

    it.effect("T22 T73 stops by key and column where only StarRocks has, which refuses the row itself; nothing is lost", () =>
      Effect.gen(function*() {
        const { arrived, job, lift, remake, sql } = yield* start("NULL")
        yield* sql("alter table notes alter req drop not null; insert into notes values (1, null, 'x')")
        yield* arrived("1 null 1")
        yield* remake
        yield* sql("insert into notes select n, case when n <> 40 then n end, 'y' from generate_series(2, 60) n")
        const { error_detail } = yield* job.until(({ error_detail }) => error_detail.includes("is stopped"))
        assert.match(error_detail, /the row id=40 of public\.notes, .*: NULL value in non-nullable column 'req'/)
        assert.match(error_detail, /ALTER TABLE `shop`\.`notes` MODIFY COLUMN `req`/)
        yield* lift
        assert.isTrue((yield* job.client.Resume()).success)
        yield* job.replicating
        yield* arrived(...Array.from({ length: 59 }, (_, index) => `${index + 2} ${index === 38 ? null : index + 2} 1`))
      }))
  }
)
