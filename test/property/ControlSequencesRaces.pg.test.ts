import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect, run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"
import * as World from "./ControlSequencesWorld.ts"

const KEEP = { flush_size: 0n, flush_interval_ms: 0n, tables: [] as ReadonlyArray<string> }
const BOTH = { ...KEEP, tables: ["items", "other"] }
/** Far longer than any of these calls takes, far shorter than the limits that would end them. */
const AT_ONCE = "5 seconds"
const APPLICATION = "application_name = 'dbmazz' and pid <> pg_backend_pid()"

const until = <E>(look: Effect.Effect<boolean, E>) =>
  Effect.repeat(look, { schedule: PostgresServer.pollEvery, until: (is) => is })

const started = Effect.gen(function*() {
  const world = yield* World.make(1)
  const job = yield* ControlledJob.start(world.environment(["items"]))
  return { world, replica: world.replica, job, client: job.client }
})

type Running = Effect.Success<typeof started>

/** Waits until the job has received everything that is in the WAL now. */
const receivedAll = Effect.fnUntraced(function*({ client, replica }: Running) {
  const [end] = yield* run(replica.source, "select (pg_current_wal_lsn() - '0/0')::text as lsn")
  yield* until(Effect.map(client.GetStatus(), (status) => status.current_lsn >= BigInt(String(end?.["lsn"]))))
})

/** Waits for the end of a drain: all of the source is loaded, and confirmed. */
const drainedWhole = Effect.fnUntraced(function*({ job, replica }: Running) {
  assert.strictEqual(yield* Effect.timeout(job.ended, AT_ONCE), "drained")
  yield* Effect.timeout(replica.caughtUp, "1 second")
  const { checkpoint, confirmed } = yield* replica.positions
  assert.strictEqual(checkpoint, confirmed)
})

/** Makes whoever reads the catalogue of tables wait, until what it returns is run. */
const holdCatalogue = Effect.fnUntraced(function*(replica: Replica.Replica) {
  const holder = yield* connect(replica.source)
  yield* Effect.promise(() => holder.query("begin; lock table pg_publication in access exclusive mode"))
  const waited = PostgresServer.until(
    replica.source,
    `exists (select from pg_locks where not granted and relation = 'pg_publication'::regclass)`
  )
  return { waited, release: Effect.promise(() => holder.query("rollback")) }
})

const slots = (replica: Replica.Replica) =>
  Effect.map(
    run(replica.source, "select 1 from pg_replication_slots where slot_name = $1", [replica.slot]),
    (rows) => rows.length
  )

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "Control calls that meet each other",
  (it) => {
    it.effect("a change of the flush limits is not undone by a change of the tables that was asked for before it", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started
        yield* job.replicating
        const hold = yield* holdCatalogue(replica)
        const reload = yield* Effect.forkChild(client.ReloadConfig(BOTH))
        yield* hold.waited
        assert.isTrue((yield* client.ReloadConfig({ ...KEEP, flush_size: 5n, flush_interval_ms: 3_600_000n })).success)
        yield* hold.release
        assert.isTrue((yield* Fiber.join(reload)).success)
        const before = yield* client.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(1), Stream.runCollect)
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 50) n")
        yield* replica.caughtUp
        const after = yield* client.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(1), Stream.runCollect)
        assert.isAtLeast(Number(after[0]!.total_batches_sent - before[0]!.total_batches_sent), 10)
      }))

    it.effect("a drain is not cut short by a change of tables under way, and who asked for that hears of it at once", () =>
      Effect.gen(function*() {
        const running = yield* started
        const { client, job, replica } = running
        yield* job.replicating
        // The walsender looks its publication up with the first row, and dbmazz the table: both know it under the lock.
        yield* run(replica.source, "insert into items values (0, 'x')")
        yield* replica.caughtUp
        // Many batches, of which the first is held: the others are still to come when the change goes on.
        assert.isTrue((yield* client.ReloadConfig({ ...KEEP, flush_size: 10n })).success)
        yield* client.Pause()
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 300) n")
        // What is decoded is bounded by the batches that wait; what has arrived is not.
        yield* receivedAll(running)
        const hold = yield* holdCatalogue(replica)
        const reload = yield* Effect.forkChild(client.ReloadConfig(BOTH))
        yield* hold.waited
        replica.endpoint.faults.on("hold-commit")
        yield* client.DrainAndStop()
        const answer = yield* Effect.timeout(Fiber.join(reload), AT_ONCE)
        assert.deepInclude(answer, { success: false })
        assert.include(answer.message, "the job is about to end")
        yield* until(Effect.sync(() => replica.endpoint.faults.held() > 0))
        // The change goes on while the drain waits for its load: it must not begin anew without what was received.
        yield* hold.release
        yield* PostgresServer.until(replica.source, `not exists (select from pg_locks where not granted)`)
        replica.endpoint.faults.off("hold-commit")
        yield* drainedWhole(running)
      }))

    it.effect("a drain while replication begins anew loads what had been received before", () =>
      Effect.gen(function*() {
        const running = yield* started
        const { client, job, replica } = running
        yield* job.replicating
        yield* client.Pause()
        // More than is read ahead of a pipeline that drains at once.
        yield* run(
          replica.source,
          `do $$ begin for t in 0..14 loop
             insert into items select t * 100 + n, repeat('x', 4000) from generate_series(1, 100) n; commit;
           end loop; end $$`
        )
        // Received, not decoded: how much of it waits as rows depends on where the intervals have cut the batches.
        yield* receivedAll(running)
        const holder = yield* connect(replica.source)
        yield* Effect.promise(() => holder.query("begin; lock table other in access share mode"))
        // Both sides were found in order, the pipeline has ended, and its successor waits to set the new table up.
        yield* Effect.forkChild(client.ReloadConfig(BOTH))
        yield* PostgresServer.until(
          replica.source,
          "exists (select from pg_locks where not granted and relation = 'other'::regclass)"
        )
        assert.isTrue((yield* client.DrainAndStop()).success)
        yield* Effect.promise(() => holder.query("rollback"))
        yield* drainedWhole(running)
      }))

    it.effect("a change of tables that waits for a lock in the catalogue stalls nothing: rows arrive meanwhile", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started
        yield* job.replicating
        // The walsender looks its publication up with the first row, and then knows it.
        yield* run(replica.source, "insert into items values (0, 'x')")
        yield* replica.caughtUp
        const hold = yield* holdCatalogue(replica)
        const reload = yield* Effect.forkChild(client.ReloadConfig(BOTH))
        yield* hold.waited
        yield* run(replica.source, "insert into items values (1, 'x')")
        yield* Effect.timeout(replica.caughtUp, AT_ONCE)
        yield* hold.release
        const answer = yield* Fiber.join(reload)
        assert.isTrue(answer.success, answer.message)
      }))

    it.effect("changes of tables that wait in a row are all answered when the job is stopped, and too many are refused", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started
        yield* job.replicating
        const hold = yield* holdCatalogue(replica)
        const first = yield* Effect.forkChild(client.ReloadConfig(BOTH))
        yield* hold.waited
        const others = yield* Effect.forEach(
          Array.from({ length: 12 }),
          () => Effect.forkChild(client.ReloadConfig(BOTH), { startImmediately: true })
        )
        yield* until(Effect.sync(() => others.filter((one) => one.pollUnsafe() !== undefined).length === 4))
        yield* client.Stop({ skip_slot_cleanup: true })
        const answers = yield* Effect.timeout(Effect.forEach([first, ...others], Fiber.join), AT_ONCE)
        assert.isTrue(answers.every(({ success }) => !success))
        assert.strictEqual(answers.filter(({ message }) => message.includes("are waiting already")).length, 4)
        assert.strictEqual(yield* Effect.timeout(job.ended, AT_ONCE), "drained")
        yield* hold.release
      }))

    it.effect("a change of tables while paused is made and answered, and nothing is loaded before the pause ends", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started
        yield* job.replicating
        yield* client.Pause()
        yield* run(replica.source, "insert into items values (1, 'x')")
        const answer = yield* Effect.timeout(client.ReloadConfig(BOTH), AT_ONCE)
        assert.isTrue(answer.success, answer.message)
        yield* run(replica.source, "insert into other values (1, 1)")
        yield* until(Effect.map(client.GetStatus(), (status) => status.pending_events === 2n))
        assert.strictEqual((yield* client.GetStatus()).state, "PAUSED")
        const rows = (table: string) =>
          Effect.map(replica.query(`SELECT id FROM ${replica.sink.database}.${table}`), ({ length }) => length)
        assert.deepStrictEqual([yield* rows("items"), yield* rows("other")], [0, 0])
        yield* client.Resume()
        yield* replica.caughtUp
        yield* until(Effect.map(rows("other"), (count) => count === 1))
      }))

    it.effect("a pause that ended long ago does not make a job begin anew when a table stops later", () =>
      Effect.gen(function*() {
        const { client, job, replica } = yield* started
        yield* job.replicating
        assert.isTrue((yield* client.ReloadConfig(BOTH)).success)
        yield* client.Pause()
        yield* client.Resume()
        const pid = run(replica.source, "select active_pid from pg_replication_slots where slot_name = $1", [
          replica.slot
        ])
        const before = yield* pid
        yield* run(replica.source, "alter table items rename column id to key; insert into items values (1, 'x')")
        yield* job.until(({ status }) => status === "NOT_SERVING")
        yield* run(replica.source, "insert into other values (1, 1)")
        yield* until(
          Effect.map(replica.query(`SELECT id FROM ${replica.sink.database}.other`), ({ length }) => length === 1)
        )
        assert.deepStrictEqual(yield* pid, before)
        assert.strictEqual((yield* client.Check()).status, "NOT_SERVING")
      }))

    it.effect("a resume is heard in whatever moment of a failing setup it comes", () =>
      Effect.gen(function*() {
        const { job, replica } = yield* started
        yield* job.replicating
        yield* run(replica.source, "drop table other")
        const wrong = yield* ControlledJob.start({
          ...replica.environment(),
          TABLES: "items,other",
          SLOT_NAME: `${replica.slot}_b`
        })
        yield* wrong.until(({ status }) => status === "NOT_SERVING")
        const hold = yield* holdCatalogue(replica)
        assert.isTrue((yield* wrong.client.Resume()).success)
        yield* hold.waited
        yield* run(replica.source, "create table other (id bigint primary key, rev bigint)")
        // The look that is under way may have missed the table: this resume must not be lost.
        assert.isTrue((yield* wrong.client.Resume()).success)
        yield* hold.release
        yield* Effect.timeout(wrong.replicating, AT_ONCE)
        yield* wrong.client.Stop({ skip_slot_cleanup: false })
        assert.strictEqual(yield* wrong.ended, "drained")
      }))

    for (const call of ["drain", "stop and keep", "stop and drop"] as const) {
      it.effect(`${call} while the setup waits to create the slot ends it at once and leaves no slot`, () =>
        Effect.gen(function*() {
          const replica = yield* Replica.start
          const holder = yield* connect(replica.source)
          yield* Effect.promise(() => holder.query("begin; insert into items values (0, 'open')"))
          const job = yield* ControlledJob.start(replica.environment())
          yield* PostgresServer.until(
            replica.source,
            `exists (select from pg_stat_activity where ${APPLICATION} and wait_event_type = 'Lock')`
          )
          const answer = call === "drain"
            ? yield* job.client.DrainAndStop()
            : yield* job.client.Stop({ skip_slot_cleanup: call === "stop and keep" })
          assert.isTrue(answer.success)
          assert.strictEqual(yield* Effect.timeout(job.ended, AT_ONCE), "drained")
          assert.strictEqual((yield* job.client.GetStatus()).state, "STOPPED")
          yield* Effect.promise(() => holder.query("commit"))
          yield* until(Effect.map(slots(replica), (count) => count === 0))
        }))
    }

    it.effect("a drain while a failed setup is looked at again ends the job without a failure", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const job = yield* ControlledJob.start(replica.environment({ TABLES: "nowhere" }))
        yield* job.until(({ status }) => status === "NOT_SERVING")
        const hold = yield* holdCatalogue(replica)
        yield* job.client.Resume()
        yield* hold.waited
        yield* job.client.DrainAndStop()
        assert.strictEqual(yield* Effect.timeout(job.ended, AT_ONCE), "drained")
        yield* hold.release
      }))

    it.effect("a pause and a resume while the source is away are kept: it goes on as it was told last", () =>
      Effect.gen(function*() {
        const { client, job, replica, world } = yield* started
        yield* job.replicating
        yield* world.link.setMode({ _tag: "blackhole" })
        yield* world.link.reset
        assert.isTrue((yield* client.Pause()).success)
        yield* world.link.setMode({ _tag: "forward" })
        yield* world.link.reset
        yield* run(replica.source, "insert into items values (1, 'x')")
        yield* job.replicating
        yield* until(Effect.map(client.GetStatus(), (status) => status.pending_events === 1n))
        assert.strictEqual((yield* client.GetStatus()).state, "PAUSED")
        assert.strictEqual((yield* replica.query(`SELECT id FROM ${replica.sink.database}.items`)).length, 0)
        yield* client.Resume()
        yield* replica.caughtUp
      }))
  }
)
