import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { FaultKind } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** What a sink does to a load and is over it a moment later. */
const PASSING: ReadonlyArray<ReadonlyArray<FaultKind>> = [
  ["fe-error"],
  ["fe-reset"],
  ["no-backend"],
  ["redirect-to-dead-port"],
  ["be-reset"],
  ["be-shutdown"],
  ["reset-in-body"],
  ["reset-before-commit"],
  ["reset-after-commit"],
  ["publish-timeout"],
  ["memory"],
  ["status-unknown"],
  ["status-unknown-committed"],
  ["reset-after-commit", "label-state-unknown"]
]

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })("Faults of the sink", (it) => {
  for (const duplicates of ["classic", "fail-message"] as const) {
    it.effect(`T63 T64 T65 whatever the sink does to a load, its rows arrive once, duplicates told as ${duplicates}`, () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { faults } = replica.endpoint
        faults.duplicateLabels(duplicates)
        const job = yield* DbmazzProcess.start(
          ["run"],
          replica.environment({ RETRY_BASE_MS: "20", RETRY_MAX_MS: "100" })
        )
        yield* job.logged("\"replicating\"")
        yield* run(replica.source, "insert into items select n, 'v' from generate_series(1, 40) n")
        yield* replica.caughtUp
        for (const kinds of PASSING) {
          for (const kind of kinds) faults.on(kind, { count: 2 })
          yield* run(
            replica.source,
            "update items set name = name || '+' where id % 3 <> 0; delete from items where id = 1"
          )
          yield* run(replica.source, "insert into items values (1, 'again')")
          yield* replica.caughtUp
          // The rows of a load whose answer is withheld may be seen before the fault is counted.
          for (const kind of kinds) {
            yield* Effect.repeat(Effect.sync(() => faults.hits(kind)), {
              schedule: PostgresServer.pollEvery,
              until: (hits) => hits > 0
            })
          }
          faults.off()
        }
        yield* job.kill("SIGTERM")
        assert.strictEqual(yield* job.exit, 0)
        const { checkpoint, confirmed } = yield* replica.positions
        assert.strictEqual(confirmed, checkpoint)
      }))
  }

  it.effect("T80 a password that no longer holds stops the job with its remedy, and nothing of it is lost", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("\"replicating\"")
      replica.endpoint.faults.on("auth")
      yield* run(replica.source, "insert into items values (1, 'a')")
      assert.strictEqual(yield* job.exit, 1)
      assert.include(job.log(), "SR_ACCESS_DENIED")
      assert.include(job.log(), "GRANT INSERT")
      replica.endpoint.faults.off()
      yield* DbmazzProcess.start(["run"], replica.environment())
      yield* replica.caughtUp
    }))

  it.effect("a target that is dropped stops its table, and the setup of the next start names it", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("\"replicating\"")
      yield* run(replica.source, "insert into items values (1, 'a')")
      yield* replica.caughtUp
      const before = yield* replica.positions
      yield* replica.query(`DROP TABLE ${replica.sink.database}.items`)
      yield* run(replica.source, "insert into items values (2, 'b')")
      assert.strictEqual(yield* job.exit, 1)
      assert.include(job.log(), "SR_REJECTED_LOAD")
      assert.deepStrictEqual(yield* replica.positions, before)
      const next = yield* DbmazzProcess.start(["run"], replica.environment())
      assert.strictEqual(yield* next.exit, 78)
      assert.include(next.log(), "not found in StarRocks")
    }))
})
