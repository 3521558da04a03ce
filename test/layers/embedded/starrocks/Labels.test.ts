import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/Catalogue.ts"
import * as Labels from "../../../../src/layers/embedded/starrocks/Labels.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/Storage.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "dbmazz-labels-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const opened = Effect.gen(function*() {
  const storage = yield* Storage.open(yield* directory)
  yield* Catalogue.make(storage)
  return yield* Labels.make(storage)
})

it.live("only so many finished labels of a database are kept, the oldest go first, running ones stay", () =>
  Effect.gen(function*() {
    const labels = yield* opened
    const running = Result.getOrThrow(labels.begin("d", "running", "t"))
    const other = Result.getOrThrow(labels.begin("other", "l0", "t"))
    labels.finish(other, "VISIBLE")
    for (let number = 0; number < Labels.finishedLabelsMax + 10; number++) {
      labels.finish(Result.getOrThrow(labels.begin("d", `l${number}`, "t")), "VISIBLE")
    }
    assert.isUndefined(labels.find("d", "l9"))
    assert.strictEqual(labels.find("d", "l10")?.state, "VISIBLE")
    assert.strictEqual(labels.find("d", "running"), running)
    assert.strictEqual(labels.find("other", "l0")?.state, "VISIBLE")
  }).pipe(Effect.scoped))

it.live("a label is forgotten after three days, and an aborted one can be taken again", () =>
  Effect.gen(function*() {
    const labels = yield* opened
    const old = Result.getOrThrow(labels.begin("d", "old", "t"))
    labels.finish(old, "VISIBLE")
    assert.isTrue(Result.isFailure(labels.begin("d", "old", "t")))
    old.finishedAtMs -= Labels.labelKeepMs + 1
    assert.isUndefined(labels.find("d", "old"))
    const failed = Result.getOrThrow(labels.begin("d", "failed", "t"))
    labels.finish(failed, "ABORTED")
    const again = Result.getOrThrow(labels.begin("d", "failed", "t"))
    assert.isAbove(again.txnId, failed.txnId)
    labels.finish(failed, "ABORTED")
    assert.strictEqual(labels.find("d", "failed"), again)
  }).pipe(Effect.scoped))
