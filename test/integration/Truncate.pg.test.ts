import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Client } from "pg"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const POLICIES = ["truncate", "soft-delete"] as const

/** A replica with a second table, `notes`, whose key refers to `items`, and a third that is not replicated. */
const start = (policy: string, extra: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const { database } = replica.sink
    yield* run(replica.source, "create table notes (id bigint primary key, item bigint references items, note text)")
    yield* run(replica.source, "create table unseen (id bigint primary key, item bigint references items)")
    yield* replica.query(
      `CREATE TABLE ${database}.notes (id BIGINT NOT NULL, item BIGINT NULL, note STRING NULL)
       PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
    )
    const environment = replica.environment({ TABLES: "items,notes", TRUNCATE_POLICY: policy, ...extra })
    const live = (table: string, columns: string) =>
      replica.query(`SELECT ${columns} FROM ${database}.${table} WHERE dbmazz_is_deleted = false ORDER BY id`)
    const texts = (rows: ReadonlyArray<object>) => rows.map((row) => Object.values(row).map(String).join(" "))
    const items = Effect.map(live("items", "id, name"), texts)
    const notes = Effect.map(live("notes", "id, item, note"), texts)
    const same = Effect.fnUntraced(function*(client: Client) {
      const here = yield* Effect.promise(async () => [
        (await client.query<PostgresServer.Row>("select id, name from items order by items.id")).rows,
        (await client.query<PostgresServer.Row>("select id, item, note from notes order by notes.id")).rows
      ])
      return JSON.stringify(here.map(texts)) === JSON.stringify(yield* Effect.all([items, notes]))
    })
    const equal = PostgresServer.connect(replica.source).pipe(
      Effect.flatMap((client) =>
        Effect.repeat(same(client), { schedule: PostgresServer.pollEvery, until: (is) => is })
      ),
      Effect.scoped,
      Effect.asVoid
    )
    /** Waits until the checkpoint is behind every row that the sink has of the two tables. */
    const checkpointed = Effect.gen(function*() {
      const [newest] = yield* replica.query(
        `SELECT max(v) AS lsn FROM (SELECT max(dbmazz_cdc_version) AS v FROM ${database}.items
           UNION ALL SELECT max(dbmazz_cdc_version) FROM ${database}.notes) AS versions`
      )
      yield* PostgresServer.until(
        replica.source,
        `select lsn > ${newest?.["lsn"]} from dbmazz_checkpoints where slot_name = '${replica.slot}'`
      )
    })
    return { ...replica, environment, items, notes, equal, checkpointed }
  })

/** Waits until the sink shows this. */
const shows = <A, E>(effect: Effect.Effect<A, E>, expected: A) =>
  effect.pipe(
    Effect.repeat({
      schedule: PostgresServer.pollEvery,
      until: (found) => JSON.stringify(found) === JSON.stringify(expected)
    })
  )

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "120 seconds" })(
  "A truncated table",
  (it) => {
    for (const policy of POLICIES) {
      it.effect(`${policy}: rows before it are gone and rows after it stay, in and between transactions, T24 interleaved ones`, () =>
        Effect.gen(function*() {
          // Once in several batches, once in few.
          const replica = yield* start(policy, { FLUSH_SIZE: policy === "truncate" ? "3" : "10000" })
          const job = yield* DbmazzProcess.start(["run"], replica.environment)
          yield* job.logged("\"replicating\"")
          const sql = (statements: string) => run(replica.source, statements)
          yield* sql("insert into items select n, 'old' from generate_series(1, 20) n")
          yield* sql("insert into notes select n, n, 'old' from generate_series(1, 20) n")
          // Of the tables that it empties one is not replicated.
          yield* sql(
            "begin; insert into items values (21, 'same'); truncate items restart identity cascade; " +
              "insert into items values (1, 'new'), (22, 'new'); insert into notes values (5, 1, 'new'); commit"
          )
          yield* replica.equal
          yield* sql(
            "begin; insert into notes values (6, 22, 'short'); truncate notes, unseen; truncate notes; " +
              "insert into notes values (7, 22, 'longer'); commit"
          )
          // One that began before the truncation and commits after it, one that is rolled back, and one undone to a savepoint.
          yield* sql(
            "begin; insert into items values (30, 'a'); savepoint s; truncate items cascade; rollback to s; commit"
          )
          yield* sql("begin; truncate items cascade; rollback")
          yield* Effect.scoped(Effect.gen(function*() {
            const client = yield* PostgresServer.connect(replica.source)
            const slow = (statement: string) => Effect.promise(() => client.query(statement))
            yield* slow("begin")
            yield* slow("insert into items values (40, 'slow')")
            yield* sql("truncate notes")
            yield* sql("insert into notes values (8, 22, 'after')")
            yield* slow("insert into notes values (9, 40, 'slow')")
            yield* slow("commit")
          }))
          yield* replica.equal
          assert.deepStrictEqual(yield* replica.items, ["1 new", "22 new", "30 a", "40 slow"])
          assert.deepStrictEqual(yield* replica.notes, ["8 22 after", "9 40 slow"])
          const deleted = yield* replica.deletedCount
          // 2 to 21 of the items: 1 came back.
          assert.strictEqual(deleted, policy === "truncate" ? 0 : 20)
          yield* job.kill("SIGTERM")
          assert.strictEqual(yield* job.exit, 0)
        }))

      it.effect(`T20 T22 ${policy}: killed after it and after newer rows, before the checkpoint, the replay loses none of them`, () =>
        Effect.gen(function*() {
          const replica = yield* start(policy, { FLUSH_SIZE: "1" })
          const { faults } = replica.endpoint
          const job = yield* DbmazzProcess.start(["run"], replica.environment)
          yield* job.logged("\"replicating\"")
          yield* run(replica.source, "insert into items values (1, 'first'), (2, 'first')")
          yield* replica.equal
          yield* replica.checkpointed
          // Each change is a batch; the last one's load hangs, so that the position cannot move.
          faults.on("hold-commit", { table: "notes" })
          yield* run(
            replica.source,
            "begin; insert into items values (3, 'before'); update items set name = 'before' where id = 1; " +
              "truncate items cascade; insert into items values (1, 'after'), (4, 'after'); " +
              "insert into notes values (1, 4, 'n'); commit"
          )
          yield* shows(replica.items, ["1 after", "4 after"])
          yield* HttpStage.until(() => faults.held() === 1)
          yield* job.kill("SIGKILL")
          yield* job.exit
          // The replay begins before the truncation, at whose transaction's end the rows above stand.
          const [newest] = yield* replica.query(
            `SELECT max(dbmazz_cdc_version) AS lsn FROM ${replica.sink.database}.items`
          )
          const [checkpoint] = yield* run(
            replica.source,
            `select lsn < ${newest?.["lsn"]} as before from dbmazz_checkpoints`
          )
          assert.isTrue(checkpoint?.["before"])
          faults.off()
          const again = yield* DbmazzProcess.start(["run"], replica.environment)
          yield* again.logged("the table was truncated at the source")
          yield* replica.equal
          yield* replica.checkpointed
          assert.deepStrictEqual(yield* replica.items, ["1 after", "4 after"])
          assert.strictEqual(yield* replica.deletedCount, policy === "truncate" ? 0 : 2)
          const [row] = yield* replica.query(
            `SELECT min(dbmazz_cdc_version) = max(dbmazz_cdc_version) AS one FROM ${replica.sink.database}.items WHERE id > 2`
          )
          // Every row of the transaction, deleted ones too, has its version.
          assert.strictEqual(row?.["one"], "1")
        }))

      it.effect(`T09 ${policy}: a stopped program that wakes up when another has loaded newer rows does not truncate them`, () =>
        Effect.gen(function*() {
          const replica = yield* start(policy, { RETRY_BASE_MS: "50", RETRY_MAX_MS: "200" })
          const { faults } = replica.endpoint
          const old = yield* DbmazzProcess.start(["run"], replica.environment)
          yield* old.logged("\"replicating\"")
          yield* run(replica.source, "insert into items values (1, 'old')")
          yield* replica.equal
          yield* replica.checkpointed
          // The truncation is being tried while the sink is away: the program stops in the middle of it.
          faults.on("unavailable")
          yield* run(replica.source, "truncate items cascade")
          yield* old.logged("statement will be sent again")
          yield* old.kill("SIGSTOP")
          yield* run(
            replica.source,
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active",
            [replica.slot]
          )
          faults.off()
          const next = yield* DbmazzProcess.start(["run"], replica.environment)
          yield* next.logged("the table was truncated at the source")
          yield* run(replica.source, "insert into items values (2, 'new')")
          yield* replica.equal
          yield* replica.checkpointed
          const before = old.log().length
          yield* old.kill("SIGCONT")
          // Its run has ended, one way or another, and the next one has to wait for the slot.
          yield* HttpStage.until(() => old.log().slice(before).includes("\"retryInMs\""))
          assert.notInclude(old.log(), "the table was truncated at the source")
          yield* run(replica.source, "insert into items values (3, 'newer')")
          yield* shows(Effect.map(replica.items, (rows) => rows.at(-1)), "3 newer")
          assert.deepStrictEqual(yield* replica.items, ["2 new", "3 newer"])
        }))
    }

    it.effect("ignore keeps the rows, says so, and goes on; fail stops the table until the policy is another", () =>
      Effect.gen(function*() {
        const replica = yield* start("fail")
        const job = yield* DbmazzProcess.start(["run"], replica.environment)
        yield* job.logged("\"replicating\"")
        yield* run(replica.source, "insert into items values (1, 'old')")
        yield* replica.equal
        yield* run(replica.source, "truncate items cascade; insert into items values (2, 'new')")
        yield* job.logged("TRUNCATE_UNSUPPORTED")
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 1)
        assert.deepStrictEqual(yield* replica.items, ["1 old"])
        const ignoring = yield* DbmazzProcess.start(["run"], { ...replica.environment, TRUNCATE_POLICY: "ignore" })
        yield* shows(replica.items, ["1 old", "2 new"])
        yield* ignoring.logged("TRUNCATE_POLICY=ignore")
        yield* replica.checkpointed
      }))

    it.effect("T55 a publication that does not publish truncations is refused, with what to run; with ignore it will do", () =>
      Effect.gen(function*() {
        const replica = yield* start("soft-delete")
        yield* run(
          replica.source,
          "create publication quiet for table items, notes with (publish = 'insert, update, delete')"
        )
        const environment = { ...replica.environment, PUBLICATION_NAME: "quiet" }
        const refused = yield* DbmazzProcess.start(["run"], environment)
        assert.strictEqual(yield* refused.exit, 78)
        assert.include(refused.log(), "does not publish truncate")
        assert.include(refused.log(), "TRUNCATE_POLICY=ignore")
        const job = yield* DbmazzProcess.start(["run"], { ...environment, TRUNCATE_POLICY: "ignore" })
        yield* job.logged("\"replicating\"")
      }))
  }
)
