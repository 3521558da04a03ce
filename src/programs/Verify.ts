/** `dbmazz verify`: compares source and sink, every column of every row, and names the keys that differ. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "../domain/config/Settings.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as ComparedRows from "../layers/ComparedRows.ts"
import * as Comparison from "../layers/Comparison.ts"
import * as PostgresSql from "../layers/PostgresSql.ts"
import type * as SourceTables from "../layers/SourceTables.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"
import * as Configuration from "./Configuration.ts"

type Job = Pick<Settings, "source" | "sink"> & SourceTables.Selected

/** The outcome; `tables` by name without schema, except where two share one. */
export interface Verification {
  readonly equal: boolean
  readonly tables: Readonly<Record<string, Comparison.TableComparison>>
}

const APPLICATION_NAME = "dbmazz verify"
/** Changes on their way are given this long to arrive, in seconds. */
const SETTLE_SECONDS_DEFAULT = 5
const MILLISECONDS = 1_000
const DIFFERENT_EXIT_CODE = 1

/** A connection of our own on either side, with PostgreSQL's texts as replication sends them. */
const connections = (job: Job) =>
  Layer.mergeAll(PostgresSql.layer(job.source, APPLICATION_NAME, ComparedRows.SESSION), StarRocksSql.layer(job.sink))

const shortNames = (tables: ReadonlyArray<Identifier.QualifiedName>): ReadonlyArray<string> =>
  tables.map((table) =>
    tables.filter((other) => other.name === table.name).length === 1
      ? Identifier.showPart(table.name)
      : Identifier.show(table)
  )

/** Compares all tables of a job. Differences are looked at again for up to `settleMs`. */
export const verify = Effect.fnUntraced(function*(job: Job, settleMs: number) {
  const pairs = yield* ComparedRows.pairTables(job, job.sink.database)
  const results = yield* Effect.forEach(pairs, (pair) => Comparison.compareTable(pair, settleMs))
  const names = shortNames(pairs.map((pair) => pair.source))
  return {
    equal: results.every((result) => result.different === 0),
    tables: Object.fromEntries(results.map((result, index) => [names[index] ?? result.table, result]))
  } satisfies Verification
}, (effect, job) => Effect.provide(effect, connections(job)))

/**
 * Of keys that were deleted in the source (by table, for tables with one key column), those that the sink does not hold
 * as soft-deleted, by table. Keys that exist in the source again do not count.
 */
export const notSoftDeleted = Effect.fnUntraced(
  function*(job: Job, deletedKeys: Readonly<Record<string, ReadonlyArray<string | number>>>) {
    const pairs = yield* ComparedRows.pairTables(job, job.sink.database)
    const names = shortNames(pairs.map((pair) => pair.source))
    const results: Record<string, ReadonlyArray<string>> = {}
    for (const [index, pair] of pairs.entries()) {
      const name = names[index] ?? pair.source.name
      results[name] = yield* Comparison.notSoftDeleted(pair, (deletedKeys[name] ?? []).map(String))
    }
    return results
  },
  (effect, job) => Effect.provide(effect, connections(job))
)

const PROBLEMS: Readonly<Record<Comparison.Problem, string>> = {
  missing: "is missing in the sink",
  unexpected: "is live in the sink and gone from the source",
  deleted: "is soft-deleted in the sink and alive in the source",
  different: "differs in"
}

const describe = (name: string, result: Comparison.TableComparison): ReadonlyArray<string> => [
  `${name}: ${result.source} rows in the source, ${result.sink} live and ${result.deleted} soft-deleted in the sink, ` +
  `${result.different} different`,
  ...result.examples.map((example) => {
    const key = Object.entries(example.key).map(([column, value]) => `${column} = ${value}`).join(", ")
    return `  ${key} ${PROBLEMS[example.problem]} ${example.columns.join(", ")}`.trimEnd()
  })
]

/** `dbmazz verify`: exit code 0 when equal, 1 when not. */
export const command = Command.make(
  "verify",
  {
    job: Configuration.flags,
    settleSeconds: Flag.Finite("settle-seconds").pipe(
      Flag.withDefault(SETTLE_SECONDS_DEFAULT),
      Flag.withDescription("how long changes on their way may take to arrive; default 5")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print one JSON object"))
  },
  Effect.fnUntraced(function*({ job, json, settleSeconds }) {
    const settings = yield* Configuration.settings(job, process.env)
    const result = yield* verify(settings, settleSeconds * MILLISECONDS)
    const lines = json
      ? [JSON.stringify(result)]
      : [
        ...Object.entries(result.tables).flatMap(([name, table]) => describe(name, table)),
        result.equal ? "source and sink are equal" : "source and sink differ"
      ]
    for (const line of lines) yield* Console.log(line)
    if (!result.equal) process.exitCode = DIFFERENT_EXIT_CODE
  })
).pipe(Command.withDescription("compare source and sink, table by table, and name the differing keys"))
