import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonPaths from "../../../../src/layers/embedded/starrocks/body/JsonPaths.ts"
import { JsonRows } from "../../../../src/layers/embedded/starrocks/body/JsonRows.ts"
import * as LoadPlan from "../../../../src/layers/embedded/starrocks/plan/LoadPlan.ts"
import { type Columns, RowBuffer } from "../../../../src/layers/embedded/starrocks/plan/RowBuffer.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import type { Cell } from "../../../../src/layers/embedded/starrocks/values/Values.ts"

interface Options {
  readonly paths?: ReadonlyArray<string>
  readonly root?: string
  readonly strip?: boolean
  readonly columns?: string
  readonly header?: string
  readonly sizes?: ReadonlyArray<number>
}

interface Read {
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly operations: ReadonlyArray<number>
  readonly fatal: string | undefined
  readonly errors: ReadonlyArray<string>
}

const read = (body: string, options: Options = {}): Read => {
  const { columns = "a STRING, j JSON", header, paths, root, sizes = [1 << 20], strip = false } = options
  const create = Result.getOrThrow(
    attempt(`CREATE TABLE t (id BIGINT NOT NULL, ${columns}) PRIMARY KEY (id)`, createTable)
  )
  const plan = Result.getOrThrow(LoadPlan.make(
    { ...create, id: 1, database: "d", createdAtMs: 0 },
    { columns: header, partialUpdate: false, mergeCondition: undefined, strictMode: true }
  ))
  const rows: Array<ReadonlyArray<Cell>> = []
  const operations: Array<number> = []
  const buffer = new RowBuffer(plan, (appended: Columns) => {
    for (let row = 0; row < appended.count; row++) rows.push(appended.cells.map((cells) => cells[row] ?? null))
    operations.push(...appended.operations)
  })
  const json = new JsonRows(buffer, strip, 1, {
    paths: paths === undefined ? undefined : Result.getOrThrow(JsonPaths.paths(JSON.stringify(paths))),
    root: root === undefined ? undefined : Result.getOrThrow(JsonPaths.root(root))
  })
  const bytes = Buffer.from(body)
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    json.push(Buffer.from(bytes.subarray(from, from + size)))
    from += size
  }
  json.end()
  return { rows, operations, fatal: buffer.fatal, errors: buffer.errors }
}

const parsed = (text: string) =>
  JsonPaths.path(text).pipe(Result.match({ onFailure: (message) => message, onSuccess: (steps) => steps }))

it("parses members, quoted members and elements, and refuses every other path by name", () => {
  const step = (member: string, element?: number) => ({ member, element })
  assert.deepStrictEqual(parsed("$"), [])
  assert.deepStrictEqual(parsed("$.a.b c.Ä"), [step("a"), step("b c"), step("Ä")])
  assert.deepStrictEqual(parsed("$.list[0].x[12]"), [step("list", 0), step("x", 12)])
  assert.deepStrictEqual(parsed("$.\"a.b\".c"), [step("a.b"), step("c")])
  assert.deepStrictEqual(parsed("$.\"a.b[1]\""), [step("a.b", 1)])
  for (
    const bad of [
      "",
      "a",
      "a.b",
      "$a",
      "$[0]",
      "$.",
      "$..a",
      "$.a[",
      "$.a[x]",
      "$.a[-1]",
      "$.a[0][1]",
      "$.\"a",
      "$.\\q"
    ]
  ) {
    assert.strictEqual(parsed(bad), `Invalid json path: ${bad}`)
  }
  for (const wild of ["$.*", "$.a.*", "$.a[*]"]) {
    assert.match(JSON.stringify(parsed(wild)), /does not know the wildcard/)
  }
})

it("paths feed the columns by position; what is missing or null is NULL", () => {
  const body = "{\"k\":{\"id\":1},\"x.y\":\"p\",\"l\":[0,{\"z\":[true]}]}\n{\"k\":{\"id\":2},\"x.y\":null,\"l\":[]}"
  const paths = ["$.k.id", "$.\"x.y\"", "$.l[1].z"]
  const { errors, fatal, rows } = read(body, { paths })
  assert.isUndefined(fatal)
  assert.deepStrictEqual(errors, [])
  assert.deepStrictEqual(rows, [[1n, "p", "[true]"], [2n, null, null]])
  assert.deepStrictEqual(read("{\"id\":7,\"q\":\"\\u00e4\"}", { paths: ["$.id", "$.q"] }).rows, [[7n, "ä", null]])
  assert.deepStrictEqual(read("{\"id\":7, \"a\":1}", { paths: ["$.id", "$.Id", "$"] }).rows, [[
    7n,
    null,
    "{\"id\":7,\"a\":1}"
  ]])
  assert.deepStrictEqual(
    read("{\"n\":7,\"m\":\"v\"}", { paths: ["$.m", "$.n"], header: "a,id" }).rows,
    [[7n, "v", null]]
  )
  assert.deepStrictEqual(read("{\"id\":{\"b\":1},\"a\":{\"b\":2}}", { paths: ["$.id.b", "$.a.b.c"] }).rows, [[
    1n,
    null,
    null
  ]])
})

it("an element of something that is no array filters the row", () => {
  const { errors, rows } = read("{\"id\":1,\"l\":{}}{\"id\":2,\"l\":null}{\"id\":3}", { paths: ["$.id", "$.l[0]"] })
  assert.deepStrictEqual(rows, [[3n, null, null]])
  assert.lengthOf(errors, 2)
  assert.include(errors[0] ?? "", "failed to access field as array, field: l")
})

it("__op comes behind the columns, and a member of that name that no path maps filters its row", () => {
  const paths = ["$.id", "$.a", "$.j", "$.__op"]
  const mapped = read("{\"id\":1,\"__op\":1}{\"id\":2,\"__op\":\"upsert\"}{\"id\":3}{\"id\":4,\"__op\":null}", {
    paths
  })
  assert.deepStrictEqual(mapped.operations, [1, 0, 0, 0])
  const named = read("{\"id\":1,\"o\":\"delete\"}", { paths: ["$.o", "$.id"], header: "__op,id" })
  assert.deepStrictEqual(named.operations, [1])
  const unmapped = read("{\"id\":1,\"__op\":1}{\"id\":2}", { paths: ["$.id"] })
  assert.deepStrictEqual(unmapped.rows, [[2n, null, null]])
  assert.include(unmapped.errors[0] ?? "", "member __op is not among the jsonpaths")
})

it("json_root is the row, or with strip_outer_array the rows; an outer array is opened by itself", () => {
  const root = "$.x.y"
  const object = "{\"x\":{\"y\":{\"id\":1,\"a\":\"p\"}}}"
  const array = "{\"x\":{\"y\":[{\"id\":1},{\"id\":2,\"a\":\"q\"}]}}"
  assert.deepStrictEqual(read(`${object}\n${object}`, { root }).rows, [[1n, "p", null], [1n, "p", null]])
  assert.deepStrictEqual(read(`[${object},${object}]`, { root }).rows, [[1n, "p", null], [1n, "p", null]])
  assert.deepStrictEqual(read(`${array} ${array}`, { root, strip: true }).rows.map(([id]) => id), [1n, 2n, 1n, 2n])
  assert.deepStrictEqual(read(`[${array}]`, { root, strip: true, sizes: [1] }).rows, [[1n, null, null], [
    2n,
    "q",
    null
  ]])
  assert.deepStrictEqual(read(array, { root, strip: true, paths: ["$.id"] }).rows, [[1n, null, null], [2n, null, null]])
  assert.deepStrictEqual(read("{\"x\":{\"y\":[]}}", { root, strip: true }).rows, [])
  const cases: ReadonlyArray<readonly [string, boolean, RegExp]> = [
    ["{\"x\":1}", false, /unable to find the key/],
    ["{\"x\":{\"y\":null}}", false, /unable to find the key/],
    [array, false, /should be object type in json document stream with json root/],
    [object, true, /should be array type with strip_outer_array=true/],
    ["{\"x\":{\"y\":[1]}}", true, /should be object type in expanded/],
    ["{\"x\":{\"y\":{\"id\":1}}", false, /Unrecognized json format/],
    ["{\"x\":{\"y\":{\"id\":1,\"a\":\"\\q\"}}}", false, /Unrecognized json format/],
    ["1", false, /illegal json started with 1/]
  ]
  for (const [body, strip, expected] of cases) assert.match(read(body, { root, strip }).fatal ?? "", expected, body)
})

const Value = Schema.Struct({ id: Schema.Int, a: Schema.NullOr(Schema.String), j: Schema.Json })

const wellFormed = (json: Schema.Json): Schema.Json => {
  if (typeof json === "string") return json.toWellFormed()
  if (Array.isArray(json)) return json.map(wellFormed)
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toWellFormed(), wellFormed(value)]))
}

it.effect.prop(
  "a document read by paths under a root gives what JSON.parse gives, however it is sliced",
  [Schema.Array(Value), Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })))],
  ([generated, sizes]) =>
    Effect.sync(() => {
      const values = generated.map(({ a, id, j }) => ({ id, a: a?.toWellFormed() ?? null, j: wellFormed(j) }))
      const body = JSON.stringify({
        r: [0, { rows: values.map(({ a, id, j }) => ({ k: [id], "b.c": { d: a }, v: j })) }]
      })
      const { errors, fatal, rows } = read(body, {
        root: "$.r[1].rows",
        strip: true,
        paths: ["$.k[0]", "$.\"b.c\".d", "$.v"],
        sizes: [...sizes, 3]
      })
      assert.isUndefined(fatal)
      assert.deepStrictEqual(errors, [])
      assert.strictEqual(rows.length, values.length)
      values.forEach((value, index) => {
        const [id, a, j] = rows[index] ?? []
        assert.strictEqual(id, BigInt(value.id))
        assert.strictEqual(a, value.a)
        if (value.j === null) assert.isNull(j)
        else assert.deepStrictEqual(JSON.parse(String(j)), JSON.parse(JSON.stringify(value.j)))
      })
    }),
  { arbitrary: { runs: 200 } }
)

it.effect.prop(
  "arbitrary bytes under paths and roots never throw and never hang",
  [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), Schema.Boolean],
  ([bytes, strip]) =>
    Effect.sync(() => {
      const text = bytes.map((byte) => "{}[],:\"\\ar01nt\u00e4 "[byte % 17] ?? "").join("")
      for (const body of [text, `{"a":${text}`, `{"a":[{"id":1,"b":${text}}]}`]) {
        read(body, { root: "$.a", strip, paths: ["$.id", "$.b[0].a", "$"], sizes: [5] })
      }
    }),
  { arbitrary: { runs: 500 } }
)
