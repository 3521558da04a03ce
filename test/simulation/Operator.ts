/** The person who looks after the job: gives the sink what it lacks, and starts the program again when a table has stopped. */
import type { Models } from "./Models.ts"
import type { Job, Orchestrator } from "./Orchestrator.ts"
import { Prng } from "./Prng.ts"
import { UNPUBLISHED } from "./Program.ts"
import * as SourceTables from "./SourceTables.ts"

/**
 * How long a person takes to see that a column is missing, in ms: the program adds it itself when a row needs it, so most do not
 * look before the faults end.
 */
const REPAIR_MS = [0, 5_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const
/** The same, of a sink whose columns the program adds itself. */
const REPAIR_SELDOM_MS = [5_000, ...Array.from({ length: 9 }, () => Number.POSITIVE_INFINITY)] as const
/** How long a person takes to see that a table has stopped, in ms at most. */
const RESTART_MS_MAX = 5_000

/** The same, until it is told to go on. */
const ACCEPT_MS_MAX = 20_000

/** Tables of which the program says that not all was sent. */
const unpublished = ({ watch }: Job): ReadonlyArray<string> =>
  watch.stopped.filter(({ error }) => error.code === UNPUBLISHED).map(({ table }) => table)

export class Operator {
  readonly #models: Models
  readonly #orchestrator: Orchestrator
  readonly #prng: Prng
  #repairAtMs: number | undefined = undefined
  #restarting: Job | undefined = undefined
  #running: Job | undefined = undefined
  #accepting: Job | undefined = undefined
  #missing = false
  #compared: { count: number; tables: ReadonlyArray<SourceTables.Table> } = { count: 0, tables: [] }

  constructor(models: Models, orchestrator: Orchestrator) {
    this.#models = models
    this.#orchestrator = orchestrator
    this.#prng = new Prng(models.plan.seed, "operator")
  }

  /** Looks at both, and does what there is to do. */
  look(): void {
    const { faults, time } = this.#models
    if (this.missing) {
      this.#repairAtMs ??= time.nowMs + this.#prng.pick(this.#evolves ? REPAIR_SELDOM_MS : REPAIR_MS)
      // A table that was put back into the publication at the end may have brought a column that nobody has missed before.
      if (faults.healed || time.nowMs >= this.#repairAtMs) this.repair()
    }
    this.restart()
    this.accept()
  }

  /** Puts tables back into the publication, with all of their columns. */
  #publish(which: (table: SourceTables.Table) => boolean): void {
    const { postgres, trace } = this.#models
    const tables = postgres.tables.filter((table) => !SourceTables.isWhole(table) && which(table))
    if (tables.length === 0 || !postgres.up) return
    const transaction = postgres.begin()
    if (tables.every((table) => transaction.publish(SourceTables.whole(table)))) {
      trace.add("tables are put back into the publication")
      postgres.commit(transaction)
    } else postgres.rollback(transaction)
  }

  /** Tells the program to go on, once it has told that not all of a table was sent. When the faults end, all is sent again. */
  accept(): void {
    const { faults, time, trace } = this.#models
    if (faults.healed) this.#publish(() => true)
    const job = this.#orchestrator.job
    if (job === undefined || job === this.#accepting || job.draining !== undefined) return
    const told = unpublished(job)
    if (told.length === 0) return
    this.#accepting = job
    time.after(this.#prng.int(0, ACCEPT_MS_MAX), () => {
      this.#accepting = undefined
      if (!job.incarnation.alive || unpublished(job).length === 0) return
      this.#publish((table) => told.includes(SourceTables.nameOf(table)))
      trace.add(`program ${job.incarnation.number} is told to go on`)
      job.incarnation.deliver(() => job.watch.resume?.())
    })
  }

  /** Starts a program again whose tables have stopped for a reason that is gone. */
  restart(): void {
    const job = this.#orchestrator.job
    if (job === undefined || job === this.#restarting || job.draining !== undefined || !this.#mendable(job)) return
    this.#restarting = job
    this.#models.time.after(this.#prng.int(0, RESTART_MS_MAX), () => {
      if (job.incarnation.alive && job.draining === undefined) this.#orchestrator.stop(job)
    })
  }

  /** Adds to the sink the columns that the source has more. */
  repair(): void {
    const { postgres, starRocks, trace } = this.#models
    this.#repairAtMs = undefined
    trace.add("the sink gets the columns that it lacks")
    starRocks.targets.repair(postgres.versions)
    this.#running = this.#orchestrator.job
  }

  /** Whether the program may know the sink as it was before its last repair. */
  get programIsBehind(): boolean {
    return this.#running !== undefined && this.#running === this.#orchestrator.job
  }

  /** Whether the sink lacks a column. */
  get missing(): boolean {
    const { postgres: { versions }, starRocks: { targets } } = this.#models
    const { count, tables } = this.#compared
    // Asked in every step; both seldom change.
    if (count !== versions.length || tables !== targets.tables) {
      this.#compared = { count: versions.length, tables: targets.tables }
      this.#missing = versions.some((table) => table.wanted && !targets.fits(table))
    }
    return this.#missing
  }

  /** Whether the program changes the sink's columns itself. */
  get #evolves(): boolean {
    return this.#models.plan.schemaChangePolicy !== "stop"
  }

  /** Whether a start would bring a table back. */
  #mendable(job: Job): boolean {
    return job.watch.stopped.some(({ error: { code } }) =>
      (code === "SCHEMA_CHANGED" && (this.#evolves || !this.missing)) ||
      (code === "SR_ACCESS_DENIED" && !this.#models.starRocks.refusesLogin)
    )
  }
}
