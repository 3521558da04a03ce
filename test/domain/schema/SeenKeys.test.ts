import { assert, describe, it } from "@effect/vitest"
import * as SeenKeys from "../../../src/domain/schema/SeenKeys.ts"
import * as Seen from "../../../src/domain/Seen.ts"
import type { SourceColumn, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const NUMERIC = 1700
const scaled = (precision: number, scale: number): number => ((precision << 16) | scale) + 4

type Found = Pick<SourceColumn, "typeOid" | "typmod" | "attnum" | "expression">

const ID: Found = { typeOid: NUMERIC, typmod: scaled(10, 2), attnum: 1, expression: 7 }

/** As the catalogue has it, with a column `id` that is its key. */
const table = (found: Found): TableMapping => ({
  ...mapping("t", ["id"], { id: "varchar(50)" }),
  sourceColumns: new Map([["id", { name: "id", typeName: "numeric", notNull: true, generated: false, ...found }]])
})

const begin = (found: Found, seen: SeenKeys.SeenKeys, resumes = 0): SeenKeys.Verdict =>
  SeenKeys.judge("s", [table(found)], Seen.accepted(seen, resumes), resumes)

const BEFORE = begin(ID, new Map()).seen
const OTHERS: ReadonlyArray<readonly [why: string, found: Found]> = [
  ["it is part of the key and has another type", { ...ID, typmod: scaled(10, 4) }],
  ["it is part of the key and another column than before", { ...ID, attnum: 3 }],
  ["it is part of the key and computed by another expression", { ...ID, expression: 8 }],
  ["it is part of the key and has another type", { ...ID, typmod: scaled(12, 2), expression: 8 }]
]

describe("A key that is another one than when its rows were loaded", () => {
  it("T53 T56 stops its table at every beginning, also from what is stored, until a person accepts it", () => {
    for (const [why, found] of OTHERS) {
      const first = begin(found, BEFORE)
      assert.deepStrictEqual(first.moved.map(({ error }) => error.code), ["SCHEMA_CHANGED"])
      assert.include(first.moved[0]?.error.message, `column 'id': ${why}`)
      const reconnected = begin(found, first.seen)
      assert.lengthOf(reconnected.moved, 1)
      const restarted = begin(found, Seen.stored(reconnected.seen))
      assert.lengthOf(restarted.moved, 1)
      const resumed = begin(found, restarted.seen, 1)
      assert.lengthOf(resumed.moved, 0)
      assert.lengthOf(begin(found, Seen.stored(resumed.seen)).moved, 0)
    }
  })

  it("goes on when the key is as it was, and when every row has kept its key", () => {
    const stopped = begin({ ...ID, typmod: scaled(10, 4) }, BEFORE)
    assert.lengthOf(begin(ID, stopped.seen).moved, 0)
    const wider = begin({ ...ID, typmod: scaled(12, 2) }, BEFORE)
    assert.lengthOf(wider.moved, 0)
    assert.isFalse(SeenKeys.isSame(wider.seen, BEFORE), "it counts from here on")
    assert.lengthOf(begin(ID, wider.seen).moved, 1)
    const ordinary = begin({ ...ID, expression: null }, BEFORE)
    assert.lengthOf(ordinary.moved, 0)
    assert.isFalse(SeenKeys.isSame(ordinary.seen, BEFORE))
  })

  it("is not found where nothing was stored of it: an earlier version, a table that is new or was left out", () => {
    assert.lengthOf(begin(ID, new Map([["public.other", { was: new Map() }]])).moved, 0)
    assert.lengthOf(begin({ ...ID, attnum: 3 }, new Map([["public.t", { was: new Map() }]])).moved, 0)
    const leftOut = SeenKeys.judge("s", [], BEFORE, 0)
    assert.lengthOf(begin({ ...ID, attnum: 3 }, leftOut.seen).moved, 0)
  })

  it("stops its table once more after a resume when it had stopped for another reason: nobody was told", () => {
    const [, found] = OTHERS[0]!
    const unheard = Seen.untold(begin(found, BEFORE).seen, { schema: "public", name: "t" })
    assert.lengthOf(begin(found, unheard, 1).moved, 1)
    const other = Seen.untold(begin(found, BEFORE).seen, { schema: "public", name: "u" })
    assert.lengthOf(begin(found, other, 1).moved, 0)
  })
})
