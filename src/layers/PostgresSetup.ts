/** Prepares PostgreSQL for a job: reads the facts, and carries out the steps that `domain/PostgresSetup` derives. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PgAddress, Settings } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as Encoding from "../domain/postgres/Encoding.ts"
import * as Identity from "../domain/postgres/Identity.ts"
import * as Overtaken from "../domain/postgres/Overtaken.ts"
import * as ServerVersion from "../domain/postgres/ServerVersion.ts"
import * as SetupStep from "../domain/postgres/SetupStep.ts"
import { FULL } from "../domain/postgres/SourceFacts.ts"
import * as Plan from "../domain/PostgresSetup.ts"
import type { SourceTable } from "../domain/Table.ts"
import * as CheckpointIdentity from "./CheckpointIdentity.ts"
import { CheckpointStore, failed as checkpointFailed } from "./CheckpointStore.ts"
import * as Log from "./Log.ts"
import * as PostgresCatalog from "./PostgresCatalog.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"
import * as RejectedRows from "./RejectedRows.ts"
import * as ReplicaIdentity from "./ReplicaIdentity.ts"
import * as ReplicationCommand from "./ReplicationCommand.ts"
import * as SetupProblems from "./SetupProblems.ts"
import * as SlotCreation from "./SlotCreation.ts"
import * as SourceTables from "./SourceTables.ts"

const log = Log.module("PostgresSetup")

type Failure = SetupError.SetupError | TransientError

/** PostgreSQL as replication finds it. */
export interface SourceReady {
  readonly tables: ReadonlyArray<SourceTable>
  /** Where to start: the stored checkpoint. PostgreSQL itself never sends from before the slot's confirmed position. */
  readonly start: Lsn.Lsn
  readonly slotCreated: boolean
  readonly systemIdentifier: string
  readonly timeline: number
  /** 0: the server never gives up on a silent client. */
  readonly walSenderTimeoutMs: number
}

/** The settings that the setup reads. */
export type Job =
  & Pick<Settings, "source" | "slot" | "publication">
  & SourceTables.Selected
  & Pick<Plan.Job, "reached" | "truncatePolicy">
  & Partial<Pick<Settings, "rejectedRows">>
  & {
    /**
     * The tables are not, or not any more, those that the lists of columns were written for: an entry that matches none of
     * their columns is told and refuses nothing.
     */
    readonly hasOtherTables?: boolean | undefined
  }

/** As long as a lock may be waited for, in ms: everybody who comes later waits behind us. */
const LOCK_MS_MAX = 2_000
const DUPLICATE_OBJECT = "42710"

const catalogueFailed = (source: PgAddress) => (error: PgSqlError | Failure): Failure =>
  error._tag === "PgSqlError"
    ? PostgresFailure.orReason(error, {
      _tag: "PgConnectionFailed",
      host: PostgresFailure.place(source),
      error: `reading the catalogue: ${error.message}`
    })
    : error

/** Reads the facts, compares them with the job and says what is wrong and what is to be done. Changes nothing. */
export const inspect: (job: Job) => Effect.Effect<Plan.Plan, Failure, PostgresSql | CheckpointStore> = Effect.fn(
  "PostgresSetup.inspect"
)(function*(job: Job) {
  const failed = Effect.mapError(catalogueFailed(job.source))
  const server = yield* failed(PostgresCatalog.readServer)
  // First: an older server has not the columns that are asked for below.
  const tooOld = ServerVersion.problem(server.serverVersion)
  if (tooOld !== undefined) return yield* SetupError.make(tooOld)
  // Names in the catalogue may be no UTF8 there either.
  const unfit = Encoding.problem(server.database, server.encoding)
  if (unfit !== undefined) return yield* SetupError.make(unfit)
  const systemIdentifier = (yield* failed(PostgresCatalog.readSystemIdentifier)) ??
    (server.mayReplicate ? yield* failed(ReplicationCommand.systemIdentifier(job.source)) : "")
  const slotBefore = yield* failed(PostgresCatalog.readSlot(job.slot))
  const checkpoint = server.checkpointTable === "usable"
    ? Option.getOrUndefined(yield* (yield* CheckpointStore).load(job.slot))
    : undefined
  // Another program may be setting up the same job: slot and publication are there before their checkpoint is.
  const slot = slotBefore === undefined && checkpoint !== undefined
    ? yield* failed(PostgresCatalog.readSlot(job.slot))
    : slotBefore
  const { names, otherPublications, problems, publication, tables, unmatched } = yield* failed(SourceTables.read(job))
  const isStrict = job.hasOtherTables !== true
  if (!isStrict) yield* Effect.forEach(unmatched, (entry) => log.warn(entry), { discard: true })
  const listProblems = isStrict ? [...problems, ...unmatched] : problems
  // A job that runs may have moved its checkpoint past what was the end of the WAL a moment ago.
  const overtook = checkpoint !== undefined && checkpoint > server.walEnd
  const { walEnd } = overtook ? yield* failed(PostgresCatalog.readServer) : server
  const checkpointColumns = yield* failed(CheckpointIdentity.readColumns)
  const storedIdentity = checkpoint === undefined ? undefined : yield* failed(CheckpointIdentity.read(job.slot))
  const rejectedRowTable = job.rejectedRows?.policy === "divert" ? yield* failed(RejectedRows.readTable) : undefined
  const identity = { systemIdentifier, timeline: server.timeline }
  const history = server.mayReplicate && storedIdentity !== undefined &&
      Identity.needsHistory(storedIdentity, identity)
    ? yield* failed(ReplicationCommand.timelineHistory(job.source, server.timeline))
    : undefined
  const checkpointFacts = { checkpoint, checkpointColumns, storedIdentity, history }
  return Plan.plan({ ...job, tables: names, listProblems }, {
    ...server,
    walEnd,
    systemIdentifier,
    tables,
    publication,
    otherPublications,
    slot,
    rejectedRowTable,
    ...checkpointFacts
  })
})

const changePublication = Effect.fnUntraced(function*(
  step: Extract<SetupStep.Step, { _tag: "CreatePublication" | "AddTablesToPublication" | "SetPublicationOptions" }>
) {
  const { query } = yield* PostgresSql
  const { name } = step
  yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${SetupStep.sql(step)}`).pipe(
    Effect.catchTag("PgSqlError", (error) =>
      Effect.fail(
        error.sqlState === DUPLICATE_OBJECT
          ? Overtaken.make(`Publication '${name}'`)
          : PostgresFailure.orReason(error, { _tag: "PgPublicationFailed", name, error: error.message })
      ))
  )
})

/** A table that joins a running job: right for a new one, a gap for one that was taken out of the publication. */
const warnOfGap = (tables: ReadonlyArray<Identifier.QualifiedName>) =>
  log.warn("rows of these tables that changed before now are not replicated; reload them if they hold any", {
    tables: tables.map(Identifier.show)
  })

/** Where the checkpoint came from is stored beside it, once the columns are there. */
const addCheckpointColumns = Effect.fnUntraced(
  function*(step: Extract<SetupStep.Step, { _tag: "AddCheckpointColumns" }>) {
    const { query } = yield* PostgresSql
    yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${SetupStep.sql(step)}`)
  }
)

/**
 * Takes the plan's steps in their order; a second run of the same plan's job finds nothing left to do. With problems in
 * the plan it changes nothing and fails with the first, the others are logged.
 */
export const apply: (
  plan: Plan.Plan,
  slotLimits?: SlotCreation.Limits
) => Effect.Effect<SourceReady, Failure, PostgresSql | CheckpointStore> = Effect.fn(
  "PostgresSetup.apply"
)(
  function*(plan: Plan.Plan, slotLimits: SlotCreation.Limits = SlotCreation.LIMITS) {
    yield* SetupProblems.refuse(log, plan.problems)
    const checkpoints = yield* CheckpointStore
    const policy = plan.job.replicaIdentity ?? "full"
    let start = plan.facts.checkpoint
    let slotCreated = false
    for (const note of plan.notes) yield* log.info(note)
    for (const warning of plan.warnings) yield* log.warn(warning)
    for (const step of plan.steps) {
      yield* log.info("setting up PostgreSQL", { step: SetupStep.sql(step) })
      switch (step._tag) {
        case "CreateCheckpointTable":
          yield* checkpoints.prepare
          break
        case "SetReplicaIdentityFull":
          yield* ReplicaIdentity.setFull(step.table, step.oid)
          break
        case "SetPublicationOptions":
        case "AddTablesToPublication":
          if (plan.facts.slot !== undefined) yield* warnOfGap(step.tables)
          yield* changePublication(step)
          break
        case "CreatePublication":
          yield* changePublication(step)
          break
        case "CreateSlot":
          start = yield* SlotCreation.create(step.name, slotLimits)
          slotCreated = true
          break
        case "StoreCheckpoint":
          start = step.lsn ?? start
          if (start !== undefined) yield* checkpoints.save(step.slot, start)
          break
        case "AddCheckpointColumns":
          yield* Effect.mapError(addCheckpointColumns(step), checkpointFailed)
          break
        case "CreateRejectedRowTable":
          yield* RejectedRows.createTable
          break
        case "StoreIdentity":
          yield* Effect.mapError(CheckpointIdentity.store(step.slot, step), checkpointFailed)
          break
      }
    }
    if (start === undefined) return yield* Effect.die(new Error("a plan without problems gives a start position"))
    const { systemIdentifier, tables, timeline, walSenderTimeoutMs } = plan.facts
    return {
      tables: policy === "keep" ? tables : tables.map((table) => ({ ...table, replicaIdentity: FULL })),
      start,
      slotCreated,
      systemIdentifier,
      timeline,
      walSenderTimeoutMs
    }
  }
)
