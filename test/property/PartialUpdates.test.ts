import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RowChange } from "../../src/domain/Change.ts"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import type * as KeyLookup from "../../src/domain/rows/KeyLookup.ts"
import * as Omission from "../../src/domain/rows/Omission.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, loadsOf, type ReadLoad, rowsOf } from "../support/Rows.ts"

const NAMES = ["k", "a", "b", "c"] as const
type Row = readonly [a: string | null, b: string | null, c: string | null]
type Identity = "full" | "keep"

const KEYS = 4
/** Another key, for swaps. */
const SPARE = KEYS

/** One transaction on a table of few keys. `keep*`: the update leaves the column as it is. */
const Operation = Schema.Struct({
  kind: Schema.Literals(["write", "write", "delete", "move", "swap"]),
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: KEYS - 1 })),
  to: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: KEYS - 1 })),
  value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 })),
  keepB: Schema.Boolean,
  keepC: Schema.Boolean
})
type Operation = typeof Operation.Type

const Plan = Schema.Struct({
  /** Rows that are older than the slot: StarRocks has those of `known`. */
  older: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: KEYS - 1 }))),
  known: Schema.Boolean,
  operations: Schema.Array(Operation),
  /** Changes of each batch, over and over. */
  cuts: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))),
  cutsAgain: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))),
  /** Loads after which the program dies, to begin again at the first change. */
  diesAfter: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })),
  /** Of the first run, and of the next. */
  formats: Schema.Tuple([Schema.Literals(LoadFormat.FORMATS), Schema.Literals(LoadFormat.FORMATS)]),
  bytesMin: Schema.Literals([1, 40])
})
type Plan = typeof Plan.Type

/**
 * A TOASTed value: short or long, so that some are worth a partial update under any threshold, and some that JSON alone says.
 */
const valueOf = (name: string, value: number): string | null =>
  value % 10 === 0 ? null : value % 11 === 0 ? "\\N" : `${name}${value}${"-".repeat(value % 3 === 0 ? 50 : 0)}`

const OLDER = (key: number): Row => [`old${key}`, `b-old${key}${"+".repeat(50)}`, `c-old${key}`]

const tableOf = (identity: Identity, format: LoadFormat.LoadFormat) => ({
  ...mapping("t", ["k"], { k: "varchar(20)", a: "varchar(99)", b: "varchar(99)", c: "varchar(99)" }),
  identity,
  format
})
const relationOf = (identity: Identity) =>
  Bytes.relation(
    1,
    "t",
    NAMES.map((name) => ({ name, oid: 25, key: identity === "full" || name === "k" })),
    "public",
    identity === "full" ? "f" : "d"
  )

/** What PostgreSQL sends for the operations, and the rows after each transaction. */
const history = ({ older, operations }: Plan, identity: Identity) => {
  const rows = new Map<number, Row>(older.map((key) => [key, OLDER(key)]))
  /** The values that each deleted key had last. */
  const gone = new Map<number, Row>()
  const messages: Array<Buffer> = [relationOf(identity)]
  const after = new Map<bigint, ReadonlyMap<number, Row>>()
  /** A row got another key and left a value out. */
  let movesUnchanged = false
  let lsn = 100n
  const oldOf = (key: number, row: Row) => identity === "full" ? [String(key), ...row] : [String(key), null, null, null]
  const marker = identity === "full" ? "O" : "K"
  const update = (key: number, to: number, row: Row) => {
    const before = rows.get(key)!
    rows.delete(key)
    rows.set(to, row)
    if (to !== key) gone.set(key, before)
    gone.delete(to)
    const sent = row.map((value, index) => index > 0 && value !== null && value === before[index] ? undefined : value)
    movesUnchanged ||= to !== key && sent.includes(undefined)
    const old = identity === "full" || to !== key ? oldOf(key, before) : undefined
    messages.push(Bytes.update(1, old, [String(to), ...sent], marker))
  }
  const changed = ({ keepB, keepC, value }: Operation, before: Row): Row => [
    `a${value}`,
    keepB ? before[1] : valueOf("b", value),
    keepC ? before[2] : valueOf("c", value)
  ]
  for (const operation of operations) {
    const { key, kind, to, value } = operation
    const before = rows.get(key)
    const other = rows.get(to)
    messages.push(Bytes.begin(lsn))
    if (before === undefined) {
      rows.set(key, [`a${value}`, valueOf("b", value), valueOf("c", value)])
      gone.delete(key)
      messages.push(Bytes.insert(1, [String(key), ...rows.get(key)!]))
    } else if (kind === "delete") {
      rows.delete(key)
      gone.set(key, before)
      messages.push(Bytes.remove(1, oldOf(key, before), marker))
    } else if (kind === "swap" && other !== undefined && to !== key) {
      update(key, SPARE, changed(operation, before))
      update(to, key, other)
      update(SPARE, to, rows.get(SPARE)!)
    } else if (kind === "move" && other === undefined) {
      update(key, to, changed(operation, before))
    } else update(key, key, changed(operation, before))
    messages.push(Bytes.commit(lsn, lsn + 10n))
    after.set(lsn, new Map(rows))
    lsn += 10n
  }
  return { rows, gone, messages, after, movesUnchanged }
}

type SinkRow = Readonly<Record<string, unknown>>

/** StarRocks, as far as whole and partial loads go. */
class Sink {
  readonly rows = new Map<string, SinkRow>()
  bytes = 0

  load({ columns, partialUpdate, rows, text }: ReadLoad): void {
    this.bytes += text.length
    const named = columns?.replaceAll("`", "").split(",")
    for (const row of rows) {
      const key = String(row["k"])
      if (partialUpdate === true) {
        // Every row of a partial load has exactly the columns that the load names.
        assert.deepStrictEqual(Object.keys(row).toSorted(), named?.toSorted())
        this.rows.set(key, { a: null, b: null, c: null, ...this.rows.get(key), ...row })
      } else {
        assert.sameMembers(NAMES.filter((name) => name in row), [...NAMES])
        this.rows.set(key, { ...row })
      }
    }
  }

  answer(questions: ReadonlyArray<Omission.Question>): KeyLookup.Versions {
    return new Map(questions.flatMap(({ key }) => {
      const row = this.rows.get(key.literals[0]!.slice(1, -1))
      const version = row?.["dbmazz_cdc_version"]
      return row === undefined ? [] : [[key.id, version === null ? null : BigInt(Number(version))] as const]
    }))
  }

  values(key: number): Row | undefined {
    const row = this.rows.get(String(key))
    return row === undefined ? undefined : [row["a"], row["b"], row["c"]] as unknown as Row
  }

  isLive(key: number): boolean {
    return this.rows.get(String(key))?.["dbmazz_is_deleted"] === false
  }
}

/** The changes, as the first run and the next one read them. */
type Runs = readonly [ReadonlyArray<RowChange>, ReadonlyArray<RowChange>]

const batchesOf = (changes: ReadonlyArray<RowChange>, cuts: ReadonlyArray<number>): Array<Array<RowChange>> => {
  const batches: Array<Array<RowChange>> = []
  for (let from = 0, turn = 0; from < changes.length; turn++) {
    const size = cuts[turn % cuts.length]!
    batches.push(changes.slice(from, from + size))
    from += size
  }
  return batches
}

/** Loads all changes, dying on the way and beginning again; gives what stopped the table. */
const replicate = (
  plan: Plan,
  [first, again]: Runs,
  sink: Sink,
  onBatch: (batch: ReadonlyArray<RowChange>, changes: ReadonlyArray<RowChange>) => void = () => {}
): string | undefined => {
  let left = plan.diesAfter
  for (const [changes, cuts, dies] of [[first, plan.cuts, true], [again, plan.cutsAgain, false]] as const) {
    for (const batch of batchesOf(changes, cuts)) {
      const answer = (questions: ReadonlyArray<Omission.Question>) => sink.answer(questions)
      const loads = loadsOf(batch, { partialBytesMin: plan.bytesMin, answer })
      if (Result.isFailure(loads)) return loads.failure.code
      for (const load of loads.success) {
        if (dies && left-- <= 0) break
        sink.load(load)
      }
      if (dies && left < 0) break
      onBatch(batch, changes)
    }
  }
  return undefined
}

const prepare = (plan: Plan, identity: Identity) => {
  const source = history(plan, identity)
  const sink = new Sink()
  if (plan.known) {
    for (const key of plan.older) {
      const [a, b, c] = OLDER(key)
      const audit = { dbmazz_is_deleted: false, dbmazz_cdc_version: identity === "full" ? 1 : null }
      sink.rows.set(String(key), { k: String(key), a, b, c, ...audit })
    }
  }
  const runOf = (format: LoadFormat.LoadFormat) => rowsOf(decodeAll([tableOf(identity, format)], source.messages))
  const runs: Runs = [runOf(plan.formats[0]), runOf(plan.formats[1])]
  return { source, sink, runs }
}

const expectEqual = ({ gone, rows }: ReturnType<typeof history>, sink: Sink, touched: ReadonlySet<string>): void => {
  for (const [key, row] of rows) {
    if (!touched.has(String(key))) continue
    assert.deepStrictEqual(sink.values(key), row, `key ${key}`)
    assert.isTrue(sink.isLive(key), `key ${key}`)
  }
  for (const [key, row] of gone) {
    assert.isFalse(sink.isLive(key), `key ${key} is gone`)
    assert.deepStrictEqual(sink.values(key), row, `key ${key} keeps its values`)
  }
}

const keysOf = (changes: ReadonlyArray<RowChange>): ReadonlySet<string> =>
  new Set(
    changes.flatMap(({ bytes, newTuple, oldTuple, route }) =>
      newTuple < 0 ? [] : [String(route.encoder.keys.of(bytes, newTuple, oldTuple))]
    )
  )

describe("Rows with less than everything", () => {
  it.effect.prop(
    "T37 T38 T39 T56 T67 under FULL every cell is the source's, whatever StarRocks had, how batches are cut and when the program dies",
    [Plan],
    ([plan]) =>
      Effect.sync(() => {
        const { runs, sink, source } = prepare(plan, "full")
        const stopped = replicate(plan, runs, sink, (batch, changes) => {
          // Also on the way: no row is a mixture of two of its versions.
          const { after } = source
          const commit = batch.at(-1)!.transaction.commitLsn
          const isWhole = changes.every((change) =>
            change.transaction.commitLsn !== commit || batch.includes(change)
          ) ||
            batch.at(-1) === changes.findLast((change) => change.transaction.commitLsn === commit)
          if (!isWhole) return
          for (const key of keysOf(batch)) {
            const row = after.get(commit)?.get(Number(key))
            if (row !== undefined) assert.deepStrictEqual(sink.values(Number(key)), row, `key ${key} at ${commit}`)
          }
        })
        assert.isUndefined(stopped)
        expectEqual(source, sink, keysOf(runs[0]))
      }),
    { arbitrary: { runs: 1_500 } }
  )

  it.effect.prop(
    "T37 T39 T57 with key-only old rows every cell is the source's, or the table stops because a value is nowhere",
    [Plan],
    ([plan]) =>
      Effect.sync(() => {
        const { runs, sink, source } = prepare(plan, "keep")
        const stopped = replicate(plan, runs, sink)
        if (stopped === undefined) {
          // A deleted row's values may be nowhere, as those of every other: then it is its mark that counts.
          const gone = plan.known && !source.movesUnchanged ? source.gone : new Map<number, Row>()
          for (const key of source.gone.keys()) assert.isFalse(sink.isLive(key), `key ${key} is gone`)
          expectEqual({ ...source, gone }, sink, keysOf(runs[0]))
        } else {
          assert.strictEqual(stopped, "TOAST_VALUE_UNKNOWN")
          assert.isTrue(source.movesUnchanged || (!plan.known && plan.older.length > 0))
        }
      }),
    { arbitrary: { runs: 1_500 } }
  )
})
