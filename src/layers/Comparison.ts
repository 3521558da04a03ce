/**
 * Compares every column of every row of a source table with the live rows of its target, and its soft-deleted rows with
 * the rows that are gone. Both sides are read in key order, a page at a time, and merged.
 *
 * It opens a transaction on `PostgresSql`, so give it a connection of its own.
 */
import * as Effect from "effect/Effect"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { SrSqlError } from "../domain/errors/SrSqlError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as ComparedRows from "./ComparedRows.ts"
import { PostgresSql } from "./PostgresSql.ts"
import { StarRocksSql } from "./StarRocksSql.ts"

export type Failure = PgSqlError | SrSqlError | TransientError | SetupError

/**
 * `missing`: not in the sink. `unexpected`: live in the sink, gone from the source. `deleted`: soft-deleted in the
 * sink, alive in the source. `different`: the columns named have other values.
 */
export type Problem = "missing" | "unexpected" | "deleted" | "different"

export interface Difference {
  /** The key's columns and their values. */
  readonly key: Readonly<Record<string, string>>
  readonly problem: Problem
  readonly columns: ReadonlyArray<string>
}

export interface TableComparison {
  readonly table: string
  readonly source: number
  /** Live rows of the sink. */
  readonly sink: number
  /** Soft-deleted rows of the sink whose key is gone from the source. */
  readonly deleted: number
  readonly different: number
  /** The first of the differences. */
  readonly examples: ReadonlyArray<Difference>
}

/** Keys shown; a person needs a few to see the pattern. */
const EXAMPLES_MAX = 10
/** Differences that are looked at again; with more, waiting is not what is missing. */
const RECHECKS_MAX = 1_000
/** How long to wait before looking again. */
const RECHECK_MS = 500

/** What is wrong with one key; undefined when nothing is. */
const judge = (
  pair: ComparedRows.Pair,
  source: ComparedRows.ComparedRow | undefined,
  target: ComparedRows.ComparedRow | undefined
): Omit<Difference, "key"> | undefined => {
  if (source === undefined) {
    return target === undefined || target.deleted
      ? undefined
      : { problem: "unexpected", columns: [] }
  }
  if (target === undefined) return { problem: "missing", columns: [] }
  if (target.deleted) return { problem: "deleted", columns: [] }
  const columns = pair.columns.filter((_, index) => source.values[index] !== target.values[index]).map((column) =>
    column.name
  )
  return columns.length === 0 ? undefined : { problem: "different", columns }
}

interface Found {
  readonly key: ReadonlyArray<string>
  readonly difference: Difference
}

const found = (
  pair: ComparedRows.Pair,
  source: ComparedRows.ComparedRow | undefined,
  target: ComparedRows.ComparedRow | undefined
): Found | undefined => {
  const judgement = judge(pair, source, target)
  const key = (source ?? target)?.key
  if (judgement === undefined || key === undefined) return undefined
  return {
    key,
    difference: {
      ...judgement,
      key: Object.fromEntries(pair.key.map((column, index) => [column.name, key[index] ?? ""]))
    }
  }
}

interface Pass {
  source: number
  sink: number
  deleted: number
  different: number
  readonly found: Array<Found>
}

/** One pass over both sides. The source is read in one snapshot, so that its rows are those of one moment. */
const mergePass = Effect.fnUntraced(function*(pair: ComparedRows.Pair): Effect.fn.Return<
  Pass,
  Failure,
  PostgresSql | StarRocksSql
> {
  const { query } = yield* PostgresSql
  const pass: Pass = { source: 0, sink: 0, deleted: 0, different: 0, found: [] }
  yield* query(ComparedRows.openSource(pair))
  let sources: ReadonlyArray<ComparedRows.ComparedRow> = []
  let targets: ReadonlyArray<ComparedRows.ComparedRow> = []
  let sourceAt = 0
  let targetAt = 0
  let sourcesLeft = true
  let targetsLeft = true
  while (true) {
    if (sourceAt === sources.length && sourcesLeft) {
      sources = yield* ComparedRows.fetchSource(pair)
      sourceAt = 0
      sourcesLeft = sources.length > 0
    }
    if (targetAt === targets.length && targetsLeft) {
      targets = yield* ComparedRows.fetchTarget(pair, targets.at(-1)?.key)
      targetAt = 0
      targetsLeft = targets.length > 0
    }
    const source = sources[sourceAt]
    const target = targets[targetAt]
    if (source === undefined && target === undefined) break
    const order = source === undefined ? 1 : target === undefined ? -1 : pair.compareKeys(source.key, target.key)
    const left = order <= 0 ? source : undefined
    const right = order >= 0 ? target : undefined
    if (left !== undefined) {
      sourceAt += 1
      pass.source += 1
    }
    if (right !== undefined) {
      targetAt += 1
      if (!right.deleted) pass.sink += 1
      else if (left === undefined) pass.deleted += 1
    }
    const difference = found(pair, left, right)
    if (difference === undefined) continue
    pass.different += 1
    if (pass.found.length < RECHECKS_MAX) pass.found.push(difference)
  }
  return pass
}, (effect) => Effect.ensuring(effect, PostgresSql.use(({ query }) => Effect.ignore(query("rollback")))))

/** Reads the rows of these keys again on both sides: what had not arrived a moment ago may have arrived by now. */
const recheck = Effect.fnUntraced(function*(pair: ComparedRows.Pair, before: ReadonlyArray<Found>) {
  const keys = before.map((each) => each.key)
  const sources = yield* ComparedRows.readSource(pair, keys)
  const targets = yield* ComparedRows.readTarget(pair, keys)
  return keys.flatMap((key) => {
    const id = ComparedRows.keyId(key)
    return found(pair, sources.get(id), targets.get(id)) ?? []
  })
})

/**
 * Compares one table. Differences are looked at again for up to `settleMs`, because a change may be on its way; the
 * counts are then taken anew.
 */
export const compareTable = Effect.fn("Comparison.compareTable")(function*(
  pair: ComparedRows.Pair,
  settleMs: number
): Effect.fn.Return<TableComparison, Failure, PostgresSql | StarRocksSql> {
  const pass = yield* mergePass(pair)
  let left: ReadonlyArray<Found> = pass.found
  let waitedMs = 0
  while (left.length > 0 && pass.different <= RECHECKS_MAX && waitedMs < settleMs) {
    yield* Effect.sleep(RECHECK_MS)
    waitedMs += RECHECK_MS
    left = yield* recheck(pair, left)
  }
  const counts = waitedMs === 0 ? pass : yield* ComparedRows.countRows(pair)
  return {
    table: Identifier.show(pair.source),
    source: counts.source,
    sink: counts.sink,
    deleted: counts.deleted,
    different: pass.different <= RECHECKS_MAX ? left.length : pass.different,
    examples: left.slice(0, EXAMPLES_MAX).map((each) => each.difference)
  }
})

/**
 * Of these keys (of a table with one key column), those that are gone from the source and yet not soft-deleted in the
 * sink. Keys that exist in the source again are left out.
 */
export const notSoftDeleted = Effect.fn("Comparison.notSoftDeleted")(function*(
  pair: ComparedRows.Pair,
  keys: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<string>, Failure, PostgresSql | StarRocksSql> {
  const wanted = keys.map((key) => [key])
  const sources = yield* ComparedRows.readSource(pair, wanted)
  const targets = yield* ComparedRows.readTarget(pair, wanted)
  return keys.filter((key) => {
    const id = ComparedRows.keyId([key])
    return !sources.has(id) && targets.get(id)?.deleted !== true
  })
})
