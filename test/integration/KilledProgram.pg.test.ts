import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

/** Transactions of inserts, updates (some of the key), and deletes over a few hundred keys, one after the other. */
const traffic = (replica: Replica.Replica) =>
  Effect.gen(function*() {
    for (let round = 0;; round++) {
      yield* run(
        replica.source,
        `begin;
         insert into items select n, 'round ${round}' from generate_series(${round * 20}, ${round * 20 + 19}) n;
         update items set name = name || '+' where id % 5 = ${round % 5};
         update items set id = -id where id between ${round * 20} and ${round * 20 + 2} and id > 0;
         delete from items where id % 11 = ${round % 11};
         commit`
      )
      yield* Effect.sleep("10 millis")
    }
  })

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A program that is killed, on real servers and real processes",
  (it) => {
    it.effect("T22 kill -9 under traffic, twice: source and sink end up equal", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        let job = yield* DbmazzProcess.start(["run"], replica.environment({ FLUSH_SIZE: "50" }))
        yield* job.logged("\"replicating\"")
        const writing = yield* Effect.forkChild(traffic(replica))
        for (let kill = 0; kill < 2; kill++) {
          const before = yield* replica.positions
          yield* replica.positions.pipe(
            Effect.repeat({
              schedule: PostgresServer.pollEvery,
              until: (now) => now.checkpoint !== before.checkpoint
            })
          )
          yield* job.kill("SIGKILL")
          yield* job.exit
          job = yield* DbmazzProcess.start(["run"], replica.environment({ FLUSH_SIZE: "50" }))
          yield* job.logged("\"replicating\"")
        }
        yield* Fiber.interrupt(writing)
        yield* replica.caughtUp
        const gone = yield* replica.query(
          `SELECT count(*) AS n FROM ${replica.sink.database}.items WHERE dbmazz_is_deleted = true`
        )
        assert.isAbove(Number(gone[0]?.["n"]), 0)
      }))

    it.effect("T22 T24 what an open transaction wrote before the checkpoint, and before a kill, arrives at its commit and in its order", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const job = yield* DbmazzProcess.start(["run"], replica.environment())
        yield* job.logged("\"replicating\"")
        const versions = Effect.map(
          replica.query(`SELECT id, dbmazz_cdc_version AS v FROM ${replica.sink.database}.items ORDER BY id`),
          (rows) => rows.map((row) => BigInt(String(row["v"])))
        )
        const slow = yield* PostgresServer.connect(replica.source)
        yield* Effect.promise(() => slow.query("begin; insert into items values (1, 'began first')"))
        const before = yield* replica.positions
        yield* run(replica.source, "insert into items values (2, 'committed first')")
        yield* replica.caughtUp
        const [first] = yield* versions
        yield* replica.positions.pipe(
          Effect.repeat({ schedule: PostgresServer.pollEvery, until: (now) => now.checkpoint !== before.checkpoint })
        )
        yield* job.kill("SIGKILL")
        yield* job.exit
        const again = yield* DbmazzProcess.start(["run"], replica.environment())
        yield* again.logged("\"replicating\"")
        yield* Effect.promise(() => slow.query("update items set name = 'committed last' where id = 2; commit"))
        yield* replica.caughtUp
        const [ofInsert, ofUpdate] = yield* versions
        assert.strictEqual(ofInsert, ofUpdate, "the rows of a transaction have its commit's position")
        assert.isTrue(ofInsert! > first!, "also those that were written before the other transaction's")
      }))

    it.effect("T21 T51 killed within a transaction that changes its table's columns: it comes again, whole, and the older shape undoes nothing", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* run(replica.source, "create table held (id bigint primary key)")
        const environment = replica.environment({
          TABLES: "items,held",
          AUTO_CREATE_TABLES: "true",
          FLUSH_SIZE: "100"
        })
        const { database } = replica.sink
        const first = yield* DbmazzProcess.start(["run"], environment)
        yield* first.logged("\"replicating\"")
        replica.endpoint.faults.on("too-many-versions", { table: "held" })
        yield* run(
          replica.source,
          `begin; insert into items select n, 'older shape' from generate_series(1, 250) n;
           alter table items add column extra int default 7;
           insert into items select n, 'newer shape', n from generate_series(251, 500) n;
           insert into held select n from generate_series(1, 10) n; commit`
        )
        yield* first.logged("SR_TOO_MANY_VERSIONS")
        // A part of it is loaded, under the one position that all of its rows have, and nothing is confirmed.
        const [loaded] = yield* replica.query(
          `SELECT count(*) AS n, min(dbmazz_cdc_version) AS low, max(dbmazz_cdc_version) AS high FROM ${database}.items`
        )
        assert.deepStrictEqual([loaded?.["n"], loaded?.["low"]], ["500", loaded?.["high"]])
        const { checkpoint, confirmed } = yield* replica.positions
        for (const position of [checkpoint, confirmed]) {
          assert.isTrue(Result.getOrThrow(Lsn.fromText(position!)) < BigInt(loaded!["low"]!))
        }
        yield* first.kill("SIGKILL")
        yield* first.exit
        replica.endpoint.faults.off()
        const second = yield* DbmazzProcess.start(["run"], environment)
        yield* second.logged("\"replicating\"")
        const verified = yield* Verify.verify(Result.getOrThrow(Settings.fromEnv(environment)), ARRIVAL_MS_MAX)
        assert.deepStrictEqual(Object.values(verified.tables).flatMap((table) => table.examples), [])
        assert.deepStrictEqual([verified.tables["items"]?.sink, verified.tables["held"]?.sink], [500, 10])
        assert.notInclude(second.log(), "\"statement\":\"ALTER TABLE", "the replayed relation is no change")
      }))
  }
)
