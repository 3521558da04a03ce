import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Label from "../../src/domain/Label.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type * as KeyLookup from "../../src/domain/rows/KeyLookup.ts"
import type * as Omission from "../../src/domain/rows/Omission.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, type LoadsOf, loadsOf, rowsOf } from "../support/Rows.ts"

const TEXT = 25
const BYTEA = 17
const AUDIT = "dbmazz_op_type,dbmazz_is_deleted,dbmazz_synced_at,dbmazz_cdc_version"
const LARGE = "x".repeat(5_000)

const TABLE = mapping("t", ["id"], { id: "bigint(20)", a: "varchar(99)", b: "varchar(99999)", c: "varchar(99999)" })
const COLUMNS: ReadonlyArray<Bytes.ColumnSpec> = [
  { name: "id", oid: 20 },
  { name: "a", oid: TEXT },
  { name: "b", oid: TEXT },
  { name: "c", oid: TEXT }
]
const FULL = Bytes.relation(1, "t", COLUMNS)
const KEY_ONLY = Bytes.relation(
  1,
  "t",
  COLUMNS.map((column) => ({ ...column, key: column.name === "id" })),
  "public",
  "d"
)
const KEEP: TableMapping = { ...TABLE, identity: "keep" }

/** Loads of one transaction, committed at 100. */
const loads = (messages: ReadonlyArray<Buffer>, options: LoadsOf = {}, table = TABLE, relation = FULL) => {
  const changes = decodeAll([table], [relation, Bytes.begin(100n), ...messages])
  for (const change of changes) if (change._tag === "Stop") throw change.error
  return loadsOf(rowsOf(changes), options)
}
const loaded = (...parameters: Parameters<typeof loads>) => Result.getOrThrow(loads(...parameters))

const having = (version: bigint | null) => (questions: ReadonlyArray<Omission.Question>): KeyLookup.Versions =>
  new Map(questions.map(({ key }) => [key.id, version]))

const withoutAudit = (row: Readonly<Record<string, unknown>> | undefined) =>
  Object.fromEntries(Object.entries(row ?? {}).filter(([name]) => !name.startsWith("dbmazz_")))

/** An update that leaves `b` out, and `c` too. */
const keepsBoth = (id: number, large = LARGE) =>
  Bytes.update(1, [String(id), "old", large, "c"], [String(id), "new", undefined, undefined])

describe("Loads of rows with less than everything", () => {
  it("T37 T67 an unchanged large value is left out of a load of its own, which names its columns; other rows are whole", () => {
    const [whole, part, ...others] = loaded(
      [keepsBoth(1), Bytes.insert(1, ["2", "a", "b", "c"]), keepsBoth(3)],
      { answer: having(99n) }
    )
    assert.deepStrictEqual(others, [])
    assert.deepInclude(whole, { columns: undefined, partialUpdate: false, rowCount: 1 })
    assert.deepStrictEqual(whole!.rows.map(withoutAudit), [{ id: 2, a: "a", b: "b", c: "c" }])
    assert.deepInclude(part, { columns: `\`id\`,\`a\`,${AUDIT}`, partialUpdate: true, rowCount: 2 })
    assert.deepStrictEqual(part!.rows.map(withoutAudit), [{ id: 1, a: "new" }, { id: 3, a: "new" }])
    assert.deepInclude(part!.rows[0], { dbmazz_op_type: 1, dbmazz_is_deleted: false, dbmazz_cdc_version: 100 })
    assert.isBelow(part!.text.length, 400)
  })

  it("T39 a row that StarRocks does not have, or of which it has another version, is sent whole from the old row", () => {
    const row = { id: 1, a: "new", b: LARGE, c: "c" }
    for (const answer of [undefined, () => new Map(), having(101n), having(null)]) {
      const [load, ...others] = loaded([keepsBoth(1)], answer === undefined ? {} : { answer })
      assert.deepStrictEqual([others.length, load!.partialUpdate, withoutAudit(load!.rows[0])], [0, false, row])
    }
    for (const [version, partial] of [[50n, false], [51n, true]] as const) {
      const options = { answer: having(version), trustedAfter: Lsn.Lsn.make(50n) }
      assert.strictEqual(loaded([keepsBoth(1)], options)[0]!.partialUpdate, partial)
    }
  })

  it("T39 a row that changes which the load holds, or their transaction, have given is another run's: sent whole", () => {
    const twice = [
      FULL,
      Bytes.begin(60n),
      keepsBoth(1),
      Bytes.commit(60n, 61n),
      Bytes.begin(70n),
      Bytes.update(1, ["1", "new", LARGE, "c"], ["1", "newer", undefined, undefined])
    ]
    for (const [version, partial] of [[59n, true], [60n, false], [70n, false]] as const) {
      const options = { answer: having(version), trustedAfter: Lsn.Lsn.make(50n) }
      const [load, ...others] = Result.getOrThrow(loadsOf(rowsOf(decodeAll([TABLE], twice)), options))
      assert.deepStrictEqual([others.length, load!.partialUpdate], [0, partial], String(version))
      assert.strictEqual(load!.rows[0]!["b"], partial ? undefined : LARGE)
    }
  })

  it("a value that is small is sent again without a question: another load would cost more", () => {
    let asked = 0
    const answer = (questions: ReadonlyArray<Omission.Question>) => {
      asked += questions.length
      return having(1n)(questions)
    }
    assert.isFalse(loaded([keepsBoth(1, "small")], { answer })[0]!.partialUpdate)
    assert.strictEqual(asked, 0)
    assert.isTrue(loaded([keepsBoth(1, "small")], { answer, partialBytesMin: 1 })[0]!.partialUpdate)
    assert.strictEqual(asked, 1)
  })

  it("T38 what an earlier change of the batch has set is sent, what none has is left out", () => {
    const messages = [
      Bytes.update(1, ["1", "o", LARGE, "c"], ["1", "p", undefined, "C"]),
      Bytes.update(1, ["1", "p", LARGE, "C"], ["1", "q", undefined, undefined])
    ]
    const [load, ...others] = loaded(messages, { answer: having(1n) })
    assert.deepStrictEqual([others.length, withoutAudit(load!.rows[0])], [0, { id: 1, a: "q", c: "C" }])
    const inserted = loaded([Bytes.insert(1, ["1", "o", LARGE, "c"]), keepsBoth(1)], { answer: having(1n) })
    assert.deepStrictEqual(inserted.map(({ partialUpdate }) => partialUpdate), [false])
  })

  it("T56 a row under another key is sent whole, its old key marked as deleted", () => {
    const moved = Bytes.update(1, ["1", "a", LARGE, "c"], ["2", "a", undefined, "c"])
    const [load, ...others] = loaded([moved], { answer: having(1n) })
    assert.lengthOf(others, 0)
    assert.deepStrictEqual(load!.rows.map((row) => [row["id"], row["b"], row["dbmazz_is_deleted"]]), [
      [1, LARGE, true],
      [2, LARGE, false]
    ])
  })

  it("only the four sets of columns that save most are loaded apart: each is a load more", () => {
    const names = ["p", "q", "r"]
    const table = mapping("t", ["id"], {
      id: "bigint(20)",
      ...Object.fromEntries(names.map((name) => [name, "varchar(99999)"]))
    })
    const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, ...names.map((name) => ({ name, oid: TEXT }))])
    // Each row leaves another set out, by the bits of its number.
    const update = (id: number) =>
      Bytes.update(
        1,
        [String(id), ...names.map((name) => name + LARGE)],
        [String(id), ...names.map((name, bit) => (id >> bit & 1) === 1 ? undefined : name)]
      )
    const messages = [1, 2, 3, 4, 5, 6, 7].map(update)
    const parts = loaded(messages, { answer: having(1n) }, table, relation)
    assert.deepStrictEqual(parts.map((part) => part.rows.map((row) => row["id"])), [[1, 2, 4], [3], [5], [6], [7]])
    assert.strictEqual(new Set(parts.map(({ label }) => label)).size, parts.length)
  })

  it("T63 a part's label names its columns as well, is the same for the same rows, and never too long", () => {
    const messages = [keepsBoth(1), Bytes.insert(1, ["2", "a", "b", "c"])]
    const labels = (version: bigint) => loaded(messages, { answer: having(version) }).map(({ label }) => label)
    assert.deepStrictEqual(labels(1n), labels(2n))
    assert.match(labels(1n)[1]!, /_1-2_[0-9a-f]{6}$/)
    assert.match(labels(1n)[0]!, /_0-1$/)
    const scope = Label.scope(
      { systemIdentifier: "1", timeline: 1, database: "d", slot: "s", run: "r" },
      { schema: "public", name: "t".repeat(63) },
      { schema: "d", name: "t".repeat(63) }
    )
    const position = { commitLsn: Lsn.Lsn.make(0xffff_ffff_ffff_ffffn), ordinal: 0xffff_ffff }
    const range = { first: position, last: position, from: 0xffff_ffff, to: 0xffff_ffff }
    assert.isAtMost(Label.make(scope, { ...range, columns: Label.columnsTag("a,b") }).length, 128)
  })

  it("binary columns of a partial load are decoded by its header, and only those that it has", () => {
    const table = mapping("t", ["id"], { id: "bigint(20)", d: "varbinary", e: "varbinary" })
    const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name: "d", oid: BYTEA }, {
      name: "e",
      oid: BYTEA
    }])
    const bytes = `\\x${"ab".repeat(5_000)}`
    const update = Bytes.update(1, ["1", bytes, "\\x00"], ["1", undefined, "\\x01"])
    const [load] = loaded([update], { answer: having(1n) }, table, relation)
    assert.strictEqual(load!.columns, `\`id\`,dbmazz_hex_2,${AUDIT},\`e\`=to_binary(dbmazz_hex_2,'hex')`)
    assert.deepInclude(load!.rows[0], { id: 1, dbmazz_hex_2: "01" })
  })
})

describe("NULL where the target takes none", () => {
  const required = (fallback?: string): TableMapping => ({
    ...TABLE,
    targetColumns: new Map([
      ...TABLE.targetColumns,
      ["a", {
        name: "a",
        type: "int(11)",
        nullable: false,
        ...(fallback === undefined ? {} : { default: fallback })
      }]
    ])
  })
  const integers = Bytes.relation(
    1,
    "t",
    COLUMNS.map((column) => column.name === "a" ? { ...column, oid: 23 } : column)
  )
  const result = (messages: ReadonlyArray<Buffer>, table = required(), options: LoadsOf = {}) =>
    loads(messages, options, table, integers)

  it("T40 the row is named by its key, with the statement that makes room for it, before StarRocks refuses a whole load", () => {
    const kept = Bytes.update(1, ["7", "1", LARGE, "c"], ["7", null, undefined, "c"])
    const rows = [
      [Bytes.insert(1, ["6", "1", "b", "c"]), Bytes.insert(1, ["7", null, "secret", "c"])],
      [kept],
      [Bytes.remove(1, ["7", null, "secret", "c"])]
    ]
    for (const format of ["json", "csv"] as const) {
      for (const messages of rows) {
        const refused = result(messages, { ...required(), format }, { answer: having(1n) })
        if (!Result.isFailure(refused)) throw new Error("it was written")
        const { code, context, message, remediation } = refused.failure
        assert.strictEqual(code, "VALUE_UNREPRESENTABLE")
        assert.deepInclude(context, { table: "public.t", key: "id=7", column: "a" })
        assert.include(remediation, "ALTER TABLE `d`.`t` MODIFY COLUMN `a` INT NULL")
        assert.notInclude(message + remediation, "secret")
      }
    }
  })

  it("a column that has a default is left to StarRocks, and a value that is not NULL is written", () => {
    const nothing = Result.getOrThrow(result([Bytes.insert(1, ["7", null, "b", "c"])], required("0")))
    assert.deepStrictEqual(nothing[0]!.rows.map((row) => row["a"]), [null])
    const value = Result.getOrThrow(result([Bytes.insert(1, ["7", "1", null, null])]))
    assert.deepStrictEqual(value[0]!.rows.map(withoutAudit), [{ id: 7, a: 1, b: null, c: null }])
  })

  it("T57 a delete that tells its key alone needs no value there", () => {
    const table: TableMapping = { ...required(), identity: "keep" }
    const relation = Bytes.relation(
      1,
      "t",
      COLUMNS.map((column) => ({ ...column, oid: column.name === "a" ? 23 : column.oid, key: column.name === "id" })),
      "public",
      "d"
    )
    const [load] = loaded([Bytes.remove(1, ["7", null, null, null], "K")], {}, table, relation)
    assert.deepStrictEqual(load!.rows.map(withoutAudit), [{ id: 7 }])
  })
})

describe("Loads of tables with key-only old rows", () => {
  const keep = (messages: ReadonlyArray<Buffer>, options: LoadsOf = {}) => loads(messages, options, KEEP, KEY_ONLY)
  const key = (id: number): ReadonlyArray<Bytes.Cell> => [String(id), null, null, null]

  it("T57 a delete sends its key and the marks: the values stay", () => {
    const [load, ...others] = Result.getOrThrow(keep([Bytes.remove(1, key(1), "K")]))
    assert.lengthOf(others, 0)
    assert.deepInclude(load, { columns: `\`id\`,${AUDIT}`, partialUpdate: true })
    assert.deepStrictEqual(withoutAudit(load!.rows[0]), { id: 1 })
    assert.deepInclude(load!.rows[0], { dbmazz_op_type: 2, dbmazz_is_deleted: true })
  })

  it("T56 a number that PostgreSQL writes in two ways is one key where the column takes it for one", () => {
    const numeric = (type: string) => ({
      table: { ...mapping("n", ["id"], { id: type, a: "varchar(99)" }), identity: "keep" as const },
      relation: Bytes.relation(1, "n", [{ name: "id", oid: 1700 }, { name: "a", oid: TEXT, key: false }], "public", "d")
    })
    const messages = [
      Bytes.insert(1, ["8", "other"]),
      Bytes.remove(1, ["7", null], "K"),
      Bytes.insert(1, ["7.0", "again"]),
      Bytes.update(1, ["8", null], ["8.00", "moved"], "K")
    ]
    const rows = (type: string) => {
      const { relation, table } = numeric(type)
      return loaded(messages, {}, table, relation).flatMap((load) =>
        load.rows.map((row) => [row["id"], row["a"], row["dbmazz_is_deleted"]])
      )
    }
    assert.deepStrictEqual(rows("bigint(20)"), [["7", "again", false], ["8", "moved", false]])
    assert.deepStrictEqual(
      rows("varchar(20)"),
      [["7.0", "again", false], ["8", "other", true], ["8.00", "moved", false], ["7", undefined, true]]
    )
  })

  it("a row that is inserted and deleted in one batch keeps its values, marked", () => {
    const [load] = Result.getOrThrow(keep([Bytes.insert(1, ["1", "a", "b", null]), Bytes.remove(1, key(1), "K")]))
    assert.isFalse(load!.partialUpdate)
    assert.deepStrictEqual(withoutAudit(load!.rows[0]), { id: 1, a: "a", b: "b", c: null })
  })

  it("T37 an update without an old row is partial however small, when StarRocks has the row in any version", () => {
    const update = Bytes.update(1, undefined, ["1", "new", undefined, "c"])
    for (const version of [1n, 200n, null]) {
      const [load] = Result.getOrThrow(keep([update], { answer: having(version) }))
      assert.deepStrictEqual([load!.partialUpdate, withoutAudit(load!.rows[0])], [true, { id: 1, a: "new", c: "c" }])
    }
  })

  it("T39 of a row that StarRocks does not have the table stops: key, column, place and remedy, and no value", () => {
    const update = Bytes.update(1, undefined, ["1", "secret", undefined, "c"])
    const result = keep([update], { answer: () => new Map() })
    assert.isTrue(Result.isFailure(result))
    if (!Result.isFailure(result)) return
    const { code, context, message, remediation } = result.failure
    assert.strictEqual(code, "TOAST_VALUE_UNKNOWN")
    assert.deepStrictEqual(context, { table: "public.t", key: "id=1", column: "b", lsn: "0/64" })
    assert.include(remediation, "`d`.`t`")
    assert.include(remediation, "dbmazz_cdc_version 101")
    assert.notInclude(message + remediation, "secret")
  })

  it("T56 a row that got another key needs its values: from the batch, or from a later version that is there", () => {
    const move = Bytes.update(1, key(1), ["2", "n", undefined, "c"], "K")
    const codeOf = (messages: ReadonlyArray<Buffer>, version?: bigint | null) => {
      const result = keep(messages, { answer: version === undefined ? () => new Map() : having(version) })
      return Result.isFailure(result) ? result.failure.code : "loaded"
    }
    assert.strictEqual(codeOf([move]), "TOAST_VALUE_UNKNOWN")
    // The deleted row that had the key before, or one that has the same version: its values are another row's.
    for (const version of [99n, 100n, null]) assert.strictEqual(codeOf([move], version), "TOAST_VALUE_UNKNOWN")
    assert.strictEqual(codeOf([move], 101n), "loaded")
    const first = Bytes.update(1, undefined, ["1", "m", LARGE, "c"])
    const [marked, row] = Result.getOrThrow(keep([first, move])).flatMap(({ rows }) => rows)
    assert.deepStrictEqual([marked!["b"], row!["b"], row!["a"]], [LARGE, LARGE, "n"])
  })

  it("an update of a row that the batch has deleted has no values to keep", () => {
    const messages = [Bytes.remove(1, key(1), "K"), Bytes.update(1, undefined, ["1", "n", undefined, "c"])]
    const result = keep(messages, { answer: having(1n) })
    assert.strictEqual(Result.isFailure(result) ? result.failure.code : undefined, "TOAST_VALUE_UNKNOWN")
  })
})

describe("Target columns that the source does not have", () => {
  const types = Object.fromEntries([...TABLE.targetColumns.values()].map(({ name, type }) => [name, type]))
  const wide = mapping("t", ["id"], { ...types, remark: "varchar(99)" })
  const row = Bytes.insert(1, ["1", "a", "b", "c"])

  it("keep their values: every load names the source's columns", () => {
    const [load] = loaded([row], {}, wide)
    assert.deepInclude(load, { partialUpdate: true, columns: `\`id\`,\`a\`,\`b\`,\`c\`,${AUDIT}` })
  })

  it("a computed one is no reason, and without any the load has no header", () => {
    const computed = new Map(
      [...wide.targetColumns].map(([name, column]) => [name, { ...column, generated: name === "remark" }])
    )
    assert.deepInclude(loaded([row], {}, { ...wide, targetColumns: computed })[0], {
      partialUpdate: false,
      columns: undefined
    })
  })

  it("T68 a header that the server may not take is not sent by choice", () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `column_with_a_long_name_${index}`)
    const many = mapping("t", ["id"], {
      id: "bigint(20)",
      remark: "varchar(9)",
      ...Object.fromEntries(names.map((name) => [name, "varchar(99)"]))
    })
    const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, ...names.map((name) => ({ name, oid: TEXT }))])
    const [load] = loaded([Bytes.insert(1, ["1", ...names])], {}, many, relation)
    assert.deepInclude(load, { partialUpdate: false, columns: undefined })
  })
})
