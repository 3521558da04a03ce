/** Random numbers that can be repeated: for rows, faults and tests. */

/** A small, fast generator (splitmix32): equal seeds give equal numbers on every machine. */
export class SeededRandom {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number of 32 bits. */
  bits(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0
    let mixed = this.#state ^ (this.#state >>> 16)
    mixed = Math.imul(mixed, 0x21f0_aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a_2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  /** A whole number from 0 to `below` − 1. */
  below(below: number): number {
    return Math.floor((this.bits() / 2 ** 32) * below)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** Whether something of that probability happens this time. */
  chance(probability: number): boolean {
    return this.bits() / 2 ** 32 < probability
  }

  /** One of the values, each as likely as the others. */
  pick<A>(values: readonly [A, ...ReadonlyArray<A>]): A {
    return values[this.below(values.length)] ?? values[0]
  }

  /** So many bytes. */
  bytes(count: number): Buffer {
    const words = Buffer.allocUnsafe(Math.ceil(count / 4) * 4)
    for (let at = 0; at < words.length; at += 4) words.writeUInt32LE(this.bits(), at)
    return words.subarray(0, count)
  }
}
