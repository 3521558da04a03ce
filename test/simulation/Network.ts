/** How long things take: short mostly, now and then long. Times of both servers and of what lies between. */
import type { Prng } from "./Prng.ts"

/** Longest ordinary wait in ms. */
const QUICK_MS_MAX = 8
/** Longest wait in ms of the tenth that takes longer. */
const SLOW_MS_MAX = 120
const SLOW_SHARE = 0.1

export class Network {
  readonly #prng: Prng
  /** Multiplies every wait: a run may be slow throughout. */
  readonly #slowness: number

  constructor(prng: Prng, slowness: number) {
    this.#prng = prng
    this.#slowness = slowness
  }

  /** A wait in ms. */
  wait(): number {
    const most = this.#prng.chance(SLOW_SHARE) ? SLOW_MS_MAX : QUICK_MS_MAX
    return Math.round(this.#prng.int(0, most) * this.#slowness)
  }
}
