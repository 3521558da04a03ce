/** Schema changes as asynchronous jobs: one per table at a time, PENDING, then RUNNING, then FINISHED or CANCELLED. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type AlterTable, alterTable } from "./AlterTable.ts"
import type { Catalogue } from "./Catalogue.ts"
import { schema } from "./Catalogue.ts"
import type { Faults } from "./Faults.ts"
import * as SchemaChange from "./SchemaChange.ts"
import { notNormal, type SqlError, unknownDatabase, unknownTable } from "./SqlError.ts"
import type { Storage, StorageError } from "./Storage.ts"

/** A job's state. */
export type JobState = "PENDING" | "RUNNING" | "FINISHED" | "CANCELLED"

/** A job. */
export interface Job {
  readonly id: number
  readonly database: string
  readonly table: string
  readonly createdAtMs: number
  finishedAtMs: number | undefined
  state: JobState
  message: string
}

/** Milliseconds a job is PENDING, and RUNNING: long enough to be seen, short enough not to be waited for. */
const pendingMs = 40
const runningMs = 60
/** Milliseconds between two looks at a fault that holds a job. */
const heldPollMs = 10
/** Finished jobs remembered. */
const jobsMax = 1000

/** The jobs. */
export interface AlterJobs {
  /** Checks a statement and starts its job. */
  readonly start: (database: string, alter: AlterTable, sql: string) => Effect.Effect<void, SqlError | StorageError>
  /** Jobs of a database, oldest first. */
  readonly of: (database: string) => ReadonlyArray<Job>
}

/** What the jobs work with. */
export interface Parts {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly faults: Faults
  /** Runs a job's effect in the background. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Reads the jobs of the file and resumes those that had not ended. */
export const make = Effect.fnUntraced(function*(parts: Parts) {
  const { catalogue, faults, storage } = parts
  const jobs: Array<Job> = []
  let lastId = 0

  const active = (database: string, table: string): boolean =>
    jobs.some((job) =>
      job.database === database && job.table === table && (job.state === "PENDING" || job.state === "RUNNING")
    )

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
      return Effect.ignore(save(job))
    })

  const apply = (job: Job, alter: AlterTable) =>
    Effect.gen(function*() {
      yield* Effect.sleep(pendingMs)
      job.state = "RUNNING"
      yield* Effect.sleep(runningMs)
      while (faults.strikes("schema-change-running", job)) yield* Effect.sleep(heldPollMs)
      const table = catalogue.find(job.database, job.table)
      if (table === undefined) return yield* end(job, "CANCELLED", "the table was dropped")
      const change = SchemaChange.plan(table, alter)
      if (Result.isFailure(change)) return yield* end(job, "CANCELLED", change.failure.message)
      yield* catalogue.changeTable(change.success.next, change.success.statements)
      yield* end(job, "FINISHED", "")
    }).pipe(Effect.catch((error) => end(job, "CANCELLED", error.message)))

  const start: AlterJobs["start"] = (database, alter, sql) =>
    Effect.gen(function*() {
      if (!catalogue.hasDatabase(database)) return yield* unknownDatabase(database)
      const table = catalogue.find(database, alter.name)
      if (table === undefined) return yield* unknownTable(alter.name)
      if (active(database, alter.name)) return yield* notNormal(alter.name)
      yield* Effect.fromResult(SchemaChange.plan(table, alter))
      const job: Job = {
        id: ++lastId,
        database,
        table: alter.name,
        createdAtMs: Date.now(),
        finishedAtMs: undefined,
        state: "PENDING",
        message: ""
      }
      jobs.push(job)
      if (jobs.length > jobsMax) jobs.shift()
      yield* storage.write((session) =>
        session.run(`insert into ${schema}.jobs values (${job.id}, $1, $2, $3, 'PENDING', '', ${job.createdAtMs}, 0)`, [
          database,
          alter.name,
          sql
        ])
      )
      parts.run(apply(job, alter))
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
      for (const [id, database, table, state, message, createdAtMs, finishedAtMs, statement] of rows) {
        const ended = state === "FINISHED" || state === "CANCELLED" ? state : "PENDING"
        const job: Job = {
          id: Number(id),
          database: String(database),
          table: String(table),
          createdAtMs: Number(createdAtMs),
          finishedAtMs: ended === "PENDING" ? undefined : Number(finishedAtMs),
          state: ended,
          message: String(message)
        }
        lastId = job.id
        jobs.push(job)
        const alter = alterTable(String(statement))
        if (ended === "PENDING" && Result.isSuccess(alter)) parts.run(apply(job, alter.success))
      }
    })
  )

  const made: AlterJobs = { start, of: (database) => jobs.filter((job) => job.database === database) }
  return made
})
