/** What is answered when two requests want to end one transaction: whoever comes to the write lock first decides. */
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/catalogue/Catalogue.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as Faults from "../../../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as BackEnd from "../../../../src/layers/embedded/starrocks/http/BackEnd.ts"
import * as FrontEnd from "../../../../src/layers/embedded/starrocks/http/FrontEnd.ts"
import { listen } from "../../../../src/layers/embedded/starrocks/http/Listening.ts"
import * as ErrorLog from "../../../../src/layers/embedded/starrocks/load/ErrorLog.ts"
import * as Labels from "../../../../src/layers/embedded/starrocks/load/Labels.ts"
import * as LoadEngine from "../../../../src/layers/embedded/starrocks/load/LoadEngine.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import * as PreparedStore from "../../../../src/layers/embedded/starrocks/transactions/PreparedStore.ts"
import * as PreparedTransactions from "../../../../src/layers/embedded/starrocks/transactions/PreparedTransactions.ts"
import * as TransactionFrontEnd from "../../../../src/layers/embedded/starrocks/transactions/TransactionFrontEnd.ts"
import * as Transactions from "../../../../src/layers/embedded/starrocks/transactions/Transactions.ts"
import * as Users from "../../../../src/layers/embedded/starrocks/users/Users.ts"
import { http } from "../../../contract/WireHttp.ts"
import * as HttpStage from "../../../support/HttpStage.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

const host = "127.0.0.1"
const authorization = `Basic ${Buffer.from("root:").toString("base64")}`
const statement = "CREATE TABLE t (id BIGINT NOT NULL, n INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"

/** The FE and the BE of an endpoint over a storage that counts who asked for its write lock, and fails when told to. */
const world = Effect.gen(function*() {
  const real = yield* Storage.open(yield* TemporaryDirectory.make("endings"))
  let asked = 0
  let broken = false
  const storage: Storage.Storage = {
    ...real,
    transaction: (...arguments_) => {
      asked += 1
      return real.transaction(...arguments_)
    },
    write: (...arguments_) => {
      asked += 1
      return broken ? Effect.fail(new Storage.StorageError({ message: "the disk is full" })) : real.write(...arguments_)
    }
  }
  const set = yield* FiberSet.make()
  const runIn = yield* FiberSet.runtime(set)()
  const run = (effect: Effect.Effect<void>): void => {
    runIn(Effect.provide(effect, Logger.layer([])))
  }
  const catalogue = yield* Catalogue.make(storage)
  const users = Users.make(catalogue, "root", Redacted.make(""))
  yield* catalogue.createDatabase("d", false)
  yield* catalogue.createTable("d", yield* Effect.fromResult(attempt(statement, createTable)))
  const labels = yield* Labels.make(storage)
  const faults = Faults.make()
  const store = yield* PreparedStore.make(storage, catalogue, labels)
  const errorLogs = ErrorLog.make()
  const engine = LoadEngine.make({ storage, catalogue, labels, faults, errorLogs, errorLogUrl: String })
  const prepared = PreparedTransactions.make(storage, engine, store)
  const bodyBytesMax = 1000
  const transactions = Transactions.make({ storage, labels, engine, store, prepared, faults, bodyBytesMax })
  const backEnd = BackEnd.make({ storage, engine, transactions, errorLogs, faults, users, bodyBytesMax, run })
  const bePort = yield* listen(backEnd, "BE", host, 0)
  const coordinated = TransactionFrontEnd.coordinated()
  const shared = { catalogue, labels, engine, transactions, prepared, coordinated, faults, users, run }
  const frontEnd = FrontEnd.make({ ...shared, leader: undefined, backend: () => `${host}:${bePort}` })
  const fePort = yield* listen(frontEnd, "FE", host, 0)

  const send = (port: number, path: string, headers: Readonly<Record<string, string>>, body = "") =>
    Effect.promise(() =>
      http(host, port, {
        method: path.includes("load") ? "PUT" : "POST",
        path,
        body,
        headers: { authorization, format: "json", db: "d", table: "t", ...headers }
      })
    ).pipe(Effect.map((answer) => answer.body))
  const fe = (operation: string, label: string) => send(fePort, `/api/transaction/${operation}`, { label })
  const be = (operation: string, label: string, body = "") =>
    send(bePort, `/api/transaction/${operation}`, { label }, body)

  return {
    store,
    fe,
    be,
    cancel: (label: string) => send(fePort, `/api/d/t/_cancel?label=${label}`, {}),
    load: (label: string) => send(bePort, "/api/d/t/_stream_load", { label }, "{\"id\":1}"),
    state: (label: string) => labels.find("d", label)?.state,
    breakStorage: (next: boolean) => {
      broken = next
    },
    /** A transaction that is prepared. */
    prepared: (label: string) =>
      Effect.gen(function*() {
        assert.include(yield* be("begin", label), "OK")
        assert.include(yield* be("load", label, "{\"id\":1}"), "OK")
        assert.include(yield* be("prepare", label), "OK")
      }),
    /** Sends both requests while the write lock is held: the first asks for it before the second. Gives both answers. */
    race: (first: Effect.Effect<string>, second: Effect.Effect<string>) =>
      Effect.gen(function*() {
        const release = yield* Deferred.make<void>()
        const held = yield* Deferred.make<void>()
        yield* Effect.forkChild(
          real.exclusive(Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(release)))
        )
        yield* Deferred.await(held)
        const waiting = (request: Effect.Effect<string>) =>
          Effect.gen(function*() {
            const before = asked
            let over = false
            const fiber = yield* Effect.forkChild(
              Effect.tap(request, () =>
                Effect.sync(() => {
                  over = true
                })),
              { startImmediately: true }
            )
            yield* HttpStage.until(() => over || asked > before)
            return fiber
          })
        const fibers = [yield* waiting(first), yield* waiting(second)]
        yield* Deferred.succeed(release, undefined)
        return yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      })
  }
})

const ok = /"Status": "OK"/

it.live("a rollback that a commit has overtaken is refused; a commit that a rollback has overtaken too", () =>
  Effect.gen(function*() {
    const { be, fe, prepared, race, state } = yield* world
    yield* prepared("committed")
    const [commit, lost] = yield* race(fe("commit", "committed"), fe("rollback", "committed"))
    assert.match(commit ?? "", ok)
    assert.include(lost, "Can not abort VISIBLE transaction")
    assert.include(lost, "FAILED")
    assert.strictEqual(state("committed"), "VISIBLE")
    yield* prepared("aborted")
    const [rollback, late] = yield* race(fe("rollback", "aborted"), fe("commit", "aborted"))
    assert.match(rollback ?? "", ok)
    assert.include(late, "Can not commit ABORTED transaction")
    assert.strictEqual(state("aborted"), "ABORTED")
    // The same on the BE, for what is not prepared.
    assert.match(yield* be("begin", "plain"), ok)
    yield* be("load", "plain", "{\"id\":1}")
    const [done, refused] = yield* race(be("commit", "plain"), be("rollback", "plain"))
    assert.match(done ?? "", ok)
    assert.notMatch(refused ?? "", ok)
    assert.strictEqual(state("plain"), "VISIBLE")
  }).pipe(Effect.scoped))

it.live("a rollback that cannot be written is no rollback: the transaction stays prepared", () =>
  Effect.gen(function*() {
    const { breakStorage, fe, prepared, state } = yield* world
    yield* prepared("kept")
    breakStorage(true)
    const failed = yield* fe("rollback", "kept")
    assert.include(failed, "FAILED")
    assert.include(failed, "the disk is full")
    assert.strictEqual(state("kept"), "PREPARED")
    breakStorage(false)
    assert.match(yield* fe("rollback", "kept"), ok)
    assert.strictEqual(state("kept"), "ABORTED")
  }).pipe(Effect.scoped))

it.live("_cancel is OK only for what is aborted: not for a load whose merge is on its way", () =>
  Effect.gen(function*() {
    const { cancel, load, race, state } = yield* world
    const [answer, cancelled] = yield* race(load("merging"), cancel("merging"))
    assert.include(answer, "\"Status\": \"Success\"")
    assert.include(cancelled, "FAILED")
    assert.strictEqual(state("merging"), "VISIBLE")
  }).pipe(Effect.scoped))

it.live("a transaction that is cancelled in the middle of its prepare or commit is aborted or refused, never both", () =>
  Effect.gen(function*() {
    const { be, cancel, fe, race, state, store } = yield* world
    for (const label of ["prepared", "committed"]) {
      yield* be("begin", label)
      yield* be("load", label, "{\"id\":1}")
    }
    const [prepare, cancelled] = yield* race(be("prepare", "prepared"), cancel("prepared"))
    assert.match(prepare ?? "", ok)
    assert.include(cancelled, "\"status\":\"OK\"")
    assert.strictEqual(state("prepared"), "ABORTED")
    assert.include(yield* fe("commit", "prepared"), "Can not commit ABORTED")
    assert.lengthOf(store.found, 0)
    const [commit, refused] = yield* race(be("commit", "committed"), cancel("committed"))
    assert.match(commit ?? "", ok)
    assert.include(refused, "FAILED")
    assert.strictEqual(state("committed"), "VISIBLE")
  }).pipe(Effect.scoped))
