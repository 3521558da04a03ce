import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as LinkProxy from "../support/LinkProxy.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

const store = CheckpointStore.CheckpointStore
const on = (address: PgAddress) =>
  Effect.provide(CheckpointStore.layer.pipe(Layer.provide(PostgresSql.layer(address, "dbmazz test"))))

const catalogue = "select count(*)::int as count from pg_class where relname = 'dbmazz_checkpoints'"

layer(PostgresServer.layer(), { excludeTestServices: true })("CheckpointStore", (it) => {
  it.effect("the table is the one dbmazz v1 made, so its checkpoints are found and ours are readable by it", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const { prepare } = yield* store
        yield* prepare
        yield* prepare
      }).pipe(on(address))
      const columns = yield* PostgresServer.run(
        address,
        `select column_name as name, data_type as type, is_nullable as nullable, column_default as fallback
           from information_schema.columns
          where table_name = 'dbmazz_checkpoints' and table_schema = 'public' order by ordinal_position`
      )
      assert.deepStrictEqual(columns, [
        { name: "slot_name", type: "text", nullable: "NO", fallback: null },
        { name: "lsn", type: "bigint", nullable: "NO", fallback: null },
        { name: "updated_at", type: "timestamp with time zone", nullable: "YES", fallback: "now()" }
      ])
    }))

  it.effect("two jobs that start on a new database at the same time both find the table", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const other = yield* PostgresServer.connect(address)
      yield* Effect.promise(() =>
        other.query(
          "begin; create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, updated_at timestamptz)"
        )
      )
      const preparing = yield* Effect.forkChild(store.use(({ prepare }) => prepare).pipe(on(address)))
      yield* PostgresServer.until(
        address,
        "exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
      )
      yield* Effect.promise(() => other.query("commit"))
      yield* Fiber.join(preparing)
      assert.deepStrictEqual(yield* PostgresServer.run(address, catalogue), [{ count: 1 }])
    }))

  it.effect("a saved position is the one that a restart loads, for each slot its own", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const { prepare, save } = yield* store
        yield* prepare
        yield* save("a", Lsn.Lsn.make(0x16_b374_d848n))
        yield* save("b", Lsn.Lsn.make(7n))
      }).pipe(on(address))
      yield* Effect.gen(function*() {
        const { load } = yield* store
        assert.deepStrictEqual(yield* load("a"), Option.some(Lsn.Lsn.make(0x16_b374_d848n)))
        assert.deepStrictEqual(yield* load("b"), Option.some(Lsn.Lsn.make(7n)))
        assert.deepStrictEqual(yield* load("c"), Option.none())
      }).pipe(on(address))
      const raw = yield* PostgresServer.run(address, "select lsn::text from dbmazz_checkpoints where slot_name = 'a'")
      assert.deepStrictEqual(raw, [{ lsn: String(0x16_b374_d848n) }], "the raw unsigned value, as v1 stores it")
    }))

  it.effect("T26 a late save of an older position never moves a checkpoint backwards", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const { load, prepare, save } = yield* store
        yield* prepare
        // The last two have the sign bit of a BIGINT set: unsigned they are the highest.
        const rising = [100n, 200n, 2n ** 63n - 1n, 2n ** 63n, Lsn.MAX].map((value) => Lsn.Lsn.make(value))
        for (const [index, lsn] of rising.entries()) {
          yield* save("s", lsn)
          assert.deepStrictEqual(yield* load("s"), Option.some(lsn))
          for (const older of rising.slice(0, index)) {
            yield* save("s", older)
            assert.deepStrictEqual(yield* load("s"), Option.some(lsn), `${older} after ${lsn}`)
          }
        }
      }).pipe(on(address))
    }))

  it.effect("a checkpoint is durable although the role's default is not to wait for the disk", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* PostgresServer.run(address, `alter database ${address.database} set synchronous_commit = off`)
      yield* Effect.gen(function*() {
        yield* (yield* store).prepare
        yield* PostgresServer.run(
          address,
          `create table seen (setting text);
           create function note() returns trigger language plpgsql as
             $$ begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
           create constraint trigger note after insert or update on dbmazz_checkpoints
             deferrable initially deferred for each row execute function note()`
        )
        const { save } = yield* store
        yield* save("s", Lsn.Lsn.make(1n))
        yield* save("s", Lsn.Lsn.make(2n))
      }).pipe(on(address))
      const seen = yield* PostgresServer.run(address, "select setting from seen")
      assert.deepStrictEqual(seen, [{ setting: "on" }, { setting: "on" }], "as the commit sees it")
    }))

  it.effect("T16 a checkpoint over a half-open connection fails in time, and the next one has a connection of its own", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const proxy = yield* LinkProxy.start(address)
      yield* Effect.gen(function*() {
        const { load, prepare, save } = yield* store
        yield* prepare
        yield* proxy.setModeOfOpen({ _tag: "blackhole" })
        const error = yield* Effect.flip(save("s", Lsn.Lsn.make(1n))).pipe(Effect.timeout("5 seconds"))
        assert.strictEqual(error._tag === "TransientError" && error.code, "PG_CONNECTION_LOST")
        yield* save("s", Lsn.Lsn.make(2n))
        assert.deepStrictEqual(yield* load("s"), Option.some(Lsn.Lsn.make(2n)))
      }).pipe(
        Effect.provide(
          Layer.effect(CheckpointStore.CheckpointStore, CheckpointStore.make(1_000)).pipe(
            Layer.provide(PostgresSql.layer({ ...address, host: proxy.host, port: proxy.port }, "dbmazz test"))
          )
        )
      )
    }))

  it.effect("looking for a checkpoint (the check command) creates nothing", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const loaded = yield* Effect.flatMap(store, ({ load }) => load("s")).pipe(on(address))
      assert.deepStrictEqual(loaded, Option.none())
      assert.deepStrictEqual(yield* PostgresServer.run(address, catalogue), [{ count: 0 }])
    }))

  it.effect("a role that may use the table but create nothing can replicate", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.flatMap(store, ({ prepare }) => prepare).pipe(on(address))
      const role = yield* PostgresServer.freshRole(address)
      const grants = `grant select, insert, update on dbmazz_checkpoints to ${role.user}`
      yield* PostgresServer.run(address, `revoke create on schema public from public; ${grants}`)
      yield* Effect.gen(function*() {
        const { load, prepare, save } = yield* store
        yield* prepare
        yield* save("s", Lsn.Lsn.make(5n))
        assert.deepStrictEqual(yield* load("s"), Option.some(Lsn.Lsn.make(5n)))
      }).pipe(on(role))
    }))

  it.effect("T80 a missing permission is a setup error at once, not retried for ever", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const role = yield* PostgresServer.freshRole(address)
      yield* PostgresServer.run(address, "revoke create on schema public from public")
      const error = yield* Effect.flip(Effect.flatMap(store, ({ prepare }) => prepare)).pipe(on(role))
      assert.strictEqual(error._tag === "SetupError" && error.code, "CheckpointFailed")
      assert.include(error.message, "Checkpoint load failed: ERROR: permission denied for schema public")
    }))
})
