import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const KEEP = { flush_size: 0n, flush_interval_ms: 0n, tables: [] }
const WAL_SENDER_TIMEOUT_MS = 2_000

const started = (extra: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const job = yield* ControlledJob.start(replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "500", ...extra }))
    return { replica, job, client: job.client }
  })

const walSenderPid = (replica: Replica.Replica) =>
  Effect.map(
    run(replica.source, "select active_pid from pg_replication_slots where slot_name = $1", [replica.slot]),
    (rows) => rows[0]?.["active_pid"]
  )

const slots = (replica: Replica.Replica) =>
  run(replica.source, "select 1 from pg_replication_slots where slot_name = $1", [replica.slot])

const rowsIn = (replica: Replica.Replica, table: string) =>
  Effect.map(
    replica.query(`SELECT count(*) AS n FROM ${replica.sink.database}.${table} WHERE dbmazz_is_deleted = false`),
    (rows) => Number(rows[0]?.["n"])
  )

const until = <E>(look: Effect.Effect<boolean, E>) =>
  Effect.repeat(look, { schedule: PostgresServer.pollEvery, until: (is) => is })

layer(PostgresServer.layer({ wal_sender_timeout: "2s" }), { excludeTestServices: true, timeout: "60 seconds" })(
  "A job under control, on real servers",
  (it) => {
    it.effect("a pause loads nothing, costs neither the connection nor a row, and is told", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started()
        yield* job.replicating
        const pid = yield* walSenderPid(replica)
        assert.deepInclude(yield* client.Pause(), { success: true, message: "CDC paused successfully" })
        yield* run(replica.source, "insert into items select n, 'paused' from generate_series(1, 500) n")
        // The rows have arrived, and still nothing is loaded when the server would have given up somebody silent.
        yield* until(Effect.map(client.GetStatus(), (status) => status.pending_events === 500n))
        yield* Effect.sleep(WAL_SENDER_TIMEOUT_MS * 1.5)
        const status = yield* client.GetStatus()
        assert.deepStrictEqual([status.state, status.pending_events], ["PAUSED", 500n])
        assert.isTrue(status.current_lsn > status.confirmed_lsn)
        assert.strictEqual(yield* rowsIn(replica, "items"), 0)
        assert.strictEqual((yield* client.Check()).status, "SERVING")
        yield* client.Resume()
        yield* replica.caughtUp
        assert.strictEqual(yield* walSenderPid(replica), pid)
        assert.strictEqual((yield* client.GetStatus()).state, "RUNNING")
      }))

    it.effect("a drain loads, stores and confirms what was received, also out of a pause", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ FLUSH_INTERVAL_MS: "60000" })
        yield* job.replicating
        yield* client.Pause()
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 200) n")
        yield* until(Effect.map(client.GetStatus(), (status) => status.pending_events === 200n))
        assert.strictEqual((yield* client.DrainAndStop()).message, "CDC is draining and will stop")
        assert.strictEqual(yield* job.ended, "drained")
        assert.strictEqual(yield* rowsIn(replica, "items"), 200)
        const { checkpoint, confirmed } = yield* replica.positions
        assert.strictEqual(checkpoint, confirmed)
        assert.strictEqual((yield* client.DrainAndStop()).message, "CDC is already stopped")
        assert.strictEqual((yield* client.Check()).status, "NOT_SERVING")
      }))

    it.effect("a stop keeps the slot or drops it, as it was told", () =>
      Effect.gen(function*() {
        for (const keep of [true, false]) {
          const { client, job, replica } = yield* started()
          yield* job.replicating
          const answer = yield* client.Stop({ skip_slot_cleanup: keep })
          assert.isTrue(answer.success)
          assert.strictEqual(yield* job.ended, "drained")
          assert.strictEqual((yield* slots(replica)).length, keep ? 1 : 0)
          assert.strictEqual((yield* client.GetStatus()).state, "STOPPED")
        }
      }))

    it.effect("a stop ends a job that hangs on a sink that is away, and one whose setup has failed", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started()
        yield* job.replicating
        replica.endpoint.faults.on("no-backend")
        yield* run(replica.source, "insert into items values (1, 'x')")
        const health = yield* job.until(({ error_detail }) => error_detail.includes("is retried since"))
        assert.strictEqual(health.stage, "STAGE_CDC")
        yield* client.Stop({ skip_slot_cleanup: true })
        assert.strictEqual(yield* job.ended, "drained")

        const broken = yield* started({ TABLES: "nowhere" })
        yield* broken.job.until(({ status }) => status === "NOT_SERVING")
        yield* broken.client.Stop({ skip_slot_cleanup: false })
        assert.strictEqual(yield* broken.job.ended, "drained")

        const lost = yield* started({ DATABASE_URL: "postgres://nobody@127.0.0.1:1/nowhere" })
        yield* lost.job.until(({ status }) => status === "NOT_SERVING")
        yield* lost.client.Stop({ skip_slot_cleanup: false })
        assert.include(yield* lost.job.ended, `Replication slot '${lost.replica.slot}' was to be dropped and is not`)
      }))

    it.effect("a failed setup says why, waits, and goes on when it is mended and told to", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ TABLES: "items,late" })
        const failed = yield* job.until(({ status }) => status === "NOT_SERVING")
        assert.deepStrictEqual([failed.stage, failed.stage_detail], ["STAGE_SETUP", "Setup failed"])
        assert.include(failed.error_detail, "Table 'public.late' not found in PostgreSQL")
        yield* run(replica.source, "create table late (id bigint primary key)")
        yield* replica.query(
          `CREATE TABLE ${replica.sink.database}.late (id BIGINT NOT NULL)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        assert.strictEqual((yield* client.Resume()).message, "CDC resumed successfully")
        yield* job.replicating
        assert.strictEqual((yield* client.Resume()).message, "CDC is already running")
      }))

    it.effect("a stopped table is told with its age, and taken up again when it is mended and told to", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ SCHEMA_CHANGE_POLICY: "stop" })
        yield* job.replicating
        yield* run(replica.source, "create table other (id bigint primary key)")
        yield* replica.query(
          `CREATE TABLE ${replica.sink.database}.other (id BIGINT NOT NULL)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        yield* client.ReloadConfig({ ...KEEP, tables: ["items", "other"] })
        yield* job.replicating
        yield* run(replica.source, "alter table items add column more int")
        yield* run(replica.source, "insert into items values (1, 'x', 2); insert into other values (1)")
        const health = yield* job.until(({ status }) => status === "NOT_SERVING")
        assert.strictEqual(health.stage, "STAGE_CDC")
        assert.match(
          health.error_detail,
          /^Table 'public\.items' is stopped since \d+ s, and the slot keeps everything/
        )
        yield* until(Effect.map(rowsIn(replica, "other"), (rows) => rows === 1))
        yield* replica.query(`ALTER TABLE ${replica.sink.database}.items ADD COLUMN more INT NULL`)
        yield* client.Resume()
        yield* until(Effect.map(rowsIn(replica, "items"), (rows) => rows === 1))
        yield* job.replicating
      }))

    it.effect("a reload changes the batches from the next one on, and refuses what it cannot do", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ FLUSH_INTERVAL_MS: "3600000", FLUSH_SIZE: "100000" })
        yield* job.replicating
        const before = (yield* client.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(1), Stream.runCollect))[0]
        const refused = yield* client.ReloadConfig({ ...KEEP, tables: ["items", "nowhere"] })
        assert.isFalse(refused.success)
        assert.include(refused.message, "Table 'public.nowhere' not found in PostgreSQL")
        assert.deepStrictEqual((yield* client.GetStatus()).tables, ["items"])
        const answer = yield* client.ReloadConfig({ ...KEEP, flush_size: 50n })
        assert.deepInclude(answer, { success: true, message: "Configuration reloaded: flush_size=50" })
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 500) n")
        yield* until(Effect.map(rowsIn(replica, "items"), (rows) => rows === 500))
        const after = (yield* client.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(1), Stream.runCollect))[0]
        assert.isTrue((after?.total_batches_sent ?? 0n) - (before?.total_batches_sent ?? 0n) >= 10n)
        assert.strictEqual(after?.total_events_processed, 500n)
      }))

    it.effect("a reload adds a table and removes one while rows are written: publication, setup, rows and status", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started()
        yield* job.replicating
        yield* run(replica.source, "create table other (id bigint primary key)")
        yield* replica.query(
          `CREATE TABLE ${replica.sink.database}.other (id BIGINT NOT NULL)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 50) n")
        const added = yield* client.ReloadConfig({ ...KEEP, tables: ["items", "other"] })
        assert.strictEqual(
          added.message,
          "Configuration reloaded: tables=[\"items\", \"other\"] (added [\"public.other\"]: what changed before now is not replicated; until the next start, which goes by TABLES)"
        )
        const published = Effect.map(
          run(
            replica.source,
            "select tablename as name from pg_publication_tables where pubname = 'dbmazz_pub' order by 1"
          ),
          (rows) => rows.map(({ name }) => name).join()
        )
        yield* until(Effect.map(published, (names) => names === "items,other"))
        yield* job.replicating
        yield* run(
          replica.source,
          "insert into other select n from generate_series(1, 20) n; delete from items where id > 40"
        )
        yield* replica.caughtUp
        yield* until(Effect.map(rowsIn(replica, "other"), (rows) => rows === 20))
        yield* client.ReloadConfig({ ...KEEP, tables: ["other"] })
        assert.deepStrictEqual((yield* client.GetStatus()).tables, ["other"])
        yield* run(replica.source, "insert into items values (1000, 'unwanted'); insert into other values (1000)")
        yield* until(Effect.map(rowsIn(replica, "other"), (rows) => rows === 21))
        assert.strictEqual(yield* rowsIn(replica, "items"), 40)
      }))

    it.effect("lag grows while the sink is away, and is 0 when idle and caught up", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started()
        yield* job.replicating
        yield* run(replica.source, "insert into items values (0, 'first')")
        yield* replica.caughtUp
        replica.endpoint.faults.on("no-backend")
        yield* run(replica.source, "insert into items values (1, 'x'), (2, 'y')")
        const samples = yield* client.StreamMetrics({ interval_ms: 200 }).pipe(
          Stream.filter((sample) => sample.lag_events === 2n),
          Stream.take(6),
          Stream.runCollect
        )
        const lags = samples.map((sample) => sample.replication_lag_ms)
        for (let index = 1; index < lags.length; index++) assert.isTrue(lags[index]! > lags[index - 1]!, lags.join())
        assert.isTrue(samples.every((sample) => sample.lag_bytes > 0n))
        replica.endpoint.faults.off("no-backend")
        yield* replica.caughtUp
        const [caughtUp] = yield* client.StreamMetrics({ interval_ms: 50 }).pipe(
          Stream.filter((sample) =>
            sample.lag_events === 0n && sample.replication_lag_ms === 0n && sample.lag_bytes === 0n
          ),
          Stream.take(1),
          Stream.runCollect
        )
        assert.isTrue((caughtUp?.memory_bytes ?? 0n) > 10_000_000n)
        const wrong = yield* Effect.flip(Stream.runDrain(client.StreamMetrics({ interval_ms: 0 })))
        assert.strictEqual(wrong.message, "interval_ms must be > 0")
      }))

    it.effect("a drain that leaves rows behind does not end well: of a stopped table, and of a connection that is lost", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ SCHEMA_CHANGE_POLICY: "stop" })
        yield* job.replicating
        yield* run(replica.source, "alter table items add column more int")
        yield* run(replica.source, "insert into items values (1, 'x', 2)")
        yield* job.until(({ status }) => status === "NOT_SERVING")
        yield* client.DrainAndStop()
        assert.include(yield* job.ended, "no longer fit")
        assert.strictEqual(yield* rowsIn(replica, "items"), 0)
      }))

    it.effect("a stop drops no slot that dbmazz has no checkpoint for", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* Effect.acquireUseRelease(
          run(replica.source, `select pg_create_physical_replication_slot('${replica.slot}')`),
          () =>
            Effect.gen(function*() {
              const job = yield* ControlledJob.start(replica.environment())
              const refused = yield* job.until(({ status }) => status === "NOT_SERVING")
              assert.include(refused.error_detail, replica.slot)
              yield* job.client.Stop({ skip_slot_cleanup: false })
              assert.strictEqual(yield* job.ended, "drained")
              assert.strictEqual((yield* slots(replica)).length, 1)
            }),
          () => run(replica.source, `select pg_drop_replication_slot('${replica.slot}')`)
        )
      }))

    it.effect("a table that no longer fits its pattern is not left out in silence, and one that does now joins by a reload", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ TABLES: "items,ord_*" })
        const target = (name: string) =>
          replica.query(
            `CREATE TABLE ${replica.sink.database}.${name} (id BIGINT NOT NULL)
             PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
          )
        for (const name of ["ord_a", "ord_b"]) {
          yield* run(replica.source, `create table ${name} (id bigint primary key)`)
          yield* target(name)
        }
        yield* client.Resume()
        yield* job.replicating
        yield* client.Pause()
        yield* run(replica.source, "insert into ord_a values (1), (2)")
        yield* until(Effect.map(client.GetStatus(), (status) => status.pending_events === 2n))
        const before = yield* replica.positions
        yield* run(replica.source, "alter table ord_a rename to archived_a")
        yield* run(
          replica.source,
          "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
          [replica.slot]
        )
        const gone = yield* job.until(({ error_detail }) => error_detail.includes("is gone"))
        assert.include(gone.error_detail, "Table 'public.ord_a' matched TABLES and is gone")
        assert.deepStrictEqual(yield* replica.positions, before)
        // Renamed back, nothing is missing.
        yield* run(replica.source, "alter table archived_a rename to ord_a")
        yield* until(Effect.map(client.Resume(), ({ success }) => success))
        yield* until(Effect.map(rowsIn(replica, "ord_a"), (rows) => rows === 2))

        const sameList = { ...KEEP, tables: ["items", "ord_*"] }
        const { beginnings } = yield* job.lifecycle
        assert.strictEqual(
          (yield* client.ReloadConfig(sameList)).message,
          "Configuration reloaded: tables=[\"items\", \"ord_*\"]"
        )
        assert.strictEqual((yield* job.lifecycle).beginnings, beginnings)
        yield* run(replica.source, "create table ord_c (id bigint primary key)")
        yield* target("ord_c")
        assert.include((yield* client.ReloadConfig(sameList)).message, "(added [\"public.ord_c\"]")
        yield* run(replica.source, "insert into ord_c values (1)")
        yield* until(Effect.map(rowsIn(replica, "ord_c"), (rows) => rows === 1))
      }))

    it.effect("a table that joins is not stopped by what it was before, and a job beside it goes on with its tables", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* run(replica.source, "create publication dbmazz_pub for all tables")
        const job = yield* ControlledJob.start(replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "500" }))
        const { client } = job
        yield* job.replicating
        yield* replica.query(
          `CREATE TABLE ${replica.sink.database}.other (id BIGINT NOT NULL)
           PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
        )
        // Less WAL than makes an idle job store a checkpoint; deletes that carry the key alone.
        yield* run(replica.source, "create table other (id bigint primary key)")
        yield* run(replica.source, "insert into other values (1), (2); delete from other where id = 1; truncate other")
        assert.isTrue((yield* client.ReloadConfig({ ...KEEP, tables: ["items", "other"] })).success)
        yield* run(
          replica.source,
          "insert into other values (3); delete from other where id = 3; insert into other values (4)"
        )
        yield* until(Effect.map(rowsIn(replica, "other"), (rows) => rows === 1))
        assert.strictEqual((yield* client.Check()).status, "SERVING")

        const beside = yield* ControlledJob.start(
          replica.environment({ TABLES: "items,other", SLOT_NAME: `${replica.slot}_b` })
        )
        yield* beside.replicating
        yield* client.ReloadConfig({ ...KEEP, tables: ["items"] })
        yield* run(replica.source, "insert into other values (5)")
        yield* until(Effect.map(rowsIn(replica, "other"), (rows) => rows === 2))
        yield* client.Stop({ skip_slot_cleanup: false })
        yield* beside.client.Stop({ skip_slot_cleanup: false })
        assert.deepStrictEqual([yield* job.ended, yield* beside.ended], ["drained", "drained"])
      }))

    it.effect("control calls in every state at once are all answered, and the job ends as it was told", () =>
      Effect.gen(function*() {
        const { client, job } = yield* started()
        const calls = [
          client.Check(),
          client.Pause(),
          client.Resume(),
          client.GetStatus(),
          client.ReloadConfig({ ...KEEP, flush_size: 10n }),
          client.StartSnapshot(),
          client.PauseSnapshot(),
          client.ResumeSnapshot()
        ]
        yield* Effect.all(
          calls.map((call: Effect.Effect<unknown>) => Effect.repeat(call, { schedule: Schedule.recurs(20) })),
          {
            concurrency: "unbounded"
          }
        )
        assert.isFalse((yield* client.StartSnapshot()).success)
        assert.strictEqual((yield* client.PauseSnapshot()).message, "No snapshot running")
        yield* client.Stop({ skip_slot_cleanup: true })
        assert.strictEqual(yield* job.ended, "drained")
      }))
  }
)
