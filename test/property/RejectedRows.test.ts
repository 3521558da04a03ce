import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type * as RejectedRow from "../../src/domain/RejectedRow.ts"
import { TableLoads } from "../../src/domain/TableLoads.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, ORIGIN, rowsOf, SYNCED_AT } from "../support/Rows.ts"

const KEYS = 60
const TABLE = mapping("t", ["k"], { k: "bigint(20)", v: "varchar(4)" })
const RELATION = Bytes.relation(1, "t", [{ name: "k", oid: 20 }, { name: "v", oid: 25 }])

const REFUSED = new PermanentError({
  code: "SR_REJECTED_ROWS",
  message: "refused",
  remediation: "widen",
  context: { column: "v", reason: "why" }
})

/**
 * What the last transaction of a key did: a row whose value the sink refuses holds `bad`; `too long` the encoder refuses, and
 * `\N` goes as JSON lines whatever the format.
 */
const Operation = Schema.Struct({
  kind: Schema.Literals(["insert", "update", "delete", "move"]),
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: KEYS - 1 })),
  value: Schema.Literals(["ok", "ok", "ok", "\\N", "bad", "too long"])
})

/** The WAL of these operations; each is about keys of its own or later than the one before. */
const history = (operations: ReadonlyArray<typeof Operation.Type>, format: LoadFormat.LoadFormat) => {
  const messages = operations.flatMap(({ key, kind, value }, index) => {
    const row = [String(key), value]
    const body = kind === "insert"
      ? Bytes.insert(1, row)
      : kind === "delete"
      ? Bytes.remove(1, row)
      : Bytes.update(1, [String(key), "ok"], kind === "move" ? [String(key + KEYS), value] : row)
    return [Bytes.begin(BigInt(index + 1)), body, Bytes.commit(BigInt(index + 1), BigInt(index + 2))]
  })
  return rowsOf(decodeAll([{ ...TABLE, format }], [RELATION, ...messages]))
}

interface Row {
  readonly k: number
  readonly v: string
  readonly dbmazz_is_deleted: boolean
}

const membersOf = (line: string): Row => JSON.parse(line) as Row

const fieldsOf = (line: string): Row => {
  const [k, v = "", , deleted] = line.split(",")
  return { k: Number(k), v: v === "\\N" ? "NULL" : v.replaceAll("\"", ""), dbmazz_is_deleted: deleted === "true" }
}

/** Loads into a sink that refuses `bad`, and has no memory for loads of more than `rowsMax` rows. */
const load = (
  operations: ReadonlyArray<typeof Operation.Type>,
  format: LoadFormat.LoadFormat,
  bytesMax: number,
  rowsMax: number
) => {
  const loads = new TableLoads(history(operations, format), new ByteWriter(16), {
    origin: ORIGIN,
    trustedAfter: Lsn.ZERO,
    syncedAt: SYNCED_AT,
    bytesMax
  })
  const sink = new Map<number, string>()
  const bodies = new Map<string, string>()
  const diverted: Array<RejectedRow.RejectedRow> = []
  const refused = (error: PermanentError): void => {
    const row = loads.refused(error)
    if (row !== undefined) diverted.push(row)
  }
  while (true) {
    const request = loads.next()
    if (Result.isFailure(request)) {
      refused(request.failure)
      continue
    }
    if (request.success === undefined) return { sink, bodies, diverted }
    if (request.success.rowCount > rowsMax) {
      loads.halve()
      continue
    }
    const body = Buffer.from(request.success.body).toString()
    // A label must never name other bytes.
    assert.strictEqual(bodies.get(request.success.label) ?? body, body)
    bodies.set(request.success.label, body)
    if (body.includes("\"bad\"")) {
      refused(REFUSED)
      continue
    }
    for (const line of body.trimEnd().split("\n")) {
      const { dbmazz_is_deleted, k, v } = request.success.format === "csv" ? fieldsOf(line) : membersOf(line)
      sink.set(k, dbmazz_is_deleted ? "deleted" : v)
    }
  }
}

/** By key, how its last change ends: in the sink, or refused. */
const expected = (operations: ReadonlyArray<typeof Operation.Type>) => {
  const ends = new Map<number, string>()
  for (const { key, kind, value } of operations) {
    if (kind === "move") ends.set(key, "deleted")
    ends.set(kind === "move" ? key + KEYS : key, kind === "delete" ? "deleted" : value)
  }
  return ends
}

describe("Rows that StarRocks cannot hold, left out of their loads", () => {
  it.effect.prop(
    "T20 T38 T56 exactly those are diverted, every other one and every delete arrives, and a label names the same bytes each time",
    [
      Schema.Array(Operation),
      Schema.Literals([1, 200, 1 << 20]),
      Schema.Literals([1, 5, KEYS * 2]),
      Schema.Literals(LoadFormat.FORMATS)
    ],
    ([operations, bytesMax, rowsMax, format]) =>
      Effect.sync(() => {
        if (operations.length === 0) return
        const { bodies, diverted, sink } = load(operations, format, bytesMax, rowsMax)
        const ends = expected(operations)
        const good = [...ends].filter(([, end]) => end !== "bad" && end !== "too long")
        const bad = [...ends].filter(([, end]) => end === "bad" || end === "too long")
        const byKey = (rows: Iterable<readonly [number, unknown]>) => [...rows].toSorted(([a], [b]) => a - b)
        assert.deepStrictEqual(byKey(sink), byKey(good))
        assert.deepStrictEqual(
          byKey(diverted.map((row) => [Number(row.key["k"]), row.values()?.["v"]] as const)),
          byKey(bad)
        )
        const codes = { bad: "SR_REJECTED_ROWS", "too long": "VALUE_UNREPRESENTABLE" } as const
        for (const { key, refusal } of diverted) {
          const end = ends.get(Number(key["k"]))
          assert.strictEqual(refusal.code, end === "bad" ? codes.bad : codes["too long"])
        }
        const names = diverted.map(({ operation, position }) =>
          `${position.commitLsn} ${position.ordinal} ${operation}`
        )
        assert.strictEqual(new Set(names).size, names.length)
        assert.deepStrictEqual(load(operations, format, bytesMax, rowsMax).bodies, bodies)
      }),
    { arbitrary: { runs: 300 } }
  )
})
