/** Carries a plan out: its statements on PostgreSQL, the program beside it, and at the end every cell of both sides. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Identifier from "../../src/domain/Identifier.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as ComparedRows from "../../src/layers/ComparedRows.ts"
import * as Comparison from "../../src/layers/Comparison.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as Job from "./Job.ts"
import { isRestart, type Plan, type Table } from "./Plan.ts"
import * as Statements from "./Statements.ts"
import * as Unsent from "./Unsent.ts"
import type { Connections, World } from "./World.ts"

/** Rows arrive within this; a program that was killed may leave a load behind that is waited for, 10 s. */
const ARRIVAL_MS_MAX = 60_000
const LOOK_EVERY = Schedule.spaced("5 millis")

/**
 * `different`: a cell, or a row. `stopped`: a table. `ended`: the program. `late`: changes did not arrive in time.
 * `refused`: a statement of the plan, which is the plan's own mistake. `unsent`, which is no failure: tables have stopped where they
 * may, for a value that PostgreSQL did not send, and all others are equal.
 */
export type Kind = "different" | "stopped" | "ended" | "late" | "refused" | "unsent"

export interface Finding {
  readonly kind: Kind
  readonly says: string
}

class Found extends Error {
  readonly finding: Finding
  constructor(kind: Kind, says: string) {
    super(says)
    this.finding = { kind, says }
  }
}

const found = (kind: Kind, says: string): Effect.Effect<never, Found> => Effect.fail(new Found(kind, says))

const settingsOf = (plan: Plan, world: World, name: string): Settings.Settings => {
  const tables = plan.tables.map((table) => `${name}.${Identifier.quotePg(table.name)}`)
  return Result.getOrThrow(Settings.fromEnv(
    DbmazzProcess.jobEnvironment(world.source, { ...world.sink, database: name }, {
      TABLES: tables.join(","),
      SLOT_NAME: name,
      PUBLICATION_NAME: name,
      FLUSH_SIZE: String(plan.flush.rows),
      FLUSH_BYTES: String(plan.flush.bytes),
      FLUSH_INTERVAL_MS: String(plan.flush.everyMs),
      REPLICA_IDENTITY: plan.identity,
      TRUNCATE_POLICY: plan.truncatePolicy,
      AUTO_CREATE_TABLES: String(plan.createTables),
      STREAM_LOAD_FORMAT: plan.format,
      RETRY_BASE_MS: "20",
      RETRY_MAX_MS: "500"
    })
  ))
}

const shown = (state: unknown): string =>
  JSON.stringify(state, (_, value: unknown) => typeof value === "bigint" ? String(value) : value)

/** The tables that have stopped where they may; fails with one that may not. */
const stoppedTables = Effect.fnUntraced(function*(job: Job.Job, plan: Plan, name: string) {
  const { stopped } = yield* job.progress
  if (stopped.some((each) => !Unsent.isAllowed(plan, name, each))) {
    return yield* found("stopped", shown(stopped))
  }
  return plan.tables.filter((table) =>
    stopped.some((each) => each.table === Identifier.show({ schema: name, name: table.name }))
  )
})

/** The same of a job that must go on: one without a table that goes on ends. */
const stoppedOf = Effect.fnUntraced(function*(job: Job.Job, plan: Plan, name: string) {
  const tables = yield* stoppedTables(job, plan, name)
  const ended = job.ended()
  if (ended !== undefined && tables.length < plan.tables.length) return yield* found("ended", ended)
  return tables
})

/** Waits until the job has come so far, or has stopped a table, and gives up on one that cannot. */
const until = Effect.fnUntraced(function*(
  job: Job.Job,
  plan: Plan,
  name: string,
  what: string,
  is: (checkpoint: Lsn.Lsn) => boolean
) {
  const look = Effect.gen(function*() {
    const { observe, position } = yield* job.progress
    if ((yield* stoppedOf(job, plan, name)).length > 0) return true
    return observe !== undefined && position !== undefined && is(position)
  })
  yield* look.pipe(
    Effect.repeat({ schedule: LOOK_EVERY, until: (done) => done }),
    Effect.timeoutOrElse({
      duration: ARRIVAL_MS_MAX,
      orElse: () =>
        Effect.flatMap(
          job.progress,
          ({ position, retrying, rows, waiting }) =>
            found(
              "late",
              `${what} took longer than ${ARRIVAL_MS_MAX} ms: ${
                shown({ position, rows, waiting, retrying: [...retrying] })
              }`
            )
        )
    })
  )
})

const execute = (client: Connections["admin"], statement: string) =>
  Effect.tryPromise({
    try: () => client.query(statement),
    catch: (cause) => new Found("refused", `${cause instanceof Error ? cause.message : String(cause)}:\n  ${statement}`)
  })

const prepare = Effect.fnUntraced(function*(plan: Plan, { admin, sql }: Connections, name: string) {
  yield* execute(admin, Statements.createSource(plan, name))
  if (plan.createTables) return
  const { query } = Context.get(sql, StarRocksSql)
  const statements = [`CREATE DATABASE ${name}`, ...Statements.createTargets(plan, name)]
  yield* Effect.forEach(statements, (statement) => query(statement), { discard: true }).pipe(
    Effect.mapError((error) => new Found("refused", error.message))
  )
})

/** Fails with the first table whose cells are not the source's. */
const compare = Effect.fnUntraced(function*(tables: ReadonlyArray<Table>, name: string) {
  if (tables.length === 0) return
  const names = tables.map((table) => ({ schema: name, name: table.name }))
  const pairs = yield* ComparedRows.pairTables({ tables: names }, name)
  for (const pair of pairs) {
    const { different, examples, table } = yield* Comparison.compareTable(pair, 0)
    if (different === 0) continue
    const lines = examples.map(({ columns, key, problem }) =>
      `${JSON.stringify(key)}: ${problem} ${columns.join(", ")}`
    )
    return yield* found("different", `${table}: ${different} rows\n  ${lines.join("\n  ")}`)
  }
}, (effect) => Effect.catchIf(effect, (error) => !(error instanceof Found), (error) => found("ended", error.message)))

/** The position stands where a table has stopped: the others are equal some time, and stay so. */
const compareOthers = Effect.fnUntraced(function*(job: Job.Job, plan: Plan, name: string) {
  const look = Effect.gen(function*() {
    const stopped = yield* stoppedOf(job, plan, name)
    yield* compare(plan.tables.filter((table) => !stopped.includes(table)), name)
    return stopped
  })
  const stopped = yield* look.pipe(
    Effect.retry({
      schedule: LOOK_EVERY,
      while: (error) => error instanceof Found && error.finding.kind === "different"
    }),
    Effect.timeoutOrElse({
      duration: ARRIVAL_MS_MAX,
      orElse: () => found("late", `a table that goes on beside a stopped one was not equal for ${ARRIVAL_MS_MAX} ms`)
    })
  )
  return yield* found("unsent", stopped.map((table) => table.name).join(", "))
})

/**
 * Nothing of a run stays, so that the next one is as fast, but an empty publication: while one is dropped, the view of all
 * of them, which other runs read, is an error.
 */
const cleanUp = Effect.fnUntraced(function*({ admin, sessions, sql }: Connections, name: string) {
  const query = (statement: string) => Effect.promise(() => admin.query(statement))
  for (const session of sessions) yield* Effect.promise(() => session.query("rollback"))
  // The walsender may not have noticed yet that its client is gone.
  const slot = `from pg_replication_slots where slot_name = '${name}'`
  yield* query(`select 1 ${slot} and active`).pipe(
    Effect.repeat({ schedule: LOOK_EVERY, until: ({ rows }) => rows.length === 0 })
  )
  yield* query(
    `drop schema if exists ${name} cascade; select pg_drop_replication_slot(slot_name) ${slot}`
  )
  yield* Effect.orDie(Context.get(sql, StarRocksSql).query(`DROP DATABASE IF EXISTS ${name}`))
})

const carryOut = Effect.fnUntraced(function*(plan: Plan, world: World, connections: Connections, name: string) {
  yield* prepare(plan, connections, name)
  const settings = settingsOf(plan, world, name)
  let job: Job.Job | undefined = yield* Job.start(settings)
  yield* until(job, plan, name, "the start", () => true)
  for (const step of plan.steps) {
    if (!isRestart(step)) yield* execute(connections.sessions[step.session]!, Statements.ofStep(plan, name, step))
    else if (step.step === "start") job ??= yield* Job.start(settings)
    else if (job !== undefined) {
      const failed = step.step === "kill" ? yield* Effect.as(job.kill, undefined) : yield* job.drain
      // Such a drain fails with a table that has stopped before, and with one that StarRocks is still changing.
      const stopped = step.step === "kill" ? [] : yield* stoppedTables(job, plan, name)
      const { waiting } = yield* job.progress
      if (failed !== undefined && stopped.length + waiting.length === 0) {
        return yield* found("ended", `the drain: ${failed}`)
      }
      job = undefined
    }
  }
  job ??= yield* Job.start(settings)
  const [inserts, touch] = Statements.last(plan, name)
  yield* execute(connections.admin, inserts)
  // What every commit so far has waited for; a checkpoint behind it comes with the next row at the latest.
  const { rows } = yield* execute(connections.admin, "select pg_current_wal_flush_lsn()::text as lsn")
  const end = Result.getOrThrow(Lsn.fromText((rows as ReadonlyArray<{ readonly lsn: string }>)[0]!.lsn))
  yield* execute(connections.admin, touch)
  yield* until(job, plan, name, "the last change", (checkpoint) => checkpoint >= end)
  const stopped = yield* stoppedOf(job, plan, name)
  const compared = stopped.length > 0 ? compareOthers(job, plan, name) : compare(plan.tables, name)
  yield* Effect.provide(compared, connections.sql)
  yield* job.kill
}, Effect.scoped)

/** What is wrong with this plan, or `unsent`; undefined when both sides are equal. */
export const run = (plan: Plan, world: World, connections: Connections): Effect.Effect<Finding | undefined> =>
  Effect.gen(function*() {
    const name = world.nextName()
    const exit = yield* Effect.exit(carryOut(plan, world, connections, name))
    yield* cleanUp(connections, name)
    if (Exit.isSuccess(exit)) return undefined
    const error = Cause.squash(exit.cause)
    if (error instanceof Found) return error.finding
    return yield* Effect.die(error)
  })
