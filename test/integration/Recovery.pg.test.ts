import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const WAL_SENDER_TIMEOUT_MS = 3_000
const MIB = 1024 * 1024
/** 60 MB in small loads take a busy machine more than a minute. */
const AWAY_TEST_MS_MAX = 180_000

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

const walSenderPid = (replica: Replica.Replica) =>
  Effect.map(
    run(replica.source, "select active_pid from pg_replication_slots where slot_name = $1", [replica.slot]),
    (rows) => rows[0]?.["active_pid"]
  )

layer(PostgresServer.layer({ wal_sender_timeout: "3s" }), { excludeTestServices: true, timeout: "60 seconds" })(
  "Recovery, on real servers and real processes",
  (it) => {
    it.effect("T18 a restart resumes where the stop ended: nothing is lost in between", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const first = yield* DbmazzProcess.start(["run"], replica.environment())
        yield* first.logged("\"replicating\"")
        yield* run(replica.source, "insert into items select n, 'before' from generate_series(1, 3000) n")
        yield* replica.caughtUp
        yield* first.kill("SIGTERM")
        assert.strictEqual(yield* first.exit, 0)
        const stopped = yield* replica.positions
        assert.strictEqual(stopped.confirmed, stopped.checkpoint)
        yield* run(replica.source, "insert into items select n, 'between' from generate_series(3001, 4000) n")
        yield* run(replica.source, "update items set name = 'changed' where id % 2 = 0")
        yield* run(replica.source, "delete from items where id % 3 = 0")
        yield* DbmazzProcess.start(["run"], replica.environment())
        yield* replica.caughtUp
        assert.strictEqual(yield* replica.deletedCount, 1333)
      }))

    it.effect(
      "T14 T59 T60 a sink that is away longer than wal_sender_timeout costs neither the connection nor memory",
      () =>
        Effect.gen(function*() {
          const replica = yield* Replica.start
          const limits = { FLUSH_BYTES: String(MIB), MAX_BUFFER_BYTES: String(2 * MIB), RETRY_MAX_MS: "500" }
          const job = yield* DbmazzProcess.start(["run"], replica.environment(limits))
          yield* job.logged("\"replicating\"")
          yield* run(replica.source, "insert into items values (0, 'warm')")
          yield* replica.caughtUp
          const [pid, before] = [yield* walSenderPid(replica), residentBytes(job.pid)]
          replica.endpoint.faults.on("unavailable")
          yield* run(replica.source, "insert into items select n, repeat('x', 2000) from generate_series(1, 30000) n")
          yield* Effect.sleep(2.5 * WAL_SENDER_TIMEOUT_MS)
          assert.strictEqual(yield* walSenderPid(replica), pid)
          assert.isBelow(residentBytes(job.pid) - before, 60 * MIB)
          assert.isAbove(replica.endpoint.faults.hits("unavailable"), 0)
          replica.endpoint.faults.off()
          yield* replica.caughtUp
          assert.strictEqual(yield* walSenderPid(replica), pid)
        }),
      AWAY_TEST_MS_MAX
    )

    it.effect("T77 a PostgreSQL that restarts under traffic is reconnected to, from the checkpoint", () =>
      Effect.gen(function*() {
        const { server } = yield* PostgresServer.PostgresServer
        const replica = yield* Replica.start
        const job = yield* DbmazzProcess.start(["run"], replica.environment({ RETRY_MAX_MS: "500" }))
        yield* job.logged("\"replicating\"")
        yield* run(replica.source, "insert into items select n, 'before' from generate_series(1, 500) n")
        yield* replica.caughtUp
        yield* Effect.orDie(server.restart)
        // A server that waits for a client that never confirms has to be stopped by force.
        assert.notInclude(fs.readFileSync(server.logFile, "utf8"), "immediate shutdown request")
        yield* run(replica.source, "insert into items select n, 'after' from generate_series(501, 1000) n")
        yield* replica.caughtUp
        assert.include(job.log(), "retryInMs")
        assert.notInclude(job.log(), String(replica.environment()["DATABASE_URL"]))
      }))

    it.effect("T17 a load that waits for the sink does not outlive its replication connection and overwrite newer rows", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const patient = { RETRY_BASE_MS: "4000", RETRY_MAX_MS: "4000" }
        const first = yield* DbmazzProcess.start(["run"], replica.environment(patient))
        yield* first.logged("\"replicating\"")
        yield* run(replica.source, "insert into items values (1, 'v0')")
        yield* replica.caughtUp
        replica.endpoint.faults.on("no-backend")
        yield* run(replica.source, "update items set name = 'v1'")
        yield* first.logged("will be sent again")
        yield* run(replica.source, `select pg_terminate_backend(${String(yield* walSenderPid(replica))})`)
        yield* first.logged("PG_CONNECTION_LOST")
        yield* run(replica.source, "update items set name = 'v2'")
        replica.endpoint.faults.off()
        yield* DbmazzProcess.start(["run"], replica.environment())
        yield* replica.caughtUp
        // Longer than the wait that the first one was in, and its next attempt finds the slot in use.
        yield* first.logged("PG_SLOT_BUSY")
        yield* replica.caughtUp
      }))

    it.effect("T55 a publication that was dropped is not made again over the changes it missed", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const first = yield* DbmazzProcess.start(["run"], replica.environment())
        yield* first.logged("\"replicating\"")
        yield* first.kill("SIGTERM")
        yield* first.exit
        yield* run(replica.source, "drop publication dbmazz_pub")
        yield* run(replica.source, "insert into items values (1, 'in the gap')")
        const second = yield* DbmazzProcess.start(["run"], replica.environment())
        assert.strictEqual(yield* second.exit, 78)
        assert.include(second.log(), "would be skipped")
      }))

    it.effect("T62 a transaction larger than the buffer does not lock reader and writer against each other", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const limits = { FLUSH_BYTES: "1048576", MAX_BUFFER_BYTES: "2097152", FLUSH_SIZE: "1000000" }
        const environment = replica.environment({ ...limits, FLUSH_INTERVAL_MS: "3600000" })
        const job = yield* DbmazzProcess.start(["run"], environment)
        yield* job.logged("\"replicating\"")
        yield* run(replica.source, "insert into items select n, repeat('x', 60000) from generate_series(-60, -1) n")
        yield* run(
          replica.source,
          "insert into items select n, repeat(md5(n::text), 100) from generate_series(10, 3000) n"
        )
        // Only full batches are loaded with such an interval; the last one ends when the program stops.
        const loaded = replica.query(`SELECT count(*) AS n FROM ${replica.sink.database}.items`)
        yield* loaded.pipe(
          Effect.repeat({ schedule: PostgresServer.pollEvery, until: (rows) => Number(rows[0]?.["n"]) > 2_500 })
        )
      }))
  }
)
