/** What the file keeps as JSON, and what is said when it is not what this version wrote. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Table from "../../../../src/layers/embedded/starrocks/catalogue/Table.ts"
import * as TableDefinition from "../../../../src/layers/embedded/starrocks/catalogue/TableDefinition.ts"
import * as LoadReply from "../../../../src/layers/embedded/starrocks/load/LoadReply.ts"
import * as PreparedPart from "../../../../src/layers/embedded/starrocks/transactions/PreparedPart.ts"
import type { ColumnType } from "../../../../src/layers/embedded/starrocks/values/ColumnType.ts"

const types: ReadonlyArray<ColumnType> = [
  { kind: "LARGEINT" },
  { kind: "DATETIME" },
  { kind: "DECIMAL", precision: 38, scale: 10 },
  { kind: "VARCHAR", bytes: 65_533 },
  { kind: "ARRAY", element: { kind: "MAP", key: { kind: "INT" }, value: { kind: "JSON" } } },
  { kind: "STRUCT", members: [{ name: "a b", type: { kind: "ARRAY", element: { kind: "CHAR", bytes: 1 } } }] }
]

const defaults: ReadonlyArray<Table.Default> = [
  { kind: "none" },
  { kind: "now" },
  { kind: "constant", text: null },
  { kind: "constant", text: "\"x'\\" }
]

const table: Table.Table = {
  id: 10_001,
  database: "d",
  name: "t",
  model: "PRI_KEYS",
  columns: types.map((type, index) => ({
    name: `c${index}`,
    type,
    nullable: index % 2 === 0,
    key: index === 0,
    default: defaults[index % defaults.length] ?? { kind: "none" },
    comment: "ä"
  })),
  distribution: ["c0"],
  buckets: 3,
  orderBy: [],
  comment: "",
  properties: { replication_num: "1" },
  createdAtMs: 1_795_000_000_000
}

it.effect("a table's definition is read as it was written, whatever its types and defaults are", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* TableDefinition.read(TableDefinition.written(table)), table)
  }))

it.effect("a text that is no definition is refused with the place that is wrong", () =>
  Effect.gen(function*() {
    const wrong = { ...table, columns: [{ ...table.columns[0], type: { kind: "ARRAY", element: { kind: "TEXT" } } }] }
    for (const text of ["", "{", "[]", JSON.stringify(wrong)]) {
      const error = yield* Effect.flip(TableDefinition.read(text))
      assert.match(error.message, /^a table's definition cannot be read: /)
    }
  }))

it.effect("what is kept of a prepared transaction is read as it was written, and nothing else is", () =>
  Effect.gen(function*() {
    const part = { tableName: "t", tableId: 1, columns: ["id"], partial: false, staged: "s.t1_0", deletes: 2 }
    const parts = [part, { ...part, mergeCondition: "n" }]
    assert.deepStrictEqual(yield* PreparedPart.readParts(JSON.stringify(parts)), parts)
    const progress = { ...LoadReply.progress(), loaded: 3, readMs: 0.25 }
    assert.deepStrictEqual(yield* PreparedPart.readProgress(JSON.stringify(progress)), progress)
    const malformed = [
      yield* Effect.flip(PreparedPart.readParts("[{}]")),
      yield* Effect.flip(PreparedPart.readProgress("{\"txnId\":\"1\"}"))
    ]
    for (const error of malformed) assert.match(error.message, /^a prepared transaction cannot be read: /)
  }))
