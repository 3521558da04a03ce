import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/catalogue/Catalogue.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as Labels from "../../../../src/layers/embedded/starrocks/load/Labels.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

const directory = TemporaryDirectory.make("labels")

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

it.live("a prepared transaction keeps its label whatever its age and the loads after it, in memory and in the file", () =>
  Effect.gen(function*() {
    const path = yield* directory
    yield* Effect.gen(function*() {
      const storage = yield* Storage.open(path)
      yield* Catalogue.make(storage)
      const labels = yield* Labels.make(storage)
      const prepared = Result.getOrThrow(labels.begin("d", "prepared", "t"))
      prepared.tables.add("u")
      yield* storage.write((session) => labels.write(session, prepared, "PREPARED"))
      yield* storage.write((session) => session.run(`update ${Catalogue.schema}.labels set finished_at_ms = 1`))
      prepared.state = "PREPARED"
      for (let from = 0; from < 1600; from += 100) {
        const names = Array.from({ length: 100 }, (_, index) => `l${from + index}`)
        yield* storage.write((session) =>
          Effect.forEach(names, (name) => {
            const record = Result.getOrThrow(labels.begin("d", name, "t"))
            return Effect.map(labels.write(session, record, "VISIBLE"), () => labels.finish(record, "VISIBLE"))
          }, { discard: true })
        )
      }
      assert.strictEqual(labels.find("d", "prepared"), prepared)
      assert.deepStrictEqual(labels.unfinished("d", "u"), [prepared])
    }).pipe(Effect.scoped)
    const storage = yield* Storage.open(path)
    const labels = yield* Labels.make(storage)
    const found = labels.find("d", "prepared")
    assert(found !== undefined)
    assert.strictEqual(found.state, "PREPARED")
    assert.isUndefined(labels.find("d", "l0"))
    // Its outcome replaces what was written before.
    yield* storage.write((session) => labels.write(session, found, "ABORTED"))
    labels.finish(found, "ABORTED")
    const [row] = yield* storage.write((session) =>
      session.run(`select count(*), min(state) from ${Catalogue.schema}.labels where label = 'prepared'`)
    )
    assert.deepStrictEqual(row, [1n, "ABORTED"])
  }).pipe(Effect.scoped))

it.live("a database has room for so many open transactions, whether they are prepared or not", () =>
  Effect.gen(function*() {
    const labels = yield* opened
    for (let number = 0; number < Labels.runningMax; number++) {
      const record = Result.getOrThrow(labels.begin("d", `l${number}`, "t"))
      if (number % 2 === 0) record.state = "PREPARED"
    }
    const refused = labels.begin("d", "one more", "t")
    assert.deepStrictEqual(refused, Result.fail({ kind: "crowded", running: Labels.runningMax }))
    assert.isTrue(Result.isSuccess(labels.begin("other", "one more", "t")))
    const first = labels.find("d", "l0")
    assert(first !== undefined)
    labels.finish(first, "ABORTED")
    assert.isTrue(Result.isSuccess(labels.begin("d", "one more", "t")))
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

/** Transactions of a database that end one after the other, a hundred of them in each of the file's transactions. */
const endAll = (
  storage: Storage.Storage,
  labels: Labels.Labels,
  ends: ReadonlyArray<readonly [string, Labels.LabelState]>
) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(ends.length / 100) }, (_, part) => ends.slice(part * 100, part * 100 + 100)),
    (part) =>
      storage.write((session) =>
        Effect.forEach(part, ([label, state]) => {
          const record = labels.find("d", label)
          const running = record !== undefined && !Labels.isFinal(record.state)
            ? record
            : Result.getOrThrow(labels.begin("d", label, "t"))
          return Effect.map(labels.write(session, running, state), () => labels.finish(running, state))
        }, { discard: true })
      ),
    { discard: true }
  )

it.live("the newest finished transactions are kept, not labels and not the newest ids, and the same after a restart", () =>
  Effect.gen(function*() {
    const path = yield* directory
    const many = Labels.finishedLabelsMax
    const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
    const states = yield* Effect.gen(function*() {
      const storage = yield* Storage.open(path)
      yield* Catalogue.make(storage)
      const labels = yield* Labels.make(storage)
      // Begun first, finished last, by the very write that sweeps the file.
      Result.getOrThrow(labels.begin("d", "slow", "t"))
      Result.getOrThrow(labels.begin("d", "slower", "t"))
      yield* endAll(storage, labels, names("first", many + 499).map((label) => [label, "VISIBLE"]))
      assert.strictEqual(labels.find("d", "first498"), undefined)
      assert.strictEqual(labels.find("d", "first499")?.state, "VISIBLE")
      yield* endAll(storage, labels, [["slow", "VISIBLE"]])
      yield* endAll(storage, labels, names("more", 4).map((label) => [label, "VISIBLE"]))
      yield* endAll(storage, labels, [["slower", "VISIBLE"]])
      const all = ["slow", "slower", ...names("first", many + 499), ...names("more", 4)]
      assert.strictEqual(labels.find("d", "slow")?.state, "VISIBLE")
      return all.map((label) => [label, labels.find("d", label)?.state])
    }).pipe(Effect.scoped)
    assert.lengthOf(states.filter(([, state]) => state !== undefined), many)
    yield* Effect.gen(function*() {
      const storage = yield* Storage.open(path)
      const labels = yield* Labels.make(storage)
      assert.deepStrictEqual(states.map(([label]) => [label, labels.find("d", String(label))?.state]), states)
      // A label's aborted transactions count too, whichever of them its name stands for.
      yield* endAll(storage, labels, Array.from({ length: many - 1 }, () => ["again", "ABORTED"]))
      assert.isUndefined(labels.find("d", "more3"))
      assert.strictEqual(labels.find("d", "slower")?.state, "VISIBLE")
      yield* endAll(storage, labels, [["again", "VISIBLE"]])
      assert.isUndefined(labels.find("d", "slower"))
    }).pipe(Effect.scoped)
    const labels = yield* Labels.make(yield* Storage.open(path))
    assert.isUndefined(labels.find("d", "slower"))
    assert.strictEqual(labels.find("d", "again")?.state, "VISIBLE")
  }).pipe(Effect.scoped))
