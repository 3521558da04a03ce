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
    /** `attached`: undefined when the table is gone. */
    looks: (commitLsn: bigint, xid: number | undefined, lookedAt: bigint, attached: Attached | undefined): bigint => {
      const announced = { commitLsn: at(commitLsn), ...(xid === undefined ? {} : { xid }) }
      known = Exchange.next(known, { attached, lookedAt: attached && at(lookedAt) }, announced)
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

  it("those that leave alone change nothing", () => {
    const { looks } = run()
    assert.strictEqual(looks(60n, 30, 61n, { 1: 11, 2: 12 }), 0n)
    assert.strictEqual(looks(70n, 31, 71n, {}), 0n)
    assert.isTrue(Exchange.isSameRow(null, Lsn.ZERO), "a row that a person has copied")
  })

  it("T37 T56 one that comes alone may be in exchange for one that an earlier run had; rows of its own transaction are its own", () => {
    const { found, looks } = run()
    assert.strictEqual(looks(60n, 20, 99n, { 1: 11, 2: 12, 3: 13, 4: 20 }), 60n)
    assert.deepStrictEqual(found(), { until: at(60n) })
    assert.strictEqual(looks(70n, 21, 99n, { 1: 11, 2: 12, 3: 13, 4: 20 }), 60n, "nor is it told of what is behind it")
    assert.strictEqual(looks(80n, 22, 99n, { 1: 11, 2: 12, 3: 13, 4: 20, 5: 22 }), 80n)
  })

  it("T37 T56 a look that is ahead is caught up with when each transaction that it has found is announced itself", () => {
    const came = { 1: 11, 2: 12, 3: 13, 4: 40, 5: 42 }
    const { looks } = run()
    for (
      const [commit, xid, expected] of [[60n, 30, 60n], [70n, 42, 70n], [75n, 43, 75n], [80n, 40, 80n], [
        90n,
        44,
        80n
      ]] as const
    ) {
      assert.strictEqual(looks(commit, xid, 120n, came), expected, String(xid))
    }
    assert.strictEqual(looks(130n, 46, 140n, { ...came, 6: 45 }), 130n)
    assert.strictEqual(looks(150n, 47, 160n, { ...came, 6: 45 }), 140n, "that one is never announced itself")
    assert.strictEqual(looks(170n, 48, 190n, { ...came, 6: 45, 7: 48 }), 170n)
    assert.strictEqual(looks(180n, 49, 190n, { ...came, 6: 45, 7: 48 }), 170n)
    const itself = run()
    assert.strictEqual(itself.looks(60n, 40, 120n, { 1: 11, 4: 40 }), 61n)
    assert.strictEqual(itself.looks(70n, 41, 120n, { 1: 11, 4: 40 }), 61n)
    const again = run({ until: at(85n) })
    assert.strictEqual(again.looks(80n, 40, 120n, { ...TABLE.attached, 4: 40 }), 80n)
    assert.strictEqual(again.looks(110n, 41, 120n, { ...TABLE.attached, 4: 40 }), 85n, "what an earlier run has found")
  })

  it("T56 what was found before the table was dropped or renamed holds for the WAL that is still to be read", () => {
    const { looks } = run()
    assert.strictEqual(looks(60n, 30, 100n, { 1: 11, 2: 12, 4: 40 }), 61n)
    assert.strictEqual(looks(80n, 41, 120n, undefined), 80n)
    assert.strictEqual(looks(110n, 42, 120n, undefined), 100n)
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
    assert.deepStrictEqual(
      Exchange.next(known, { lookedAt: undefined }, { commitLsn: at(60n), xid: 30 }),
      known
    )
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
