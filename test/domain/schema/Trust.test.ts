import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as Trust from "../../../src/domain/schema/Trust.ts"
import type { SourceColumn } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const at = (position: bigint) => Lsn.Lsn.make(position)
const TABLE = mapping("t", ["id"], { id: "bigint" })

const column = (name: string, version?: string): SourceColumn => ({
  name,
  typeOid: 25,
  typeName: "text",
  typmod: -1,
  notNull: false,
  generated: false,
  ...(version === undefined ? {} : { version })
})

const seen = (...columns: ReadonlyArray<SourceColumn>) => ({
  lookedAt: at(40n),
  sourceColumns: new Map(columns.map((each) => [each.name, each]))
})

describe("Which rows are trusted to have what an update leaves out", () => {
  it("T39 those of the run, and of a table that joined it those since then", () => {
    assert.strictEqual(Trust.atStart(at(50n), TABLE), 50n)
    assert.strictEqual(Trust.atStart(at(50n), { ...TABLE, from: at(70n) }), 70n)
    assert.strictEqual(Trust.atStart(at(50n), { ...TABLE, from: at(20n) }), 50n)
  })

  it("T37 T52 a column that was altered, renamed or is not to be found was touched; another one that is gone was not", () => {
    const before = seen(column("a", "7"), column("b", "8"))
    assert.isTrue(Trust.isUntouched(before, [column("a", "7"), column("b", "8")]))
    assert.isTrue(Trust.isUntouched(before, [column("a", "7")]))
    for (
      const columns of [[column("a", "9")], [column("c", "9")], [column("a", "7"), column("c", "9")], [column("a")]]
    ) assert.isFalse(Trust.isUntouched(before, columns))
    assert.isFalse(Trust.isUntouched(seen(column("a")), [column("a")]))
    assert.isFalse(Trust.isUntouched({ sourceColumns: before.sourceColumns }, [column("a", "7")]))
  })

  it("T56 an announcement of a table that was touched ends all trust, of an untouched one what is older than the look before", () => {
    assert.strictEqual(Trust.next(at(50n), at(90n), undefined), 90n)
    assert.strictEqual(Trust.next(at(50n), at(90n), at(40n)), 50n)
    // What came between the rows and that look does not show.
    assert.strictEqual(Trust.next(at(50n), at(90n), at(60n)), 60n)
    assert.strictEqual(Trust.next(at(50n), at(90n), at(120n)), 90n)
    assert.strictEqual(Trust.next(at(50n), undefined, undefined), Lsn.MAX)
  })
})
