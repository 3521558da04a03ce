import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as PostgresSetup from "../../src/layers/PostgresSetup.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const on = (address: PgAddress) =>
  Effect.provide(CheckpointStore.layer.pipe(Layer.provideMerge(PostgresSql.layer(address, "dbmazz setup"))))

const jobOf = (source: PgAddress, reached?: Lsn.Lsn): PostgresSetup.Job => ({
  truncatePolicy: "ignore",
  source,
  slot: "s",
  publication: "p",
  tables: [{ schema: "public", name: "orders" }],
  reached
})

const setUp = (source: PgAddress, reached?: Lsn.Lsn) =>
  PostgresSetup.inspect(jobOf(source, reached)).pipe(
    Effect.flatMap((plan) => PostgresSetup.apply(plan)),
    on(source),
    Effect.provideService(References.MinimumLogLevel, "Fatal")
  )

const problemOf = (source: PgAddress) =>
  PostgresSetup.inspect(jobOf(source)).pipe(Effect.map((plan) => plan.problems[0]), on(source))

const stored = (source: PgAddress) =>
  Effect.map(
    run(
      source,
      "select lsn::text as lsn, system_identifier as system, timeline_id as timeline from dbmazz_checkpoints"
    ),
    (rows) => rows[0] ?? {}
  )

/** A server whose data survives a stop, with a table. */
const server = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "dbmazz-identity-"))),
    (home) => Effect.promise(() => fs.rm(home, { recursive: true, force: true }))
  )
  const running = yield* EmbeddedPostgres.make({
    directory,
    settings: { fsync: "off" },
    installation: PostgresServer.INSTALLATION
  })
  yield* run(running.address, "create table orders (id bigint primary key, note text)")
  return { ...running, directory }
})

/** What a failover leaves: the same system on a new timeline. */
const promote = Effect.fnUntraced(function*(
  source: { readonly directory: string } & Pick<EmbeddedPostgres.Server, "address" | "start" | "stop">
) {
  yield* source.stop
  yield* Effect.promise(() => fs.writeFile(path.join(source.directory, "data", "standby.signal"), ""))
  yield* source.start
  yield* run(source.address, "select pg_promote(true, 30)")
  yield* PostgresServer.until(source.address, "not pg_is_in_recovery()")
})

it.live(
  "T13 a promoted standby that has everything is gone on with, and its timeline is stored",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* server
      const first = yield* setUp(source.address)
      assert.strictEqual((yield* stored(source.address))["timeline"], 1)
      yield* promote(source)
      const second = yield* setUp(source.address, first.start)
      assert.strictEqual(second.timeline, 2)
      assert.strictEqual(second.start, first.start)
      const row = yield* stored(source.address)
      assert.deepStrictEqual([row["system"], row["timeline"]], [first.systemIdentifier, 2])
    })),
  60_000
)

it.live(
  "T13 a promoted standby that lacks what was loaded is refused; the statement of the error goes back to it",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* server
      yield* setUp(source.address)
      yield* promote(source)
      // The old primary had gone further before it died, and its checkpoint was brought along.
      yield* run(source.address, "insert into orders select n, repeat('x', 100) from generate_series(1, 1000) n")
      yield* run(source.address, "update dbmazz_checkpoints set lsn = pg_current_wal_lsn() - '0/0'::pg_lsn")
      const problem = yield* problemOf(source.address)
      assert.strictEqual(problem?._tag, "PgTimelineLost")
      if (problem?._tag !== "PgTimelineLost") return
      assert.include(SetupError.describe(problem), "it left timeline 1 at")
      yield* run(source.address, problem.accept)
      const ready = yield* setUp(source.address)
      const [history] = yield* run(source.address, "select pg_read_file('pg_wal/00000002.history') as content")
      const at = /^1\s+(\S+)/.exec(String(history?.["content"]))?.[1] ?? ""
      assert.strictEqual(ready.start, Result.getOrThrow(Lsn.fromText(at)), "from where the timelines part")
    })),
  60_000
)

it.live(
  "T13 a failover to a standby that was behind is told by the process that had stored a later checkpoint",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* server
      const first = yield* setUp(source.address)
      const error = yield* Effect.flip(setUp(source.address, Lsn.fromBigint(first.start + 1n)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgServerBehind")
      assert.strictEqual((yield* setUp(source.address, first.start)).start, first.start)
    })),
  60_000
)

it.live(
  "T07 a checkpoint that came to another server with a dump is refused, whatever its position and its slot",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const [old, copy] = [yield* server, yield* server]
      const first = yield* setUp(old.address)
      yield* run(
        copy.address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, " +
          "updated_at timestamp with time zone default now(), system_identifier text, timeline_id integer)"
      )
      yield* run(copy.address, "alter table orders replica identity full; create publication p for table orders")
      yield* run(copy.address, "select pg_create_logical_replication_slot('s', 'pgoutput')")
      const row = yield* stored(old.address)
      yield* run(copy.address, "insert into dbmazz_checkpoints values ('s', $1, now(), $2, $3)", [
        row["lsn"],
        row["system"],
        row["timeline"]
      ])
      const error = yield* Effect.flip(setUp(copy.address))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgSystemChanged")
      assert.include(error.message, first.systemIdentifier)
      assert.deepStrictEqual((yield* stored(copy.address))["system"], first.systemIdentifier, "and nothing was changed")
      yield* run(copy.address, "delete from dbmazz_checkpoints where slot_name = 's'")
      assert.notStrictEqual((yield* setUp(copy.address)).systemIdentifier, first.systemIdentifier)
    })),
  60_000
)

it.live(
  "a checkpoint of dbmazz v1 is gone on with and given an identity, and v1 can still write it",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { address } = yield* server
      yield* run(
        address,
        `create table dbmazz_checkpoints
         (slot_name text primary key, lsn bigint not null, updated_at timestamp with time zone default now())`
      )
      yield* run(address, "alter table orders replica identity full; create publication p for table orders")
      yield* run(address, "select pg_create_logical_replication_slot('s', 'pgoutput')")
      const v1Save = `insert into dbmazz_checkpoints (slot_name, lsn, updated_at)
      select slot_name, confirmed_flush_lsn - '0/0'::pg_lsn, now() from pg_replication_slots
      on conflict (slot_name) do update set lsn = excluded.lsn, updated_at = now()`
      yield* run(address, v1Save)
      const ready = yield* setUp(address)
      yield* run(address, v1Save)
      const row = yield* stored(address)
      assert.deepStrictEqual([row["system"], row["timeline"], row["lsn"]], [
        ready.systemIdentifier,
        1,
        String(ready.start)
      ])
    })),
  60_000
)

it.live(
  "T80 a role that may only read and write the checkpoint table goes on without identity",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { address } = yield* server
      yield* run(
        address,
        `create table dbmazz_checkpoints
         (slot_name text primary key, lsn bigint not null, updated_at timestamp with time zone default now())`
      )
      yield* run(address, "alter table orders replica identity full; create publication p for table orders")
      const role = yield* PostgresServer.freshRole(address, "replication")
      yield* run(
        address,
        `grant select, insert, update on dbmazz_checkpoints to ${role.user}; grant select on orders to ${role.user}`
      )
      assert.isTrue((yield* setUp(role)).slotCreated)
      assert.isFalse((yield* setUp(role)).slotCreated)
      const columns = yield* run(
        address,
        "select count(*)::int as n from pg_attribute where attrelid = 'dbmazz_checkpoints'::regclass and attnum > 0"
      )
      assert.deepStrictEqual(columns, [{ n: 3 }])
    })),
  60_000
)

it.live(
  "T11 a hot standby is refused at once, instead of waiting there for a slot that only its primary can release",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* server
      yield* source.stop
      yield* Effect.promise(() => fs.writeFile(path.join(source.directory, "data", "standby.signal"), ""))
      yield* source.start
      const problem = yield* problemOf(source.address)
      assert.strictEqual(problem?._tag, "CheckpointFailed")
      assert.include(JSON.stringify(problem), "connect to the primary")
      assert.deepStrictEqual(yield* run(source.address, "select slot_name from pg_replication_slots"), [])
    })),
  60_000
)
