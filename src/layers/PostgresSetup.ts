/** Prepares PostgreSQL for a job: reads the facts, and carries out the steps that `domain/PostgresSetup` derives. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { PgAddress, Settings } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as Identity from "../domain/postgres/Identity.ts"
import * as Plan from "../domain/PostgresSetup.ts"
import type { SourceTable } from "../domain/Table.ts"
import * as CheckpointIdentity from "./CheckpointIdentity.ts"
import { CheckpointStore, failed as checkpointFailed } from "./CheckpointStore.ts"
import * as Log from "./Log.ts"
import * as PostgresCatalog from "./PostgresCatalog.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"
import * as ReplicationCommand from "./ReplicationCommand.ts"
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

/** While we wait for ACCESS EXCLUSIVE, everybody who comes later waits behind us: wait briefly, and more than once. */
const LOCK_MS_MAX = 2_000
const LOCK_ATTEMPTS_MAX = 3
/** Lets the traffic that queued behind us pass. */
const LOCK_PAUSE_MS = 1_000
const DUPLICATE_OBJECT = "42710"
const LOCK_NOT_AVAILABLE = "55P03"
const DEADLOCK = "40P01"

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
  const systemIdentifier = (yield* failed(PostgresCatalog.readSystemIdentifier)) ??
    (server.mayReplicate ? yield* failed(ReplicationCommand.systemIdentifier(job.source)) : "")
  const { names, problems: listProblems, tables } = yield* failed(SourceTables.read(job))
  const readPublication = failed(PostgresCatalog.readPublication(job.publication, names))
  const readSlot = failed(PostgresCatalog.readSlot(job.slot))
  const before = { publication: yield* readPublication, slot: yield* readSlot }
  const checkpoint = server.checkpointTable === "usable"
    ? Option.getOrUndefined(yield* (yield* CheckpointStore).load(job.slot))
    : undefined
  // What was missing may have been made since, with the checkpoint, by another process that sets the job up.
  const publication = before.publication ?? (checkpoint === undefined ? undefined : yield* readPublication)
  const slot = before.slot ?? (checkpoint === undefined ? undefined : yield* readSlot)
  // A job that runs may have moved its checkpoint past what was the end of the WAL a moment ago.
  const overtook = checkpoint !== undefined && checkpoint > server.walEnd
  const { walEnd } = overtook ? yield* failed(PostgresCatalog.readServer) : server
  const checkpointColumns = yield* failed(CheckpointIdentity.readColumns)
  const storedIdentity = checkpoint === undefined ? undefined : yield* failed(CheckpointIdentity.read(job.slot))
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
    slot,
    ...checkpointFacts
  })
})

const lockTimedOut = (what: string, holders: string, context: Record<string, string>) =>
  new TransientError({
    code: "PG_LOCK_TIMEOUT",
    message: `${what} waited too long for ${holders === "" ? "transactions that have ended since" : holders}`,
    remediation: "Let the transactions named end, or end them: SELECT pg_terminate_backend(pid); dbmazz tries again.",
    context
  })

/** Another process that sets up the same job was faster: look again. */
const overtaken = (what: string) =>
  new TransientError({
    code: "PG_SQL_FAILED",
    message: `${what} was created by somebody else at the same moment`,
    remediation: "Nothing to do: dbmazz looks again. Run one dbmazz for each slot.",
    context: {}
  })

const isRefusedWith = (error: PgSqlError | Failure, sqlStates: ReadonlyArray<string>): boolean =>
  error._tag === "PgSqlError" && sqlStates.includes(error.sqlState)

const setReplicaIdentity = Effect.fnUntraced(function*(
  step: Extract<Plan.Step, { _tag: "SetReplicaIdentityFull" }>
) {
  const { query } = yield* PostgresSql
  const table = Identifier.show(step.table)
  yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${Plan.sql(step)}`).pipe(
    // Asked at once after each attempt: only then are the holders those we waited for.
    Effect.catchIf(
      (error) => isRefusedWith(error, [LOCK_NOT_AVAILABLE, DEADLOCK]),
      () =>
        PostgresCatalog.lockHolders(step.oid).pipe(
          Effect.flatMap((holders) => lockTimedOut(`Setting REPLICA IDENTITY FULL on '${table}'`, holders, { table }))
        )
    ),
    Effect.retry({
      schedule: Schedule.spaced(LOCK_PAUSE_MS),
      times: LOCK_ATTEMPTS_MAX - 1,
      while: (error) => error._tag === "TransientError" && error.code === "PG_LOCK_TIMEOUT"
    }),
    Effect.catchTag(
      "PgSqlError",
      (error) =>
        Effect.fail(PostgresFailure.orReason(error, { _tag: "PgReplicaIdentityFailed", table, error: error.message }))
    )
  )
})

const changePublication = Effect.fnUntraced(function*(
  step: Extract<Plan.Step, { _tag: "CreatePublication" | "AddTablesToPublication" }>
) {
  const { query } = yield* PostgresSql
  const { name } = step
  yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${Plan.sql(step)}`).pipe(
    Effect.catchTag("PgSqlError", (error) =>
      Effect.fail(
        error.sqlState === DUPLICATE_OBJECT
          ? overtaken(`Publication '${name}'`)
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
const addCheckpointColumns = Effect.fnUntraced(function*(step: Extract<Plan.Step, { _tag: "AddCheckpointColumns" }>) {
  const { query } = yield* PostgresSql
  yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${Plan.sql(step)}`)
})

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
    const [first, ...others] = plan.problems.map((reason) => SetupError.make(reason))
    if (first !== undefined) {
      for (const other of others) yield* log.error(other.message, { remediation: other.remediation })
      return yield* first
    }
    const checkpoints = yield* CheckpointStore
    let start = plan.facts.checkpoint
    let slotCreated = false
    for (const step of plan.steps) {
      yield* log.info("setting up PostgreSQL", { step: Plan.sql(step) })
      switch (step._tag) {
        case "CreateCheckpointTable":
          yield* checkpoints.prepare
          break
        case "SetReplicaIdentityFull":
          yield* setReplicaIdentity(step)
          break
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
        case "StoreIdentity":
          yield* Effect.mapError(CheckpointIdentity.store(step.slot, step), checkpointFailed)
          break
      }
    }
    if (start === undefined) return yield* Effect.die(new Error("a plan without problems gives a start position"))
    const { systemIdentifier, tables, timeline, walSenderTimeoutMs } = plan.facts
    return {
      tables: tables.map((table) => ({ ...table, replicaIdentity: "f" })),
      start,
      slotCreated,
      systemIdentifier,
      timeline,
      walSenderTimeoutMs
    }
  }
)
