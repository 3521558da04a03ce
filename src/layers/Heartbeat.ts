/**
 * Tells whether this program stood still. A program that was stopped, or whose machine was suspended, goes on where it was,
 * in a world that did not wait: somebody else may have its slot, and what it was about to send is old.
 */

/** How often it looks, in ms. */
const BEAT_MS = 500
/** A gap of this much, in ms, is a standstill: far beyond a busy event loop, within any `wal_sender_timeout`. */
export const STANDSTILL_MS = 2_000

export class Heartbeat {
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout
  #lastMs: number
  #resumedMs = Number.NEGATIVE_INFINITY

  /** `now` is the wall clock, which goes on while the machine sleeps. */
  constructor(now: () => number = Date.now) {
    this.#now = now
    this.#lastMs = now()
    this.#timer = setInterval(() => this.#beat(), BEAT_MS)
    this.#timer.unref()
  }

  /** Whether it stood still at some moment since, in ms of the wall clock; also when that ended only now. */
  stoodStillSince(ms: number): boolean {
    this.#beat()
    return this.#resumedMs >= ms
  }

  /** The wall clock now; a standstill before it is over and noted. */
  moment(): number {
    this.#beat()
    return this.#lastMs + 1
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const now = this.#now()
    // A clock that was set back must not leave a standstill in the future.
    if (now < this.#lastMs) this.#resumedMs = Math.min(this.#resumedMs, now)
    if (now - this.#lastMs > STANDSTILL_MS) this.#resumedMs = now
    this.#lastMs = now
  }
}
