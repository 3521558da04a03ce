import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/catalogue/Catalogue.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as Faults from "../../../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as ErrorLog from "../../../../src/layers/embedded/starrocks/load/ErrorLog.ts"
import * as Labels from "../../../../src/layers/embedded/starrocks/load/Labels.ts"
import * as LoadEngine from "../../../../src/layers/embedded/starrocks/load/LoadEngine.ts"
import * as LoadReply from "../../../../src/layers/embedded/starrocks/load/LoadReply.ts"
import * as PreparedStore from "../../../../src/layers/embedded/starrocks/transactions/PreparedStore.ts"
import * as PreparedTransactions from "../../../../src/layers/embedded/starrocks/transactions/PreparedTransactions.ts"
import * as Transactions from "../../../../src/layers/embedded/starrocks/transactions/Transactions.ts"
import * as HttpStage from "../../../support/HttpStage.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

/** The parts of an endpoint whose engine dies when it ends what is called `bad`, and writes down what it ends. */
const world = Effect.gen(function*() {
  const storage = yield* Storage.open(yield* TemporaryDirectory.make("cleaner"))
  const catalogue = yield* Catalogue.make(storage)
  yield* catalogue.createDatabase("d", false)
  const labels = yield* Labels.make(storage)
  const faults = Faults.make()
  const store = yield* PreparedStore.make(storage, catalogue, labels)
  const errorLogs = ErrorLog.make()
  const real = LoadEngine.make({ storage, catalogue, labels, faults, errorLogs, errorLogUrl: String })
  const ended: Array<string> = []
  const engine: LoadEngine.LoadEngine = {
    ...real,
    abort: (record, progress, reason) => {
      ended.push(record.label)
      return record.label === "bad" ? Effect.die("a broken transaction") : real.abort(record, progress, reason)
    },
    abortPrepared: (record, progress, reason, also) => {
      ended.push(record.label)
      return record.label === "bad prepared"
        ? Effect.die("a broken transaction")
        : real.abortPrepared(record, progress, reason, also)
    }
  }
  const prepared = PreparedTransactions.make(storage, engine, store)
  const bodyBytesMax = 1000
  const transactions = Transactions.make({ storage, labels, engine, store, prepared, faults, bodyBytesMax })
  return { ended, labels, prepared, transactions }
})

const clean = ({ cleaner }: Transactions.Transactions) =>
  Effect.forkChild(Effect.provide(cleaner, Logger.layer([])), { startImmediately: true })

const shortest = { timeout: -1, idle: undefined, prepared: 1 }

it.live(
  "a transaction that cannot be ended does not keep the others from ending, prepared or not",
  () =>
    Effect.gen(function*() {
      const { labels, prepared, transactions } = yield* world
      for (const label of ["bad", "good"]) yield* transactions.begin({ database: "d", label }, undefined, shortest)
      for (const label of ["bad prepared", "good prepared"]) {
        const record = Result.getOrThrow(labels.begin("d", label, undefined))
        record.state = "PREPARED"
        prepared.add({ record, progress: LoadReply.progress(), deadlineMs: 0, parts: [] })
      }
      yield* clean(transactions)
      yield* HttpStage.until(() =>
        ["good", "good prepared"].every((label) => labels.find("d", label)?.state === "ABORTED")
      )
      assert.strictEqual(labels.find("d", "bad prepared")?.state, "PREPARED")
    }).pipe(Effect.scoped),
  5000
)

it.live("a transaction of a dropped database that is also too old is ended once", () =>
  Effect.gen(function*() {
    const { ended, labels, transactions } = yield* world
    yield* transactions.begin({ database: "d", label: "old" }, undefined, shortest)
    yield* transactions.begin({ database: "d", label: "other" }, undefined, shortest)
    const other = labels.find("d", "other")
    labels.dropDatabase("d")
    yield* clean(transactions)
    yield* HttpStage.until(() => other?.state === "ABORTED" && ended.includes("other"))
    assert.deepStrictEqual(ended, ["old", "other"])
  }).pipe(Effect.scoped), 5000)
