/** What the process says about itself when asked: memory, CPU time, and how late its timers are. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monitorEventLoopDelay } from "node:perf_hooks"

/** Shares of the timers that were at most so late. */
export const QUANTILES = [0.5, 0.99, 1] as const
type Quantile = typeof QUANTILES[number]

/** How often the event loop is measured, in ms: often enough for a pause that a keepalive would feel, for 0.01 % CPU. */
const RESOLUTION_MS = 10
/** The histogram counts the measure's own interval as delay. */
const RESOLUTION_NS = RESOLUTION_MS * 1_000_000

/** What is shown covers at least so long, in ms, so that two readers do not take each other's pauses away. */
const WINDOW_MS = 10_000

export interface ProcessReadings {
  readonly residentBytes: () => number
  /** User and system. */
  readonly cpuSeconds: () => number
  /** Since the window before the last reading. */
  readonly eventLoopDelaySeconds: (quantile: Quantile) => number
}

const nanoseconds = (histogram: ReturnType<typeof monitorEventLoopDelay>, quantile: Quantile): number => {
  if (histogram.count === 0) return 0
  const measured = quantile === 1 ? histogram.max : histogram.percentile(quantile * 100)
  return Math.max(0, measured - RESOLUTION_NS)
}

/** The last finished window and the one that runs; the larger value of both is shown. */
class DelayWindows {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #before = new Map<Quantile, number>()
  #startedMs = performance.now()

  constructor() {
    this.#histogram.enable()
  }

  seconds(quantile: Quantile): number {
    const shown = Math.max(this.#before.get(quantile) ?? 0, nanoseconds(this.#histogram, quantile)) / 1e9
    // The last quantile that is read ends the window, so that all of one reading are of the same.
    if (quantile === QUANTILES[QUANTILES.length - 1] && performance.now() - this.#startedMs >= WINDOW_MS) this.#turn()
    return shown
  }

  #turn(): void {
    for (const quantile of QUANTILES) this.#before.set(quantile, nanoseconds(this.#histogram, quantile))
    this.#histogram.reset()
    this.#startedMs = performance.now()
  }

  close(): void {
    this.#histogram.disable()
  }
}

/** The measuring of the event loop ends with the scope. */
export const make: Effect.Effect<ProcessReadings, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(Effect.sync(() => new DelayWindows()), (windows) => Effect.sync(() => windows.close())),
  (windows) => ({
    residentBytes: () => process.memoryUsage.rss(),
    cpuSeconds: () => {
      const { system, user } = process.cpuUsage()
      return (user + system) / 1e6
    },
    eventLoopDelaySeconds: (quantile) => windows.seconds(quantile)
  })
)
