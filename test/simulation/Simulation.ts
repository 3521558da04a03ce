/**
 * One seed: the real streams and layers against both models, under a schedule of faults; then the faults end, and what
 * was promised must have come true.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Broken, Verdict } from "./Broken.ts"
import type { Faults } from "./Faults.ts"
import { Incarnation } from "./Incarnation.ts"
import { Models } from "./Models.ts"
import type { Plan } from "./Plan.ts"
import { Prng } from "./Prng.ts"
import * as Program from "./Program.ts"
import type { Trace } from "./Trace.ts"
import type { WalSender } from "./WalSender.ts"

/** Virtual time in which a healed world must have caught up, in ms: twice a load's timeout, and the longest backoffs. */
const CATCH_UP_MS_MAX = 3_600_000
/** A run of more steps than this does not end. */
const STEPS_MAX = 60_000
/** `dbmazz run` gives a drain this long, in ms. */
const DRAIN_MS_MAX = 25_000
/** Until a program that ended is started again, in ms. */
const RESTART_MS_MAX = 400
/** The end of the workload is not the end of the faults: what is under way then is part of the run. */
const FAULTS_LINGER_MS = 3_000

export interface Report {
  readonly seed: number
  readonly steps: number
  readonly virtualMs: number
  readonly faults: number
  readonly transactions: number
  readonly incarnations: number
  readonly digest: string
  readonly broken: Broken | undefined
  readonly trace: ReadonlyArray<string>
}

/** One run of the program, and how it is told to end. */
interface Job {
  readonly incarnation: Incarnation
  readonly stop: Deferred.Deferred<void>
  readonly fiber: Fiber.Fiber<void, unknown>
  readonly watch: Program.Watch
  /** The session that a drain began with, and what it had received. */
  draining: { readonly sender: WalSender | undefined; readonly receivedEnd: bigint } | undefined
}

class World {
  readonly #plan: Plan
  readonly #models: Models
  readonly #chance: Prng
  #job: Job | undefined = undefined
  incarnations = 0
  steps = 0

  constructor(plan: Plan, traceLines: number) {
    this.#plan = plan
    this.#models = new Models(plan, traceLines)
    this.#chance = new Prng(plan.seed, "world")
  }

  get verdict(): Verdict {
    return this.#models.verdict
  }

  get trace(): Trace {
    return this.#models.trace
  }

  get faults(): Faults {
    return this.#models.faults
  }

  get elapsedMs(): number {
    return this.#models.time.elapsedMs
  }

  async run(): Promise<void> {
    try {
      this.#start()
      await this.#untilWorkloadIsOver()
      this.faults.heal()
      this.trace.add("faults end")
      await this.#untilCaughtUp()
      await this.#lastDrain()
    } catch (error) {
      if (this.verdict.first === undefined) throw error
    } finally {
      this.#job?.incarnation.kill()
    }
  }

  async #untilWorkloadIsOver(): Promise<void> {
    let started = false
    let overAt: number | undefined = undefined
    while (overAt === undefined || this.elapsedMs < overAt + FAULTS_LINGER_MS) {
      await this.#step()
      if (!started && this.#models.postgres.slot !== undefined) {
        started = true
        this.#models.workload.start()
      }
      if (started && this.#models.workload.over) overAt ??= this.elapsedMs
      this.#troubleTheJob()
      if (this.faults.happens("postgres: server crash")) {
        this.#models.postgres.crash(this.#chance.int(0, 3_000))
      }
    }
  }

  async #untilCaughtUp(): Promise<void> {
    const deadline = this.elapsedMs + CATCH_UP_MS_MAX
    while (true) {
      await this.#step()
      const confirmed = this.#models.postgres.slot?.confirmed ?? 0n
      if (confirmed >= this.#models.ledger.lastEnd() && this.#models.ledger.difference() === undefined) return
      if (this.elapsedMs < deadline) continue
      const difference = this.#models.ledger.difference()
      if (difference !== undefined) this.verdict.broken("source and sink are equal", difference)
      this.verdict.broken(
        "the slot is confirmed to the last commit",
        `it stands at ${confirmed.toString(16)}, the last commit ended at ${this.#models.ledger.lastEnd().toString(16)}`
      )
    }
  }

  /** The last word: a stop in a world without faults ends well, and changes nothing. */
  async #lastDrain(): Promise<void> {
    while (this.#job === undefined || this.#job.draining !== undefined) await this.#step()
    const job = this.#job
    this.#stop(job)
    while (this.#job === job) await this.#step()
    const difference = this.#models.ledger.difference()
    if (difference !== undefined) this.verdict.broken("source and sink are equal", difference)
  }

  async #step(): Promise<void> {
    this.steps += 1
    this.trace.step = this.steps
    if (!this.#models.time.next()) this.verdict.broken("replication catches up", "nothing will ever happen again")
    this.trace.elapsedMs = this.elapsedMs
    await this.#job?.incarnation.settle()
    if (this.verdict.first !== undefined) throw this.verdict.first
    if (this.steps > STEPS_MAX) this.verdict.broken("replication catches up", `${STEPS_MAX} steps are not enough`)
    this.#checkBuffer()
  }

  #checkBuffer(): void {
    const job = this.#job
    if (job?.watch.session === undefined || job.watch.sender === undefined || !job.incarnation.alive) return
    const { bufferedBytes } = Effect.runSync(job.watch.session.state)
    const most = this.#models.settings.bufferBytesMax + job.watch.sender.burstBytes
    this.verdict.expect(
      bufferedBytes >= 0 && bufferedBytes <= most,
      "buffered bytes within the budget",
      () => `${bufferedBytes} bytes are buffered, ${most} may be`
    )
  }

  #troubleTheJob(): void {
    const job = this.#job
    if (job === undefined) return
    if (this.faults.happens("job: killed")) {
      job.incarnation.kill()
      this.#over(job, "killed")
    } else if (this.faults.happens("job: interrupted")) {
      job.fiber.interruptUnsafe()
    } else if (job.draining === undefined && this.faults.happens("job: stopped")) this.#stop(job)
  }

  #stop(job: Job): void {
    this.trace.add("the job is told to stop")
    const sender = job.watch.sender?.isHeld === true ? job.watch.sender : undefined
    job.draining = { sender, receivedEnd: sender?.receivedEnd ?? 0n }
    Deferred.doneUnsafe(job.stop, Effect.void)
    job.incarnation.after(DRAIN_MS_MAX, () => {
      job.incarnation.kill()
      this.#over(job, "killed after its drain took too long")
    })
  }

  /** The program has ended: its successor finds what is durable, and nothing that still runs. */
  #over(job: Job, how: string): void {
    if (this.#job !== job) return
    this.#job = undefined
    this.trace.add(`program ${job.incarnation.number} ${how}`)
    job.incarnation.kill()
    this.#models.time.after(this.#chance.int(0, RESTART_MS_MAX), () => {
      if (!this.#plan.orphansOutlive) this.#models.http.orphansEnd()
      this.#start()
    })
  }

  #ended(job: Job, exit: Exit.Exit<void, unknown>): void {
    if (Exit.isSuccess(exit)) {
      const draining = job.draining
      if (draining === undefined) {
        return this.verdict.broken("the job does not end by itself", "it ended without being asked")
      }
      // A connection that broke while it was drained leaves the rest to the next run.
      const whole = draining.sender !== undefined && draining.sender === job.watch.sender
      if (whole && job.watch.sender !== undefined) {
        this.#models.ledger.drained(job.watch.sender.start, draining.receivedEnd)
      }
      return this.#over(job, "stopped")
    }
    const interrupted = exit.cause.reasons.every((reason) => reason._tag === "Interrupt")
    if (!interrupted && job.draining === undefined) {
      this.verdict.broken("the job does not end by itself", String(exit.cause.reasons.map(describeReason).join("; ")))
    }
    this.#over(job, interrupted ? "interrupted" : "failed while it drained")
  }

  #start(): void {
    const incarnation = new Incarnation(++this.incarnations, this.#plan.seed, this.#models.time, this.#chance)
    this.trace.add(`program ${incarnation.number} starts`)
    const stop = Deferred.makeUnsafe<void>()
    const watch: Program.Watch = { sender: undefined, session: undefined }
    const fiber = Program.start(this.#models, incarnation, stop, watch)
    const job: Job = { incarnation, stop, fiber, watch, draining: undefined }
    this.#job = job
    fiber.addObserver((exit) => {
      if (!incarnation.alive) return
      try {
        this.#ended(job, exit)
      } catch {
        // The verdict has been kept.
      }
    })
  }
}

const describeReason = (reason: { readonly _tag: string; readonly error?: unknown; readonly defect?: unknown }) => {
  const what = reason.error ?? reason.defect
  return `${reason._tag}: ${what instanceof Error ? `${what.message}\n${what.stack ?? ""}` : String(what)}`
}

/** Runs one plan. Resolves with what was found; rejects when the simulation itself is wrong. */
export const run = async (plan: Plan, traceLines?: number): Promise<Report> => {
  const world = new World(plan, traceLines ?? TRACE_LINES)
  // A run never waits for the machine: give way to whoever waits for this process.
  await new Promise((resolve) => setImmediate(resolve))
  await world.run()
  return {
    seed: plan.seed,
    steps: world.steps,
    virtualMs: world.elapsedMs,
    faults: world.faults.count,
    transactions: plan.workload.transactions,
    incarnations: world.incarnations,
    digest: world.trace.digest,
    broken: world.verdict.first,
    trace: world.trace.lines
  }
}

/** Lines of the trace that a report of a failure shows. */
const TRACE_LINES = 60
