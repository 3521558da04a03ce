import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Batch } from "../../src/domain/Batch.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import * as ValuePolicy from "../../src/domain/values/ValuePolicy.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Loads from "../../src/streams/Loads.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, ORIGIN } from "../support/Rows.ts"

const ID = { name: "id", oid: 20 }
const N = { name: "n", oid: 20 }
const DOC = { name: "doc", oid: 25 }
const RELATION = Bytes.relation(1, "t", [ID, N, DOC])
const LARGE = "d".repeat(5_000)

/** The mapping with `n` as given. */
const tableWith = (n: Partial<{ nullable: boolean; default: string }>, format: "json" | "csv"): TableMapping => {
  const table = mapping("t", ["id"], { id: "bigint(20)", n: "int(11)", doc: "string" })
  const columns = new Map([...table.targetColumns, ["n", { name: "n", type: "int(11)", nullable: false, ...n }]])
  return { ...table, format, targetColumns: columns, policies: { ...ValuePolicy.DEFAULTS, numericOverflow: "null" } }
}

const tableColumns = (...of: Parameters<typeof tableWith>) => ({ columns: tableWith(...of).targetColumns })

/** Loads of a table whose setup has found `n` NOT NULL, by now as `now` says, with what they ask and what becomes of the rows. */
const world = Effect.fnUntraced(function*(
  format: "json" | "csv",
  now: { columns: TableMapping["targetColumns"] },
  onRejected: "stop" | "divert" = "stop"
) {
  const setup = tableWith({}, format)
  const sent: Array<{ readonly partialUpdate: boolean | undefined; readonly rows: ReadonlyArray<string> }> = []
  const diverted: Array<string | null> = []
  let known: TableMapping | undefined
  let looks = 0
  const loads = yield* Loads.make({
    origin: ORIGIN,
    bytesMax: 1 << 20,
    tableCount: 2,
    truncate: () => Effect.void,
    resolve: (share) =>
      Effect.sync(() => share.answer(new Map(share.questions.map(({ key }): [string, bigint] => [key.id, 1n])))),
    schema: {
      evolve: () => Effect.die(new Error("no table is changed here")),
      check: () => Effect.void,
      trustedAfter: () => Lsn.ZERO,
      exchangedAt: () => Lsn.ZERO,
      current: (before) => known ?? before,
      changes: () => 0,
      look: (before) =>
        Effect.sync(() => {
          looks += 1
          known = { ...before, targetColumns: now.columns }
          return now.columns
        })
    },
    ...(onRejected === "stop"
      ? {}
      : { divert: ({ key }) => Effect.sync(() => void diverted.push(key["id"] ?? null)) }),
    onStopped: () => Effect.void,
    onWaiting: () => Effect.void
  }).pipe(Effect.provideService(
    StreamLoader,
    StreamLoader.of({
      operate: () => Effect.die(new Error("nothing is done in SQL")),
      settled: () => Effect.void,
      load: ({ body, label, partialUpdate, rowCount: loadedRows }) =>
        Effect.sync(() => {
          const text = Buffer.from(body).toString().trimEnd()
          const rows = text.split("\n").map((row) => row.replace(/,"?dbmazz_op_type.*|,\d,(true|false),.*/, ""))
          sent.push({ partialUpdate, rows })
          return { label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 }
        })
    })
  ))
  /** Gives the messages of each transaction as a batch, all of one session. */
  const load = Effect.fnUntraced(function*(...transactions: ReadonlyArray<ReadonlyArray<Buffer>>) {
    const given = transactions.flatMap((messages, index) => [
      Bytes.begin(BigInt(10 + index)),
      ...messages,
      Bytes.commit(BigInt(10 + index), BigInt(100 + index))
    ])
    let batch = new Batch()
    for (const change of decodeAll([setup], [RELATION, ...given], "fail", "stop")) {
      batch.add(change)
      if (change._tag !== "Boundary") continue
      yield* loads.load(batch)
      batch = new Batch()
    }
  })
  return { loads, load, sent, diverted, looks: () => looks }
})

const row = (id: number, n: string | null, doc: Bytes.Cell = "x") => Bytes.insert(1, [String(id), n, doc])

describe("NULL for a column that was NOT NULL when the job began", () => {
  for (const format of ["json", "csv"] as const) {
    it.effect(`is loaded when the column takes it by now, after one look and for all rows to come, as ${format}`, () =>
      Effect.gen(function*() {
        const now = tableColumns({ nullable: true }, format)
        const { load, loads, looks, sent } = yield* world(format, now)
        const narrower = Bytes.relation(1, "t", [ID, N])
        yield* load(
          [row(1, "1"), row(2, null), row(3, null)],
          [row(4, null)],
          // An encoder that is compiled from what the setup has found.
          [narrower, Bytes.insert(1, ["5", null])]
        )
        yield* loads.verdict
        assert.strictEqual(looks(), 1)
        assert.deepStrictEqual(
          sent.flatMap(({ rows }) => rows),
          format === "json"
            ? [
              `{"id":1,"n":1,"doc":"x"`,
              ...[2, 3, 4].map((id) => `{"id":${id},"n":null,"doc":"x"`),
              `{"id":5,"n":null`
            ]
            : ["1,1,\"x\"", ...[2, 3, 4].map((id) => `${id},\\N,"x"`), "5,\\N"]
        )
      }))

    it.effect(`T37 is loaded with a row that leaves a large value out, as ${format}`, () =>
      Effect.gen(function*() {
        const { load, loads, sent } = yield* world(format, tableColumns({ nullable: true }, format))
        yield* load([Bytes.update(1, ["1", "1", LARGE], ["1", null, undefined])])
        yield* loads.verdict
        assert.deepStrictEqual(sent, [{
          partialUpdate: true,
          rows: [format === "json" ? `{"id":1,"n":null` : "1,\\N"]
        }])
      }))

    it.effect(`T22 is looked for once a batch while the column stays as it is, however many rows are diverted, as ${format}`, () =>
      Effect.gen(function*() {
        const now = tableColumns({}, format)
        const { diverted, load, looks, sent } = yield* world(format, now, "divert")
        const ids = Array.from({ length: 100 }, (_, index) => index)
        yield* load(ids.map((id) => row(id, null)), [row(100, "1"), row(101, null)])
        assert.strictEqual(looks(), 2)
        assert.deepStrictEqual(diverted, [...ids, 101].map(String))
        assert.strictEqual(sent.length, 1)
        // Nor is the answer kept longer.
        now.columns = tableColumns({ nullable: true }, format).columns
        yield* load([row(102, null)])
        assert.deepStrictEqual([looks(), sent.length, diverted.length], [3, 2, 101])
      }))
  }

  it.effect("T40 is loaded in the place of a value whose policy asks for it", () =>
    Effect.gen(function*() {
      const { load, loads, looks, sent } = yield* world("json", tableColumns({ nullable: true }, "json"))
      yield* load([row(1, "9999999999"), row(2, null), row(3, "3")])
      yield* loads.verdict
      assert.deepStrictEqual(sent.flatMap(({ rows }) => rows), [
        `{"id":1,"n":null,"doc":"x"`,
        `{"id":2,"n":null,"doc":"x"`,
        `{"id":3,"n":3,"doc":"x"`
      ])
      assert.strictEqual(looks(), 1)
      const still = yield* world("json", tableColumns({}, "json"))
      yield* still.load([row(1, "9999999999")])
      const { message } = yield* Effect.flip(still.loads.verdict)
      assert.include(message, "VALUE_POLICY_NUMERIC_OVERFLOW asks for NULL, which the column cannot hold either")
    }))

  it.effect("goes on where the column has got a default by now", () =>
    Effect.gen(function*() {
      const { load, loads, sent } = yield* world("json", tableColumns({ default: "0" }, "json"))
      yield* load([row(1, null)])
      yield* loads.verdict
      assert.strictEqual(sent.length, 1)
    }))

  it.effect("stops the table by key and column, with the statement, where the column takes none; so it does a key's", () =>
    Effect.gen(function*() {
      const still = yield* world("json", tableColumns({}, "json"))
      yield* still.load([row(1, "1"), row(2, null)])
      const error = yield* Effect.flip(still.loads.verdict)
      assert.deepInclude(error.context, { key: "id=2", column: "n" })
      assert.include(error.remediation, "ALTER TABLE `d`.`t` MODIFY COLUMN `n` INT NULL")
      assert.deepStrictEqual(still.sent.map(({ rows }) => rows.length), [1])

      const { columns } = tableColumns({ nullable: true }, "json")
      const all = new Map([...columns].map(([name, column]) => [name, { ...column, nullable: true }]))
      const key = yield* world("json", { columns: all })
      yield* key.load([Bytes.insert(1, [null, "1", "x"])])
      assert.deepInclude((yield* Effect.flip(key.loads.verdict)).context, { column: "id" })
      assert.deepStrictEqual(key.sent, [])
    }))
})
