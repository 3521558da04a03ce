/**
 * One seed: the real streams and layers against both models, under a schedule of faults; then the faults end, and what
 * was promised must have come true.
 */
import type { Broken, Verdict } from "./Broken.ts"
import type { Faults } from "./Faults.ts"
import { Models } from "./Models.ts"
import { Operator } from "./Operator.ts"
import { type Job, Orchestrator } from "./Orchestrator.ts"
import type { Plan } from "./Plan.ts"
import { Prng } from "./Prng.ts"
import type { Trace } from "./Trace.ts"

/** Virtual time in which a healed world must have caught up, in ms: twice a load's timeout, and the longest backoffs. */
const CATCH_UP_MS_MAX = 3_600_000
/** A run of more steps than this does not end. */
const STEPS_MAX = 60_000
/** A server that crashed is up again after this, in ms. */
const CRASH_MS_MAX = 3_000
/** A password that was changed by mistake is put back after this, in ms. */
const PASSWORD_MS_MAX = 20_000
/** Longer than anything takes in a world without faults, in ms. */
const QUIET_MS = 60_000
/** The end of the workload is not the end of the faults: what is under way then is part of the run. */
const FAULTS_LINGER_MS = 3_000
/** So long they go on at most for a program that has not caught up by then. */
const FAULTS_LINGER_MS_MAX = 40_000
/** Steps between two comparisons of all rows, which take far longer than a step. */
const COMPARED_EVERY = 16

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

class World {
  readonly #models: Models
  readonly #orchestrator: Orchestrator
  readonly #operator: Operator
  readonly #chance: Prng
  steps = 0

  constructor(plan: Plan, traceLines: number) {
    this.#models = new Models(plan, traceLines)
    this.#orchestrator = new Orchestrator(this.#models)
    this.#operator = new Operator(this.#models, this.#orchestrator)
    this.#chance = new Prng(plan.seed, "crashes")
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

  get incarnations(): number {
    return this.#orchestrator.incarnations
  }

  get elapsedMs(): number {
    return this.#models.time.elapsedMs
  }

  async run(): Promise<void> {
    try {
      this.#orchestrator.start()
      await this.#untilWorkloadIsOver()
      this.faults.heal()
      this.trace.add("faults end")
      await this.#untilStopped()
      await this.#untilCaughtUp()
      await this.#lastDrain()
    } catch (error) {
      if (this.verdict.first === undefined) throw error
    } finally {
      this.#orchestrator.end()
    }
  }

  async #untilWorkloadIsOver(): Promise<void> {
    let started = false
    let overAt: number | undefined = undefined
    while (overAt === undefined || this.elapsedMs < overAt + this.#lingerMs) {
      await this.#step()
      if (!started && this.#models.postgres.slot !== undefined) {
        started = true
        this.#models.workload.start()
      }
      if (started && this.#models.workload.over) overAt ??= this.elapsedMs
      this.#operator.look()
      this.#orchestrator.trouble()
      this.#troubleServers()
    }
  }

  get #lingerMs(): number {
    const { ledger, postgres } = this.#models
    return (postgres.slot?.confirmed ?? 0n) >= ledger.lastEnd() ? FAULTS_LINGER_MS : FAULTS_LINGER_MS_MAX
  }

  #troubleServers(): void {
    const { faults, postgres, starRocks, time } = this.#models
    if (faults.happens("postgres: server crash")) postgres.crash(this.#chance.int(0, CRASH_MS_MAX))
    if (!starRocks.refusesLogin && faults.happens("starrocks: password changed")) {
      starRocks.changePassword(true)
      time.after(this.#chance.int(0, PASSWORD_MS_MAX), () => starRocks.changePassword(false))
    }
  }

  /** A table that lacks a column has stopped where it must, all else is equal; unless no program starts without it. */
  async #untilStopped(): Promise<void> {
    if (!this.#operator.missing) return
    const { ledger } = this.#models
    const orchestrator = this.#orchestrator
    await this.#until(() => {
      // What has stopped for another reason (a password that was changed) is started again all the same.
      this.#operator.accept()
      this.#operator.restart()
      if (orchestrator.refused || this.#operator.programIsBehind) return true
      return this.steps % COMPARED_EVERY === 0 && ledger.difference() === undefined
    })
    this.#operator.repair()
  }

  async #untilCaughtUp(): Promise<void> {
    const { ledger, postgres } = this.#models
    await this.#until(() => {
      this.#operator.look()
      const job = this.#orchestrator.onlyJob
      if (job === undefined || job.draining !== undefined) return false
      const rest = ledger.stops.size === 0 ? (postgres.slot?.confirmed ?? 0n) >= ledger.lastEnd() : this.#isAtRest(job)
      return rest && this.#models.tells.owed(job.watch.stopped) === undefined && ledger.difference() === undefined
    })
  }

  /** A truncated table keeps the slot where it is: each start reads everything behind that again, and loads it. */
  #isAtRest({ watch: { sender } }: Job): boolean {
    const { http, ledger, time } = this.#models
    if (sender?.isHeld !== true || sender.receivedEnd < ledger.lastEnd()) return false
    return time.nowMs > Math.max(sender.openedMs, http.committedMs) + QUIET_MS
  }

  async #until(reached: () => boolean): Promise<void> {
    const { ledger, postgres } = this.#models
    const deadline = this.elapsedMs + CATCH_UP_MS_MAX
    while (true) {
      await this.#step()
      if (reached()) return
      if (this.elapsedMs < deadline) continue
      const difference = ledger.difference()
      if (difference !== undefined) this.verdict.broken("source and sink are equal", difference)
      const owed = this.#models.tells.owed(this.#orchestrator.onlyJob?.watch.stopped ?? [])
      if (owed !== undefined) this.verdict.broken("a table of which not all was sent is told", owed)
      const confirmed = postgres.slot?.confirmed ?? 0n
      this.verdict.broken(
        "the slot is confirmed to the last commit",
        `it stands at ${confirmed.toString(16)}, the last commit ended at ${ledger.lastEnd().toString(16)}`
      )
    }
  }

  /** The last word: a stop in a world without faults ends well, and changes nothing. */
  async #lastDrain(): Promise<void> {
    const orchestrator = this.#orchestrator
    const job = orchestrator.onlyJob
    if (job === undefined) return
    orchestrator.stop(job)
    while (job.incarnation.alive) await this.#step()
    const difference = this.#models.ledger.difference()
    if (difference !== undefined) this.verdict.broken("source and sink are equal", difference)
  }

  async #step(): Promise<void> {
    this.steps += 1
    this.trace.step = this.steps
    if (!this.#models.time.next()) this.verdict.broken("replication catches up", "nothing will ever happen again")
    this.trace.elapsedMs = this.elapsedMs
    await this.#orchestrator.settle()
    if (this.verdict.first !== undefined) throw this.verdict.first
    if (this.steps > STEPS_MAX) this.verdict.broken("replication catches up", `${STEPS_MAX} steps are not enough`)
  }
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
