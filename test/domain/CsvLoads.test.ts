import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import type { LoadFormat } from "../../src/domain/LoadFormat.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { TableLoads } from "../../src/domain/TableLoads.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, ORIGIN, rowsOf, SYNCED_AT } from "../support/Rows.ts"

const AUDIT = "dbmazz_op_type,dbmazz_is_deleted,dbmazz_synced_at,dbmazz_cdc_version"
const WHOLE = `\`id\`,\`v\`,dbmazz_hex_2,${AUDIT},\`b\`=to_binary(dbmazz_hex_2,'hex')`
const TYPES = { id: "bigint(20)", v: "varchar(65533)", b: "varbinary" }
const TABLE = mapping("t", ["id"], TYPES)
const RELATION = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name: "v", oid: 25 }, { name: "b", oid: 17 }])
const LARGE = "d".repeat(5_000)

const begin = (
  messages: ReadonlyArray<Buffer>,
  format: LoadFormat,
  table: TableMapping = TABLE,
  bytesMax = 1 << 20,
  relation = RELATION
): TableLoads => {
  const changes = decodeAll([{ ...table, format }], [relation, Bytes.begin(100n), ...messages])
  return new TableLoads(rowsOf(changes), new ByteWriter(16), {
    origin: ORIGIN,
    trustedAfter: Lsn.ZERO,
    syncedAt: SYNCED_AT,
    bytesMax
  })
}

const nextOf = (loads: TableLoads) => {
  const request = Result.getOrThrow(loads.next())
  return request === undefined ? undefined : { ...request, body: Buffer.from(request.body).toString("utf8") }
}

/** All loads, read. */
const load = (...args: Parameters<typeof begin>) => {
  const loads = begin(...args)
  if (loads.questions.length > 0) loads.answer(new Map(loads.questions.map(({ key }) => [key.id, 1n])))
  const requests: Array<NonNullable<ReturnType<typeof nextOf>>> = []
  for (let next = nextOf(loads); next !== undefined; next = nextOf(loads)) requests.push(next)
  return requests
}
const insert = (id: number, v: Bytes.Cell = "x", b: Bytes.Cell = "\\x00") => Bytes.insert(1, [String(id), v, b])

describe("Loads in CSV", () => {
  it("T44 name their fields always, end each row with the audit columns, and tell NULL from nothing", () => {
    const [request, ...others] = load([insert(1, "a,b"), insert(2, null, null), insert(3, "", "\\x")], "csv")
    assert.deepStrictEqual(others, [])
    assert.deepInclude(request, { format: "csv", columns: WHOLE, partialUpdate: false, rowCount: 3 })
    assert.strictEqual(
      request?.body,
      `1,"a,b",00,0,false,${SYNCED_AT},100\n2,\\N,\\N,0,false,${SYNCED_AT},100\n3,,,0,false,${SYNCED_AT},100\n`
    )
  })

  it("T63 a label of CSV is not that of the same rows as JSON lines", () => {
    const [csv] = load([insert(1)], "csv")
    const [json] = load([insert(1)], "json")
    assert.notStrictEqual(csv?.label, json?.label)
    assert.deepStrictEqual(load([insert(1)], "csv"), [csv])
  })

  it("T44 T63 a load with the text \\N goes as JSON lines, as it would without CSV, and costs no load more", () => {
    const rows = [insert(1), insert(2, "\\N"), insert(3)]
    assert.deepStrictEqual(load(rows, "csv"), load(rows, "json"))
    assert.strictEqual(load(rows, "json").length, 1)
    assert.include(load(rows, "csv")[0]?.body, `"v":"\\\\N"`)
  })

  it("T43 T63 a load with a binary value whose digits no field takes goes as JSON lines, too", () => {
    const rows = [insert(1), insert(2, "x", `\\x${"00".repeat(524_289)}`), insert(3)]
    assert.deepStrictEqual(load(rows, "csv", TABLE, 1 << 22), load(rows, "json", TABLE, 1 << 22))
    assert.strictEqual(load(rows, "csv", TABLE, 1 << 22)[0]?.format, "json")
  })

  it("only parts with such a text go so; the others stay CSV, and no row is lost or told twice", () => {
    const rows = [1, 2, 3, 4, 5].map((id) => insert(id, id === 3 ? "\\N" : "x".repeat(99)))
    const parts = load(rows, "csv", TABLE, 1)
    assert.deepStrictEqual(parts.map(({ format }) => format), ["csv", "csv", "json", "csv", "csv"])
    assert.deepStrictEqual(parts.map(({ rowCount }) => rowCount), [1, 1, 1, 1, 1])
    assert.strictEqual(new Set(parts.map(({ label }) => label)).size, 5)
  })

  it("T37 T67 a partial load has the fields that it names, in either format", () => {
    const updates = (v: string) => [Bytes.update(1, ["1", v, `\\x${LARGE}`], ["1", v, undefined])]
    const header = `\`id\`,\`v\`,${AUDIT}`
    const [csv] = load(updates("x"), "csv")
    assert.deepInclude(csv, { format: "csv", columns: header, partialUpdate: true })
    assert.strictEqual(csv?.body, `1,"x",1,false,${SYNCED_AT},100\n`)
    const [json] = load(updates("\\N"), "csv")
    assert.deepInclude(json, { format: "json", columns: header, partialUpdate: true })
    assert.deepStrictEqual([json], load(updates("\\N"), "json"))
  })

  it("a column that only the target has keeps its value", () => {
    const table: TableMapping = mapping("t", ["id"], { ...TYPES, remark: "varchar(9)" })
    assert.deepInclude(load([insert(1)], "csv", table)[0], { format: "csv", columns: WHOLE, partialUpdate: true })
  })

  it("T68 a table whose columns' names fill a header goes as JSON lines", () => {
    const names = Array.from({ length: 300 }, (_, index) => `${"c".repeat(99)}${index}`)
    const table = mapping("t", ["id"], { id: "bigint(20)", ...Object.fromEntries(names.map((name) => [name, "int"])) })
    const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, ...names.map((name) => ({ name, oid: 23 }))])
    const rows = [Bytes.insert(1, ["1", ...names.map(() => "7")])]
    const [request] = load(rows, "csv", table, 1 << 20, relation)
    assert.deepInclude(request, { format: "json", columns: undefined })
  })

  it("a table with a name that no header may hold goes as JSON lines", () => {
    for (const name of ["a\nb", "\u007f"]) {
      const table = mapping("t", ["id"], { id: "bigint(20)", [name]: "int" })
      const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name, oid: 23 }])
      const [request] = load([Bytes.insert(1, ["1", "7"])], "csv", table, 1 << 20, relation)
      assert.deepInclude(request, { format: "json", columns: undefined })
      // What only the target has is never given up for it: such a load fails, by name.
      const wider = mapping("t", ["id"], { id: "bigint(20)", [name]: "int", remark: "varchar(9)" })
      const [partial] = load([Bytes.insert(1, ["1", "7"])], "csv", wider, 1 << 20, relation)
      assert.deepInclude(partial, { format: "json", partialUpdate: true })
    }
    const names = { id: "bigint(20)", "t\té": "int" }
    const relation = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name: "t\té", oid: 23 }])
    const [request] = load([Bytes.insert(1, ["1", "7"])], "csv", mapping("t", ["id"], names), 1 << 20, relation)
    assert.deepInclude(request, { format: "csv", columns: `\`id\`,\`t\té\`,${AUDIT}` })
  })

  it("a refused delete is sent without its values, and a diverted row has the label of its load", () => {
    const refusal = new PermanentError({ code: "SR_REJECTED_ROWS", message: "no", remediation: "none", context: {} })
    const loads = begin([Bytes.remove(1, ["1", "x", "\\x00"])], "csv")
    nextOf(loads)
    assert.isUndefined(loads.refused(refusal))
    const bare = nextOf(loads)
    assert.strictEqual(bare?.body, `1,\\N,\\N,2,true,${SYNCED_AT},100\n`)
    assert.strictEqual(loads.refused(refusal)?.label, bare?.label)
    const unsayable = begin([insert(1, "\\N")], "csv")
    const sent = nextOf(unsayable)
    assert.strictEqual(unsayable.refused(refusal)?.label, sent?.label)
  })
})
