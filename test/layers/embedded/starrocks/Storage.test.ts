import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

it.live("what follows a commit in memory happens under the write lock, and not at all when the commit fails", () =>
  Effect.gen(function*() {
    const storage = yield* Storage.open(yield* TemporaryDirectory.make("storage"))
    /** Whether somebody holds the lock: then it cannot be had without waiting. */
    const held = (): boolean => Exit.isFailure(Effect.runSyncExit(storage.exclusive(Effect.void)))
    assert.isFalse(held())
    const seen: Array<readonly [string, boolean]> = []
    const made = yield* storage.write(
      (session) => Effect.as(session.run("create table t (i integer)"), "made"),
      (value) => seen.push([value, held()])
    )
    assert.strictEqual(made, "made")
    assert.deepStrictEqual(seen, [["made", true]])
    const failed = yield* Effect.exit(
      storage.write((session) => session.run("insert into t values ('x')"), () => seen.push(["failed", held()]))
    )
    assert.isTrue(Exit.isFailure(failed))
    assert.lengthOf(seen, 1)
    assert.isFalse(held())
  }).pipe(Effect.scoped))
