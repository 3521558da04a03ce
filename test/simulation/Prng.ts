/** A small seeded generator (sfc32): the only source of chance in a simulation. */

const UINT32 = 0x1_0000_0000
/** Rounds after which the state no longer shows the seed. */
const WARM_UP_ROUNDS = 12

export class Prng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Generators of the same seed and another name are independent: drawing from one does not move the other. */
  constructor(seed: number, name: string) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / UINT32) >>> 0
    this.#c = 0x9e37_79b9
    for (let index = 0; index < name.length; index++) this.#c = Math.imul(this.#c ^ name.charCodeAt(index), 0x0100_0193)
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.uint32()
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / UINT32
  }

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<A>(choices: readonly [A, ...ReadonlyArray<A>]): A {
    return choices[this.int(0, choices.length - 1)] ?? choices[0]
  }
}
