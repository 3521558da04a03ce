import { assert, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Sample from "../../src/domain/control/Sample.ts"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect, run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** A server that is silent for so long is taken for gone, in ms. */
const GIVEN_UP_MS = 30_000

const started = (sql = "select", extra: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    yield* run(replica.source, sql)
    const job = yield* ControlledJob.start(replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "500", ...extra }))
    yield* job.replicating
    const metrics = job.client.StreamMetrics({ interval_ms: 10 }).pipe(
      Stream.take(1),
      Stream.runCollect,
      Effect.map((answers) => answers[0]!)
    )
    return { replica, job, client: job.client, metrics }
  })

const until = <A, E>(look: Effect.Effect<A, E>, is: (found: A) => boolean) =>
  Effect.repeat(look, { schedule: PostgresServer.pollEvery, until: is })

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A job that is behind says so",
  (it) => {
    it.effect("T04 the lag grows while the server sends nothing of what it has, and is 0 when that has come", () =>
      Effect.gen(function*() {
        const { metrics, replica } = yield* started()
        yield* run(replica.source, "insert into items values (1, 'x')")
        yield* replica.caughtUp
        yield* until(metrics, ({ replication_lag_ms }) => replication_lag_ms === 0n)
        const [slot] = yield* run(
          replica.source,
          "select active_pid as pid from pg_replication_slots where slot_name = $1",
          [
            replica.slot
          ]
        )
        // As one that decodes a large transaction, which is sent when that is done.
        const walSender = Number(slot?.["pid"])
        yield* Effect.acquireRelease(
          Effect.sync(() => process.kill(walSender, "SIGSTOP")),
          () => Effect.sync(() => process.kill(walSender, "SIGCONT"))
        ).pipe(
          Effect.andThen(Effect.gen(function*() {
            const since = yield* Clock.currentTimeMillis
            yield* run(replica.source, "insert into items values (2, 'x')")
            const behind = yield* until(
              metrics,
              ({ replication_lag_ms }) => replication_lag_ms > BigInt(Sample.UNSENT_MS_MAX)
            )
            const elapsedMs = (yield* Clock.currentTimeMillis) - since
            assert.isBelow(elapsedMs, GIVEN_UP_MS, "a connection that is given up is another matter")
            assert.isAtMost(Number(behind.replication_lag_ms), elapsedMs + 2_500, "no older than the last good look")
          })),
          Effect.scoped
        )
        yield* replica.caughtUp
        yield* until(metrics, ({ replication_lag_ms }) => replication_lag_ms === 0n)
      }))

    it.effect("T53 a table that waits for its ALTER is told in health and lag, its rows are not counted, and a drain owes them", () =>
      Effect.gen(function*() {
        const { client, job, metrics, replica } = yield* started(
          "create table other (id bigint primary key)",
          { TABLES: "items,other", AUTO_CREATE_TABLES: "true" }
        )
        const { faults } = replica.endpoint
        faults.on("schema-change-running", { table: "items" })
        yield* run(replica.source, "alter table items add column a int; insert into items values (1, 'x', 1)")
        const insertedMs = yield* Clock.currentTimeMillis
        const waits = yield* until(client.Check(), ({ error_detail }) => error_detail.includes("waits since"))
        assert.match(waits.error_detail, /^Table 'public\.items' waits since \d+ s for StarRocks to change its columns/)
        assert.strictEqual(waits.stage, "STAGE_CDC")
        yield* run(replica.source, "insert into other values (1)")
        yield* until(
          replica.query(`SELECT id FROM ${replica.sink.database}.other`),
          ({ length }) => length === 1
        )
        const behind = yield* until(metrics, ({ lag_events }) => lag_events === 0n)
        assert.strictEqual(behind.total_events_processed, 1n, "the row that waits is not in StarRocks")
        assert.isTrue(behind.lag_bytes > 0n)
        assert.isTrue(behind.replication_lag_ms > 0n)
        // Nor does the lag begin anew with the replication.
        yield* run(
          replica.source,
          "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
          [replica.slot]
        )
        yield* until(client.Check(), ({ error_detail }) => !error_detail.includes("waits since"))
        yield* until(client.Check(), ({ error_detail }) => error_detail.includes("waits since"))
        const later = yield* metrics
        assert.isAtLeast(Number(later.replication_lag_ms), (yield* Clock.currentTimeMillis) - insertedMs - 500)
        // A new beginning, and a drain that meets its setup.
        const holder = yield* connect(replica.source)
        yield* Effect.promise(() => holder.query("begin; lock table pg_publication in access exclusive mode"))
        faults.off()
        yield* PostgresServer.until(
          replica.source,
          `exists (select from pg_locks where not granted and relation = 'pg_publication'::regclass)`
        )
        assert.isTrue((yield* client.DrainAndStop()).success)
        yield* Effect.promise(() => holder.query("rollback"))
        assert.strictEqual(yield* job.ended, "drained")
        const rows = yield* replica.query(`SELECT id, a FROM ${replica.sink.database}.items`)
        assert.deepStrictEqual(rows.map(Object.values), [["1", "1"]])
      }))
  }
)
