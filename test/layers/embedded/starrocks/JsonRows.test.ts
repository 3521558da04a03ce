import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { JsonRows } from "../../../../src/layers/embedded/starrocks/body/JsonRows.ts"
import * as LoadPlan from "../../../../src/layers/embedded/starrocks/plan/LoadPlan.ts"
import { type Columns, RowBuffer } from "../../../../src/layers/embedded/starrocks/plan/RowBuffer.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import type { Cell } from "../../../../src/layers/embedded/starrocks/values/Values.ts"

const plan = (columns: string): LoadPlan.LoadPlan => {
  const create = Result.getOrThrow(
    attempt(`CREATE TABLE t (id BIGINT NOT NULL, ${columns}) PRIMARY KEY (id)`, createTable)
  )
  const table = { ...create, id: 1, database: "d", createdAtMs: 0 }
  return Result.getOrThrow(
    LoadPlan.make(table, { columns: undefined, partialUpdate: false, mergeCondition: undefined, strictMode: true })
  )
}

interface Read {
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly fatal: string | undefined
  readonly filtered: number
}

/** Reads a body that arrives in slices of the given sizes, over and over. */
const read = (
  columns: string,
  body: string | Buffer,
  sizes: ReadonlyArray<number> = [1 << 20],
  strip = false
): Read => {
  const rows: Array<ReadonlyArray<Cell>> = []
  const buffer = new RowBuffer(plan(columns), (appended: Columns) => {
    for (let row = 0; row < appended.count; row++) rows.push(appended.cells.map((cells) => cells[row] ?? null))
  })
  const json = new JsonRows(buffer, strip, 1)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    json.push(Buffer.from(bytes.subarray(from, from + size)))
    from += size
  }
  json.end()
  return { rows, fatal: buffer.fatal, filtered: buffer.filtered }
}

const Value = Schema.Struct({ a: Schema.NullOr(Schema.String), j: Schema.Json })

/** Text that UTF-8 can carry: a lone surrogate is no text, and the server refuses its escape. */
const wellFormed = (json: Schema.Json): Schema.Json => {
  if (typeof json === "string") return json.toWellFormed()
  if (Array.isArray(json)) return json.map(wellFormed)
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toWellFormed(), wellFormed(value)]))
}

it.effect.prop(
  "however a body is sliced, its rows are what JSON.parse reads",
  [Schema.Array(Value), Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })))],
  ([generated, sizes]) =>
    Effect.sync(() => {
      const values = generated.map(({ a, j }) => ({ a: a?.toWellFormed() ?? null, j: wellFormed(j) }))
      const body = values.map((value, id) => JSON.stringify({ id, ...value }, null, id % 3)).join("\n")
      const { fatal, rows } = read("a STRING, j JSON", body, [...sizes, 3])
      assert.isUndefined(fatal)
      assert.strictEqual(rows.length, values.length)
      values.forEach((value, id) => {
        const [key, a, j] = rows[id] ?? []
        assert.strictEqual(key, BigInt(id))
        assert.strictEqual(a, value.a)
        if (value.j === null) assert.isNull(j)
        else assert.deepStrictEqual(JSON.parse(String(j)), JSON.parse(JSON.stringify(value.j)))
      })
    }),
  { arbitrary: { runs: 200 } }
)

it.effect.prop(
  "arbitrary bytes never throw and never hang",
  [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), Schema.Boolean],
  ([bytes, strip]) =>
    Effect.sync(() => {
      const prefix = strip ? "[{\"id\":1,\"a\":" : "{\"id\":1,\"a\":"
      read("a STRING", Buffer.concat([Buffer.from(prefix), Buffer.from(bytes)]), [5], strip)
      read("a STRING", Buffer.from(bytes), [5], strip)
    }),
  { arbitrary: { runs: 500 } }
)

it("finds members whatever their order, and keeps the last of two", () => {
  const { rows } = read(
    "a INT, b INT",
    "{\"id\":1,\"a\":2,\"b\":3}{\"b\":6,\"id\":4,\"a\":5} {\"\\u0061\":8,\"id\":7,\"a\":9}"
  )
  assert.deepStrictEqual(rows, [[1n, 2, 3], [4n, 5, 6], [7n, 9, null]])
})

it("separates documents with anything that is white space or nothing", () => {
  assert.lengthOf(read("a INT", "\r\n {\"id\":1}\t{\"id\":2}{\"id\":3}\n\n").rows, 3)
})

it("refuses JSON that is nearly JSON", () => {
  const bad = [
    "{\"id\":1,}",
    "{\"id\" 1}",
    "{id:1}",
    "{\"id\":1",
    "{\"id\":1}}",
    "{\"id\":1},{\"id\":2}",
    "{\"id\":01}",
    "{\"id\":1.}",
    "{\"id\":1,\"x\":\"\\q\"",
    "{\"id\":1,\"x\":[1}",
    "{\"id\":1,\"x\":{\"a\":\"\\ud800\"}}",
    "{\"id\":1,\"x\":nul}",
    "{\"id\":--1}",
    `{"id":1,"x":${"[".repeat(300)}${"]".repeat(300)}}`
  ]
  for (const body of bad) assert.isDefined(read("a INT", body).fatal, body)
})

it("an outer array has to be closed and separated by commas", () => {
  assert.lengthOf(read("a INT", "[{\"id\":1},\n{\"id\":2}]", [3], true).rows, 2)
  assert.isUndefined(read("a INT", "[]", [1], true).fatal)
  for (const body of ["[{\"id\":1}{\"id\":2}]", "[{\"id\":1},]", "[{\"id\":1}", "[", "{\"id\":1}", "[{\"id\":1}] x"]) {
    assert.isDefined(read("a INT", body, [2], true).fatal, body)
  }
  assert.strictEqual(read("a INT", "[1,{\"id\":1}]", [9], true).filtered, 1)
})
