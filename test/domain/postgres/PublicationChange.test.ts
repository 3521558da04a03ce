import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as PublicationChange from "../../../src/domain/postgres/PublicationChange.ts"
import * as Seen from "../../../src/domain/Seen.ts"

const at = (position: bigint) => ({ position: Lsn.Lsn.make(position), atMs: Number(position) })
const TABLE = { schema: "public", name: "t" }
const published = (membership: string) => {
  const [place = "", written, options] = membership.split(" ")
  const rest = written === undefined || options === undefined ? {} : { written, options }
  return { membership: { place, ...rest }, filter: undefined }
}
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
      seen: Seen.accepted(seen, resumes),
      start: Lsn.Lsn.make(1n),
      resumes
    },
    at(9n),
    facts(membership)
  )

describe("What becomes of a table's place in the publication", () => {
  const before: PublicationChange.SeenTables = new Map([["public.t", { was: { ...at(5n), table: published("1") } }]])

  it("is told until a person accepts it, and then the place that it has counts", () => {
    const told = look("2", before, 0)
    assert.deepStrictEqual(told.lost.map(({ error }) => error.code), ["PG_TABLE_UNPUBLISHED"])
    assert.strictEqual(look("2", told.seen, 0).lost.length, 1)
    assert.strictEqual(look("2", told.seen, 1).lost.length, 0)
  })

  it("T55 with options that were set and set back is told; others, and those that an earlier version did not store, are not", () => {
    const seenAs = (membership: string): PublicationChange.SeenTables =>
      new Map([["public.t", { was: { ...at(5n), table: published(membership) } }]])
    const told = look("1 8 all", seenAs("1 7 all"), 0)
    assert.include(told.lost[0]?.error.message, "options of publication 'p' were set in between")
    assert.strictEqual(look("1 8 all", told.seen, 1).lost.length, 0)
    assert.deepStrictEqual(look("1 8 root", seenAs("1 7 all"), 0).lost, [])
    assert.deepStrictEqual(look("1 7 all", seenAs("1 7 all"), 0).lost, [])
    assert.deepStrictEqual(look("1 8 all", seenAs("1"), 0).lost, [])
    assert.include(look("2 8 root", seenAs("1 7 all"), 0).lost[0]?.error.message, "taken out of publication")
    assert.strictEqual(look("2 8 root", seenAs("1"), 0).lost.length, 1)
  })

  it("T55 of a publication that lost an operation is not told again when its options are set back", () => {
    const before: PublicationChange.Before = {
      slot: "s",
      publication: "p",
      tables: [TABLE],
      seen: new Map([["public.t", { was: { ...at(5n), table: published("1 7 all") } }]]),
      start: Lsn.Lsn.make(1n),
      resumes: 0
    }
    const { broken, seen } = PublicationChange.judge(before, at(9n), { ...facts("1 8 some"), unpublished: ["update"] })
    assert.strictEqual(broken?.code, "PG_PUBLICATION_CHANGED")
    assert.deepStrictEqual(look("1 9 all", seen, 0).lost, [])
    assert.strictEqual(look("2 9 all", seen, 0).lost.length, 1)
  })

  it("of one that has stopped for another reason is told when that was mended: nobody could have accepted it", () => {
    const unheard = Seen.untold(look("2", before, 0).seen, TABLE)
    const told = look("2", unheard, 1)
    assert.strictEqual(told.lost.length, 1)
    assert.include(told.lost[0]?.error.message, "since 0/5")
    // It has stopped for another reason after it was told, and before it was accepted.
    const again = Seen.untold(look("2", told.seen, 1).seen, TABLE)
    assert.strictEqual(look("2", again, 2).lost.length, 1)
    // Others have been told.
    const other = Seen.untold(told.seen, { schema: "public", name: "u" })
    assert.strictEqual(look("2", other, 2).lost.length, 0)
  })
})
