/**
 * Schema changes as asynchronous jobs, one per table at a time: PENDING, WAITING_TXN while earlier loads of the table have
 * not ended, RUNNING, and then FINISHED or CANCELLED. A change of metadata only skips WAITING_TXN.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Log from "../../../Log.ts"
import type { Catalogue, Dependent } from "../catalogue/Catalogue.ts"
import { schema } from "../catalogue/Catalogue.ts"
import type { Storage, StorageError } from "../catalogue/Storage.ts"
import type { Faults } from "../faults/Faults.ts"
import type { LabelRecord, Labels } from "../load/Labels.ts"
import { type AlterTable, alterTable } from "../sql/AlterTable.ts"
import { detail, notNormal, type SqlError, unknownDatabase, unknownTable } from "../syntax/SqlError.ts"
import { attempt } from "../syntax/TokenCursor.ts"
import * as SchemaChange from "./SchemaChange.ts"

const log = Log.module("EmbeddedStarRocks")

/** A job's state. */
export type JobState = "PENDING" | "WAITING_TXN" | "RUNNING" | "FINISHED" | "CANCELLED"

/** A job. */
export interface Job {
  readonly id: number
  readonly database: string
  readonly table: string
  readonly createdAtMs: number
  readonly timeoutSeconds: number
  finishedAtMs: number | undefined
  state: JobState
  message: string
}

/** Milliseconds a job is PENDING, and RUNNING: long enough to be seen, short enough not to be waited for. */
const pendingMs = 40
const runningMs = 60
/** Milliseconds between two looks at what a job waits for. */
const lookMs = 10
/** Jobs remembered, in memory and in the file. */
const jobsMax = 1000

/** The jobs; they are part of every DROP DATABASE. */
export interface AlterJobs extends Dependent {
  /** Checks a statement and starts its job, which waits for the loads given when it must. */
  readonly start: (
    database: string,
    alter: AlterTable,
    sql: string,
    unfinished: ReadonlyArray<LabelRecord>
  ) => Effect.Effect<void, SqlError | StorageError>
  /** Cancels the job of a table, unless it is already writing the new definition. */
  readonly cancel: (database: string, table: string) => Effect.Effect<void, SqlError>
  /** Whether a job of the table has not ended. */
  readonly active: (database: string, table: string) => boolean
  /** Goes on with the jobs that had not ended when the file was closed; once, when the labels are known. */
  readonly resume: (labels: Labels) => void
  /** Jobs of a database, oldest first. */
  readonly of: (database: string) => ReadonlyArray<Job>
}

/** What the jobs work with. */
export interface Needs {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly faults: Faults
  /** Runs a job's effect in the background. */
  readonly run: (effect: Effect.Effect<void>) => void
}

const hasEnded = (job: Job): boolean => job.state === "FINISHED" || job.state === "CANCELLED"

const isOpen = (record: LabelRecord): boolean => record.state === "PREPARE" || record.state === "PREPARED"

/** Reads the jobs of the file. Those that had not ended go on after `resume`. */
export const make = Effect.fnUntraced(function*(needs: Needs) {
  const { catalogue, faults, storage } = needs
  const jobs: Array<Job> = []
  /** Jobs that are writing the new definition, which cannot be called back. */
  const applying = new WeakSet<Job>()
  let interrupted: ReadonlyArray<{ readonly job: Job; readonly alter: AlterTable }> = []
  let lastId = 0

  const activeJob = (database: string, table: string): Job | undefined =>
    jobs.find((job) => job.database === database && job.table === table && !hasEnded(job))

  const save = (job: Job) =>
    storage.write((session) =>
      session.run(
        `update ${schema}.jobs set state = $1, message = $2, finished_at_ms = $3::bigint where id = ${job.id}`,
        [
          job.state,
          job.message,
          String(job.finishedAtMs ?? 0)
        ]
      )
    )

  const end = (job: Job, state: JobState, message: string) =>
    Effect.suspend(() => {
      job.state = state
      job.message = message
      job.finishedAtMs = Date.now()
      return save(job).pipe(
        Effect.catch((error) => log.error("the outcome of a schema change was not written", { job: job.id }, error))
      )
    })

  /** Waits while the condition holds; false when the job ended meanwhile. */
  const waitWhile = (job: Job, holds: () => boolean) =>
    Effect.gen(function*() {
      while (!hasEnded(job) && holds()) {
        if (Date.now() - job.createdAtMs > job.timeoutSeconds * 1000) {
          yield* end(job, "CANCELLED", `Timeout: the job did not finish in ${job.timeoutSeconds} seconds`)
          return false
        }
        yield* Effect.sleep(lookMs)
      }
      return !hasEnded(job)
    })

  const apply = (job: Job, alter: AlterTable, unfinished: ReadonlyArray<LabelRecord>) =>
    Effect.gen(function*() {
      yield* Effect.sleep(pendingMs)
      if (hasEnded(job)) return
      const known = catalogue.find(job.database, job.table)
      const tableId = known?.id
      if (known !== undefined && !SchemaChange.isFast(known, alter)) {
        job.state = "WAITING_TXN"
        if (!(yield* waitWhile(job, () => unfinished.some(isOpen)))) return
      }
      job.state = "RUNNING"
      yield* Effect.sleep(runningMs)
      yield* Effect.raceFirst(faults.hold("schema-change-running", job), waitWhile(job, () => true))
      if (hasEnded(job)) return
      applying.add(job)
      const table = catalogue.find(job.database, job.table)
      // A table of the same name that was created meanwhile is another one.
      if (table === undefined || table.id !== tableId) return yield* end(job, "CANCELLED", "the table was dropped")
      const change = SchemaChange.plan(table, alter)
      if (Result.isFailure(change)) return yield* end(job, "CANCELLED", change.failure.message)
      const { checks, next, statements } = change.success
      yield* catalogue.changeTable(next, statements, checks)
      yield* end(job, "FINISHED", "")
    }).pipe(Effect.catch((error) => end(job, "CANCELLED", error.message)))

  const start: AlterJobs["start"] = (database, alter, sql, unfinished) =>
    Effect.gen(function*() {
      if (!catalogue.hasDatabase(database)) return yield* unknownDatabase(database)
      const table = catalogue.find(database, alter.name)
      if (table === undefined) return yield* unknownTable(alter.name)
      if (activeJob(database, alter.name) !== undefined) return yield* notNormal(alter.name)
      yield* Effect.fromResult(SchemaChange.plan(table, alter))
      const job: Job = {
        id: ++lastId,
        database,
        table: alter.name,
        createdAtMs: Date.now(),
        timeoutSeconds: alter.timeoutSeconds,
        finishedAtMs: undefined,
        state: "PENDING",
        message: ""
      }
      jobs.push(job)
      if (jobs.length > jobsMax) jobs.splice(Math.max(jobs.findIndex(hasEnded), 0), 1)
      yield* storage.write((session) =>
        session.run(`insert into ${schema}.jobs values (${job.id}, $1, $2, $3, 'PENDING', '', ${job.createdAtMs}, 0)`, [
          database,
          alter.name,
          sql
        ]).pipe(
          Effect.andThen(
            session.run(`delete from ${schema}.jobs where id <= ${job.id - jobsMax} and finished_at_ms > 0`)
          )
        )
      ).pipe(
        // A job that is not in the file does not exist.
        Effect.tapError(() => Effect.sync(() => jobs.splice(jobs.indexOf(job), 1)))
      )
      needs.run(apply(job, alter, unfinished))
      // Whose client hangs up in between, it would be PENDING for ever.
    }).pipe(Effect.uninterruptible)

  const cancel: AlterJobs["cancel"] = (database, table) =>
    Effect.gen(function*() {
      if (!catalogue.hasDatabase(database)) return yield* unknownDatabase(database)
      if (catalogue.find(database, table) === undefined) return yield* unknownTable(table)
      const job = activeJob(database, table)
      if (job === undefined) return yield* detail(`Table[${table}] is not under SCHEMA_CHANGE`)
      if (applying.has(job)) return yield* detail(`Job can not be cancelled. State: ${job.state}`)
      yield* end(job, "CANCELLED", "user cancelled")
    })

  yield* storage.write((session) =>
    Effect.gen(function*() {
      yield* session.run(
        `create table if not exists ${schema}.jobs (id bigint, database varchar, load_table varchar, statement varchar,
          state varchar, message varchar, created_at_ms bigint, finished_at_ms bigint)`
      )
      const rows = yield* session.run(
        `select id, database, load_table, state, message, created_at_ms, finished_at_ms, statement from ${schema}.jobs order by id`
      )
      const unended: Array<{ readonly job: Job; readonly alter: AlterTable }> = []
      for (const [id, database, table, state, message, createdAtMs, finishedAtMs, statement] of rows) {
        const ended = state === "FINISHED" || state === "CANCELLED" ? state : "PENDING"
        const alter = Result.getOrUndefined(attempt(String(statement), alterTable))
        const job: Job = {
          id: Number(id),
          database: String(database),
          table: String(table),
          createdAtMs: Number(createdAtMs),
          timeoutSeconds: alter?.timeoutSeconds ?? 0,
          finishedAtMs: ended === "PENDING" ? undefined : Number(finishedAtMs),
          state: ended,
          message: String(message)
        }
        lastId = job.id
        jobs.push(job)
        if (ended === "PENDING" && alter !== undefined) unended.push({ job, alter })
      }
      interrupted = unended
    })
  )

  const made: AlterJobs = {
    start,
    cancel,
    active: (database, table) => activeJob(database, table) !== undefined,
    dropRows: (session, database) =>
      Effect.asVoid(session.run(`delete from ${schema}.jobs where database = $1`, [database])),
    dropDatabase: (database) => {
      const kept = jobs.filter((job) => job.database !== database)
      for (const job of jobs) if (job.database === database && !hasEnded(job)) job.state = "CANCELLED"
      jobs.splice(0, jobs.length, ...kept)
    },
    resume: (labels) => {
      for (const { alter, job } of interrupted) {
        needs.run(apply(job, alter, labels.unfinished(job.database, job.table)))
      }
      interrupted = []
    },
    of: (database) => jobs.filter((job) => job.database === database)
  }
  return made
})
