import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as PublicationChange from "../../../src/domain/postgres/PublicationChange.ts"

const at = (position: bigint) => ({ position: Lsn.Lsn.make(position), atMs: Number(position) })
const TABLE = { schema: "public", name: "t" }
const published = (membership: string) => ({ membership, filter: undefined })
const facts = (membership: string): PublicationChange.Facts => ({
  unpublished: [],
  tables: new Map([["public.t", published(membership)]]),
  gone: new Set()
})

/** Looks at what is published as `membership`, after what was seen before; gives what is told, and what is seen. */
const look = (membership: string, seen: PublicationChange.SeenTables, resumes: number) =>
  PublicationChange.judge(
    {
      slot: "s",
      publication: "p",
      tables: [TABLE],
      seen: PublicationChange.accepted(seen, resumes),
      start: Lsn.Lsn.make(1n),
      resumes
    },
    at(9n),
    facts(membership)
  )

describe("What becomes of a table's place in the publication", () => {
  const before: PublicationChange.SeenTables = new Map([["public.t", { ...at(5n), table: published("1") }]])

  it("is told until a person accepts it, and then the place that it has counts", () => {
    const told = look("2", before, 0)
    assert.deepStrictEqual(told.lost.map(({ error }) => error.code), ["PG_TABLE_UNPUBLISHED"])
    assert.strictEqual(look("2", told.seen, 0).lost.length, 1)
    assert.strictEqual(look("2", told.seen, 1).lost.length, 0)
  })

  it("of one that has stopped for another reason is told when that was mended: nobody could have accepted it", () => {
    const unheard = PublicationChange.untold(look("2", before, 0).seen, TABLE)
    const told = look("2", unheard, 1)
    assert.strictEqual(told.lost.length, 1)
    assert.include(told.lost[0]?.error.message, "since 0/5")
    // It has stopped for another reason after it was told, and before it was accepted.
    const again = PublicationChange.untold(look("2", told.seen, 1).seen, TABLE)
    assert.strictEqual(look("2", again, 2).lost.length, 1)
    // Others have been told.
    const other = PublicationChange.untold(told.seen, { schema: "public", name: "u" })
    assert.strictEqual(look("2", other, 2).lost.length, 0)
  })
})
