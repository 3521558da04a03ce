/** Starts the program, tells it to stop, and starts it again when it ends; and what it may end with. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import { SetupError } from "../../src/domain/errors/SetupError.ts"
import { Incarnation } from "./Incarnation.ts"
import type { Models } from "./Models.ts"
import { Prng } from "./Prng.ts"
import * as Program from "./Program.ts"
import * as SourceTables from "./SourceTables.ts"
import type { WalSender } from "./WalSender.ts"

/** `dbmazz run` gives a drain this long, in ms. */
const DRAIN_MS_MAX = 25_000
/** Until a program that ended is started again, in ms. */
const RESTART_MS_MAX = 400
/** Until one is that ended with an error: whoever starts it backs off. */
const RESTART_FAILED_MS_MAX = 10_000

/** Others who look closely notice within this time, in ms. */
const PROMPT_MS_MAX = 1_000

/** How a program stands still or is cut off, and what others make of it. */
interface Absence {
  /** It is back after so long at most. */
  readonly msMax: readonly [number, ...ReadonlyArray<number>]
  /** Share of these after which somebody ends its walsender, and after which another program is started. */
  readonly noticedShare: number
  /** Share of these that are noticed early. */
  readonly promptShare: number
}
const ANY_TIME: Absence = { msMax: [3_000, 10_000, 60_000, 200_000], noticedShare: 0.6, promptShare: 0.5 }
/** Between the question whether it may send a load and the load: what then goes wrong is what the fences are for. */
const AT_LOAD: Absence = { msMax: [60_000, 200_000], noticedShare: 0.85, promptShare: 0.8 }

/** Share of the absences at a load in which the program stands still, and not only its line to PostgreSQL. */
const STANDSTILL_SHARE = 0.35

/** One run of the program, and how it is told to end. */
export interface Job {
  readonly incarnation: Incarnation
  readonly stop: Deferred.Deferred<void>
  readonly fiber: Fiber.Fiber<void, unknown>
  readonly watch: Program.Watch
  /** The session that a drain began with, and what it had received. */
  draining: { readonly sender: WalSender | undefined; readonly receivedEnd: bigint } | undefined
}

export class Orchestrator {
  readonly #models: Models
  readonly #chance: Prng
  /** Programs that run, in the order of their starts: one, unless one was replaced that was not gone. */
  #jobs: ReadonlyArray<Job> = []
  #everTwo = false
  incarnations = 0
  /** The last program that ended said that a person must change something first. */
  refused = false

  constructor(models: Models) {
    this.#models = models
    this.#chance = new Prng(models.plan.seed, "world")
    models.http.onAbsence = (incarnation) => {
      const job = this.#jobOf(incarnation)
      if (job === undefined) return
      if (this.#chance.chance(STANDSTILL_SHARE)) this.#standStill(job, AT_LOAD)
      else this.#cutOff(job, false, AT_LOAD)
    }
    models.http.onLoss = (incarnation) => {
      this.#jobOf(incarnation)?.watch.sender?.end("terminated by an administrator")
    }
    models.http.onDeath = (incarnation) => {
      const job = this.#jobOf(incarnation)
      if (job !== undefined) this.#over(job, "killed")
    }
  }

  #jobOf(incarnation: Incarnation): Job | undefined {
    return this.#jobs.find((each) => each.incarnation === incarnation)
  }

  /** The program that is meant to run. */
  get job(): Job | undefined {
    return this.#jobs.at(-1)
  }

  /** It, when no other one runs. */
  get onlyJob(): Job | undefined {
    return this.#jobs.length === 1 ? this.#jobs[0] : undefined
  }

  start(): void {
    const { plan, time, trace } = this.#models
    const incarnation = new Incarnation(++this.incarnations, plan.seed, time, this.#chance)
    trace.add(`program ${incarnation.number} starts`)
    const stop = Deferred.makeUnsafe<void>()
    const watch: Program.Watch = { sender: undefined, number: 0, session: undefined, resume: undefined, stopped: [] }
    const fiber = Program.start(this.#models, incarnation, stop, watch)
    const job: Job = { incarnation, stop, fiber, watch, draining: undefined }
    this.#jobs = [...this.#jobs, job]
    this.#everTwo ||= this.#jobs.length > 1
    fiber.addObserver((exit) => {
      if (!incarnation.alive) return
      try {
        this.#ended(job, exit)
      } catch {
        // The verdict has been kept.
      }
    })
  }

  /** Lets the programs run until they wait, and looks at what they say of themselves. */
  async settle(): Promise<void> {
    for (const job of this.#jobs) {
      // What has not gone on says what it said, and what is held against that is never taken back.
      if (!await job.incarnation.settle()) continue
      this.#checkBuffer(job)
      this.#checkStopped(job)
    }
  }

  stop(job: Job): void {
    const { time, trace } = this.#models
    trace.add("the job is told to stop")
    const sender = job.watch.sender?.isHeld === true ? job.watch.sender : undefined
    job.draining = { sender, receivedEnd: sender?.receivedEnd ?? 0n }
    job.incarnation.tell(() => Deferred.doneUnsafe(job.stop, Effect.void))
    time.after(DRAIN_MS_MAX, () => this.#over(job, "killed after its drain took too long"))
  }

  /** What may happen to a program at any moment. */
  trouble(): void {
    for (const job of this.#jobs) this.#trouble(job)
  }

  #trouble(job: Job): void {
    const { faults } = this.#models
    if (faults.happens("job: killed")) this.#over(job, "killed")
    else if (faults.happens("job: interrupted")) job.incarnation.tell(() => job.fiber.interruptUnsafe())
    else if (faults.happens("job: stands still")) this.#standStill(job, ANY_TIME)
    else if (faults.happens("job: cut off")) this.#cutOff(job, this.#chance.chance(0.5), ANY_TIME)
    else if (job.draining === undefined && faults.happens("job: stopped")) this.stop(job)
  }

  #standStill(job: Job, absence: Absence): void {
    const ms = this.#chance.int(0, this.#chance.pick(absence.msMax))
    this.#models.trace.add(`program ${job.incarnation.number} stands still for ${ms} ms`)
    job.incarnation.standStill(ms)
    this.#missed(job, ms, absence)
  }

  #cutOff(job: Job, both: boolean, absence: Absence): void {
    const { toPostgres, toStarRocks } = job.incarnation
    const ms = this.#chance.int(0, this.#chance.pick(absence.msMax))
    this.#models.trace.add(
      `program ${job.incarnation.number} is cut off from PostgreSQL${both ? " and StarRocks" : ""} for ${ms} ms`
    )
    toPostgres.cut(ms)
    if (both) toStarRocks.cut(ms)
    this.#missed(job, ms, absence)
  }

  /** Others do not see the program for so long: they may end its walsender, and start another program. */
  #missed(job: Job, ms: number, absence: Absence): void {
    const { time } = this.#models
    const { sender } = job.watch
    const latest = this.#chance.chance(absence.promptShare) ? Math.min(ms, PROMPT_MS_MAX) : ms
    if (sender !== undefined && this.#chance.chance(absence.noticedShare)) {
      time.after(this.#chance.int(0, latest), () => sender.end("terminated by an administrator"))
    }
    if (this.#jobs.length > 1 || !this.#chance.chance(absence.noticedShare)) return
    time.after(this.#chance.int(0, latest), () => {
      if (this.onlyJob === job) this.start()
    })
  }

  /** The simulation is over. */
  end(): void {
    for (const { incarnation } of this.#jobs) incarnation.kill()
  }

  /** The program has ended: its successor finds what is durable, and nothing that still runs. */
  #over(job: Job, how: string, restartMsMax: number = RESTART_MS_MAX): void {
    const { http, plan, time, trace } = this.#models
    if (!this.#jobs.includes(job)) return
    this.#jobs = this.#jobs.filter((each) => each !== job)
    trace.add(`program ${job.incarnation.number} ${how}`)
    job.incarnation.kill()
    time.after(this.#chance.int(0, restartMsMax), () => {
      if (this.#jobs.length > 0) return
      if (!plan.orphansOutlive) http.orphansEnd()
      this.start()
    })
  }

  #ended(job: Job, exit: Exit.Exit<void, unknown>): void {
    const { ledger, verdict } = this.#models
    this.refused = false
    if (Exit.isSuccess(exit)) {
      const draining = job.draining
      if (draining === undefined) {
        return verdict.broken("the job does not end by itself", "it ended without being asked")
      }
      // A connection that broke while it was drained leaves the rest to the next run.
      const whole = draining.sender !== undefined && draining.sender === job.watch.sender
      if (whole && job.watch.sender !== undefined) ledger.drained(job.watch.sender.start, draining.receivedEnd)
      return this.#over(job, "stopped")
    }
    const reasons = exit.cause.reasons
    if (reasons.every((reason) => reason._tag === "Interrupt")) return this.#over(job, "interrupted")
    if (job.draining !== undefined) return this.#over(job, "failed while it drained")
    const expected = reasons.map((reason) => reason._tag === "Fail" ? this.#expected(job, reason.error) : undefined)
    if (expected.includes(undefined)) {
      verdict.broken("the job does not end by itself", String(reasons.map(describeReason).join("; ")))
    }
    this.refused = this.onlyJob === job
    this.#over(job, `ended: ${expected.join("; ")}`, RESTART_FAILED_MS_MAX)
  }

  /** The code of an error with which a program may end by itself. */
  #expected(job: Job, error: unknown): string | undefined {
    const { postgres, starRocks } = this.#models
    if (error instanceof SetupError && error.code === "SrColumnMissing") {
      const missing = postgres.tables.some((table) => table.wanted && !starRocks.targets.fits(table))
      return missing ? error.code : undefined
    }
    if (error instanceof SetupError && error.code === "SrConnectionFailed") {
      return starRocks.everRefusedLogin ? error.code : undefined
    }
    // A list of columns that does not cover the replica identity, or somebody who changes the publication, too.
    if (error instanceof SetupError && error.code === "PgPublicationFailed") {
      return this.#models.tells.any ? error.code : undefined
    }
    if (error instanceof SetupError && error.code === "PgSlotInUse") return this.#everTwo ? error.code : undefined
    // Of the last table that was left.
    if (error instanceof PermanentError && job.watch.stopped.length === SourceTables.WANTED.length) {
      if (job.watch.stopped.some((stopped) => stopped.error.code === Program.UNPUBLISHED)) this.#accept()
      return error.code
    }
    return undefined
  }

  /** There is no program that could be told to go on, so a person writes it into the table. */
  #accept(): void {
    const { sql, tells, trace } = this.#models
    trace.add("it is to be forgotten how the tables were published")
    sql.forgetPublished()
    tells.accepted()
  }

  #checkBuffer(job: Job): void {
    if (job.watch.session === undefined || job.watch.sender === undefined || !job.incarnation.alive) return
    const { bufferedBytes } = Effect.runSync(job.watch.session.state)
    const most = this.#models.settings.bufferBytesMax + job.watch.sender.burstBytes
    this.#models.verdict.expect(
      bufferedBytes >= 0 && bufferedBytes <= most,
      "buffered bytes within the budget",
      () => `${bufferedBytes} bytes are buffered, ${most} may be`
    )
  }

  #checkStopped(job: Job): void {
    const { ledger, starRocks, tells, verdict } = this.#models
    for (const { error, table } of job.watch.stopped) {
      if (error.code === Program.UNPUBLISHED) tells.told(table)
      verdict.expect(
        error.code === "SR_ACCESS_DENIED"
          ? starRocks.everRefusedLogin
          : error.code === Program.UNPUBLISHED
          ? tells.may(table)
          : ledger.stops.mayStop(table, error.code),
        "a table stops only for a reason",
        () => `${table}: ${error.message}`
      )
    }
  }
}

const describeReason = (reason: { readonly _tag: string; readonly error?: unknown; readonly defect?: unknown }) => {
  const what = reason.error ?? reason.defect
  return `${reason._tag}: ${what instanceof Error ? `${what.message}\n${what.stack ?? ""}` : String(what)}`
}
