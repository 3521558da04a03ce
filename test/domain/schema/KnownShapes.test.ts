import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import { KnownShapes } from "../../../src/domain/schema/KnownShapes.ts"
import type { SourceColumn, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const at = (position: bigint) => Lsn.Lsn.make(position)

const column = (name: string, attnum?: number, version?: string): SourceColumn => ({
  name,
  typeOid: 25,
  typeName: "text",
  typmod: -1,
  notNull: false,
  generated: false,
  ...(attnum === undefined ? {} : { attnum }),
  ...(version === undefined ? {} : { version })
})

/** As the setup has found it, at 40. */
const TABLE: TableMapping = {
  ...mapping("t", ["id"], { id: "bigint", doc: "json" }),
  sourceColumns: new Map([column("id", 1, "7"), column("doc", 2, "7")].map((each) => [each.name, each])),
  lookedAt: at(40n)
}
const OTHER = mapping("other", ["id"], { id: "bigint" })

/** A run from 50 on, and what it trusts after each look at the source. */
const knowing = () => {
  const shapes = new KnownShapes(at(50n))
  return {
    shapes,
    looks: (announcedAt: bigint, lookedAt: bigint | undefined, ...columns: ReadonlyArray<SourceColumn>): Lsn.Lsn => {
      const look = { columns, lookedAt: lookedAt === undefined ? undefined : at(lookedAt) }
      shapes.remember(shapes.current(TABLE), look, { commitLsn: at(announcedAt) })
      return shapes.trustedAfter(TABLE)
    }
  }
}

describe("What a run knows of its tables: rows that are trusted too long keep values that nobody has any more", () => {
  it("T37 T56 each announcement is compared with the look before, of its own table", () => {
    const { looks, shapes } = knowing()
    assert.strictEqual(shapes.trustedAfter(TABLE), 50n)
    const [id, doc] = [column("id", 1, "7"), column("doc", 2, "7")]
    assert.strictEqual(looks(60n, 61n, id, doc), 50n)
    const rewritten = column("doc", 2, "8")
    assert.strictEqual(looks(70n, 71n, id, rewritten), 70n)
    assert.strictEqual(looks(80n, 81n, id, rewritten), 71n)
    assert.strictEqual(looks(90n, 91n, id, doc), 90n)
    assert.strictEqual(shapes.trustedAfter(OTHER), 50n)
  })

  it("T54 T56 a look that is ahead of the WAL has seen the next ALTER: rows from before that are not trusted when it comes", () => {
    const { looks } = knowing()
    const now = [column("id", 1, "7"), column("doc", 2, "9")]
    assert.strictEqual(looks(60n, 100n, ...now), 60n)
    assert.strictEqual(looks(80n, 120n, ...now), 80n)
    assert.strictEqual(looks(110n, 120n, ...now), 100n)
  })

  it("T52 a table or column that the catalogue does not have any more is not taken for untouched, nor what it was forgotten", () => {
    const { looks, shapes } = knowing()
    const id = column("id", 1, "7")
    assert.strictEqual(looks(60n, 61n, id, column("doc")), 60n)
    assert.strictEqual(shapes.current(TABLE).sourceColumns?.get("doc")?.attnum, 2)
    assert.strictEqual(looks(70n, undefined, column("id"), column("doc")), 70n)
    assert.strictEqual(shapes.current(TABLE).lookedAt, undefined)
    const again = column("doc", 3, "9")
    assert.strictEqual(looks(80n, 81n, id, again), 80n)
    assert.strictEqual(shapes.current(TABLE).sourceColumns?.get("doc"), again)
    assert.strictEqual(looks(90n, 91n, id, again), 81n)
  })
})
