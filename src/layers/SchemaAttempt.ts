/** Alters a StarRocks table, statement by statement, until it has what the rows of a new shape need. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Reshape } from "../domain/Change.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { SrSqlError } from "../domain/errors/SrSqlError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as GeneratedTargets from "../domain/GeneratedTargets.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as RowEncoder from "../domain/RowEncoder.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import * as ShapeChange from "../domain/schema/ShapeChange.ts"
import * as ShapeError from "../domain/schema/ShapeError.ts"
import { columnsByName } from "../domain/starrocks/TargetFacts.ts"
import type { Outcome } from "../domain/streamload/Outcome.ts"
import * as Redaction from "../domain/streamload/Redaction.ts"
import type { SourceColumn, TableMapping } from "../domain/Table.ts"
import * as TargetTruncation from "../domain/TargetTruncation.ts"
import * as Heartbeat from "./Heartbeat.ts"
import { BEGIN_MS } from "./LoadFence.ts"
import * as Log from "./Log.ts"
import * as SchemaJob from "./SchemaJob.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import { StarRocksSql } from "./StarRocksSql.ts"

const log = Log.module("SchemaEvolution")

/**
 * How long one attempt waits for a schema change that runs, in ms; then it is told that the table waits, and looked again. Its
 * end is StarRocks' to set: a job that takes longer than its own timeout (a day) is CANCELLED.
 */
const ATTEMPT_MS_MAX = 10_000
/** ALTER TABLE returns when its job exists, and has nothing to wait for; in ms. */
const STATEMENT_MS_MAX = 60_000

/** A job may be cancelled for what passes (a back end that went away), and for what does not: it is begun so often. */
const CANCELLED_TRIES_MAX = 3

const DONE: Outcome = { _tag: "Loaded", loadedRows: 0, visible: true }

/** A shape on its way; mutable, one for all attempts. */
export interface Task {
  readonly reshape: Reshape
  readonly columns: ReadonlyArray<SourceColumn>
  /** With the target's columns, as they were found last. */
  mapping: TableMapping
  problems: ReadonlyArray<RowEncoder.ShapeProblem>
  /** Statements that StarRocks has taken, with the newest job that there was before the last of them. */
  readonly sent: Array<ShapeChange.Statement>
  /** The last one that was tried. */
  wanted: ShapeChange.Statement | undefined
  jobBefore: string | undefined
  /** Why the last attempt did not succeed. */
  why: string
}

/** The task of this change; `mapping` has the target's columns as they are known, `columns` are what the source has. */
export const begin = (reshape: Reshape, columns: ReadonlyArray<SourceColumn>, mapping: TableMapping): Task => ({
  reshape,
  columns,
  mapping,
  problems: [],
  sent: [],
  wanted: undefined,
  jobBefore: undefined,
  why: ""
})

const busy = (why: string): Outcome => ({ _tag: "Transient", code: "SR_BUSY", why })

const refused = (task: Task, problems: ReadonlyArray<RowEncoder.ShapeProblem>): Outcome => {
  task.problems = problems
  return { _tag: "Permanent", code: "SCHEMA_CHANGED", why: problems.map(({ problem }) => problem).join("; ") }
}

/** What its table is stopped with. */
export const failed = ({ mapping, problems, reshape, wanted, why }: Task, error: PermanentError): PermanentError =>
  problems.length > 0
    ? ShapeError.make(reshape.relation, mapping, problems)
    : ShapeError.refused(mapping, wanted, why, error)

type Remember = Effect.Effect<void, SetupError | TransientError>

/**
 * Makes attempts for one run of the pipeline. One that comes to `Loaded` has settled the route; every other outcome says why the
 * task is not done yet, or cannot be. Fails with what `remember` fails with.
 */
export const make = Effect.fnUntraced(function*(
  policy: SchemaChangePolicy
): Effect.fn.Return<
  (task: Task, remember: Remember) => Effect.Effect<Outcome, SetupError | TransientError>,
  never,
  StarRocksSql | Scope.Scope
> {
  const { query } = yield* StarRocksSql
  const services = yield* Effect.context<StarRocksSql>()
  const heartbeat = yield* Heartbeat.make

  /** The target as it is, with what is told of every table of the job. */
  const look = Effect.fnUntraced(function*(task: Task) {
    const { schema, name } = task.mapping.target
    const { tables } = yield* StarRocksCatalog.readFacts(schema, [name])
    const table = tables.get(name)
    if (table === undefined) return undefined
    const types = new Map(task.mapping.types)
    for (const { declaredOid, typeOid } of task.columns) types.set(declaredOid ?? typeOid, typeOid)
    const targetColumns = columnsByName(table)
    const source = {
      columns: task.columns,
      primaryKey: task.mapping.key,
      selection: task.reshape.mapping.selection
    }
    return { ...task.mapping, types, targetColumns, selection: GeneratedTargets.selection(source, table) }
  })

  /** Sends it once; undefined: StarRocks has taken it, or had it. */
  const send = Effect.fnUntraced(function*(
    { kind, sql: statement }: ShapeChange.Statement,
    remember: Remember
  ) {
    const permit = heartbeat.permit()
    // A column that is added late does no harm; a type that is set late could take back what a successor has done.
    if (kind === "widen") yield* remember
    let begun = false
    const mayBegin = (): boolean => {
      begun = kind === "add" || !heartbeat.isStale(permit, false)
      return begun
    }
    return yield* query(statement, { withinMs: STATEMENT_MS_MAX, mayBegin }).pipe(
      Effect.as<Outcome | undefined>(undefined),
      Effect.catchTags({
        SrSqlError: (error) =>
          Effect.succeed<Outcome | undefined>(
            SchemaJob.isDuplicate(error)
              ? undefined
              : SchemaJob.isBusy(error)
              ? busy(`(${error.code}) ${error.message}`)
              : TargetTruncation.refused(error)
          ),
        // It may still begin, and must have begun before the next change of the type: it could take that back.
        TransientError: (error) =>
          kind === "widen" && begun
            ? Effect.succeed<Outcome>({
              _tag: "Transient",
              code: "SR_REPLY_LOST",
              why: error.message,
              retryAfterMs: BEGIN_MS
            })
            : Effect.fail(error)
      })
    )
  })

  const compile = (task: Task): Outcome => {
    const { relation, route } = task.reshape
    const encoder = RowEncoder.compile(relation, task.mapping)
    if (Result.isFailure(encoder)) return refused(task, encoder.failure)
    route.settle(encoder.success)
    return DONE
  }

  /** Looks, and does what is to be done next, until nothing is. */
  const steps = Effect.fnUntraced(function*(task: Task, remember: Remember) {
    const { before, relation } = task.reshape
    const { target } = task.mapping
    const table = Identifier.show(target)
    const deadline = (yield* Clock.currentTimeMillis) + ATTEMPT_MS_MAX
    let awaited: ShapeChange.Statement | undefined = undefined
    while (true) {
      const job = yield* StarRocksCatalog.readNewestChange(target)
      const isRunning = job !== undefined && StarRocksCatalog.isRunning(job)
      if (job?.state === "CANCELLED" && task.sent.length > 0 && job.id !== task.jobBefore) {
        task.jobBefore = job.id
        const why = `the schema change was cancelled: ${Redaction.redact(job.message)}`
        return { _tag: "Transient", code: "SR_REFUSED", why, triesMax: CANCELLED_TRIES_MAX } as const
      }
      if (!isRunning) {
        const mapping: TableMapping | undefined = yield* look(task)
        if (mapping === undefined) {
          return { _tag: "Permanent", code: "SR_REJECTED_LOAD", why: `unknown table ${table}` } as const
        }
        task.mapping = mapping
        const plan = ShapeChange.plan({ relation, before, columns: task.columns, mapping }, policy)
        if (plan.problems.length > 0) return refused(task, plan.problems)
        const [next] = plan.statements
        if (next === undefined) return compile(task)
        // A front end that follows lags behind its leader.
        if (next.sql !== awaited?.sql) {
          yield* log.info("altering the StarRocks table", { table, statement: next.sql })
          task.jobBefore = job?.id
          task.wanted = next
          const outcome: Outcome | undefined = yield* send(next, remember)
          if (outcome !== undefined) return outcome
          task.sent.push(next)
          awaited = next
        }
      }
      if ((yield* Clock.currentTimeMillis) >= deadline) {
        return busy(`the schema change of the table is ${isRunning ? job.state : "not to be seen yet"}`)
      }
      yield* Effect.sleep(SchemaJob.POLL_EVERY_MS)
    }
  }, Effect.provide(services))

  return (task, remember) =>
    // What the store says is the run's end; what StarRocks does not answer is asked again.
    Effect.suspend(() => {
      let stored: TransientError | undefined = undefined
      const kept = Effect.tapError(remember, (error) =>
        Effect.sync(() => {
          if (error._tag === "TransientError") stored = error
        }))
      return steps(task, kept).pipe(
        Effect.catchTags({
          SrSqlError: (error: SrSqlError) => Effect.succeed(TargetTruncation.refused(error)),
          TransientError: (error: TransientError) =>
            error === stored
              ? Effect.fail(error)
              : Effect.succeed<Outcome>({ _tag: "Transient", code: error.code, why: error.message })
        }),
        Effect.tap((outcome) =>
          Effect.sync(() => {
            if (outcome._tag !== "Loaded") task.why = outcome.why
          })
        )
      )
    })
})
