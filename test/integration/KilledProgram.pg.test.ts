import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

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

    it.effect("a transaction larger than a batch is loaded in parts and confirmed once, at its end", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const job = yield* DbmazzProcess.start(["run"], replica.environment({ FLUSH_SIZE: "100" }))
        yield* job.logged("\"replicating\"")
        const before = yield* replica.positions
        replica.endpoint.faults.on("too-many-versions", { table: "items" })
        yield* run(replica.source, "insert into items select n, 'x' from generate_series(1, 1000) n")
        yield* job.logged("SR_TOO_MANY_VERSIONS")
        assert.deepStrictEqual(yield* replica.positions, before)
        yield* job.kill("SIGKILL")
        yield* job.exit
        replica.endpoint.faults.off()
        yield* DbmazzProcess.start(["run"], replica.environment({ FLUSH_SIZE: "100" }))
        yield* replica.caughtUp
      }))
  }
)
