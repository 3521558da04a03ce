import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as Exchange from "../../../src/domain/schema/Exchange.ts"
import { KnownShapes } from "../../../src/domain/schema/KnownShapes.ts"
import type { Attached, FoundExchange, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const at = (position: bigint) => Lsn.Lsn.make(position)

/** Three partitions, which transactions 11 to 13 have attached, as the setup has found them. */
const TABLE: TableMapping = {
  ...mapping("t", ["id"], { id: "bigint", doc: "json" }),
  partitioned: true,
  attached: { 1: 11, 2: 12, 3: 13 }
}

/** A run from 50 on, and from which version on rows are the same after each look that an announcement causes. */
const run = (exchanged?: FoundExchange) => {
  let known = Exchange.atStart(at(50n), exchanged === undefined ? TABLE : { ...TABLE, exchanged })
  return {
    start: known.at,
    found: () => known.found,
    looks: (commitLsn: bigint, xid: number | undefined, lookedAt: bigint, attached: Attached): bigint => {
      const announced = { commitLsn: at(commitLsn), ...(xid === undefined ? {} : { xid }) }
      known = Exchange.next(known, { attached, lookedAt: at(lookedAt) }, announced)
      return known.at
    }
  }
}

describe("Partitions that are exchanged: a row that is left the values of another one is a mixture, one that is not stops its table", () => {
  it("T37 T56 one that left and one that came are told by the commit that announces it, in one look or in two", () => {
    const { looks } = run()
    assert.strictEqual(looks(60n, 30, 61n, { 1: 11, 2: 12, 4: 20 }), 60n)
    assert.strictEqual(looks(70n, 31, 71n, { 1: 11, 2: 12, 4: 20 }), 61n, "what came between is told")
    assert.strictEqual(looks(80n, 32, 81n, { 1: 11, 4: 20 }), 61n)
    assert.strictEqual(looks(90n, 33, 91n, { 1: 11, 4: 20 }), 61n)
    assert.strictEqual(looks(100n, 34, 101n, { 1: 11, 4: 20, 5: 24 }), 100n)
    assert.strictEqual(looks(110n, 36, 111n, { 1: 11, 4: 20, 5: 24, 6: 35 }), 110n, "half of what has left before")
  })

  it("T37 T56 so is one that left and is the same one again", () => {
    assert.strictEqual(run().looks(60n, 30, 61n, { 1: 11, 2: 12, 3: 20 }), 60n)
  })

  it("those that leave alone, and those that come alone, change nothing", () => {
    const { looks } = run()
    assert.strictEqual(looks(60n, 30, 61n, { 1: 11, 2: 12, 3: 13, 4: 20 }), 0n)
    assert.strictEqual(looks(70n, 31, 71n, { 1: 11, 2: 12, 3: 13, 4: 20, 5: 21 }), 0n)
    assert.strictEqual(looks(80n, 32, 81n, { 2: 12, 3: 13, 4: 20, 5: 21 }), 0n)
    assert.strictEqual(looks(90n, 33, 91n, {}), 0n)
    assert.isTrue(Exchange.isSameRow(null, Lsn.ZERO), "a row that a person has copied")
  })

  it("T37 a transaction's rows from before its own exchange are others, those of another one's exchange are not", () => {
    const came = { 1: 11, 2: 12, 4: 20 }
    // Its savepoints have higher numbers than itself.
    for (const [xid, from] of [[20, 61n], [19, 61n], [undefined, 61n], [21, 60n]] as const) {
      assert.strictEqual(run().looks(60n, xid, 99n, came), from, String(xid))
    }
    // The numbers begin anew, and so does their order.
    assert.strictEqual(run().looks(60n, 5, 99n, { 1: 11, 2: 12, 4: 0xffff_fff0 }), 60n)
    assert.strictEqual(run().looks(60n, 0xffff_fff0, 99n, { 1: 11, 2: 12, 4: 5 }), 61n)
    assert.isTrue(Exchange.isSameRow(at(60n), at(60n)))
    for (const version of [at(59n), null]) assert.isFalse(Exchange.isSameRow(version, at(60n)))
  })

  it("T56 a look that is ahead of the WAL has seen an exchange that is still to come: all up to it are told", () => {
    const { looks } = run()
    const came = { 1: 11, 2: 12, 4: 40 }
    assert.strictEqual(looks(60n, 30, 100n, came), 61n)
    assert.strictEqual(looks(80n, 35, 120n, came), 81n)
    assert.strictEqual(looks(90n, 41, 120n, came), 90n)
    assert.strictEqual(looks(110n, 42, 120n, came), 100n)
    assert.strictEqual(looks(130n, 43, 131n, came), 100n)
  })

  it("T22 T56 what an earlier run has found holds for the WAL that is read again, up to there", () => {
    const { found, looks, start } = run({ until: at(100n), xid: 40 })
    assert.strictEqual(start, 50n, "rows that are not read again")
    assert.strictEqual(looks(60n, 30, 120n, TABLE.attached!), 61n)
    assert.strictEqual(looks(90n, 41, 120n, TABLE.attached!), 90n)
    assert.strictEqual(looks(110n, 41, 120n, TABLE.attached!), 100n)
    assert.deepStrictEqual(found(), { until: at(100n), xid: 40 })
    // Who attached it began earlier, and is over later.
    assert.strictEqual(looks(130n, 43, 131n, { 1: 11, 2: 12, 4: 39 }), 130n)
    assert.deepStrictEqual(found(), { until: at(131n), xid: 40 })
    assert.strictEqual(run({ until: at(40n), xid: 40 }).start, 40n)
  })

  it("a table that is gone tells nothing, and under `keep`, where every row would be asked for, nothing is told", () => {
    const known = Exchange.atStart(at(50n), TABLE)
    assert.strictEqual(Exchange.next(known, { lookedAt: undefined }, { commitLsn: at(60n), xid: 30 }), known)
    for (const [identity, expected] of [["full", at(60n)], ["keep", Lsn.ZERO]] as const) {
      const shapes = new KnownShapes(at(50n))
      const table: TableMapping = { ...TABLE, identity }
      const look = { columns: [], lookedAt: at(61n), attached: { 1: 11, 4: 20 } }
      assert.strictEqual(shapes.exchangedAt(table), Lsn.ZERO)
      shapes.remember(shapes.current(table), look, { commitLsn: at(60n), xid: 30 })
      assert.strictEqual(shapes.exchangedAt(table), expected)
      assert.deepStrictEqual(shapes.foundExchange(table), { until: at(61n), xid: 20 })
    }
  })
})
