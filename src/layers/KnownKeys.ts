/** Asks StarRocks which rows it has, where that decides what is sent of them: unchanged values are left out of those. */
import * as Effect from "effect/Effect"
import { PermanentError } from "../domain/errors/PermanentError.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { SrSqlError } from "../domain/errors/SrSqlError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { Origin } from "../domain/Label.ts"
import type * as KeyLookup from "../domain/rows/KeyLookup.ts"
import type * as Omission from "../domain/rows/Omission.ts"
import * as RefusedRow from "../domain/rows/RefusedRow.ts"
import * as Redaction from "../domain/streamload/Redaction.ts"
import type { TableMapping } from "../domain/Table.ts"
import type { TableLoads } from "../domain/TableLoads.ts"
import * as Log from "./Log.ts"
import type { LastLeftOut } from "./RejectedRows.ts"
import * as StarRocksFailure from "./StarRocksFailure.ts"
import { StarRocksSql } from "./StarRocksSql.ts"
import { StreamLoader } from "./StreamLoader.ts"

const log = Log.module("KnownKeys")

/**
 * A front end that is not the leader may show less than there is for a moment. Before a table is stopped for a row that is not
 * there, it is asked for so many times more, with a pause between them, in ms.
 */
const ASKS_MORE_MAX = 5
const ASK_AGAIN_MS = 1_000

/** Rows of one question for those that were left out: of keys of a few hundred bytes it stays below a MB. */
const KEYS_MAX = 1_000

/**
 * Answers the questions of a table's loads, before the first of them is sent and after everything before them is over. Rows
 * whose values could be sent instead count as unknown when StarRocks cannot be asked; for the others that is the failure.
 */
export type Resolve = (loads: TableLoads) => Effect.Effect<void, Failure>

const failure = (mapping: TableMapping, error: SrSqlError | SetupError | TransientError): Failure => {
  if (error._tag !== "SrSqlError") return error
  const table = Identifier.show(mapping.source)
  const target = Identifier.quoteSrTable(mapping.target)
  const why = `StarRocks refused to show which rows of ${target} it has: (${error.code}) ${
    Redaction.redact(error.message)
  }`
  return StarRocksFailure.isAccessDenied(error)
    ? new PermanentError({
      code: "SR_ACCESS_DENIED",
      message: why,
      remediation: `Run in StarRocks: GRANT SELECT ON TABLE ${target} TO USER …; then start dbmazz again: it goes on ` +
        `where it stopped.`,
      context: { table }
    })
    : new TransientError({
      code: "SR_SQL_FAILED",
      message: why,
      remediation: "Look at the front end's log when it stays; dbmazz tries again.",
      context: { table, code: String(error.code) }
    })
}

/** For one run of the pipeline. `leftOut` tells of rows that StarRocks was not given; undefined: there are none. */
export const make = Effect.fnUntraced(function*(
  { run }: Origin,
  leftOut?: LastLeftOut
): Effect.fn.Return<Resolve, never, StarRocksSql | StreamLoader> {
  const { query } = yield* StarRocksSql
  const loader = yield* StreamLoader
  /** Tables of which it was said that their rows cannot be seen. */
  const unseen = new Set<string>()

  const ask = Effect.fnUntraced(function*(
    lookup: KeyLookup.KeyLookup,
    asked: ReadonlyArray<Omission.Question>,
    versions: Map<string, bigint | null>
  ) {
    for (let from = 0; from < asked.length; from += lookup.keysMax) {
      const keys = asked.slice(from, from + lookup.keysMax).map(({ key }) => key)
      for (const row of yield* query(lookup.statement(keys))) versions.set(...lookup.read(row))
    }
  })

  /** Asks, and asks again for rows without which the table would stop. */
  const askUntilSure = Effect.fnUntraced(function*({ lookup, questions }: TableLoads) {
    const versions = new Map<string, bigint | null>()
    yield* ask(lookup, questions, versions)
    for (let more = 0; more < ASKS_MORE_MAX; more++) {
      const open = questions.filter(({ key, reason }) => reason !== "chosen" && !versions.has(key.id))
      if (open.length === 0) break
      yield* Effect.sleep(ASK_AGAIN_MS)
      yield* ask(lookup, open, versions)
    }
    return versions
  })

  /** Behind a row that was left out StarRocks has older values than those that a change leaves out. */
  const forgetOlder = Effect.fnUntraced(function*(
    last: LastLeftOut,
    { mapping, questions }: TableLoads,
    versions: Map<string, bigint | null>
  ) {
    const asked = questions.filter(({ key }) => versions.has(key.id))
    for (let from = 0; from < asked.length; from += KEYS_MAX) {
      const some = asked.slice(from, from + KEYS_MAX)
      const commits = yield* last(mapping.source, some.map(({ row }) => RefusedRow.nameOf(row)))
      for (const [index, { key }] of some.entries()) {
        const commit = commits[index]
        if (commit !== undefined && (versions.get(key.id) ?? 0n) <= commit) versions.delete(key.id)
      }
    }
  })

  const sendAll = Effect.fnUntraced(function*(table: string, why: string) {
    const isNew = !unseen.has(table)
    unseen.add(table)
    if (isNew) {
      yield* log.warn("StarRocks does not say which rows it has: unchanged values are sent again", {
        table,
        reason: why
      })
    }
    return new Map<string, bigint | null>()
  })

  return Effect.fn("KnownKeys.resolve")(function*(loads: TableLoads) {
    const { lastCommitLsn, mapping, questions } = loads
    if (questions.length === 0) return
    const isChoice = questions.every(({ reason }) => reason === "chosen")
    const table = Identifier.show(mapping.source)
    // What a predecessor has begun may still empty the table.
    yield* loader.settled({ target: mapping.target, run, lastCommitLsn }, !isChoice)
    const versions = yield* askUntilSure(loads).pipe(
      Effect.mapError((error) => failure(mapping, error)),
      Effect.catch((error) => isChoice ? sendAll(table, error.message) : Effect.fail(error))
    )
    yield* log.debug("StarRocks was asked which rows it has", () => ({
      table,
      asked: questions.length,
      found: versions.size
    }))
    if (leftOut !== undefined) yield* forgetOlder(leftOut, loads, versions)
    loads.answer(versions)
  })
})
