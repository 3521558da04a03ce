import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as OpenTransactions from "../../src/layers/OpenTransactions.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

/** Short enough to pass several times within a test. */
const LIVENESS = {
  startMsMax: 2_000,
  answerMsMax: 500,
  statusEveryMs: 200,
  silenceMsMax: 500,
  lookEveryMs: 100,
  unreachableMsMax: 2_000
}
const BUFFER_BYTES = 1024 * 1024

layer(PostgresServer.layer({ wal_sender_timeout: "0" }), { excludeTestServices: true })(
  "What an ordinary role sees",
  (it) => {
    it.effect("T16 a role that may replicate and see no statistics is not cut off while it does not read", () =>
      Effect.gen(function*() {
        const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
        const slot = `s_${source.database}`
        yield* run(source, "create table t (id bigint primary key, v text); create publication p for table t")
        const [row] = yield* run(source, "select pg_create_logical_replication_slot($1, 'pgoutput')::text as made", [
          slot
        ])
        const at = /,([0-9A-F/]+)\)/.exec(String(row?.["made"]))?.[1] ?? ""
        const role = yield* PostgresServer.freshRole(source, "replication")
        const services = yield* Layer.build(ReplicationSource.layer({
          address: role,
          slot,
          publication: "p",
          bufferBytesMax: BUFFER_BYTES,
          liveness: LIVENESS
        }))
        const session = yield* Context.get(services, ReplicationSource).open(Result.getOrThrow(Lsn.fromText(at)), 0)
        yield* run(source, "insert into t select n, repeat('x', 1000) from generate_series(1, 30000) n")
        yield* session.state.pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: ({ paused }) => paused }))
        const lost = yield* Effect.forkChild(session.lost, { startImmediately: true })
        yield* Effect.sleep(6 * LIVENESS.silenceMsMax)
        assert.isUndefined(lost.pollUnsafe())
      }))

    it.effect("T03 a transaction with savepoints is one transaction", () =>
      Effect.gen(function*() {
        const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
        yield* run(source, "create table t (id bigint primary key)")
        const client = yield* PostgresServer.connect(source)
        yield* Effect.promise(() =>
          client.query("begin; insert into t values (1); savepoint a; insert into t values (2)")
        )
        const open = yield* OpenTransactions.read.pipe(Effect.provide(PostgresSql.layer(source, "test")))
        assert.strictEqual(open.length, 1)
      }))
  }
)
