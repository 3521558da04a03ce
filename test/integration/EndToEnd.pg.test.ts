import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

layer(PostgresServer.layer(), { excludeTestServices: true })("End to end, on real servers", (it) => {
  it.effect("inserts, updates and deletes arrive; a stop by SIGTERM confirms what was received and exits 0", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const job = yield* DbmazzProcess.start(["run"], replica.environment())
      yield* job.logged("\"replicating\"")
      yield* run(replica.source, "insert into items select n, 'name ' || n from generate_series(1, 2000) n")
      yield* run(replica.source, "update items set name = name || ' (new)' where id % 3 = 0")
      yield* run(replica.source, "delete from items where id % 7 = 0")
      yield* replica.caughtUp
      assert.strictEqual(yield* replica.deletedCount, 285)
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0)
      assert.include(job.log(), "everything received is confirmed")
    }))
})
