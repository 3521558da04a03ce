import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { Batch } from "../../src/domain/Batch.ts"
import type { Change } from "../../src/domain/Change.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Batches from "../../src/streams/Batches.ts"
import * as Checkpoints from "../../src/streams/Checkpoints.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll } from "../support/Rows.ts"

const TABLE = mapping("t", ["id"], { id: "bigint(20)" })

/** Transactions of these row counts. */
const changes = (...counts: ReadonlyArray<number>): ReadonlyArray<Change> =>
  decodeAll([TABLE], [
    Bytes.relation(1, "t", [{ name: "id", oid: 20 }]),
    ...counts.flatMap((count, index) => {
      const lsn = BigInt(index + 1) * 100n
      const rows = Array.from({ length: count }, (_, row) => Bytes.insert(1, [String(index * 1000 + row)]))
      return [Bytes.begin(lsn), ...rows, Bytes.commit(lsn, lsn + 50n)]
    })
  ])

const limits = { rows: 10, bytes: 1 << 20, everyMs: 5_000 }
const grouped = (given: ReadonlyArray<Change>, chunk: number, flush = limits) =>
  Stream.fromIterable(given).pipe(
    Stream.rechunk(chunk),
    Batches.groupedWithin(Effect.succeed(flush)),
    Stream.runCollect
  )
const shape = (batches: ReadonlyArray<Batch>) => batches.map((batch) => [batch.rowCount, batch.boundary] as const)

describe("Batches", () => {
  it.effect("T20 a batch ends at FLUSH_SIZE rows; only whole transactions give it a boundary", () =>
    Effect.gen(function*() {
      const batches = yield* grouped(changes(4, 25, 1), 7)
      assert.deepStrictEqual<unknown>(shape(batches), [[10, 150n], [10, undefined], [10, 250n], [0, 350n]])
    }))

  it.effect("a batch ends at FLUSH_BYTES of WAL", () =>
    Effect.gen(function*() {
      const given = changes(9)
      const bytes = given.slice(0, 4).reduce((sum, change) => sum + change.weight, 0)
      const batches = yield* grouped(given, 100, { ...limits, bytes })
      assert.isAbove(batches.length, 1)
      assert.strictEqual(batches[0]!.rowCount, 4)
      for (const batch of batches.slice(0, -1)) {
        assert.isAtLeast(batch.bytes, bytes)
        assert.isBelow(batch.bytes - given[8]!.weight, bytes)
      }
    }))

  it.effect("a partial batch waits for its time and no longer; an idle stream gives nothing", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<Change>()
      const out = yield* Ref.make<ReadonlyArray<number>>([])
      yield* Stream.fromQueue(queue).pipe(
        Batches.groupedWithin(Effect.succeed(limits)),
        Stream.runForEach((batch) => Ref.update(out, (seen) => [...seen, batch.rowCount])),
        Effect.forkScoped
      )
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Ref.get(out), [])
      yield* Queue.offerAll(queue, changes(3))
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(yield* Ref.get(out), [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Ref.get(out), [3])
    }))

  it.effect.prop(
    "every change is in exactly one batch, in order, whatever the chunks and limits",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 15 }))
    ],
    ([counts, chunk, rows]) =>
      Effect.gen(function*() {
        const given = changes(...counts)
        const batches = yield* grouped(given, chunk, { ...limits, rows })
        const taken = batches.flatMap((batch) => [...batch.tables.values()].flatMap((share) => share.segments.flat()))
        assert.deepStrictEqual(taken, given.filter((change) => change._tag === "Row"))
        assert.strictEqual(
          batches.reduce((sum, batch) => sum + batch.bytes, 0),
          given.reduce((sum, change) => sum + change.weight, 0)
        )
      })
  )
})

describe("The next checkpoint", () => {
  const at = (lsn: bigint) => Lsn.Lsn.make(lsn)
  const idle: Checkpoints.Standing = { position: at(1_000n), rowsBehind: false }
  const after = (standing: Checkpoints.Standing, boundary: bigint | undefined, rowCount: number, rowsBehind = 0) =>
    Checkpoints.next(standing, { boundary: boundary === undefined ? undefined : at(boundary), rowCount, rowsBehind })
  const stay = at(1_000n)

  it("T26 never moves back and never stands inside a transaction", () => {
    assert.strictEqual(after(idle, 900n, 5).position, stay)
    assert.strictEqual(after(idle, undefined, 5).position, stay)
    assert.strictEqual(after(idle, 1_001n, 5).position, at(1_001n))
  })

  it("T18 a commit whose rows went with earlier batches counts, whether they stood alone there or behind a boundary", () => {
    assert.strictEqual(after(after(idle, undefined, 5, 5), 1_001n, 0).position, at(1_001n))
    const cut = after(idle, 1_001n, 5, 2)
    assert.deepStrictEqual(cut, { position: at(1_001n), rowsBehind: true })
    assert.deepStrictEqual(after(cut, 1_002n, 0), { position: at(1_002n), rowsBehind: false })
  })

  it("T01 an idle job follows the server in steps, so that WAL is freed and its own writes do not keep it busy", () => {
    assert.strictEqual(after(idle, 2_000n, 0).position, stay)
    assert.strictEqual(after(idle, 2_000_000n, 0).position, at(2_000_000n))
  })
})
