import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Batch } from "../../src/domain/Batch.ts"
import { PermanentCode, PermanentError } from "../../src/domain/errors/PermanentError.ts"
import { LoadTooLarge } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { StoppedTable } from "../../src/domain/StoppedTable.ts"
import * as Metrics from "../../src/layers/Metrics.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Loads from "../../src/streams/Loads.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll } from "../support/Rows.ts"

const COLUMNS = [{ name: "id", oid: 20 }]
const NAMES = ["a", "b"] as const
const TABLES = NAMES.map((name) => mapping(name, ["id"], { id: "bigint(20)" }))
const RELATIONS = NAMES.map((name, index) => Bytes.relation(index + 1, name, COLUMNS))

const OPTIONS: Loads.LoadsOptions = {
  origin: { systemIdentifier: "7", timeline: 1, database: "shop", slot: "s", run: "1" },
  bytesMax: 1 << 20,
  tableCount: TABLES.length,
  truncate: () => Effect.void,
  resolve: () => Effect.void,
  schema: {
    exchangedAt: () => Lsn.ZERO,
    evolve: () => Effect.die(new Error("no table is changed here")),
    check: () => Effect.void,
    trustedAfter: () => Lsn.ZERO,
    current: (mapping) => mapping,
    changes: () => 0,
    look: ({ targetColumns }) => Effect.succeed(targetColumns)
  },
  onStopped: () => Effect.void,
  onWaiting: () => Effect.void
}

/** Nothing here is done in SQL. */
const NEVER: StreamLoader["Service"]["operate"] = () => Effect.die(new Error("no table is truncated here"))

/** A batch of one transaction with these messages. */
const batchOf = (...messages: ReadonlyArray<Buffer>): Batch => {
  const batch = new Batch()
  for (const change of decodeAll(TABLES, [...RELATIONS, Bytes.begin(1n), ...messages, Bytes.commit(1n, 9n)])) {
    batch.add(change)
  }
  return batch
}

/** Loads into a sink that refuses tables for good, with what it was sent and what was told to have stopped. */
const world = (refused: Readonly<Record<string, PermanentCode>>) => {
  const sent: Array<string> = []
  const told: Array<ReadonlyArray<StoppedTable>> = []
  const loader = StreamLoader.of({
    operate: NEVER,
    settled: () => Effect.void,
    load: (request) =>
      Effect.suspend(() => {
        const { label, rowCount: loadedRows, target: { name } } = request
        const code = refused[name]
        if (code !== undefined) {
          return Effect.fail(new PermanentError({ code, message: name, remediation: "r", context: {} }))
        }
        sent.push(name)
        return Effect.succeed({ label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 })
      })
  })
  const made = Loads.make({ ...OPTIONS, onStopped: (stopped) => Effect.sync(() => void told.push(stopped)) }).pipe(
    Effect.provideService(StreamLoader, loader)
  )
  return { sent, told, made, loader }
}

describe("Loads: a table that cannot go on must neither hold the others nor let the position move past its rows", () => {
  it.effect("the other tables are loaded, now and later, and no later batch counts as complete", () =>
    Effect.gen(function*() {
      const { made, sent, told } = world({ a: "SR_REJECTED_ROWS" })
      const loads = yield* made
      const first = yield* loads.load(batchOf(Bytes.insert(1, ["1"]), Bytes.insert(2, ["1"])))
      const second = yield* loads.load(batchOf(Bytes.insert(1, ["2"]), Bytes.insert(2, ["2"])))
      assert.deepStrictEqual(sent, ["b", "b"])
      assert.deepStrictEqual([first.complete, second.complete], [false, false])
      assert.deepStrictEqual(told.map((tables) => tables.map(({ table }) => table)), [["public.a"]])
      assert.strictEqual((yield* Effect.flip(loads.verdict)).code, "SR_REJECTED_ROWS")
    }))

  it.effect("what comes before a table's stop in the WAL is loaded, what comes after is not", () =>
    Effect.gen(function*() {
      const { made, sent, told } = world({})
      const loads = yield* made
      const first = yield* loads.load(batchOf(Bytes.insert(1, ["1"]), Bytes.truncate([1]), Bytes.insert(1, ["2"])))
      const second = yield* loads.load(batchOf(Bytes.insert(2, ["1"])))
      assert.deepStrictEqual(sent, ["a", "b"])
      assert.deepStrictEqual([first.complete, second.complete], [false, false])
      assert.strictEqual(told[0]?.[0]?.error.code, "TRUNCATE_UNSUPPORTED")
    }))

  it.effect("T20 a truncation comes between the rows before it and the rows after it, of its own table", () =>
    Effect.gen(function*() {
      const { loader, sent } = world({})
      const truncate: Loads.LoadsOptions["truncate"] = ({ mapping: { target }, transaction: { commitLsn } }) =>
        Effect.sync(() => void sent.push(`truncate ${target.name} at ${commitLsn}`))
      const loads = yield* Loads.make({ ...OPTIONS, truncate }).pipe(Effect.provideService(StreamLoader, loader))
      const messages = [
        Bytes.truncate([1]),
        Bytes.insert(1, ["1"]),
        Bytes.truncate([1, 2], 3),
        Bytes.truncate([1]),
        Bytes.insert(1, ["2"]),
        Bytes.insert(2, ["1"])
      ]
      const given = [...RELATIONS, Bytes.begin(1n), ...messages, Bytes.commit(1n, 9n)]
      const batch = new Batch()
      for (const change of decodeAll(TABLES, given, "truncate")) batch.add(change)
      assert.deepStrictEqual([batch.rowCount, batch.rowsBehind, batch.boundary], [7, 0, 9n])
      assert.isTrue((yield* loads.load(batch)).complete)
      const [a, b] = NAMES.map((name) => sent.filter((each) => each.split(" ").includes(name)))
      assert.deepStrictEqual(a, ["truncate a at 1", "a", "truncate a at 1", "truncate a at 1", "a"])
      assert.deepStrictEqual(b, ["truncate b at 1", "b"])
    }))

  it.effect("T37 T56 what an announcement leaves of the trust holds for the rows behind it, not for those before it", () =>
    Effect.gen(function*() {
      const table = mapping("a", ["id"], { id: "bigint(20)", doc: "string" })
      const relation = Bytes.relation(1, "a", [...COLUMNS, { name: "doc", oid: 25 }])
      const update = (id: string) => Bytes.update(1, [id, "x".repeat(5_000)], [id, undefined])
      const sent: Array<boolean | undefined> = []
      let trusted = Lsn.ZERO
      const schema: Loads.LoadsOptions["schema"] = {
        ...OPTIONS.schema,
        check: ({ transaction }) => Effect.sync(() => void (trusted = transaction!.commitLsn)),
        trustedAfter: () => trusted
      }
      const resolve: Loads.LoadsOptions["resolve"] = (loads) =>
        Effect.sync(() => loads.answer(new Map(loads.questions.map(({ key }) => [key.id, 3n]))))
      const loader = StreamLoader.of({
        operate: NEVER,
        settled: () => Effect.void,
        load: ({ label, partialUpdate, rowCount: loadedRows }) =>
          Effect.sync(() => {
            sent.push(partialUpdate)
            return { label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 }
          })
      })
      const loads = yield* Loads.make({ ...OPTIONS, schema, resolve }).pipe(
        Effect.provideService(StreamLoader, loader)
      )
      const messages = [relation, Bytes.begin(7n), update("1"), relation, update("2"), Bytes.commit(7n, 9n)]
      const batch = new Batch()
      for (const change of decodeAll([table], messages)) batch.add(change)
      assert.isTrue((yield* loads.load(batch)).complete)
      assert.deepStrictEqual(sent, [true, false])
    }))

  it.effect("a table that StarRocks will not truncate stops there: nothing after it is loaded", () =>
    Effect.gen(function*() {
      const { loader, sent } = world({})
      const error = new PermanentError({ code: "SR_ACCESS_DENIED", message: "m", remediation: "r", context: {} })
      const loads = yield* Loads.make({ ...OPTIONS, truncate: () => Effect.fail(error) }).pipe(
        Effect.provideService(StreamLoader, loader)
      )
      const messages = [Bytes.insert(1, ["1"]), Bytes.truncate([1]), Bytes.insert(1, ["2"]), Bytes.insert(2, ["1"])]
      const batch = new Batch()
      for (const change of decodeAll(TABLES, [...RELATIONS, Bytes.begin(1n), ...messages], "soft-delete")) {
        batch.add(change)
      }
      assert.isFalse((yield* loads.load(batch)).complete)
      assert.deepStrictEqual([...sent].sort(), ["a", "b"])
    }))

  it.effect("without a stop every batch is complete and the verdict is good", () =>
    Effect.gen(function*() {
      const loads = yield* world({}).made
      assert.isTrue((yield* loads.load(batchOf(Bytes.insert(1, ["1"])))).complete)
      yield* loads.verdict
    }))

  it.effect("when every table has stopped the run ends, with what stopped the last", () =>
    Effect.gen(function*() {
      const loads = yield* world({ a: "SR_REJECTED_ROWS", b: "SR_ACCESS_DENIED" }).made
      yield* loads.load(batchOf(Bytes.insert(1, ["1"])))
      const error = yield* Effect.flip(loads.load(batchOf(Bytes.insert(2, ["1"]))))
      assert.strictEqual(error.code, "SR_ACCESS_DENIED")
    }))

  it.effect("a failure that is not one table's ends the run at once", () =>
    Effect.gen(function*() {
      const { made, told } = world({ a: "PG_REFUSED" })
      const error = yield* Effect.flip((yield* made).load(batchOf(Bytes.insert(1, ["1"]), Bytes.insert(2, ["1"]))))
      assert.strictEqual(error.code, "PG_REFUSED")
      assert.deepStrictEqual(told, [])
    }))

  it.effect("129 a load that is too large for the sink's memory is sent in halves, each row once, under labels of their own", () =>
    Effect.gen(function*() {
      const sent: Array<readonly [label: string, ids: ReadonlyArray<number>]> = []
      const loader = StreamLoader.of({
        operate: NEVER,
        settled: () => Effect.void,
        load: ({ body, label, rowCount }) =>
          Effect.suspend(() => {
            if (rowCount > 2) return Effect.fail(new LoadTooLarge({ label, rowCount }))
            const ids = Array.from(Buffer.from(body).toString().matchAll(/"id":(\d+)/g), (match) => Number(match[1]))
            sent.push([label, ids])
            return Effect.succeed({ label, loadedRows: rowCount, visible: true, alreadyLoaded: false, attempts: 1 })
          })
      })
      const loads = yield* Loads.make(OPTIONS).pipe(Effect.provideService(StreamLoader, loader))
      const rows = Array.from({ length: 7 }, (_, index) => Bytes.insert(1, [String(index)]))
      assert.isTrue((yield* loads.load(batchOf(...rows))).complete)
      assert.deepStrictEqual(sent.flatMap(([, ids]) => ids), [0, 1, 2, 3, 4, 5, 6])
      assert.strictEqual(new Set(sent.map(([label]) => label)).size, sent.length)
    }))

  it.effect("a refused row is diverted before the batch is done, and its table goes on; with no room for it the table stops", () =>
    Effect.gen(function*() {
      const loaded: Array<number> = []
      const loader = StreamLoader.of({
        operate: NEVER,
        settled: () => Effect.void,
        load: ({ body, label, rowCount }) =>
          Effect.suspend(() => {
            const ids = Array.from(Buffer.from(body).toString().matchAll(/"id":(\d+)/g), (match) => Number(match[1]))
            if (ids.includes(3)) return Effect.fail(refusal)
            loaded.push(...ids)
            return Effect.succeed({ label, loadedRows: rowCount, visible: true, alreadyLoaded: false, attempts: 1 })
          })
      })
      const refusal = new PermanentError({ code: "SR_REJECTED_ROWS", message: "m", remediation: "r", context: {} })
      const diverted: Array<readonly [string, number]> = []
      const divert: Loads.LoadsOptions["divert"] = ({ key, position }) =>
        Effect.sync(() => void diverted.push([String(key["id"]), position.ordinal]))
      const rows = Array.from({ length: 7 }, (_, index) => Bytes.insert(1, [String(index)]))
      const loads = yield* Loads.make({ ...OPTIONS, divert }).pipe(Effect.provideService(StreamLoader, loader))
      assert.isTrue((yield* loads.load(batchOf(...rows))).complete)
      assert.deepStrictEqual(loaded, [0, 1, 2, 4, 5, 6])
      assert.deepStrictEqual(diverted, [["3", 3]])
      yield* loads.verdict

      const full: Loads.LoadsOptions["divert"] = () => Effect.fail(refusal)
      const others = yield* Loads.make({ ...OPTIONS, divert: full }).pipe(Effect.provideService(StreamLoader, loader))
      const after = yield* others.load(batchOf(...rows, Bytes.insert(2, ["8"])))
      assert.isFalse(after.complete)
      assert.include(loaded, 8)
      assert.strictEqual((yield* Effect.flip(others.verdict)).code, "SR_REJECTED_ROWS")
    }))

  it.effect("a delete is not lost for an old value that StarRocks cannot hold, also where such rows stop their table", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const loader = StreamLoader.of({
        operate: NEVER,
        settled: () => Effect.void,
        load: ({ body, label, rowCount: loadedRows }) =>
          Effect.sync(() => {
            bodies.push(`${label.endsWith("_k") ? "bare " : ""}${Buffer.from(body).toString()}`)
            return { label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 }
          })
      })
      const columns = [...COLUMNS, { name: "at", oid: 1114 }]
      const attempt = Effect.fnUntraced(function*(nullable: boolean, ...messages: ReadonlyArray<Buffer>) {
        bodies.length = 0
        const { targetColumns, ...table } = mapping("a", ["id"], { id: "bigint(20)", at: "datetime" })
        const targets = new Map([...targetColumns, ["at", { name: "at", type: "datetime", nullable }]])
        const batch = new Batch()
        const given = [Bytes.relation(1, "a", columns), Bytes.begin(1n), ...messages, Bytes.commit(1n, 9n)]
        for (const change of decodeAll([{ ...table, targetColumns: targets }], given)) batch.add(change)
        const loads = yield* Loads.make(OPTIONS).pipe(Effect.provideService(StreamLoader, loader))
        const { complete } = yield* loads.load(batch)
        return complete ? undefined : (yield* Effect.flip(loads.verdict))
      })
      const moment = "2024-01-02 03:04:05"
      const deletes = [Bytes.remove(1, ["2", "infinity"]), Bytes.remove(1, ["3", moment])]
      assert.isUndefined(yield* attempt(true, Bytes.insert(1, ["1", moment]), ...deletes))
      assert.deepStrictEqual(bodies.map((body) => body.match(/^bare|"id":\d|"at":[^,]+|deleted":true/g)), [
        ["\"id\":1", `"at":"${moment}"`],
        ["bare", "\"id\":2", "\"at\":null", "deleted\":true"],
        ["\"id\":3", `"at":"${moment}"`, "deleted\":true"]
      ])

      // Neither where it must have the value, nor a row that is there.
      const kept = yield* attempt(false, ...deletes)
      assert.deepInclude(kept, { code: "VALUE_UNREPRESENTABLE" })
      assert.deepInclude(kept?.context, { key: "id=2", column: "at" })
      const insert = yield* attempt(true, Bytes.insert(1, ["4", "infinity"]))
      assert.deepInclude(insert?.context, { key: "id=4", column: "at" })
      assert.deepStrictEqual(bodies, [])
    }))

  it.effect("a load that is refused for another reason than its rows is not taken apart", () =>
    Effect.gen(function*() {
      const { loader } = world({ a: "SR_ACCESS_DENIED" })
      const divert: Loads.LoadsOptions["divert"] = () => Effect.die(new Error("no row is at fault"))
      const loads = yield* Loads.make({ ...OPTIONS, divert }).pipe(Effect.provideService(StreamLoader, loader))
      assert.isFalse((yield* loads.load(batchOf(Bytes.insert(1, ["1"]), Bytes.insert(1, ["2"])))).complete)
      assert.strictEqual((yield* Effect.flip(loads.verdict)).code, "SR_ACCESS_DENIED")
    }))

  it.effect("T19 a batch is done when its slowest table is, in whatever order the tables are acknowledged", () =>
    Effect.gen(function*() {
      const slow = yield* Deferred.make<void>()
      const sent: Array<string> = []
      const loader = StreamLoader.of({
        operate: NEVER,
        settled: () => Effect.void,
        load: ({ label, rowCount: loadedRows, target: { name } }) =>
          (name === "a" ? Deferred.await(slow) : Effect.void).pipe(
            Effect.tap(() => Effect.sync(() => void sent.push(name))),
            Effect.as({ label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 })
          )
      })
      const loads = yield* Loads.make(OPTIONS).pipe(Effect.provideService(StreamLoader, loader))
      const fiber = yield* Effect.forkChild(loads.load(batchOf(Bytes.insert(1, ["1"]), Bytes.insert(2, ["1"]))))
      yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => sent.includes("b") }))
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(slow, undefined)
      assert.isTrue((yield* Fiber.join(fiber)).complete)
      assert.deepStrictEqual(sent, ["b", "a"])
    }))
  it.effect("rows before a schema change that takes long are counted as acknowledged, those after it are not", () =>
    Effect.gen(function*() {
      const { loader, sent } = world({})
      const schema = { ...OPTIONS.schema, evolve: () => Effect.never }
      const loads = yield* Loads.make({ ...OPTIONS, truncate: () => Effect.void, schema }).pipe(
        Effect.provideService(StreamLoader, loader)
      )
      const messages = [
        Bytes.insert(1, ["1"]),
        Bytes.truncate([1]),
        Bytes.insert(1, ["2"]),
        Bytes.relation(1, "a", [...COLUMNS, { name: "more", oid: 20 }]),
        Bytes.insert(1, ["3", "1"]),
        Bytes.insert(2, ["1"])
      ]
      const batch = new Batch()
      const given = [...RELATIONS, Bytes.begin(1n), ...messages, Bytes.commit(1n, 9n)]
      for (const change of decodeAll(TABLES, given, "truncate", "evolve")) batch.add(change)
      const fiber = yield* Effect.forkChild(loads.load(batch))
      yield* TestClock.adjust("1 minute")
      const { acknowledged, complete } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([complete, [...sent].sort()], [false, ["a", "a", "b"]])
      const { rows, tables } = Metrics.acknowledged(batch, acknowledged, 0)
      assert.deepStrictEqual([rows, [...tables]], [4, [["d.a", 2], ["d.b", 1]]])
      const later = yield* loads.load(batchOf(Bytes.insert(1, ["4"])))
      assert.deepStrictEqual(Metrics.acknowledged(later.batch, later.acknowledged, 0).rows, 0)
    }))
})
