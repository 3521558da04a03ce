import { assert, describe, it } from "@effect/vitest"
import type { Change } from "../../src/domain/Change.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { Tally } from "../../src/domain/Tally.ts"

const at = (value: bigint): Lsn.Lsn => Lsn.Lsn.make(value)
const row = (commitTime: bigint): Change => ({
  _tag: "Row",
  kind: "insert",
  route: undefined as never,
  transaction: { commitLsn: at(1n), commitTime },
  ordinal: 0,
  bytes: Buffer.alloc(0),
  oldTuple: -1,
  keyOnly: false,
  unchanged: false,
  newTuple: 0,
  weight: 0
})
const boundary: Change = { _tag: "Boundary", position: at(2n), commitTime: 5n, weight: 0 }

describe("Tally", () => {
  it("counts rows only, and knows the commit time of the oldest that is not acknowledged", () => {
    const tally = new Tally()
    tally.decoded([boundary])
    assert.deepStrictEqual([tally.pending, tally.oldest], [0, undefined])
    tally.decoded([row(10n), row(10n), boundary, row(20n)])
    tally.decoded([boundary, row(30n)])
    assert.deepStrictEqual([tally.pending, tally.oldest], [4, 10n])
    tally.acknowledged(2)
    assert.deepStrictEqual([tally.pending, tally.oldest], [2, 10n], "as old as the first row of its chunk, at most")
    tally.acknowledged(1)
    assert.deepStrictEqual([tally.pending, tally.oldest], [1, 30n])
    tally.acknowledged(1)
    tally.decoded([boundary])
    assert.deepStrictEqual([tally.pending, tally.oldest], [0, undefined])
  })

  it("T04 counts a transaction from its first row to its end, also while all of it that has come is acknowledged", () => {
    const tally = new Tally()
    tally.decoded([row(5n), boundary, row(10n)])
    tally.acknowledged(2)
    assert.deepStrictEqual([tally.pending, tally.oldest], [0, 10n])
    tally.decoded([row(10n), row(10n)])
    tally.acknowledged(1)
    assert.deepStrictEqual([tally.pending, tally.oldest], [1, 10n])
    tally.acknowledged(1)
    tally.decoded([])
    assert.strictEqual(tally.oldest, 10n)
    tally.decoded([boundary])
    assert.strictEqual(tally.oldest, undefined)
    tally.decoded([boundary, row(20n), boundary])
    assert.strictEqual(tally.oldest, 20n)
    tally.acknowledged(1)
    assert.strictEqual(tally.oldest, undefined)
  })

  it("counts a truncation as a batch does: what is acknowledged must be what was decoded", () => {
    const tally = new Tally()
    const transaction = { commitLsn: at(1n), commitTime: 10n }
    tally.decoded([{ _tag: "Truncate", mapping: undefined as never, transaction, ordinal: 0, weight: 0 }])
    assert.deepStrictEqual([tally.pending, tally.oldest], [1, 10n])
    tally.acknowledged(1)
    tally.decoded([boundary])
    assert.deepStrictEqual([tally.pending, tally.oldest], [0, undefined])
  })

  it("stays small while nothing is acknowledged", () => {
    const tally = new Tally()
    for (let chunk = 0; chunk < 10_000; chunk++) tally.decoded([row(BigInt(chunk))])
    assert.deepStrictEqual([tally.pending, tally.oldest], [10_000, 0n])
    tally.acknowledged(9_999)
    assert.strictEqual(tally.pending, 1)
    assert.isDefined(tally.oldest)
    tally.acknowledged(1)
    tally.decoded([boundary])
    assert.strictEqual(tally.oldest, undefined)
  })
})
