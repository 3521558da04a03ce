/**
 * How large batches are while StarRocks' compaction does not keep up: each load makes a version of every tablet it touches, so
 * fewer and larger loads are what helps. They grow with each complaint and shrink again when it has been quiet.
 */
import type { FlushLimits } from "./config/Settings.ts"

/** Batches grow to so many times their size: with the default interval of 5 s a load every 40 s. */
const FACTOR_MAX = 8
/** After so long without a complaint they are halved, in ms: compaction needs minutes to catch up. */
const QUIET_MS = 300_000

/** One run's pace; synchronous, asked once a chunk. */
export class Pace {
  #factor = 1
  #changedMs = 0
  #complaining = false

  /** What the configured limits become now; `complaining` while a load waits because of too many versions. */
  limits(configured: FlushLimits, complaining: boolean, nowMs: number): FlushLimits {
    if (complaining && !this.#complaining) this.#turn(Math.min(this.#factor * 2, FACTOR_MAX), nowMs)
    else if (complaining) this.#changedMs = nowMs
    else if (this.#factor > 1 && nowMs - this.#changedMs >= QUIET_MS) this.#turn(this.#factor / 2, nowMs)
    this.#complaining = complaining
    const { bytes, everyMs, rows } = configured
    // Bytes stay: the buffer holds no more.
    return this.#factor === 1 ? configured : { bytes, rows: rows * this.#factor, everyMs: everyMs * this.#factor }
  }

  #turn(factor: number, nowMs: number): void {
    this.#factor = factor
    this.#changedMs = nowMs
  }
}
