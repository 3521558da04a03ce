/** Gives a StarRocks table the columns that the source's rows have from here on, in its place among the table's loads. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Reannouncement, Reshape } from "../domain/Change.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { SrSqlError } from "../domain/errors/SrSqlError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as GeneratedTargets from "../domain/GeneratedTargets.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Label from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as RowEncoder from "../domain/RowEncoder.ts"
import { KnownShapes } from "../domain/schema/KnownShapes.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import * as ShapeChange from "../domain/schema/ShapeChange.ts"
import * as ShapeError from "../domain/schema/ShapeError.ts"
import * as ShapeNews from "../domain/schema/ShapeNews.ts"
import type { Outcome } from "../domain/streamload/Outcome.ts"
import * as Redaction from "../domain/streamload/Redaction.ts"
import type { SourceColumn, TableMapping } from "../domain/Table.ts"
import * as TargetTruncation from "../domain/TargetTruncation.ts"
import * as CheckpointStore from "./CheckpointStore.ts"
import * as Heartbeat from "./Heartbeat.ts"
import { BEGIN_MS } from "./LoadFence.ts"
import * as Log from "./Log.ts"
import * as Metrics from "./Metrics.ts"
import type { PostgresSql } from "./PostgresSql.ts"
import * as SchemaJob from "./SchemaJob.ts"
import * as SourceShape from "./SourceShape.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import { StarRocksSql } from "./StarRocksSql.ts"
import { StreamLoader } from "./StreamLoader.ts"

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

const NOTHING_ADDED: ReadonlySet<string> = new Set()

const DONE: Outcome = { _tag: "Loaded", loadedRows: 0, visible: true }

export interface SchemaEvolution {
  /**
   * Succeeds when the target has everything that the rows of the new shape need, and their route is settled. What runs
   * already is waited for, what is there is not done again. Fails with a `PermanentError` of the table, and the statements that
   * mend it, when it cannot be done; what time can mend is tried again below.
   */
  readonly evolve: (reshape: Reshape) => Effect.Effect<void, Failure>
  /**
   * Looks what was done to a table whose rows have the shape that they had: fails with a `PermanentError` of the table when its key
   * is not unique any more, and tells when a column is another one than before. Nothing of the target is looked at or changed.
   */
  readonly check: (announced: Reannouncement) => Effect.Effect<void, Failure>
  /** `trusted` of the table, as in `Trust`. */
  readonly trustedAfter: (mapping: TableMapping) => Lsn.Lsn
  /** The mapping with the target's columns as they are after what was done here. */
  readonly current: (mapping: TableMapping) => TableMapping
}

/** A shape on its way; mutable, one for all attempts. */
interface Task {
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

const busy = (why: string): Outcome => ({ _tag: "Transient", code: "SR_BUSY", why })

const refused = (task: Task, problems: ReadonlyArray<RowEncoder.ShapeProblem>): Outcome => {
  task.problems = problems
  return { _tag: "Permanent", code: "SCHEMA_CHANGED", why: problems.map(({ problem }) => problem).join("; ") }
}

const failed = ({ mapping, problems, reshape, wanted, why }: Task, error: PermanentError): PermanentError =>
  problems.length > 0
    ? ShapeError.make(reshape.relation, mapping, problems)
    : ShapeError.refused(mapping, wanted, why, error)

/** For one run of the pipeline, that begins at `start`. */
export const make = Effect.fnUntraced(function*(
  origin: Label.Origin,
  policy: SchemaChangePolicy,
  start: Lsn.Lsn
): Effect.fn.Return<SchemaEvolution, never, PostgresSql | StarRocksSql | StreamLoader | Scope.Scope> {
  const { query } = yield* StarRocksSql
  const services = yield* Effect.context<PostgresSql | StarRocksSql>()
  const loader = yield* StreamLoader
  const heartbeat = yield* Heartbeat.make
  const shapes = new KnownShapes(start)

  /** The target as it is, with what is told of every table of the job. */
  const look = Effect.fnUntraced(function*(task: Task) {
    const { schema, name } = task.mapping.target
    const { tables } = yield* StarRocksCatalog.readFacts(schema, [name])
    const table = tables.get(name)
    if (table === undefined) return undefined
    const types = new Map(task.mapping.types)
    for (const { declaredOid, typeOid } of task.columns) types.set(declaredOid ?? typeOid, typeOid)
    const targetColumns = new Map(table.columns.map(({ generated, ...column }) => [
      column.name,
      generated ? { ...column, generated } : column
    ]))
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
    remember: Effect.Effect<void, SetupError | TransientError>
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
  const steps = Effect.fnUntraced(function*(task: Task, remember: Effect.Effect<void, SetupError | TransientError>) {
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

  const attempt = (task: Task, remember: Effect.Effect<void, SetupError | TransientError>) =>
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

  const tell = Effect.fnUntraced(function*(task: Task, before: TableMapping, startedMs: number) {
    const { columns, mapping, reshape, sent } = task
    const table = Identifier.show(mapping.source)
    const lsn = reshape.transaction === undefined ? {} : { lsn: Lsn.format(reshape.transaction.commitLsn) }
    for (let index = 0; index < sent.length; index++) yield* Metrics.schemaChanged(Identifier.show(mapping.target))
    yield* log.info("the rows of the table have another shape from here on", {
      table,
      columns: reshape.relation.columns.map(({ name }) => name),
      statements: sent.map((statement) => statement.sql),
      ms: (yield* Clock.currentTimeMillis) - startedMs,
      ...lsn
    })
    // What was added while the setup looked is taken for the work of an earlier run.
    const others = before.isChanging === true ? [...mapping.targetColumns.keys()] : []
    const added = new Set([
      ...sent.flatMap((statement) => (statement.kind === "add" ? statement.columns : [])),
      ...others.filter((name) => !before.targetColumns.has(name))
    ])
    for (const warning of ShapeNews.warnings({ ...reshape, mapping, columns }, added)) {
      yield* log.warn(warning, { table, ...lsn })
    }
  })

  /** What the catalogue says of the shape; fails when the rows of the table cannot be told by the key any more. */
  const sourceOf = Effect.fnUntraced(
    function*({ relation, transaction }: Reshape | Reannouncement, mapping: TableMapping) {
      const found = yield* SourceShape.read(relation, mapping, transaction?.xid).pipe(
        Effect.mapError(CheckpointStore.failed),
        Effect.provide(services)
      )
      const { columns, keys } = found
      // A key that lost a column does not fit its target, which is told of it.
      const isWhole = mapping.key.every((name) => columns.some((column) => column.name === name))
      const isUnique = keys?.some((key) => key.every((name) => mapping.key.includes(name))) !== false
      if (isWhole && !isUnique) return yield* ShapeError.keyNotUnique(mapping)
      return found
    }
  )

  const check = Effect.fn("SchemaEvolution.check")(function*(announced: Reannouncement) {
    const { before, relation, transaction } = announced
    const mapping = shapes.current(announced.mapping)
    const found = yield* sourceOf(announced, mapping)
    const shape: ShapeChange.Shape = { relation, before, columns: found.columns, mapping }
    for (const warning of ShapeNews.warnings(shape, NOTHING_ADDED)) {
      yield* log.warn(warning, { table: Identifier.show(mapping.source) })
    }
    shapes.remember(mapping, found, transaction?.commitLsn)
  })

  const evolve = Effect.fn("SchemaEvolution.evolve")(function*(reshape: Reshape) {
    const mapping = shapes.current(reshape.mapping)
    const found = yield* sourceOf(reshape, mapping)
    const task: Task = {
      reshape,
      columns: found.columns,
      mapping,
      problems: [],
      sent: [],
      wanted: undefined,
      jobBefore: undefined,
      why: ""
    }
    const commitLsn = reshape.transaction?.commitLsn ?? Lsn.ZERO
    const at: Label.RowPosition = { commitLsn, ordinal: reshape.ordinal }
    const operation = {
      target: mapping.target,
      // No load and no truncation ends before it begins.
      label: Label.make(Label.scope(origin, mapping.source, mapping.target), { first: at, last: at, from: 1, to: 0 }),
      run: origin.run,
      lastCommitLsn: commitLsn,
      // What is on its way was written for the columns before.
      readsRows: true
    }
    const startedMs = yield* Clock.currentTimeMillis
    yield* loader.operate(operation, (remember) => attempt(task, remember)).pipe(
      Effect.catchTag("PermanentError", (error) => Effect.fail(failed(task, error)))
    )
    yield* tell(task, mapping, startedMs)
    shapes.remember(task.mapping, found, reshape.transaction?.commitLsn)
  })

  return {
    evolve,
    check,
    trustedAfter: (mapping) => shapes.trustedAfter(mapping),
    current: (mapping) => shapes.current(mapping)
  }
})
