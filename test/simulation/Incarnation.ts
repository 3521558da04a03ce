/** One run of the program in virtual time: its fibers, its clock and its timers, which all end when it is killed. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as DurationModule from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { Link } from "./Link.ts"
import { Prng } from "./Prng.ts"
import type { VirtualTime } from "./VirtualTime.ts"

const NANOS_PER_MS = 1_000_000n

/**
 * Turns of the microtask queue within which every promise that can go on has gone on: several times the longest chain of
 * awaits there is (the library's, when it connects). The event loop itself would do, and costs far more.
 */
const TURNS = 24

const promisesSettled = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve()
}

export class Incarnation {
  readonly number: number
  readonly context: Context.Context<never>
  readonly toPostgres: Link
  readonly toStarRocks: Link
  /** The last commit of what it has said it would send next, by target. */
  readonly announced = new Map<string, bigint>()
  readonly #time: VirtualTime
  readonly #order: Prng | undefined
  readonly #onKill: Array<() => void> = []
  #tasks: Array<() => void> = []
  #alive = true
  /** Something may have gone on in it since it settled last. */
  #stirred = true
  /** What came while it stands still, in order. */
  #late: Array<() => void> | undefined = undefined
  #stoodUntilMs = Number.NEGATIVE_INFINITY

  constructor(number: number, seed: number, time: VirtualTime, chance: Prng) {
    this.number = number
    this.#time = time
    this.toPostgres = new Link(time)
    this.toStarRocks = new Link(time)
    this.#order = chance.chance(REORDERED_SHARE) ? new Prng(seed, `order ${number}`) : undefined
    const random = new Prng(seed, `program ${number}`)
    this.context = Context.make(Clock.Clock, this.#clock()).pipe(
      Context.add(Scheduler.Scheduler, this.#scheduler()),
      Context.add(Random.Random, {
        nextIntUnsafe: () => random.int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
        nextDoubleUnsafe: () => random.fraction()
      }),
      Context.add(Logger.CurrentLoggers, new Set())
    )
  }

  get alive(): boolean {
    return this.#alive
  }

  get standsStill(): boolean {
    return this.#late !== undefined
  }

  /** When it last stood still. */
  get stoodUntilMs(): number {
    return this.standsStill ? this.#time.nowMs : this.#stoodUntilMs
  }

  /** Hands it what comes from outside, at once, or when it goes on; never when it has been killed. */
  deliver(act: () => void): void {
    if (!this.#alive) return
    this.#stirred = true
    if (this.#late === undefined) act()
    else this.#late.push(act)
  }

  /** Tells it something that is no event of the world's: a signal, an interruption. */
  tell(act: () => void): void {
    this.#stirred = true
    act()
  }

  /** Calls back later, unless it has been killed by then. */
  after(ms: number, act: () => void): () => void {
    let cancelled = false
    const cancel = this.#time.after(ms, () =>
      this.deliver(() => {
        if (!cancelled) act()
      }))
    return () => {
      cancelled = true
      cancel()
    }
  }

  /** Stopped (SIGSTOP) for so long, or its machine is: the world goes on, and what comes from it waits. */
  standStill(ms: number): void {
    if (this.standsStill) return
    this.#late = []
    this.#time.after(ms, () => {
      const late = this.#late ?? []
      this.#late = undefined
      this.#stoodUntilMs = this.#time.nowMs
      for (const act of late) this.#time.after(0, () => this.deliver(act))
    })
  }

  /** Nothing of it runs any more, finalizers neither. */
  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#tasks = []
    for (const act of this.#onKill) act()
  }

  /** What the world does when the program is gone. */
  onKill(act: () => void): void {
    this.#onKill.push(act)
  }

  /** Lets all fibers and promises run until each waits for time or for the world; false when nothing has come that any waits for. */
  async settle(): Promise<boolean> {
    if (this.standsStill) return true
    if (!this.#stirred) return false
    this.#stirred = false
    do {
      this.#run()
      await promisesSettled()
    } while (this.#tasks.length > 0)
    return true
  }

  #run(): void {
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks
      this.#tasks = []
      for (const task of tasks) if (this.#alive) task()
    }
  }

  #scheduler(): Scheduler.Scheduler {
    const mixed = new Scheduler.MixedScheduler()
    const dispatcher: Scheduler.SchedulerDispatcher = {
      scheduleTask: (task) => {
        if (!this.#alive) return
        this.#stirred = true
        // Fibers that are ready at the same moment have no order among them.
        const at = this.#order?.int(0, this.#tasks.length)
        if (at === undefined || at === this.#tasks.length) this.#tasks.push(task)
        else this.#tasks.splice(at, 0, task)
      },
      flush: () => this.#run()
    }
    return {
      executionMode: "async",
      shouldYield: (fiber) => mixed.shouldYield(fiber),
      makeDispatcher: () => dispatcher
    }
  }

  #clock(): Clock.Clock {
    const millis = (): number => this.#time.nowMs
    const nanos = (): bigint => BigInt(this.#time.nowMs) * NANOS_PER_MS
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration: Duration.Duration) => {
        const ms = DurationModule.toMillis(duration)
        if (!Number.isFinite(ms)) return Effect.never
        return Effect.callback<void>((resume) => {
          const cancel = this.after(ms, () => resume(Effect.void))
          return Effect.sync(cancel)
        })
      }
    }
  }
}

/** Share of runs in which ready fibers run in a seeded order instead of first come, first served. */
const REORDERED_SHARE = 0.3
