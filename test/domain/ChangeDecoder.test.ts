import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Change } from "../../src/domain/Change.ts"
import { ChangeDecoder } from "../../src/domain/ChangeDecoder.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { SourceColumn, TableMapping } from "../../src/domain/Table.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, decodeResult, rowsOf } from "../support/Rows.ts"

const TABLE = mapping("t", ["id"], { id: "bigint(20)", v: "varchar(10)" })
const COLUMNS = [{ name: "id", oid: 20 }, { name: "v", oid: 25 }]
const RELATION = Bytes.relation(1, "t", COLUMNS)

const boundaries = (changes: ReadonlyArray<Change>) =>
  changes.flatMap((change) => (change._tag === "Boundary" ? [change.position] : []))

const failureOf = (messages: ReadonlyArray<Buffer>) => {
  const result = decodeResult([TABLE], messages)
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? result.failure : undefined
}

describe("ChangeDecoder: what is skipped here is lost, what is confirmed too early too", () => {
  it("gives rows in order and a boundary at each commit's end", () => {
    const changes = decodeAll([TABLE], [
      RELATION,
      Bytes.begin(10n),
      Bytes.insert(1, ["1", "a"]),
      Bytes.update(1, ["1", "a"], ["1", "b"]),
      Bytes.commit(10n, 20n),
      Bytes.begin(30n),
      Bytes.remove(1, ["1", "b"]),
      Bytes.commit(30n, 40n)
    ])
    assert.deepStrictEqual(rowsOf(changes).map((row) => [row.kind, row.transaction.commitLsn, row.ordinal]), [
      ["insert", 10n, 0],
      ["update", 10n, 1],
      ["delete", 30n, 0]
    ])
    assert.deepStrictEqual<ReadonlyArray<bigint>>(boundaries(changes), [20n, 40n])
  })

  it("T02 T20 a keepalive is a boundary between transactions and none inside one", () => {
    const decoder = new ChangeDecoder([TABLE], "fail", "stop")
    const decoded = Result.getOrThrow(decoder.decode([
      Bytes.keepalive(5n),
      Bytes.frame(Bytes.begin(10n)),
      Bytes.keepalive(99n),
      Bytes.frame(Bytes.commit(10n, 20n)),
      Bytes.keepalive(30n)
    ]))
    assert.deepStrictEqual<ReadonlyArray<bigint>>(boundaries(decoded.changes), [5n, 20n, 30n])
  })

  it("a message of an unknown kind is skipped and told once, and what follows it is still there", () => {
    const decoder = new ChangeDecoder([TABLE], "fail", "stop")
    const unknown = Bytes.frame(Buffer.from([0x7a, 1, 2]))
    const of = (...frames: ReadonlyArray<ReturnType<typeof Bytes.frame>>) => Result.getOrThrow(decoder.decode(frames))
    const first = of(unknown, Bytes.frame(RELATION), Bytes.frame(Bytes.begin(10n)), unknown)
    const later = of(Bytes.frame(Bytes.insert(1, ["1", "a"])), unknown, Bytes.frame(Bytes.commit(10n, 20n)))
    assert.deepStrictEqual([first.unknownKinds, later.unknownKinds], [["0x7a"], []])
    assert.deepStrictEqual(later.changes.map(({ _tag }) => _tag), ["Row", "Boundary"])
  })

  it("T57 a partition that is not FULL is found behind a partitioned table that is: its old rows are mostly NULL", () => {
    const key = [COLUMNS[0]!, { ...COLUMNS[1]!, key: false }]
    const leaf = (identity: string) => Bytes.relation(2, "t_1", key, "public", identity)
    const old = (...before: ReadonlyArray<Buffer>) =>
      decodeAll([TABLE], [
        Bytes.begin(10n),
        ...before,
        Bytes.insert(1, ["1", "a"]),
        Bytes.remove(1, ["1", null]),
        Bytes.commit(10n, 20n)
      ]).flatMap((change): ReadonlyArray<string> =>
        change._tag === "Stop"
          ? [change.error.code, change.error.remediation]
          : change._tag === "Row"
          ? [change.kind]
          : []
      )
    const [inserted, code, remediation = ""] = old(RELATION, leaf("d"))
    assert.deepStrictEqual([inserted, code], ["insert", "REPLICA_IDENTITY_NOT_FULL"])
    assert.include(remediation, "ALTER TABLE \"public\".\"t_1\" REPLICA")
    assert.deepStrictEqual(old(RELATION, leaf("f")), ["insert", "delete"])
    assert.deepStrictEqual(old(RELATION, leaf("d"), Bytes.insert(1, ["2", "b"]), RELATION, leaf("f")).slice(-1), [
      "delete"
    ])
    const truncated = [RELATION, leaf("d"), Bytes.truncate([2])]
    assert.deepStrictEqual(old(...truncated), ["insert", "delete"], "two tables of one TRUNCATE are no pair")
    assert.deepStrictEqual(old(RELATION), ["insert", "delete"], "a row may hold NULL and nothing else")
  })

  it("a table that joined gives rows of its part only, whatever it was and went through before", () => {
    const joined = { ...TABLE, from: Lsn.Lsn.make(30n) }
    const before = Bytes.relation(1, "t", [...COLUMNS, { name: "gone", oid: 25 }])
    const changes = decodeAll([joined], [
      Bytes.begin(10n),
      before,
      Bytes.insert(1, ["1", "a", "x"]),
      Bytes.remove(1, ["1", null, null], "K"),
      Bytes.truncate([1]),
      Bytes.commit(10n, 20n),
      Bytes.begin(25n),
      RELATION,
      Bytes.insert(1, ["2", "b"]),
      Bytes.commit(25n, 30n),
      // The shape is not announced again.
      Bytes.begin(30n),
      Bytes.insert(1, ["3", "c"]),
      Bytes.commit(30n, 40n)
    ])
    assert.deepStrictEqual(changes.map(({ _tag }) => _tag), ["Boundary", "Boundary", "Row", "Boundary"])
    assert.deepStrictEqual(rowsOf(changes).map((row) => row.transaction.commitLsn), [30n])
  })

  describe("T53 a key that gets another type before the session has seen its table", () => {
    const NUMERIC = 1700
    const CHAR = 1042
    const scaled = (scale: number): number => ((10 << 16) | scale) + 4
    /** What becomes of a row that is announced with scale 4, after the setup has looked at `lookedAt`. */
    const after = (
      lookedAt: bigint,
      found: Pick<SourceColumn, "typeOid" | "typmod" | "declaredOid">,
      typmod = scaled(4)
    ) => {
      const column = { name: "id", typeName: "numeric", notNull: true, generated: false, ...found }
      const table: TableMapping = {
        ...mapping("t", ["id"], { id: "varchar(50)", v: "varchar(10)" }),
        sourceColumns: new Map([["id", column]]),
        types: new Map([[found.declaredOid ?? found.typeOid, found.typeOid]]),
        lookedAt: Lsn.Lsn.make(lookedAt)
      }
      const changes = decodeAll([table], [
        Bytes.begin(10n),
        Bytes.relation(1, "t", [{ name: "id", oid: found.declaredOid ?? NUMERIC, typmod }, { name: "v", oid: 25 }]),
        Bytes.insert(1, ["1.5", "a"]),
        Bytes.commit(10n, 20n)
      ])
      return changes.flatMap((change) =>
        change._tag === "Stop" ? [change.error.message] : change._tag === "Row" ? ["row"] : []
      )
    }

    it("stops it", () => {
      const [message = "", ...others] = after(9n, { typeOid: NUMERIC, typmod: scaled(2) })
      assert.include(message, "column 'id': it is part of the key and has another type")
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(after(9n, { typeOid: NUMERIC, typmod: scaled(4) }), ["row"])
    })

    it("goes on when the row may be older than the setup's look", () => {
      assert.deepStrictEqual(after(10n, { typeOid: NUMERIC, typmod: scaled(2) }), ["row"])
    })

    it("goes on when it is a domain as before, whose limits the catalogue alone knows", () => {
      assert.deepStrictEqual(after(9n, { typeOid: CHAR, declaredOid: 90_000, typmod: 9 }, -1), ["row"])
    })

    it("goes on when it is an extension's type as before, which has limits of its own", () => {
      assert.deepStrictEqual(after(9n, { typeOid: 25, declaredOid: 90_000, typmod: -1 }, 24), ["row"])
    })
  })

  it("every byte received is accounted for once: a change's weight or skipped", () => {
    const other = Bytes.relation(2, "elsewhere", COLUMNS)
    const frames = [RELATION, other, Bytes.begin(10n), Bytes.insert(1, ["1", "a"]), Bytes.insert(2, ["1", "a"])]
      .map((message) => Bytes.frame(message))
    const decoded = Result.getOrThrow(new ChangeDecoder([TABLE], "fail", "stop").decode(frames))
    const weight = decoded.changes.reduce((sum, change) => sum + change.weight, 0)
    // What was skipped last is held until the next change: it may lie in the same slab as a row.
    const held = frames[4]!.end
    assert.strictEqual(
      weight + decoded.skippedBytes + held,
      frames.reduce((sum, frame) => sum + frame.end - frame.start, 0)
    )
  })

  it("T59 skipped frames that share a slab with a kept row count as long as the row does", () => {
    const decoder = new ChangeDecoder([TABLE], "fail", "stop")
    const other = Bytes.relation(2, "elsewhere", COLUMNS)
    const noise = Array.from({ length: 5_000 }, () => Bytes.frame(Bytes.insert(2, ["1", "x".repeat(100)])))
    const frames = [RELATION, other, Bytes.begin(1n)].map((message) => Bytes.frame(message))
    const decoded = Result.getOrThrow(decoder.decode([...frames, ...noise, Bytes.frame(Bytes.insert(1, ["1", "a"]))]))
    assert.isAtLeast(decoded.changes[0]!.weight, 128 * 1024)
    assert.isAbove(decoded.skippedBytes, 400_000)
  })

  it("a table of the same name in another schema is not taken for ours", () => {
    const changes = decodeAll([TABLE], [
      Bytes.relation(1, "t", COLUMNS, "other"),
      Bytes.begin(1n),
      Bytes.insert(1, ["1", "a"])
    ])
    assert.deepStrictEqual(rowsOf(changes), [])
  })

  it("T50 a relation announced again unchanged keeps its route", () => {
    const rows = rowsOf(decodeAll([TABLE], [
      RELATION,
      Bytes.begin(1n),
      Bytes.insert(1, ["1", "a"]),
      RELATION,
      Bytes.insert(1, ["2", "a"])
    ]))
    assert.strictEqual(rows[0]!.route, rows[1]!.route)
    assert.strictEqual(rows[1]!.ordinal, 1)
  })

  it("malformed WAL names the LSN and the kind of message, and stops", () => {
    const error = failureOf([RELATION, Bytes.begin(1n), Bytes.insert(1, ["1", "a"]).subarray(0, 9)])
    assert.strictEqual(error?.code, "WAL_MALFORMED")
    assert.deepInclude(error?.context, { lsn: "0/3", kind: "Insert" })
  })

  it("messages that do not fit the open transaction stop it", () => {
    assert.strictEqual(failureOf([Bytes.begin(1n), Bytes.begin(2n)])?.code, "WAL_ORDER_BROKEN")
    assert.strictEqual(failureOf([Bytes.commit(1n, 2n)])?.code, "WAL_ORDER_BROKEN")
    assert.strictEqual(failureOf([Bytes.begin(1n), Bytes.commit(3n, 4n)])?.code, "WAL_ORDER_BROKEN")
    assert.strictEqual(failureOf([RELATION, Bytes.insert(1, ["1", "a"])])?.code, "WAL_ORDER_BROKEN")
    assert.strictEqual(failureOf([Bytes.begin(1n), Bytes.insert(1, ["1", "a"])])?.code, "WAL_RELATION_UNKNOWN")
    assert.strictEqual(failureOf([RELATION, Bytes.begin(1n), Bytes.insert(1, ["1"])])?.code, "WAL_MALFORMED")
  })

  it("T57 an old row that is only a key, a TRUNCATE and a changed shape stop the table instead of losing something", () => {
    const stopOf = (messages: ReadonlyArray<Buffer>) =>
      decodeAll([TABLE], messages).flatMap((change) => (change._tag === "Stop" ? [change.error.code] : []))
    assert.deepStrictEqual(stopOf([RELATION, Bytes.begin(1n), Bytes.remove(1, ["1", null], "K")]), [
      "REPLICA_IDENTITY_NOT_FULL"
    ])
    assert.deepStrictEqual(stopOf([RELATION, Bytes.begin(1n), Bytes.truncate([1])]), ["TRUNCATE_UNSUPPORTED"])
    assert.deepStrictEqual(stopOf([RELATION, Bytes.begin(1n), Bytes.truncate([7])]), [])
    const wider = Bytes.relation(1, "t", [...COLUMNS, { name: "w", oid: 25 }])
    assert.deepStrictEqual(stopOf([RELATION, Bytes.begin(1n), wider]), ["SCHEMA_CHANGED"])
  })

  it("T57 with its identity kept a key-only old row is taken, as long as the identity holds the key", () => {
    const keep = { ...TABLE, identity: "keep" } as const
    const shape = (keyed: ReadonlyArray<string>) =>
      Bytes.relation(1, "t", COLUMNS.map((column) => ({ ...column, key: keyed.includes(column.name) })), "public", "d")
    const given = (relation: Buffer, ...messages: ReadonlyArray<Buffer>) =>
      decodeAll([keep], [relation, Bytes.begin(1n), ...messages])
    const deleted = Bytes.remove(1, ["1", null], "K")
    const moved = Bytes.update(1, ["1", null], ["2", undefined], "K")
    const rows = rowsOf(given(shape(["id"]), Bytes.insert(1, ["1", "a"]), moved, deleted))
    assert.deepStrictEqual(rows.map(({ keyOnly, unchanged }) => [keyOnly, unchanged]), [[false, false], [true, true], [
      true,
      false
    ]])
    for (const keyed of [[], ["v"]]) {
      // It may be a row that had another key: nobody could tell.
      const [stop, ...others] = given(shape(keyed), Bytes.update(1, undefined, ["1", "a"]))
      assert.deepStrictEqual(others, [])
      assert.strictEqual(stop?._tag === "Stop" ? stop.error.code : undefined, "REPLICA_IDENTITY_NOT_FULL")
    }
    // Old rows hold other columns from there on.
    const changes = given(shape(["id"]), deleted, shape(["id", "v"]), deleted, shape(["v"]), deleted)
    assert.deepStrictEqual(changes.map(({ _tag }) => _tag), ["Row", "Reannounced", "Row", "Stop"])
    assert.notStrictEqual(rowsOf(changes)[0]?.route, rowsOf(changes)[1]?.route)
  })

  it("T55 a table that is renamed, and another that takes its name, stop it: its rows are not left out in silence", () => {
    const stopsOf = (...messages: ReadonlyArray<Buffer>) =>
      decodeAll([TABLE], [RELATION, Bytes.begin(10n), Bytes.insert(1, ["1", "a"]), ...messages]).flatMap((change) =>
        change._tag === "Stop" ? [change.error.message] : []
      )
    assert.deepStrictEqual(stopsOf(Bytes.relation(1, "t_old", COLUMNS)), ["table public.t is now called public.t_old"])
    assert.strictEqual(stopsOf(Bytes.relation(2, "t", COLUMNS)).length, 1)
    assert.strictEqual(stopsOf(Bytes.relation(1, "t_old", COLUMNS), Bytes.relation(2, "t", COLUMNS)).length, 1)
    assert.deepStrictEqual(stopsOf(Bytes.relation(2, "other", COLUMNS)), [])
  })

  it("after its stop a table gives no row any more, the others do, and every byte is still accounted for", () => {
    const other = mapping("u", ["id"], { id: "bigint(20)", v: "varchar(10)" })
    const frames = [
      RELATION,
      Bytes.relation(2, "u", COLUMNS),
      Bytes.begin(1n),
      Bytes.insert(1, ["1", "a"]),
      Bytes.truncate([1]),
      Bytes.insert(1, ["2", "a"]),
      RELATION,
      Bytes.insert(1, ["3", "a"]),
      Bytes.insert(2, ["4", "a"]),
      Bytes.commit(1n, 9n)
    ].map((message) => Bytes.frame(message))
    const { changes } = Result.getOrThrow(new ChangeDecoder([TABLE, other], "fail", "stop").decode(frames))
    assert.deepStrictEqual(
      changes.map((change) => (change._tag === "Row" ? change.route.mapping.source.name : change._tag)),
      ["t", "Stop", "u", "Boundary"]
    )
    const weight = changes.reduce((sum, change) => sum + change.weight, 0)
    assert.strictEqual(weight, frames.reduce((sum, frame) => sum + frame.end - frame.start, 0))
  })
})
