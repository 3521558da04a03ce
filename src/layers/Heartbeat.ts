/**
 * Tells whether this program stood still. A program that was stopped, or whose machine was suspended, goes on where it was,
 * in a world that did not wait: somebody else may have its slot, and what it was about to send is old.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** How often it looks, in ms. */
const BEAT_MS = 500
/** A gap of this much, in ms, is a standstill: longer than a busy event loop takes, shorter than a slot is given up. */
export const STANDSTILL_MS = 2_000
/**
 * A body begins within this time of the permit to send it, in ms: connection and redirect take milliseconds, and a front end
 * that collects garbage seconds. Whoever takes the slot over relies on it: a load that StarRocks does not know by then will
 * never begin. So it is also how long a table may stand still after a program was killed.
 */
export const BODY_START_MS_MAX = 8_000

/** What a load may be sent with: it holds until the program stands still, and for the body's beginning not for long. */
export interface Permit {
  readonly standstills: number
  readonly atMs: number
}

export class Heartbeat {
  readonly #wallMs: () => number
  readonly #elapsedMs: () => number
  #lastMs: number
  #standstills = 0

  /** The wall clock goes on while the machine sleeps; the other one is never set, so that it measures durations. */
  constructor(wallMs: () => number, elapsedMs: () => number) {
    this.#wallMs = wallMs
    this.#elapsedMs = elapsedMs
    this.#lastMs = wallMs()
  }

  /** To be taken before one makes sure that one may send. */
  permit(): Permit {
    this.beat()
    return { standstills: this.#standstills, atMs: this.#elapsedMs() }
  }

  /** Whether a body may no longer go on, or, when it has not begun, begin. */
  isStale(permit: Permit, begun: boolean): boolean {
    this.beat()
    return this.#standstills !== permit.standstills ||
      (!begun && this.#elapsedMs() - permit.atMs > BODY_START_MS_MAX)
  }

  /** To be called so often that a gap is a standstill. */
  beat(): void {
    const now = this.#wallMs()
    if (now - this.#lastMs > STANDSTILL_MS) this.#standstills += 1
    this.#lastMs = now
  }
}

const NANOS_PER_MS = 1e6

/** Beats until the scope ends. */
export const make: Effect.Effect<Heartbeat, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const heartbeat = new Heartbeat(
    () => clock.currentTimeMillisUnsafe(),
    () => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MS
  )
  yield* Effect.sync(() => heartbeat.beat()).pipe(Effect.repeat(Schedule.spaced(BEAT_MS)), Effect.forkScoped)
  return heartbeat
})
