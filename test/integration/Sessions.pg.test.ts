import { assert, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Client } from "pg"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const KEEP = { flush_size: 0n, flush_interval_ms: 0n, tables: [] as ReadonlyArray<string> }
const CALLS = 50
const RESUMES = 16
/** As old as an attempt is before it is given up, in ms: what it has asked may go on. */
const ATTEMPT_MS = 250
/** Checkpoints, replication and its watch, an errand, the stored standing; and some that the server has yet to end. */
const SESSIONS_MAX = 6

const started = (extra: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const replica = yield* Replica.start
    const job = yield* ControlledJob.start(replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "500", ...extra }))
    return { replica, job, client: job.client }
  })

/** The sessions of the job, and whoever else is in its database. */
const sessions = (client: Client) =>
  Effect.promise(async () => {
    const { rows } = await client.query<{ count: number }>(
      "select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    return rows[0]?.count ?? 0
  })

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "Calls that come in a burst",
  (it) => {
    it.effect("changes of tables open a handful of sessions on PostgreSQL, however many there are", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({})
        yield* job.replicating
        const watch = yield* connect(replica.source)
        const burst = yield* Effect.forkChild(Effect.forEach(
          Array.from({ length: CALLS }, (_, index) => index),
          (index) => client.ReloadConfig({ ...KEEP, tables: index % 2 === 0 ? ["items"] : ["public.item*"] }),
          { concurrency: "unbounded" }
        ))
        let most = 0
        while (burst.pollUnsafe() === undefined) {
          most = Math.max(most, yield* sessions(watch))
          yield* Effect.sleep("1 millis")
        }
        const answers = yield* Fiber.join(burst)
        assert.isAtLeast(most, 2, "it was looked at")
        assert.isAtMost(most, SESSIONS_MAX)
        assert.isAtLeast(answers.filter(({ success }) => success).length, 2)
      }))

    it.effect("resumes of a failed setup open a handful of sessions on PostgreSQL, however many there are", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started({ TABLES: "nowhere" })
        yield* job.until(({ status }) => status === "NOT_SERVING")
        // What an attempt has asked goes on when the attempt is given up.
        const holder = yield* connect(replica.source)
        yield* Effect.promise(() => holder.query("begin; lock table pg_publication in access exclusive mode"))
        const sinceMs = yield* Clock.currentTimeMillis
        for (let call = 1; call <= RESUMES; call++) {
          assert.isTrue((yield* client.Resume()).success)
          // The attempt that it has begun has come to its question.
          yield* PostgresServer.until(
            replica.source,
            `(select count(*) >= ${call} from pg_locks where not granted and relation = 'pg_publication'::regclass)`
          )
        }
        const elapsedMs = (yield* Clock.currentTimeMillis) - sinceMs
        assert.isAtMost(yield* sessions(holder), SESSIONS_MAX + elapsedMs / ATTEMPT_MS)
        yield* Effect.promise(() => holder.query("rollback"))
        assert.strictEqual((yield* client.Check()).status, "NOT_SERVING")
      }))
  }
)
