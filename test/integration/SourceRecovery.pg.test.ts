import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as LinkProxy from "../support/LinkProxy.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const MIB = 1024 * 1024

/** Quick to try again; batches small enough that a transaction is cut in the middle. */
const IMPATIENT = { RETRY_BASE_MS: "50", RETRY_MAX_MS: "500", FLUSH_SIZE: "200" }

/** A replica whose `dbmazz run` reaches PostgreSQL through a proxy only; the test itself does not. */
const throughProxy = Effect.gen(function*() {
  const replica = yield* Replica.start
  const proxy = yield* LinkProxy.start(replica.source)
  const source = { ...replica.source, host: proxy.host, port: proxy.port }
  const environment = DbmazzProcess.jobEnvironment(source, replica.sink, {
    TABLES: "items",
    SLOT_NAME: replica.slot,
    ...IMPATIENT
  })
  return { replica, proxy, environment }
})

const slotOf = (replica: Replica.Replica) =>
  Effect.map(
    run(
      replica.source,
      `select active_pid as pid, (pg_current_wal_lsn() - restart_lsn)::float8 as retained,
              (pg_current_wal_lsn() - confirmed_flush_lsn)::float8 as unconfirmed
         from pg_replication_slots where slot_name = $1`,
      [replica.slot]
    ),
    (rows) => ({
      pid: rows[0]?.["pid"],
      retained: Number(rows[0]?.["retained"]),
      unconfirmed: Number(rows[0]?.["unconfirmed"])
    })
  )

const started = (
  environment: Readonly<Record<string, string>>
): Effect.Effect<DbmazzProcess.DbmazzProcess, never, Scope.Scope> =>
  Effect.tap(DbmazzProcess.start(["run"], environment), (job) => job.logged("\"replicating\""))

/** Transactions without a pause, until interrupted; a server that is away is waited for. */
const traffic = (replica: Replica.Replica) =>
  Effect.gen(function*() {
    for (let round = 0;; round++) {
      const statement = `begin;
        insert into items select n, 'round ${round}' from generate_series(${round * 20}, ${round * 20 + 19}) n
          on conflict (id) do update set name = excluded.name;
        update items set name = name || '+' where id % 5 = ${round % 5};
        delete from items where id % 11 = ${round % 11};
        commit`
      yield* run(replica.source, statement).pipe(Effect.catchDefect(() => Effect.sleep("100 millis")))
      yield* Effect.sleep("10 millis")
    }
  })

layer(PostgresServer.layer({ wal_sender_timeout: "3s", max_wal_size: "2GB" }), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("Recovery of the source, on real servers and real processes", (it) => {
  it.effect("T01 a busy database whose published tables are idle can free its WAL", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      yield* run(replica.source, "create table noise (id int, v text)")
      // A server that gives up on us within 3 s may do so on a busy machine.
      yield* started({ ...replica.environment(), ...IMPATIENT })
      yield* run(
        replica.source,
        `insert into noise select n, repeat('x', 1000) from generate_series(1, ${80 * 1024}) n`
      )
      // The restart point follows at the server's next snapshot of running transactions, which a checkpoint takes.
      yield* Effect.andThen(run(replica.source, "checkpoint"), slotOf(replica)).pipe(
        Effect.repeat({
          schedule: PostgresServer.pollEvery,
          until: (slot) => slot.retained < 16 * MIB && slot.unconfirmed < 16 * MIB
        })
      )
      const positions = yield* replica.positions
      assert.isNotNull(positions.checkpoint)
    }))

  it.effect("T77 a connection that is reset in the middle of a transaction costs nothing but time", () =>
    Effect.gen(function*() {
      const { environment, proxy, replica } = yield* throughProxy
      yield* started(environment)
      yield* proxy.setMode({ _tag: "throttle", bytesPerSecond: 4 * MIB })
      yield* run(replica.source, "insert into items select n, repeat('x', 200) from generate_series(1, 8000) n")
      for (let reset = 0; reset < 3; reset++) {
        const before = proxy.bytesToClient()
        yield* Effect.sync(proxy.bytesToClient).pipe(
          Effect.repeat({ schedule: PostgresServer.pollEvery, until: (now) => now > before + 300_000 })
        )
        yield* proxy.reset
      }
      yield* proxy.setMode({ _tag: "forward" })
      yield* replica.caughtUp
    }))

  it.effect("T77 a server that crashes, and one that is stopped at once, are reconnected to under traffic", () =>
    Effect.gen(function*() {
      const { server } = yield* PostgresServer.PostgresServer
      const replica = yield* Replica.start
      const job = yield* started({ ...replica.environment(), ...IMPATIENT })
      const writing = yield* Effect.forkChild(traffic(replica))
      for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
        yield* Effect.sleep("500 millis")
        if (signal === "SIGKILL") yield* server.kill
        else {
          // What `pg_ctl stop -m immediate` sends.
          process.kill(server.pid() ?? 0, signal)
          yield* Effect.sync(() => server.pid()).pipe(
            Effect.repeat({ schedule: PostgresServer.pollEvery, until: (pid) => pid === undefined })
          )
        }
        yield* Effect.orDie(server.start)
      }
      yield* Effect.sleep("500 millis")
      yield* Fiber.interrupt(writing)
      yield* replica.caughtUp
      assert.include(job.log(), "retryInMs")
      assert.notInclude(job.log(), String(replica.environment()["DATABASE_URL"]))
    }))

  it.effect("T16 a network that forgets every connection of ours is noticed, and replication goes on", () =>
    Effect.gen(function*() {
      const { environment, proxy, replica } = yield* throughProxy
      const job = yield* started(environment)
      yield* run(replica.source, "insert into items values (1, 'before')")
      yield* replica.caughtUp
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      yield* run(replica.source, "insert into items values (2, 'in the hole')")
      yield* replica.caughtUp
      assert.include(job.log(), "PG_CONNECTION_LOST")
    }))

  it.effect("T09 a successor takes over the slot of a process whose machine vanished, as soon as the server notices", () =>
    Effect.gen(function*() {
      const { environment, proxy, replica } = yield* throughProxy
      const first = yield* started(environment)
      yield* run(replica.source, "insert into items values (1, 'before')")
      yield* replica.caughtUp
      const { pid } = yield* slotOf(replica)
      // Started before: on a busy machine it would not be there yet when the server notices.
      const second = yield* DbmazzProcess.start(["run"], { ...replica.environment(), ...IMPATIENT })
      yield* second.logged("PG_SLOT_BUSY")
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      yield* first.kill("SIGKILL")
      yield* first.exit
      yield* run(replica.source, "insert into items values (2, 'in between')")
      yield* replica.caughtUp
      assert.include(second.log(), `active for PID ${String(pid)} (dbmazz, from 127.0.0.1:`)
      assert.notStrictEqual((yield* slotOf(replica)).pid, pid)
    }))

  it.effect("T05 T06 a slot that is lost under a running job stops it with one error, not with a loop of retries", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const limit = Effect.fnUntraced(function*(change: string, value: string) {
        yield* run(replica.source, `alter system ${change}`)
        yield* run(replica.source, "select pg_reload_conf()")
        yield* PostgresServer.until(replica.source, `current_setting('max_slot_wal_keep_size') = '${value}'`)
      })
      const job = yield* started({ ...replica.environment(), ...IMPATIENT })
      replica.endpoint.faults.on("no-backend")
      yield* run(replica.source, "insert into items values (1, 'not loaded')")
      yield* Effect.acquireRelease(
        limit("set max_slot_wal_keep_size = '1MB'", "1MB"),
        () => limit("reset max_slot_wal_keep_size", "-1")
      )
      for (let segment = 0; segment < 4; segment++) {
        yield* run(replica.source, "insert into items values (-1, ''); delete from items where id = -1")
        yield* run(replica.source, "select pg_switch_wal()")
      }
      yield* run(replica.source, "checkpoint")
      assert.strictEqual(yield* job.exit, 78)
      // Servers before 17 do not say why.
      assert.match(job.log(), /is invalidated \(wal_status '(wal_removed|lost)'\)/)
      assert.include(job.log(), "reload the tables")
    }))

  it.effect("T55 T05 a slot that is dropped, and one that is moved, under a running job stop it with what to run", () =>
    Effect.gen(function*() {
      for (
        const [spoil, code] of [
          ["pg_drop_replication_slot(slot_name)", "does not exist, yet a checkpoint"],
          ["pg_replication_slot_advance(slot_name, pg_current_wal_lsn())", "past the checkpoint"]
        ] as const
      ) {
        const replica = yield* Replica.start
        const job = yield* started(replica.environment())
        yield* run(replica.source, "insert into items values (1, 'x')")
        const mine = `from pg_replication_slots where slot_name = '${replica.slot}'`
        // Its walsender comes back at once; the moment between two of them has to be caught. The switch of the segment
        // moves the server past whatever an idle job has confirmed.
        yield* run(
          replica.source,
          `do $$ begin
             loop
               begin
                 perform pg_terminate_backend(active_pid, 1000) ${mine};
                 perform pg_switch_wal();
                 perform ${spoil} ${mine};
                 return;
               exception when object_in_use then
               end;
             end loop;
           end $$`
        )
        assert.strictEqual(yield* job.exit, 78)
        assert.include(job.log(), code)
        assert.include(job.log(), "DELETE FROM dbmazz_checkpoints")
      }
    }))
})
