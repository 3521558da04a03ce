import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type CsvFormat, standard } from "../../../../src/layers/embedded/starrocks/body/CsvFormat.ts"
import { CsvRows } from "../../../../src/layers/embedded/starrocks/body/CsvRows.ts"
import * as LoadPlan from "../../../../src/layers/embedded/starrocks/plan/LoadPlan.ts"
import { type Columns, RowBuffer } from "../../../../src/layers/embedded/starrocks/plan/RowBuffer.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import type { Cell } from "../../../../src/layers/embedded/starrocks/values/Values.ts"

interface Options extends Partial<CsvFormat> {
  readonly columns?: string
  readonly sizes?: ReadonlyArray<number>
  readonly strict?: boolean
  readonly rowBytesMax?: number
}

interface Read {
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly fatal: string | undefined
  readonly errors: ReadonlyArray<string>
}

const mark = (character: string | undefined) => character?.charCodeAt(0)

/** Reads a body into `t (id INT, a STRING, b STRING)` or the given columns; it arrives in slices of the given sizes. */
const read = (body: string | Buffer, options: Options = {}): Read => {
  const { columns = "id INT NOT NULL, a STRING, b STRING", rowBytesMax, sizes = [1 << 20], strict = true } = options
  const create = Result.getOrThrow(attempt(`CREATE TABLE t (${columns}) DUPLICATE KEY (id)`, createTable))
  const plan = Result.getOrThrow(LoadPlan.make(
    { ...create, id: 1, database: "d", createdAtMs: 0 },
    { columns: undefined, partialUpdate: false, mergeCondition: undefined, strictMode: strict }
  ))
  const rows: Array<ReadonlyArray<Cell>> = []
  const buffer = new RowBuffer(plan, (appended: Columns) => {
    for (let row = 0; row < appended.count; row++) rows.push(appended.cells.map((cells) => cells[row] ?? null))
  })
  const csv = new CsvRows(buffer, { ...standard, columnSeparator: ",", ...options }, 1, rowBytesMax)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    csv.push(Buffer.from(bytes.subarray(from, from + size)))
    from += size
  }
  csv.end()
  return { rows, fatal: buffer.fatal, errors: buffer.errors }
}

const separators = [",", "\t", "\x01", "||", "|+|", "ab", "ä", "€;"]
const delimiters = ["\n", "\r\n", "\x02", "$$", "ö\n"]

const Case = Schema.Struct({
  rows: Schema.Array(Schema.Struct({ a: Schema.NullOr(Schema.String), b: Schema.String, blanks: Schema.Boolean })),
  separator: Schema.Literals(separators),
  delimiter: Schema.Literals(delimiters),
  enclose: Schema.Literals(["\"", "'"]),
  escape: Schema.Literals(["\\", "~"]),
  marks: Schema.Literals(["none", "enclose", "escape", "both"]),
  lastDelimiter: Schema.Boolean,
  sizes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })))
})
type Case = typeof Case.Type

/** Text that this writer can write: what the marks cannot protect is left out. */
const writable = (text: string, { delimiter, enclose, marks, separator }: Case): string => {
  // An escape protects a whole separator, but not a part that what follows completes.
  const unprotected = Array.from(separator + delimiter).filter((part) =>
    marks === "none" || (marks === "escape" && part !== separator && part !== delimiter)
  )
  let kept = Array.from(text.toWellFormed()).filter((character) => !unprotected.includes(character)).join("")
  // A doubled mark at the start of an enclosed field is one of the things the server's versions disagree about.
  while (marks === "enclose" && kept.startsWith(enclose)) kept = kept.slice(1)
  return kept === "\\N" ? "" : kept
}

const written = (text: string, { delimiter, enclose, escape, marks, separator }: Case): string => {
  if (marks === "none") return text
  if (marks === "escape") {
    return text.replaceAll(escape, escape + escape).replaceAll(separator, escape + separator)
      .replaceAll(delimiter, escape + delimiter)
  }
  const doubled = marks === "both"
    ? text.replaceAll(escape, escape + escape).replaceAll(enclose, escape + enclose)
    : text.replaceAll(enclose, enclose + enclose)
  return enclose + doubled + enclose
}

it.effect.prop(
  "what a simple writer writes reads back exactly, whatever the marks and however the body is sliced",
  [Case],
  ([sample]) =>
    Effect.sync(() => {
      const { delimiter, escape, marks, separator, sizes } = sample
      const rows = sample.rows.map(({ a, b, blanks }) => ({
        a: a === null ? null : writable(a, sample),
        b: writable(b, sample),
        blanks
      }))
      const nothing = (marks === "escape" || marks === "both") && escape === "\\" ? "\\\\N" : "\\N"
      const lines = rows.map(({ a, b, blanks }, id) =>
        (blanks ? delimiter : "") +
        [String(id), a === null ? nothing : written(a, sample), written(b, sample)].join(separator)
      )
      const body = lines.join(delimiter) + (sample.lastDelimiter ? delimiter : "")
      const found = read(body, {
        columnSeparator: separator,
        rowDelimiter: delimiter,
        enclose: marks === "enclose" || marks === "both" ? mark(sample.enclose) : undefined,
        escape: marks === "escape" || marks === "both" ? mark(escape) : undefined,
        sizes: [...sizes, 5]
      })
      assert.deepStrictEqual(found.errors, [])
      assert.deepStrictEqual(found.rows, rows.map(({ a, b }, id) => [id, a, b]))
    }),
  { arbitrary: { runs: 400 } }
)

const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

it.effect.prop(
  "arbitrary bytes never throw and never hang, and slices change nothing",
  [Bytes, Schema.Boolean, Schema.Boolean],
  ([bytes, marks, trimSpace]) =>
    Effect.sync(() => {
      // Bytes that mean something are frequent, so that every state is reached.
      const dense = Buffer.from(bytes.map((byte) => byte < 200 ? (",\"\\\n 1ä"[byte % 7] ?? "x").charCodeAt(0) : byte))
      const options = marks ? { enclose: 34, escape: 92, trimSpace } : { trimSpace }
      for (const body of [dense, Buffer.from(bytes)]) {
        assert.deepStrictEqual(read(body, { ...options, sizes: [3, 1] }), read(body, options))
      }
    }),
  { arbitrary: { runs: 500 } }
)

it("every row arrives wherever the body is cut, with separators of several bytes and characters of several bytes", () => {
  const body = Buffer.from("1€€ä€€\"x€€y\"€|2€€\\N€€z€|€|3€€€€𝄞")
  const options = { columnSeparator: "€€", rowDelimiter: "€|", enclose: 34 }
  const whole = read(body, options)
  assert.deepStrictEqual(whole.rows, [[1, "ä", "x€€y"], [2, null, "z"], [3, "", "𝄞"]])
  for (let at = 1; at < body.length; at++) {
    assert.deepStrictEqual(read(body, { ...options, sizes: [at, body.length] }), whole)
  }
})

it("where separators overlap, the row's end comes first in plain text and the first match with marks", () => {
  assert.match(read("1,|", { columnSeparator: ",|", rowDelimiter: "|" }).errors[0] ?? "", /value column count: 1. /)
  const options = { columnSeparator: ",\n;", rowDelimiter: "\n", enclose: 34 }
  for (const sizes of [[1], [1000]]) {
    assert.deepStrictEqual(read("10,\n;a,\n;b\n", { ...options, sizes }).rows, [[10, "a", "b"]])
  }
})

it("91: NULL is \\N and nothing else; empty is empty; two quotes are two characters without enclose", () => {
  assert.deepStrictEqual(read("1,\\N,\n2,\"\",\\n\n3,\\\\N,NULL\n").rows, [
    [1, null, ""],
    [2, "\"\"", "\\n"],
    [3, "\\\\N", "NULL"]
  ])
  assert.deepStrictEqual(read("1,\"\",\"\\N\"\n", { enclose: 34 }).rows, [[1, "", null]])
  assert.deepStrictEqual(read("1,\\N,\\\\N\n", { escape: 92 }).rows, [[1, "N", null]])
})

it("an empty field is a bad number: filtered strictly, else NULL or filtered as the column wants", () => {
  const columns = "id INT NOT NULL, n INT NULL"
  assert.lengthOf(read("1,\n", { columns }).errors, 1)
  assert.deepStrictEqual(read("1,\n", { columns, strict: false }).rows, [[1, null]])
  assert.match(read(",1\n", { columns, strict: false }).errors[0] ?? "", /NULL value in non-nullable column 'id'/)
})

it("92: a wrong number of fields filters the row with the server's sentence", () => {
  const { errors, rows } = read("1,a\n2,b,c\n3,d,e,f\n")
  assert.deepStrictEqual(rows, [[2, "b", "c"]])
  assert.deepStrictEqual(errors, [
    "Error: Target column count: 3 doesn't match source value column count: 2. " +
    "Column separator: ',', Row delimiter: '\\n'. Row: 1,a",
    "Error: Target column count: 3 doesn't match source value column count: 4. " +
    "Column separator: ',', Row delimiter: '\\n'. Row: 3,d,e,f"
  ])
  const odd = read("1\x01a|\x02", { columnSeparator: "\x01", rowDelimiter: "|\x02" })
  assert.include(odd.errors[0] ?? "", "Column separator: '0x1', Row delimiter: '|0x2'")
})

it("blank lines are left out, a carriage return is part of the last field, and the last line needs no end", () => {
  assert.deepStrictEqual(read("\n1,a,b\r\n\n\n2,c,d").rows, [[1, "a", "b\r"], [2, "c", "d"]])
  assert.deepStrictEqual(read("1,a,b\r\n2,c,d\r\n", { rowDelimiter: "\r\n" }).rows, [[1, "a", "b"], [2, "c", "d"]])
  assert.deepStrictEqual(read("", {}).rows, [])
  assert.deepStrictEqual(read(" \n1, a , b\n", { trimSpace: true, enclose: 34 }).rows, [[1, "a ", "b"]])
  assert.deepStrictEqual(read(" 1 ,  , b  \n", { trimSpace: true }).rows, [[1, "", "b"]])
})

it("marks around fields hold separators, newlines and doubled marks", () => {
  const body = "1,\"a,b\nc\",\"say \"\"x\"\"\"\n2,\"\",\"\"\n"
  assert.deepStrictEqual(read(body, { enclose: 34 }).rows, [[1, "a,b\nc", "say \"x\""], [2, "", ""]])
  const trimmed = "1, \" a \" ,\"b\" \n"
  assert.deepStrictEqual(read(trimmed, { enclose: 34, trimSpace: true }).rows, [[1, " a ", "b"]])
  const escaped = "1,a\\,b,c\\\nd\n2,\"x\\\"y\",\\\"z\n3,\\a,b\\\n"
  assert.deepStrictEqual(read(`${escaped},`, { enclose: 34, escape: 92 }).rows, [
    [1, "a,b", "c\nd"],
    [2, "x\"y", "\"z"]
  ])
})

it("rows that the server's versions read differently are filtered, each with its reason", () => {
  const cases: ReadonlyArray<readonly [string, RegExp]> = [
    ["1,\"\"\"a\"\" b\",c", /starts with a doubled mark/],
    ["1,a\"b,c", /inside of a field that is not enclosed/],
    ["1,\"a\"b,c", /text behind the closing mark/],
    ["1,\"a\\b\",c", /escape in an enclosed field before an ordinary character/],
    ["1,\"a,c", /the body ends inside of an enclosed field/]
  ]
  for (const [body, expected] of cases) {
    const { errors, rows } = read(body, { enclose: 34, escape: 92 })
    assert.deepStrictEqual(rows, [], body)
    assert.match(errors[0] ?? "", expected, body)
  }
  assert.deepStrictEqual(read("1,a\"\"b,c\\d\n", { enclose: 34, escape: 92 }).rows, [[1, "a\"b", "cd"]])
})

it("bytes that are no UTF-8 filter their row only, and its neighbours keep their text", () => {
  const body = Buffer.concat([
    Buffer.from("1,ä,b\n2,"),
    Buffer.from([0xff, 0xfe]),
    Buffer.from(",c\n3,"),
    Buffer.from([0xc3]),
    Buffer.from("\n4,d,€\n")
  ])
  for (const sizes of [[1], [4], [1000]]) {
    const { errors, rows } = read(body, { sizes })
    assert.deepStrictEqual(rows, [[1, "ä", "b"], [4, "d", "€"]])
    assert.match(errors[0] ?? "", /Invalid UTF-8 row/)
    assert.match(errors[1] ?? "", /source value column count: 2/)
  }
})

it("skip_header leaves out lines as they are, even more than there are", () => {
  const body = "id,\"a\nb\",c\n1,x,y\n"
  for (const sizes of [[1], [1000]]) {
    const { errors, rows } = read(body, { skipHeader: 2, enclose: 34, sizes })
    assert.deepStrictEqual([errors, rows], [[], [[1, "x", "y"]]])
    assert.deepStrictEqual(read(body, { skipHeader: 9, sizes }), { rows: [], fatal: undefined, errors: [] })
  }
})

it("a row longer than the bound stops the load, and a long one below it does not", () => {
  const long = "x".repeat(5000)
  assert.match(read(`1,${long},`, { rowBytesMax: 1000, sizes: [7] }).fatal ?? "", /^CSV line length exceed limit 1000$/)
  assert.deepStrictEqual(read(`1,${long},y\n`, { rowBytesMax: 9000, sizes: [7] }).rows, [[1, long, "y"]])
})

it("JSON and ARRAY columns read the JSON of their field; what is none is a bad value", () => {
  const columns = "id INT NOT NULL, j JSON NULL, l ARRAY<VARCHAR(20)> NULL"
  const options = { columns, columnSeparator: "|" }
  const body = "1|{\"a\": [1, 2]}|[\"a\",null]\n2|1.50|[]\n3|\"t\"|[\"x\"\"y\",\"\\n\"]\n4|\\N|\\N\n5||[\"\"]\n"
  assert.deepStrictEqual(read(body, options).rows, [
    [1, "{\"a\":[1,2]}", ["a", null]],
    [2, "1.50", []],
    [3, "\"t\"", ["x\"y", "\\n"]],
    [4, null, null],
    [5, "\"\"", [""]]
  ])
  for (
    const bad of [
      "1|{\"a\":|[]",
      "1|1 2|[]",
      "1|1|[\"a\"",
      "1|1|[a]",
      "1|1|[\"a\", \"b\"]",
      "1|1|{}",
      "1|1|null",
      "1|1|["
    ]
  ) {
    const { errors, rows } = read(bad, options)
    assert.deepStrictEqual(rows, [], bad)
    assert.match(errors[0] ?? "", /The field \(name = [jl], pos = [12]\) is out of range. Type: (JSON|ARRAY), /, bad)
    assert.lengthOf(read(bad, { ...options, strict: false }).rows, 1, bad)
  }
  const numbers = { ...options, columns: "id INT NOT NULL, l ARRAY<INT> NULL" }
  assert.deepStrictEqual(read("1|[1, 2 ,-3]\n", numbers).rows, [[1, [1, 2, -3]]])
  for (const bad of ["1|[1 2]", "1|[ ]", "1|[1, null]", "1|[1,]"]) {
    assert.deepStrictEqual(read(bad, numbers).rows, [], bad)
  }
})
