import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as SlotHealth from "../../src/layers/SlotHealth.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect, run } from "../support/PostgresServer.ts"

const MIB = 1024 * 1024

const on = (address: PgAddress) =>
  Effect.provide(SlotHealth.SlotHealth.layer.pipe(Layer.provide(PostgresSql.layer(address, "dbmazz test"))))

const read = (address: PgAddress, slot: string) =>
  Effect.flatMap(SlotHealth.SlotHealth, (health) => health.read(slot)).pipe(on(address))

/** A slot of its own database's name, and 70 MiB of WAL after it. */
const slotWithWal = Effect.gen(function*() {
  const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  const slot = `s_${address.database}`
  yield* run(address, "select pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  yield* run(address, "create table noise (id int, v text)")
  return {
    address,
    slot,
    write: () => run(address, `insert into noise select n, repeat('x', 1000) from generate_series(1, ${70 * 1024}) n`)
  }
})

layer(PostgresServer.layer({ max_slot_wal_keep_size: "1GB", max_prepared_transactions: "5" }), {
  excludeTestServices: true
})("SlotHealth", (it) => {
  it.effect("what the server keeps for the slot, and how much it may still write, is what the server says", () =>
    Effect.gen(function*() {
      const { address, slot, write } = yield* slotWithWal
      yield* write()
      const health = yield* read(address, slot)
      assert.isAbove(health?.retainedBytes ?? 0, 70 * MIB)
      assert.isAbove(health?.unconfirmedBytes ?? 0, 70 * MIB)
      assert.isBelow(health?.safeWalBytes ?? 0, 1024 * MIB)
      assert.strictEqual(health?.walStatus, "reserved")
      assert.isFalse(health?.active)
      assert.isUndefined(health?.invalidation)
      assert.isUndefined(yield* read(address, "absent"))
    }))

  it.effect("T03 the transaction that holds WAL back is named: pid, application, age; so is a prepared one", () =>
    Effect.gen(function*() {
      const { address, slot } = yield* slotWithWal
      const writer = yield* connect(address)
      const pid = yield* Effect.promise(async () => {
        await writer.query("set application_name = 'lunch'")
        await writer.query("begin; select pg_current_xact_id()")
        return (await writer.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid
      })
      yield* Effect.sleep("50 millis")
      const { oldest } = (yield* read(address, slot)) ?? {}
      assert.strictEqual(oldest?.pid, pid)
      assert.strictEqual(oldest?.applicationName, "lunch")
      assert.strictEqual(oldest?.state, "idle in transaction")
      assert.isAtLeast(oldest?.ageMs ?? 0, 50)
      yield* Effect.promise(() => writer.query("prepare transaction 'left over'"))
      assert.strictEqual((yield* read(address, slot))?.oldest?.prepared, "left over")
      yield* run(address, "rollback prepared 'left over'")
    }))

  it.effect("T04 a slot that nobody reads while WAL piles up is told at the next look, and the watch survives a lost look", () =>
    Effect.gen(function*() {
      const { address, slot, write } = yield* slotWithWal
      const reports: Array<SlotHealth.Report> = []
      const watching = yield* Effect.forkChild(
        Effect.flatMap(SlotHealth.SlotHealth, (health) =>
          health.watch({
            slot,
            idle: Effect.succeed(true),
            tell: (report) => Effect.sync(() => void reports.push(report)),
            everyMs: 300
          })).pipe(on(address))
      )
      const reported = (count: number) =>
        Effect.suspend(() => Effect.succeed(reports.length >= count)).pipe(
          Effect.repeat({ until: (enough) => enough, schedule: PostgresServer.pollEvery })
        )
      yield* reported(2)
      assert.deepStrictEqual(reports.flatMap((report) => report.warnings), [])
      yield* run(
        address,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dbmazz test'"
      )
      yield* write()
      yield* reported(reports.length + 2)
      yield* Fiber.interrupt(watching)
      assert.include(reports.flatMap((report) => report.warnings).join(), "nothing was confirmed")
      assert.isTrue(Lsn.distance(reports[0]!.health.walEnd, reports.at(-1)!.health.walEnd) > 70 * MIB)
    }))

  it.effect("a role without rights sees its slot, and who holds it", () =>
    Effect.gen(function*() {
      const { address, slot } = yield* slotWithWal
      const role = yield* PostgresServer.freshRole(address)
      const writer = yield* connect(address)
      yield* Effect.promise(() => writer.query("begin; select pg_current_xact_id()"))
      const health = yield* read(role, slot)
      assert.isDefined(health?.restart)
      assert.isDefined(health?.oldest?.pid)
    }))
})
