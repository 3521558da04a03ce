/** Prepares StarRocks for a job: reads the facts, and carries out the steps that `domain/StarRocksSetup` derives. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AutoCreate } from "../domain/config/Settings.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import * as ShapeNews from "../domain/schema/ShapeNews.ts"
import * as SetupStep from "../domain/starrocks/SetupStep.ts"
import * as Plan from "../domain/StarRocksSetup.ts"
import type { SourceTable, TableMapping } from "../domain/Table.ts"
import { targetName } from "../domain/TargetNames.ts"
import * as Log from "./Log.ts"
import * as SchemaJob from "./SchemaJob.ts"
import * as SetupProblems from "./SetupProblems.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import * as StarRocksCreation from "./StarRocksCreation.ts"
import * as StarRocksFailure from "./StarRocksFailure.ts"
import { StarRocksSql } from "./StarRocksSql.ts"
import { StreamLoadClient } from "./StreamLoadClient.ts"

const log = Log.module("StarRocksSetup")

type Failure = StarRocksFailure.Failure

const failed = Effect.mapError(StarRocksFailure.ofCatalogue)

/** How long a schema change is awaited, in ms. It waits for transactions that were open, at most for their timeout. */
const SCHEMA_CHANGE_MS_MAX = 660_000

/** How long the setup waits for columns that it adds, in ms: longer, and the other tables would stand still for one. */
const ADDED_MS_MAX = 2_000

const unfinished = (step: SetupStep.AddAuditColumns, why: string): TransientError => {
  const table = Identifier.show(step.table)
  return new TransientError({
    code: "SR_BUSY",
    message: `The audit columns of StarRocks table '${table}' are not there yet: ${why}`,
    remediation: `Look at SHOW ALTER TABLE COLUMN FROM ${Identifier.quoteSr(step.table.schema)}; dbmazz tries again.`,
    context: { table }
  })
}

/**
 * Connects both ways, reads the catalogue and says what is wrong and what is to be done. Changes nothing. An address
 * that does not answer is a `TransientError`, everything a person must mend is in the plan. With `autoCreate`, what is
 * missing is planned to be created; that needs a node that is alive, else it is a `TransientError`, too. With the
 * policy `stop` columns that are missing are a problem.
 */
export const inspect: (
  sources: ReadonlyArray<SourceTable>,
  database: string,
  autoCreate: AutoCreate | undefined,
  policy: SchemaChangePolicy
) => Effect.Effect<Plan.Plan, Failure, StarRocksSql | StreamLoadClient> = Effect.fn("StarRocksSetup.inspect")(
  function*(
    sources: ReadonlyArray<SourceTable>,
    database: string,
    autoCreate: AutoCreate | undefined,
    policy: SchemaChangePolicy
  ) {
    const { query } = yield* StarRocksSql
    yield* query("SELECT 1").pipe(failed)
    yield* (yield* StreamLoadClient).probe
    yield* StarRocksCatalog.warnOfDeadBackEnds
    const names = [...new Set(sources.map(targetName))]
    const facts = yield* StarRocksCatalog.readFacts(database, names).pipe(failed)
    const evolves = policy !== "stop" && facts.databaseExists
    const changing = evolves
      ? yield* StarRocksCatalog.readChangingTables(database).pipe(failed)
      : new Set<string>()
    const isToCreate = autoCreate !== undefined && Plan.isIncomplete(sources, facts)
    const layout = isToCreate ? yield* StarRocksCreation.layout(autoCreate.buckets) : undefined
    return Plan.plan(sources, { ...facts, changing }, layout, policy)
  }
)

/** Sends the ALTER, waiting while another schema change of the table runs. True: this statement added the columns. */
const startChange = Effect.fnUntraced(function*(step: SetupStep.AddAuditColumns, deadline: number) {
  const { query } = yield* StarRocksSql
  const table = Identifier.show(step.table)
  while (true) {
    const refusal = yield* query(SetupStep.sql(step)).pipe(
      Effect.as(undefined),
      Effect.catchTag("SrSqlError", (error) => Effect.succeed(error))
    )
    if (refusal === undefined) return true
    if (SchemaJob.isDuplicate(refusal)) return false
    if (!SchemaJob.isBusy(refusal)) {
      return yield* SetupError.make({ _tag: "SrAuditColumnsFailed", table, error: refusal.message })
    }
    if ((yield* Clock.currentTimeMillis) >= deadline) return yield* unfinished(step, refusal.message)
    yield* Effect.sleep(SchemaJob.POLL_EVERY_MS)
  }
})

/**
 * Waits until the newest schema change is over and the columns are listed: rows loaded earlier would leave the new
 * columns empty without an error.
 */
const awaitChange = Effect.fnUntraced(function*(
  step: SetupStep.AddAuditColumns,
  jobBefore: string | undefined,
  added: boolean,
  deadline: number
) {
  const table = Identifier.show(step.table)
  while (true) {
    const job = yield* StarRocksCatalog.readNewestChange(step.table).pipe(failed)
    const ours = job !== undefined && job.id !== jobBefore
    if (ours && job.state === "CANCELLED") {
      const error = job.message === "" ? "the schema change was cancelled" : job.message
      return yield* SetupError.make({ _tag: "SrAuditColumnsFailed", table, error })
    }
    // A server that lists no job for a change of metadata alone shows the columns at once.
    if (job === undefined || job.state === "FINISHED" || (!ours && job.state === "CANCELLED")) {
      const columns = yield* StarRocksCatalog.readColumnNames(step.table).pipe(failed)
      if (step.columns.every((name) => columns.includes(name))) return
      if (!added) return yield* unfinished(step, "somebody else changed the table at the same moment")
    }
    if ((yield* Clock.currentTimeMillis) >= deadline) {
      return yield* unfinished(step, `the schema change is ${job?.state ?? "not listed"}`)
    }
    yield* Effect.sleep(SchemaJob.POLL_EVERY_MS)
  }
})

const addAuditColumns = Effect.fnUntraced(function*(step: SetupStep.AddAuditColumns) {
  const deadline = (yield* Clock.currentTimeMillis) + SCHEMA_CHANGE_MS_MAX
  const before = yield* StarRocksCatalog.readNewestChange(step.table).pipe(failed)
  const added = yield* startChange(step, deadline)
  yield* awaitChange(step, before?.id, added, deadline)
})

/** Starts what is over in a moment with fast schema evolution; what takes longer, or fails, is left to the pipeline. */
const addColumns = Effect.fnUntraced(function*(step: SetupStep.AddColumns) {
  const { query } = yield* StarRocksSql
  const deadline = (yield* Clock.currentTimeMillis) + ADDED_MS_MAX
  yield* query(SetupStep.sql(step)).pipe(
    Effect.catchTag(
      "SrSqlError",
      (error) =>
        log.warn("columns could not be added now; it is tried again before the first row that needs them", {
          table: Identifier.show(step.table),
          code: String(error.code),
          reason: error.message
        })
    )
  )
  while (true) {
    const columns = yield* StarRocksCatalog.readColumnNames(step.table).pipe(failed)
    if (step.columns.every(({ name }) => columns.includes(name))) return
    if ((yield* Clock.currentTimeMillis) >= deadline) return
    yield* Effect.sleep(SchemaJob.POLL_EVERY_MS)
  }
})

/** The mappings of tables whose columns were added, with those that are there by now, of which it tells. */
const withAdded = Effect.fnUntraced(
  function*(mappings: ReadonlyArray<TableMapping>, steps: ReadonlyArray<SetupStep.AddColumns>) {
    const [first] = steps
    if (first === undefined) return mappings
    const names = steps.map(({ table }) => table.name)
    const facts = yield* StarRocksCatalog.readFacts(first.table.schema, names).pipe(failed)
    const found = new Map(
      Plan.plan(steps.map(({ source }) => source), facts, undefined, "evolve").mappings.map(
        (mapping) => [Identifier.show(mapping.target), mapping]
      )
    )
    const missing = new Set<string>()
    const added = new Map<string, ReadonlySet<string>>()
    for (const { columns, source, table } of steps) {
      const target = Identifier.show(table)
      const names = columns.map(({ name }) => name)
      if (names.every((name) => found.get(target)?.targetColumns.has(name) === true)) {
        added.set(target, new Set(names))
        yield* log.warn(ShapeNews.addedAtStart(columns, source))
      } else missing.add(target)
    }
    return mappings.map((mapping) => {
      const target = Identifier.show(mapping.target)
      const now = found.get(target) ?? mapping
      const names = added.get(target)
      if (names !== undefined) return { ...now, addedAtStart: names }
      return missing.has(target) ? { ...now, isChanging: true } : now
    })
  }
)

/**
 * Takes the plan's steps in their order; a second run finds nothing left to do. With problems in the plan it changes
 * nothing and fails with the first, the others are logged. Tables that were created are looked at again: one that somebody
 * else created meanwhile is taken as it is, and refused when it does not fit.
 */
export const apply: (
  plan: Plan.Plan
) => Effect.Effect<ReadonlyArray<TableMapping>, Failure, StarRocksSql> = Effect.fn("StarRocksSetup.apply")(
  function*(plan: Plan.Plan) {
    yield* SetupProblems.refuse(log, plan.problems)
    for (const step of plan.steps) {
      yield* log.info("setting up StarRocks", { step: SetupStep.sql(step) })
      if (step._tag === "AddAuditColumns") yield* addAuditColumns(step)
      else yield* step._tag === "AddColumns" ? addColumns(step) : StarRocksCreation.take(step)
    }
    const mappings = yield* withAdded(plan.mappings, plan.steps.filter((step) => step._tag === "AddColumns"))
    const created = plan.steps.filter((step) => step._tag === "CreateTable")
    if (created.length === 0) return mappings
    const found = yield* StarRocksCreation.lookAgain(created)
    return [...mappings, ...(yield* apply(found))]
  }
)
