/** One history as JSON lines and as CSV, each read as the endpoint reads it: the same cells, and the same rows refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Target from "../../src/domain/streamload/Target.ts"
import { TableLoads } from "../../src/domain/TableLoads.ts"
import * as ValuePolicy from "../../src/domain/values/ValuePolicy.ts"
import * as CsvFormat from "../../src/layers/embedded/starrocks/body/CsvFormat.ts"
import { CsvRows } from "../../src/layers/embedded/starrocks/body/CsvRows.ts"
import { JsonRows } from "../../src/layers/embedded/starrocks/body/JsonRows.ts"
import * as LoadPlan from "../../src/layers/embedded/starrocks/plan/LoadPlan.ts"
import { type Columns, RowBuffer } from "../../src/layers/embedded/starrocks/plan/RowBuffer.ts"
import { createTable } from "../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import type { Cell } from "../../src/layers/embedded/starrocks/values/Values.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, ORIGIN, rowsOf, SYNCED_AT } from "../support/Rows.ts"

/** Marks of either format, and what may be taken for one. */
const Pieces = Schema.Array(
  Schema.Literals(["\"", "^", ",", "\n", "\r", "\\", "N", "\\N", "\t", " ", "a", "\u0001", "é", "🦀", "\ufeff", "null"])
)
const textOf = (pieces: ReadonlyArray<string>): string => pieces.join("")
const elementOf = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`

/** A column and the texts that PostgreSQL may send for it, of some text. */
interface Column {
  readonly oid: number
  readonly type: string
  readonly texts: (text: string) => ReadonlyArray<string>
}

const documents = (text: string): ReadonlyArray<string> => [
  JSON.stringify(text),
  JSON.stringify({ [text]: [text, null] }),
  " {\"a\":\r\n\t[1 , null]}",
  "null",
  "-0.5",
  "true",
  "[12345678901234567890123]",
  "{\"a\":1,\"a\":\"\\u0000\\ud83e\\udd80\"}",
  "[\"\\ud800\"]",
  `${"[".repeat(200)}${"]".repeat(200)}`,
  `${"[".repeat(201)}${"]".repeat(201)}`
]
const arrays = (text: string): ReadonlyArray<string> => [
  `{${elementOf(text)},NULL,"NULL"}`,
  "{}",
  `[0:1]={${elementOf(text)},a}`,
  `{{${elementOf(text)}},{NULL}}`
]
const numbers = (): ReadonlyArray<
  string
> => ["0", "-0.01", "1.100000", "1.005", "1234567.89", "12345678.9", "NaN", "-Infinity"]
const floats = (): ReadonlyArray<string> => ["0", "-0", "0.1", "1e-40", "-3.4028235e+38", "NaN", "Infinity"]
const moments = (): ReadonlyArray<string> => [
  "2024-02-29 01:02:03.000001+00",
  "0044-03-15 00:00:00+00 BC",
  "10000-01-01 00:00:00+00",
  "infinity"
]
const amounts = (): ReadonlyArray<string> => ["$1,234.50", "-$0.01"]
const integers = (): ReadonlyArray<string> => ["0", "-2147483648", "9223372036854775807"]
const truths = (): ReadonlyArray<string> => ["t", "f"]
const bytes = (text: string): ReadonlyArray<string> => [`\\x${Buffer.from(text).toString("hex")}`, "\\x", "\\x00ff"]

/** By OID: the target types that a source type is written for, and the texts that its values may have. */
const SOURCE_TYPES: ReadonlyArray<readonly [oid: number, targets: ReadonlyArray<string>, texts: Column["texts"]]> = [
  [25, ["varchar(4)"], (text) => [text]],
  [1042, ["varchar(65533)"], (text) => [text, `${text}   `]],
  [20, ["int", "varchar(9)"], integers],
  [16, ["boolean", "tinyint", "varchar(9)"], truths],
  [700, ["float"], floats],
  [701, ["double"], floats],
  [1700, ["decimal(9, 2)", "int", "varchar(99)"], numbers],
  [790, ["decimal(19, 2)", "varchar(5)"], amounts],
  [1082, ["date"], () => ["0001-01-01", "0044-03-15 BC", "infinity"]],
  [1114, ["datetime"], () => ["2024-02-29 01:02:03.5", "-infinity"]],
  [1184, ["datetime", "varchar(40)"], moments],
  [114, ["json"], documents],
  [3802, ["json"], documents],
  [114, ["varchar(40)"], documents],
  [1009, ["json", "varchar(40)"], arrays],
  [3807, ["json"], (text) => [`{${elementOf(JSON.stringify(text))},NULL}`, "{\"null\"}"]],
  [199, ["json", "varchar(40)"], (text) => [`{${elementOf(JSON.stringify(text))}}`, `{1,${elementOf("\"\\udc00\"")}}`]],
  [17, ["varbinary(4)", "varchar(9)"], bytes]
]

const COLUMNS: ReadonlyArray<Column> = SOURCE_TYPES.flatMap(([oid, targets, texts]) =>
  targets.map((type) => ({ oid, type, texts }))
)

const RELATION = Bytes.relation(1, "t", [
  { name: "k", oid: 25 },
  ...COLUMNS.map(({ oid }, index) => ({ name: `c${index}`, oid }))
])
const TYPES = { k: "varchar(128)", ...Object.fromEntries(COLUMNS.map(({ type }, index) => [`c${index}`, type])) }
const STATEMENT = `CREATE TABLE t (k VARCHAR(128) NOT NULL, ${
  [
    ...COLUMNS.map(({ type }, index) => `c${index} ${type} NULL`),
    ...AuditColumns.COLUMNS.map(({ ddl, name }) => `${name} ${ddl}`)
  ].join(", ")
}) PRIMARY KEY (k) DISTRIBUTED BY HASH (k)`
const CREATED = { ...Result.getOrThrow(attempt(STATEMENT, createTable)), id: 1, database: "d", createdAtMs: 0 }

const choices = (valueClass: ValuePolicy.ValueClass) =>
  ["fail", ...Object.keys(ValuePolicy.CLASSES[valueClass].outcomes)] as const
const Policies = Schema.Struct(Object.fromEntries(
  Object.keys(ValuePolicy.CLASSES).map((name) => [name, Schema.Literals(choices(name as ValuePolicy.ValueClass))])
))

const Row = Schema.Struct({
  kind: Schema.Literals(["insert", "update", "delete"]),
  key: Schema.Literals(["a", "\\N", "", "\"^,", "\ufeff"]),
  pieces: Pieces,
  /** Columns that are NULL, in turn, and which of its texts each of the others has. */
  nullEvery: Schema.Literals([1, 2, 3, 99]),
  turn: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))
})

const messageOf = ({ key, kind, nullEvery, pieces, turn }: typeof Row.Type): Buffer => {
  const text = textOf(pieces)
  const row = [
    key,
    ...COLUMNS.map(({ texts }, index) => {
      const from = texts(text)
      return (index + turn) % nullEvery === 0 ? null : from[(index + turn) % from.length]!
    })
  ]
  return kind === "insert" ? Bytes.insert(1, row) : kind === "delete" ? Bytes.remove(1, row) : Bytes.update(1, row, row)
}

/** The rows of a load by key, as the endpoint would store them. */
const store = (request: LoadRequest, cells: Map<Cell, ReadonlyArray<Cell>>): void => {
  const headers = Target.loadHeaders(request, "")
  const plan = Result.getOrThrow(LoadPlan.make(CREATED, {
    columns: headers["columns"],
    partialUpdate: headers["partial_update"] === "true",
    mergeCondition: undefined,
    strictMode: headers["strict_mode"] === "true"
  }))
  const buffer = new RowBuffer(plan, (appended: Columns) => {
    for (let row = 0; row < appended.count; row++) {
      const values = appended.cells.map((column) => column[row] ?? null)
      cells.set(values[0] ?? null, values)
    }
  })
  const body = headers["format"] === "json"
    ? new JsonRows(buffer, false)
    : new CsvRows(buffer, {
      ...CsvFormat.standard,
      columnSeparator: headers["column_separator"]!,
      enclose: headers["enclose"]!.charCodeAt(0),
      escape: headers["escape"]!.charCodeAt(0)
    })
  body.push(Buffer.from(request.body))
  body.end()
  assert.isUndefined(buffer.fatal)
  assert.deepStrictEqual(buffer.errors, [])
  assert.strictEqual(buffer.loaded, request.rowCount)
}

/** Loads the rows; those that have no form are left out. */
const load = (
  rows: ReadonlyArray<typeof Row.Type>,
  policies: ValuePolicy.Policies,
  bytesMax: number,
  format: LoadFormat.LoadFormat
) => {
  const messages = rows.flatMap((row, index) => [
    Bytes.begin(BigInt(index + 1)),
    messageOf(row),
    Bytes.commit(BigInt(index + 1), BigInt(index + 2))
  ])
  const table = { ...mapping("t", ["k"], TYPES), format, policies }
  const loads = new TableLoads(rowsOf(decodeAll([table], [RELATION, ...messages])), new ByteWriter(16), {
    origin: ORIGIN,
    trustedAfter: Lsn.ZERO,
    syncedAt: SYNCED_AT,
    bytesMax
  })
  const cells = new Map<Cell, ReadonlyArray<Cell>>()
  const refused: Array<unknown> = []
  const sent = new Set<string | undefined>()
  for (let next = loads.next();; next = loads.next()) {
    if (Result.isFailure(next)) {
      const row = loads.refused(next.failure)
      if (row !== undefined) refused.push([row.operation, row.key, next.failure.code, next.failure.message])
    } else if (next.success === undefined) return { cells, refused, sent }
    else {
      sent.add(next.success.format)
      store(next.success, cells)
    }
  }
}

describe("The formats of loads", () => {
  it.effect.prop(
    "T40 T41 T42 T43 T44 T71 the same rows and policies give the same cells in either, and the same rows are refused",
    [Schema.Array(Row), Policies, Schema.Literals([1, 300, 1 << 20])],
    ([rows, policies, bytesMax]) =>
      Effect.sync(() => {
        if (rows.length === 0) return
        const json = load(rows, policies as ValuePolicy.Policies, bytesMax, "json")
        const csv = load(rows, policies as ValuePolicy.Policies, bytesMax, "csv")
        assert.deepStrictEqual(csv.refused, json.refused)
        assert.deepStrictEqual(
          [...csv.cells].toSorted(([a], [b]) => String(a) < String(b) ? -1 : 1),
          [...json.cells].toSorted(([a], [b]) => String(a) < String(b) ? -1 : 1)
        )
        assert.isFalse(json.sent.has("csv"))
      }),
    { arbitrary: { runs: 500 } }
  )
})
