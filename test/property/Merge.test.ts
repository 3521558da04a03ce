import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, loadsOf, type ReadLoad, rowsOf } from "../support/Rows.ts"

const TABLE = mapping("t", ["k"], { k: "varchar(20)", a: "varchar(20)", b: "varchar(20)" })
const RELATION = Bytes.relation(1, "t", [{ name: "k", oid: 25 }, { name: "a", oid: 25 }, { name: "b", oid: 25 }])

/** What a program may do to a table of few keys: each number picks an operation, a key and values. */
const Operation = Schema.Struct({
  kind: Schema.Literals(["write", "delete", "move"]),
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
  to: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
  value: Schema.Int,
  keepB: Schema.Boolean
})
type Operation = typeof Operation.Type

/** The WAL of the operations on an empty table: what PostgreSQL would send under REPLICA IDENTITY FULL. */
const history = (operations: ReadonlyArray<Operation>): ReadonlyArray<Buffer> => {
  const rows = new Map<number, readonly [string, string]>()
  const messages: Array<Buffer> = [RELATION]
  let lsn = 100n
  for (const { keepB, key, kind, to, value } of operations) {
    const old = rows.get(key)
    const full = old === undefined ? undefined : [String(key), ...old]
    const target = kind === "move" ? to : key
    messages.push(Bytes.begin(lsn))
    if (kind === "delete" && full !== undefined) {
      rows.delete(key)
      messages.push(Bytes.remove(1, full))
    } else if (kind === "write" && full === undefined) {
      rows.set(key, [`a${value}`, `b${value}`])
      messages.push(Bytes.insert(1, [String(key), `a${value}`, `b${value}`]))
    } else if (full !== undefined && (target === key || !rows.has(target))) {
      const after = [`a${value}`, keepB ? old![1] : `b${value}`] as const
      rows.delete(key)
      rows.set(target, after)
      // A TOASTed column that did not change is left out of the new row.
      messages.push(Bytes.update(1, full, [String(target), after[0], keepB ? undefined : after[1]]))
    }
    messages.push(Bytes.commit(lsn, lsn + 10n))
    lsn += 10n
  }
  return messages
}

/** The sink: an upsert replaces the row, whatever was there. */
const replay = (loads: ReadonlyArray<ReadLoad>): Map<unknown, unknown> => {
  const table = new Map<unknown, unknown>()
  for (const load of loads) for (const row of load.rows) table.set(row["k"], row)
  return table
}

const Operations = Schema.Array(Operation)
const Format = Schema.Literals(LoadFormat.FORMATS)

describe("Merging a batch", () => {
  it.effect.prop(
    "T38 T56 leaves the sink as loading row by row would, each key once a load",
    [Operations, Format],
    ([operations, format]) =>
      Effect.sync(() => {
        const changes = rowsOf(decodeAll([{ ...TABLE, format }], history(operations)))
        if (changes.length === 0) return
        const together = Result.getOrThrow(loadsOf(changes))
        const oneByOne = changes.flatMap((change) => Result.getOrThrow(loadsOf([change])))
        assert.deepStrictEqual(replay(together), replay(oneByOne))
        for (const load of together) {
          assert.strictEqual(new Set(load.rows.map((row) => row["k"])).size, load.rows.length)
          assert.strictEqual(load.rowCount, load.rows.length)
        }
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "T63 parts of any size hold the same rows in the same order, and no two loads share a label",
    [Operations, Format, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_000 }))],
    ([operations, format, bytesMax]) =>
      Effect.sync(() => {
        const changes = rowsOf(decodeAll([{ ...TABLE, format }], history(operations)))
        if (changes.length === 0) return
        const whole = Result.getOrThrow(loadsOf(changes))
        const parts = Result.getOrThrow(loadsOf(changes, bytesMax))
        assert.strictEqual(parts.map((part) => part.text).join(""), whole[0]!.text)
        const labels = [...parts, ...changes.flatMap((change) => Result.getOrThrow(loadsOf([change])))]
          .map((load) => [load.label, load.text] as const)
        // The same label only ever stands for the same rows.
        const byLabel = new Map(labels)
        for (const [label, text] of labels) assert.strictEqual(byLabel.get(label), text)
        assert.strictEqual(new Set(parts.map((part) => part.label)).size, parts.length)
        for (const [label] of labels) assert.match(label, /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/)
      }),
    { arbitrary: { runs: 300 } }
  )
})
