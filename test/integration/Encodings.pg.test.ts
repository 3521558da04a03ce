import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** A replication whose source is in this encoding. */
const startIn = Effect.fnUntraced(function*(encoding: string) {
  const server = yield* PostgresServer.PostgresServer
  return yield* Replica.start.pipe(
    Effect.provideService(PostgresServer.PostgresServer, {
      ...server,
      freshDatabase: server.encodedDatabase(encoding)
    })
  )
})

layer(PostgresServer.layer(), { excludeTestServices: true })("Databases in other encodings than UTF8", (it) => {
  it.effect("T44 the letters of a LATIN1 database arrive, whatever its bytes for them are", () =>
    Effect.gen(function*() {
      const replica = yield* startIn("LATIN1")
      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("\"replicating\"")
      // In LATIN1 one byte each; the last is what the two bytes of é in UTF8 are there.
      yield* run(replica.source, "insert into items values (1, 'Zoë, café'), (2, chr(233)), (3, chr(195) || chr(169))")
      yield* replica.caughtUp
      const rows = yield* replica.query(`SELECT name FROM ${replica.sink.database}.items ORDER BY id`)
      assert.deepStrictEqual(rows.map(({ name }) => name), ["Zoë, café", "é", "Ã©"])
    }))

  it.effect("a text that PostgreSQL cannot convert ends replication by its own name, with the place to look at", () =>
    Effect.gen(function*() {
      const replica = yield* startIn("WIN1252")
      const { environment, slot, source } = replica
      const job = yield* DbmazzProcess.start(["run"], environment())
      yield* job.logged("\"replicating\"")
      const [before] = yield* run(source, "select pg_current_wal_insert_lsn()::text as lsn")
      // A byte that WIN1252 lets in and gives no character.
      yield* run(source, "insert into items values (1, 'secret' || chr(129))")
      const [after] = yield* run(source, "select pg_current_wal_insert_lsn()::text as lsn")
      assert.strictEqual(yield* job.exit, 78)
      const said = job.log()
      const [, lsn = ""] = /cannot send the change at ([0-9A-F]+\/[0-9A-F]+)/.exec(said) ?? []
      const [between] = yield* run(source, "select $1::pg_lsn between $2 and $3 as holds", [
        lsn,
        before?.["lsn"],
        after?.["lsn"]
      ])
      assert.isTrue(between?.["holds"], said)
      assert.include(said, "no equivalent in UTF8")
      assert.include(said, `pg_get_wal_record_info('${lsn}')`)
      assert.include(said, `SELECT pg_drop_replication_slot('${slot}');`)
      assert.notMatch(said, /max_replication_slots|secret|0x81/)
    }))

  it.effect.each(["SQL_ASCII", "MULE_INTERNAL"])(
    "%s is refused before anything is changed, not at the first text that is no UTF8",
    (encoding) =>
      Effect.gen(function*() {
        const source = yield* (yield* PostgresServer.PostgresServer).encodedDatabase(encoding)
        const replica = yield* Replica.start
        const environment = DbmazzProcess.jobEnvironment(source, replica.sink, { TABLES: "items", SLOT_NAME: "never" })
        const job = yield* DbmazzProcess.start(["run"], environment)
        assert.strictEqual(yield* job.exit, 78)
        const said = job.log()
        assert.include(said, `Database '${source.database}' has the encoding ${encoding}`)
        assert.include(said, "pg_dump -Fc -E")
        assert.include(said, "createdb -T template0 -E UTF8")
        const slots = yield* run(replica.source, "select 1 from pg_replication_slots where slot_name = 'never'")
        assert.deepStrictEqual(slots, [])
      })
  )
})
