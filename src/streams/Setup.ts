/** Both sides made ready, PostgreSQL first: nothing is changed on either before both have been found in order. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Settings } from "../domain/config/Settings.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { Lsn } from "../domain/Lsn.ts"
import * as SetupStep from "../domain/postgres/SetupStep.ts"
import type * as PostgresPlan from "../domain/PostgresSetup.ts"
import * as TargetStep from "../domain/starrocks/SetupStep.ts"
import type * as StarRocksPlan from "../domain/StarRocksSetup.ts"
import * as Log from "../layers/Log.ts"
import * as PostgresSetup from "../layers/PostgresSetup.ts"
import * as RejectedRows from "../layers/RejectedRows.ts"
import * as SetupProblems from "../layers/SetupProblems.ts"
import * as StarRocksSetup from "../layers/StarRocksSetup.ts"
import type { Job } from "./Pipeline.ts"

const log = Log.module("Setup")

/** What was found and what is to be done. */
export interface Plan {
  readonly source: PostgresPlan.Plan
  readonly target: StarRocksPlan.Plan
}

/** What the process knows of the job from before. */
export interface Known {
  /** The position that it has stored: a server that does not know it is another one, or has lost some of its past. */
  readonly reached?: Lsn | undefined
  /** The tables are others than those of the configuration, or may have changed since it was found to be right. */
  readonly hasOtherTables?: boolean | undefined
}

/** Looks at both sides; changes nothing. */
export const inspect = Effect.fn("Setup.inspect")(function*(settings: Settings, known: Known = {}) {
  const source = yield* PostgresSetup.inspect({ ...settings, ...known })
  const [problem] = source.problems
  const { autoCreate, schemaChangePolicy, sink } = settings
  const target = yield* StarRocksSetup.inspect(source.facts.tables, sink.database, autoCreate, schemaChangePolicy).pipe(
    // A source that needs a person is told at once, not when the sink is back.
    Effect.mapError((error) =>
      error._tag === "TransientError" && problem !== undefined ? SetupError.make(problem) : error
    )
  )
  yield* log.debug("both sides were looked at", () => ({
    problems: source.problems.length + target.problems.length,
    steps: [...source.steps.map(SetupStep.sql), ...target.steps.map(TargetStep.sql)]
  }))
  return { source, target }
})

/**
 * Carries the plan out, and gives the pipeline its job. With problems on either side it changes nothing and fails with the
 * first, in the order of the setup.
 */
export const apply = Effect.fn("Setup.apply")(function*(settings: Settings, plan: Plan) {
  yield* SetupProblems.refuse(log, [...plan.source.problems, ...plan.target.problems])
  const ready = yield* PostgresSetup.apply(plan.source)
  const tables = yield* StarRocksSetup.apply(plan.target)
  const { slot, source: address } = settings
  const diverts = settings.rejectedRows.policy === "divert"
  const leavesOut = diverts || (yield* RejectedRows.holdsRows(slot))
  const job: Job = {
    start: ready.start,
    tables: tables.map((table) => ({
      ...table,
      policies: settings.values,
      format: settings.loadFormat,
      identity: settings.replicaIdentity
    })),
    origin: {
      systemIdentifier: ready.systemIdentifier,
      timeline: ready.timeline,
      database: settings.source.database,
      slot: settings.slot,
      run: Math.floor((yield* Random.next) * Number.MAX_SAFE_INTEGER).toString(36)
    },
    publication: settings.publication,
    loadBytesMax: settings.flush.bytes,
    walSenderTimeoutMs: ready.walSenderTimeoutMs,
    truncatePolicy: settings.truncatePolicy,
    rejectedRows: diverts ? { address, slot, ...settings.rejectedRows } : undefined,
    leftOut: leavesOut ? { address, slot } : undefined,
    // After a row that was left out StarRocks has older values than the one that follows it leaves out.
    partialBytesMin: diverts ? Number.POSITIVE_INFINITY : settings.partialBytesMin,
    schemaChangePolicy: settings.schemaChangePolicy
  }
  return job
})
