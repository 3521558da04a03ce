import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import type { Relation } from "../../../src/domain/pgoutput/Message.ts"
import { KnownShapes } from "../../../src/domain/schema/KnownShapes.ts"
import * as ShapeNews from "../../../src/domain/schema/ShapeNews.ts"
import type { SourceColumn, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"

const at = (position: bigint) => Lsn.Lsn.make(position)

const TEXT = 25
const INT = 23
const OWN = 16_400

const column = (name: string, more: Partial<SourceColumn> = {}): SourceColumn => ({
  name,
  typeOid: INT,
  declaredOid: INT,
  typeName: "",
  typmod: -1,
  notNull: false,
  generated: false,
  storage: 100,
  width: 2,
  dropped: 0,
  ...more
})
const ID = column("id", { attnum: 1 })
const A = column("a", { attnum: 2 })

/** As the setup has found it, at 40. */
const TABLE: TableMapping = {
  ...mapping("t", ["id"], { id: "bigint", a: "int", b: "int", c: "int" }),
  sourceColumns: new Map([ID, A].map((each) => [each.name, each])),
  lookedAt: at(40n)
}

const relationOf = (columns: ReadonlyArray<SourceColumn>): Relation => ({
  _tag: "Relation",
  relationId: 1,
  schema: "public",
  name: "t",
  replicaIdentity: "f",
  columns: columns.map(({ declaredOid, name, typeOid, typmod }) => ({
    name,
    typeOid: declaredOid ?? typeOid,
    typmod,
    key: true
  }))
})

/** A session, and what it tells of each announcement; `added`: the columns that StarRocks did not have. */
const session = (table = TABLE) => {
  const shapes = new KnownShapes(at(1n))
  let before: Relation | undefined
  return {
    announces: (
      announcedAt: bigint,
      lookedAt: bigint,
      columns: ReadonlyArray<SourceColumn>,
      added: ReadonlyArray<string> = []
    ): ReadonlyArray<string> => {
      const [relation, current] = [relationOf(columns), shapes.current(table)]
      const transaction = { commitLsn: at(announcedAt), commitTime: 0n, xid: 1 }
      const told = ShapeNews.warnings({ relation, before, columns, mapping: current, transaction }, new Set(added))
      shapes.remember(current, { columns, lookedAt: at(lookedAt) }, transaction, before)
      before = relation
      return told.map((line) =>
        line.replace(/ of public\.t/, "").split(/[:,;]/)[0]!.replace(/^rows that were.*'(\w+)'.*/, "rows lack '$1'")
      )
    }
  }
}

const AWAY = "was away for a while"
const NULLABLE = { attnum: 3, width: 3 }

describe("What is told of a shape: what StarRocks shows of another time, and nothing else", () => {
  it("T52 a name that was away and is there again, also when the session has not seen it before", () => {
    for (const isFirst of [true, false]) {
      const { announces } = session()
      if (!isFirst) assert.deepStrictEqual(announces(50n, 51n, [ID, A]), [])
      assert.deepStrictEqual(announces(60n, 61n, [ID, column("b", { attnum: 2 })], ["b"]), [
        "column 'a' is now called 'b'"
      ])
      const back = announces(70n, 71n, [ID, A])
      assert.deepStrictEqual(back.slice(1), ["column 'b' is gone"])
      assert.include(back[0], AWAY)
      assert.deepStrictEqual(announces(80n, 81n, [ID, A]), [], "once")
    }
  })

  it("T50 T51 one that StarRocks has from an earlier run, and that a replay brings, was not away", () => {
    const { announces } = session()
    assert.deepStrictEqual(announces(20n, 41n, [ID]), [])
    assert.deepStrictEqual(announces(30n, 42n, [ID, A]), [])
    assert.deepStrictEqual(announces(50n, 51n, [ID, A]), [])
  })

  it("T52 a name that was away when the session began, behind what the setup had looked at", () => {
    const { announces } = session()
    assert.deepStrictEqual(announces(20n, 41n, [ID, column("b")]), [])
    const back = announces(30n, 42n, [ID, A])
    assert.include(back[0], AWAY)
    assert.deepStrictEqual(back.slice(1), ["column 'b' is gone"])
    assert.deepStrictEqual(announces(50n, 51n, [ID, A]), [], "once")
    // A column that has got another type since is not one that is gone.
    const retyped = session({
      ...TABLE,
      sourceColumns: new Map([ID, A, column("c", NULLABLE)].map((each) => [each.name, each]))
    })
    assert.deepStrictEqual(retyped.announces(20n, 41n, [ID, column("a", { typeOid: TEXT, declaredOid: TEXT })]), [])
    assert.notInclude(retyped.announces(30n, 42n, [ID, A, column("c", NULLABLE)]).join(), AWAY)
  })

  it("T53 another type, of a table that the session has not seen, when the setup looked before", () => {
    const retyped = column("a", { attnum: 2, typeOid: TEXT, declaredOid: TEXT })
    assert.deepStrictEqual(session().announces(50n, 51n, [ID, retyped]), ["column 'a' has another type"])
    assert.deepStrictEqual(session().announces(40n, 51n, [ID, retyped]), [])
    const limited = column("a", { attnum: 2, typmod: 8 })
    assert.deepStrictEqual(session().announces(50n, 51n, [ID, limited]), ["column 'a' has another type"])
    // A domain's limit is that of the type below it; the relation announces none.
    const own = column("a", { attnum: 2, declaredOid: OWN, typmod: 8 })
    const table = { ...TABLE, sourceColumns: new Map([["id", ID], ["a", own]]) }
    assert.deepStrictEqual(session(table).announces(50n, 51n, [ID, { ...own, typmod: -1 }]), [])
  })

  it("T53 a column that is computed by another expression, also when the session has not seen it before, once; no other", () => {
    const computed = (expression: number | null) => [ID, column("a", { attnum: 2, computed: "stored", expression })]
    const table = { ...TABLE, sourceColumns: new Map(computed(7).map((each) => [each.name, each])) }
    const { announces } = session(table)
    assert.deepStrictEqual(announces(50n, 51n, computed(7)), [])
    assert.deepStrictEqual(announces(52n, 53n, computed(8)), ["column 'a' is computed by another expression"])
    assert.deepStrictEqual(announces(54n, 55n, computed(8)), [], "once")
    assert.deepStrictEqual(announces(56n, 57n, computed(null)), [], "an ordinary column with the values that it had")
    assert.lengthOf(session(table).announces(50n, 51n, computed(8)), 1)
    assert.deepStrictEqual(session().announces(50n, 51n, computed(8)), [], "nothing was known of it")
  })

  it("T53 an added column whose default is gone, when the rows were written anew or PostgreSQL keeps a value; no other", () => {
    const adds = (c: Partial<SourceColumn>, storage = 100) =>
      session().announces(50n, 51n, [{ ...ID, width: 3, storage }, column("c", { ...NULLABLE, storage, ...c })], ["c"])
        .filter((line) => line.includes("'c'"))
    assert.deepStrictEqual(adds({}), [])
    assert.deepStrictEqual(adds({}, 101), ["rows lack 'c'"])
    assert.deepStrictEqual(adds({ filled: true }), ["rows lack 'c'"])
    assert.deepStrictEqual(adds({ filled: true, missing: "7" }), [])
  })

  it("T53 the rows were written anew before a look that was ahead of the WAL: told, and not of a column that came later", () => {
    const { announces } = session()
    const [id, a] = [{ ...ID, width: 3, storage: 101 }, { ...A, width: 3, storage: 101 }]
    assert.deepStrictEqual(announces(50n, 70n, [id, a]), [])
    const c = column("c", { attnum: 3, width: 3, storage: 101 })
    assert.deepStrictEqual(announces(60n, 71n, [id, a, c], ["c"]), ["rows lack 'c'"])
    const d = column("d", { attnum: 4, width: 4, storage: 101 })
    assert.deepStrictEqual(announces(80n, 81n, [{ ...id, width: 4 }, a, c, d], ["d"]), [])
  })

  it("T52 T53 a column that the catalogue, ahead of the WAL, may have taken for one that came before it", () => {
    const wide = { ...ID, width: 4 }
    const c = column("c", { attnum: 4, dropped: 3, width: 4 })
    const made = session()
    assert.deepStrictEqual(made.announces(50n, 60n, [wide, A, c], ["c"]), [])
    assert.include(made.announces(55n, 61n, [wide, A, c])[0], AWAY)
    assert.deepStrictEqual(made.announces(57n, 62n, [wide, A, c]), [], "once")
    // Gone when it was looked up, for the second time too.
    const gone = session()
    const { attnum: _, ...unknown } = c
    assert.deepStrictEqual(gone.announces(50n, 60n, [ID, A, unknown], ["c"]), [])
    assert.deepStrictEqual(gone.announces(51n, 61n, [ID, A, unknown]), [])
    assert.include(gone.announces(55n, 62n, [wide, A, c])[0], AWAY)
    // A column that went before, and one of the table's own, say nothing of it.
    for (const dropped of [0, 2]) {
      const other = session()
      const next = { ...c, attnum: 3, dropped, width: 3 }
      assert.deepStrictEqual(other.announces(50n, 60n, [ID, A, next], ["c"]), [])
      assert.deepStrictEqual(other.announces(55n, 61n, [ID, A, next]), [])
    }
  })
})
