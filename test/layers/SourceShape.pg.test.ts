import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Relation } from "../../src/domain/pgoutput/Message.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as SourceShape from "../../src/layers/SourceShape.ts"
import { mapping } from "../support/Mappings.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const SESSION = "dbmazz shape"
const until = <E>(look: Effect.Effect<boolean, E>) =>
  Effect.repeat(look, { schedule: PostgresServer.pollEvery, until: (is) => is })

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A shape that the WAL announced",
  (it) => {
    it.effect("T54 is not looked up before its transaction can be seen, which waits for a synchronous standby", () =>
      Effect.gen(function*() {
        const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
        const slot = `shape_${process.pid}`
        yield* run(address, "create table t (id int primary key, doc text); create publication p for table t")
        yield* run(address, "select pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
        yield* Effect.addFinalizer(() => run(address, "select pg_drop_replication_slot($1)", [slot]))
        const [facts] = yield* run(address, "select 't'::regclass::oid::int as oid")
        const relation: Relation = {
          _tag: "Relation",
          relationId: Number(facts?.["oid"]),
          schema: "public",
          name: "t",
          replicaIdentity: "f",
          columns: [{ name: "id", typeOid: 23, typmod: -1, key: true }, {
            name: "doc",
            typeOid: 25,
            typmod: -1,
            key: true
          }]
        }
        const read = (xid?: number) =>
          SourceShape.read(relation, mapping("t", ["id"], {}), xid).pipe(
            Effect.map(({ columns, keys }) => [columns.map(({ version }) => version), keys] as const),
            Effect.provide(PostgresSql.layer(address, SESSION))
          )
        const before = yield* read()
        const reload = run(address, "select pg_reload_conf()")
        const standby = (name: string) =>
          Effect.andThen(run(address, `alter system set synchronous_standby_names = '${name}'`), reload)
        yield* Effect.addFinalizer(() => standby(""))
        yield* standby("nobody")
        yield* until(
          Effect.map(
            run(address, "show synchronous_standby_names"),
            ([row]) => row?.["synchronous_standby_names"] === "nobody"
          )
        )
        // Commits wait when the checkpointer has read the setting, too, which it does before a checkpoint.
        yield* run(address, "checkpoint")
        const altering = yield* Effect.forkScoped(
          run(
            address,
            "alter table t alter doc type text using reverse(doc), drop constraint t_pkey; insert into t values (1, 'x')"
          )
        )
        const sent = run(
          address,
          `select xid::text from pg_logical_slot_peek_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', 'p')`,
          [slot]
        )
        yield* until(Effect.map(sent, (messages) => messages.length > 0))
        const xid = Number((yield* sent)[0]?.["xid"])
        assert.deepStrictEqual(yield* read(), before, "it is sent, and not visible yet")
        const found = yield* Effect.forkScoped(read(xid))
        // Done, or asked and not content.
        yield* until(
          Effect.map(
            run(address, "select from pg_stat_activity where application_name = $1 and query like '%transactionid%'", [
              SESSION
            ]),
            (rows) => rows.length > 0 || found.pollUnsafe() !== undefined
          )
        )
        yield* standby("")
        yield* Fiber.join(altering)
        const [versions, keys] = yield* Fiber.join(found)
        assert.notStrictEqual(versions[1], before[0][1])
        assert.deepStrictEqual([before[1], keys], [[["id"]], []])
      }))
  }
)
