import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Seen, SeenColumns } from "../../src/domain/schema/SeenColumns.ts"
import * as CheckpointIdentity from "../../src/layers/CheckpointIdentity.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

layer(PostgresServer.layer(), { excludeTestServices: true })("CheckpointIdentity", (it) => {
  it.effect("T07 a table that lacks only the newest column keeps the identity of its checkpoint, also of a role that may not add it", () =>
    Effect.gen(function*() {
      const { freshDatabase } = yield* PostgresServer.PostgresServer
      const address = yield* freshDatabase
      const role = `other_${process.pid}`
      yield* run(
        address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, system_identifier text, " +
          "timeline_id int, run text, loads_in_flight jsonb); insert into dbmazz_checkpoints values ('s', 1, '7', 1, 'r'); " +
          `create role ${role}; grant select, update on dbmazz_checkpoints to ${role}`
      )
      const identity = { systemIdentifier: "7", timeline: 1, published: undefined }
      yield* Effect.gen(function*() {
        const { query } = yield* PostgresSql.PostgresSql
        assert.strictEqual(yield* CheckpointIdentity.readColumns, "addable")
        yield* query(`set role ${role}`)
        assert.strictEqual(yield* CheckpointIdentity.readColumns, "present")
        yield* CheckpointIdentity.storePublished("s", "r", {
          publication: "p",
          tables: new Map(),
          keys: new Map(),
          columns: new Map()
        })
        assert.deepStrictEqual(yield* CheckpointIdentity.read("s"), identity)
        yield* query("reset role; alter table dbmazz_checkpoints drop column run")
        yield* query(`set role ${role}`)
        assert.strictEqual(yield* CheckpointIdentity.readColumns, "fixed")
      }).pipe(Effect.provide(PostgresSql.layer(address, "test")))
    }))
  it.effect("T55 how the tables were published is told to be unreadable, with what to run, and not taken for forgotten", () =>
    Effect.gen(function*() {
      const { freshDatabase } = yield* PostgresServer.PostgresServer
      const address = yield* freshDatabase
      yield* run(
        address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, published jsonb); " +
          "insert into dbmazz_checkpoints values ('s', 1), ('t', 1)"
      )
      yield* Effect.gen(function*() {
        for (const other of ["'7'", `'{"publication": "p", "tables": {"public.a": {"position": "x", "atMs": 1}}}'`]) {
          yield* run(address, `update dbmazz_checkpoints set published = ${other} where slot_name = 's'`)
          const error = yield* Effect.flip(CheckpointIdentity.read("s"))
          assert(error._tag === "SetupError")
          assert.strictEqual(error.code, "CheckpointUnreadable")
          assert.include(error.message, "Column published of dbmazz_checkpoints")
          const [, statement] = /run: (UPDATE .*;)$/.exec(error.remediation) ?? []
          yield* run(address, statement!)
          assert.isUndefined((yield* CheckpointIdentity.read("s"))?.published)
        }
        assert.isUndefined((yield* CheckpointIdentity.read("t"))?.published)
      }).pipe(Effect.provide(PostgresSql.layer(address, "test")))
    }))

  it.effect("T55 T56 how the tables were published, their keys and columns, is stored by the run that has claimed the slot, and by no other", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* run(
        address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, run text, published jsonb); " +
          "insert into dbmazz_checkpoints values ('s', 1, 'now')"
      )
      yield* Effect.gen(function*() {
        const stored = Effect.map(CheckpointIdentity.read("s"), (found) => found?.published?.publication)
        yield* CheckpointIdentity.storePublished("s", "now", {
          publication: "p",
          tables: new Map(),
          keys: new Map(),
          columns: new Map()
        })
        yield* CheckpointIdentity.storePublished("s", "before", {
          publication: "q",
          tables: new Map(),
          keys: new Map(),
          columns: new Map()
        })
        assert.strictEqual(yield* stored, "p")
        const keys = new Map([["public.t", { was: new Map([["id", { attnum: 1, typeOid: 1700, typmod: 655_366 }]]) }]])
        const columns: SeenColumns = new Map([
          [
            "public.t",
            new Map<string, Seen>([["a", { attnum: 2, typeOid: 25, typmod: -1 }], ["b", {
              typeOid: 23,
              typmod: -1,
              expression: 16_399
            }], [
              "c",
              "away"
            ]])
          ]
        ])
        yield* CheckpointIdentity.storePublished("s", "now", { publication: "p", tables: new Map(), keys, columns })
        const left = (yield* CheckpointIdentity.read("s"))?.published
        assert.deepStrictEqual([left?.keys, left?.columns], [keys, columns])
        yield* run(address, "update dbmazz_checkpoints set published = published - 'keys' - 'columns'")
        const earlier = (yield* CheckpointIdentity.read("s"))?.published
        assert.deepStrictEqual([earlier?.keys.size, earlier?.columns.size], [0, 0], "as earlier versions store it")
      }).pipe(Effect.provide(PostgresSql.layer(address, "test")))
    }))

  it.effect("T55 how the tables were published is read as versions before have stored it, and stored as they read it", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const known = (membership: string) => ({ position: "0/5", atMs: 7, membership })
      const record = (tables: Readonly<Record<string, unknown>>) => ({
        publication: "p",
        tables,
        keys: {},
        columns: {}
      })
      const before = record({
        "public.first": known("16400"),
        "public.last": known("16385/16400 771 0cc175b9c0f1b6a8")
      })
      const stored = Effect.map(run(address, "select published from dbmazz_checkpoints"), ([row]) => row?.["published"])
      yield* run(
        address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, run text, published jsonb); " +
          `insert into dbmazz_checkpoints values ('s', 1, 'now', '${JSON.stringify(before)}')`
      )
      yield* Effect.gen(function*() {
        const left = (yield* CheckpointIdentity.read("s"))?.published
        assert.isDefined(left)
        assert.deepStrictEqual([...left.tables].map(([name, { was }]) => [name, was.table.membership]), [
          ["public.last", { place: "16385/16400", written: "771", options: "0cc175b9c0f1b6a8" }],
          ["public.first", { place: "16400" }]
        ])
        yield* CheckpointIdentity.storePublished("s", "now", left)
        assert.deepStrictEqual(yield* stored, before)
        const two = JSON.stringify(record({ "public.t": known("16400 771") }))
        yield* run(address, `update dbmazz_checkpoints set published = '${two}'`)
        const error = yield* Effect.flip(CheckpointIdentity.read("s"))
        assert.strictEqual(error._tag === "SetupError" ? error.code : error._tag, "CheckpointUnreadable")
      }).pipe(Effect.provide(PostgresSql.layer(address, "test")))
    }))
})
