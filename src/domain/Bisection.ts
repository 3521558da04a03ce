/**
 * Finds the rows that a sink refuses among many, when a refusal names none: what was refused together is offered again in
 * halves. A row is known when it is refused alone. Which parts are offered depends on nothing but the refusals, and
 * rows of different parts keep their order.
 *
 * With `k` of `n` rows refused there are at most `1 + 2k⌈log₂ n⌉` parts.
 */
export class Bisection {
  /** Where parts must end, the nearest last. */
  readonly #ends: Array<number> = []

  /** Where a part that begins at `from` has to end; `count` is the number of all rows. */
  end(from: number, count: number): number {
    while (this.#ends.length > 0 && this.#ends[this.#ends.length - 1]! <= from) this.#ends.pop()
    return this.#ends[this.#ends.length - 1] ?? count
  }

  /** The rows `from` to `to` (exclusive) were refused together: they are to be offered again from `from` on. */
  refused(from: number, to: number): void {
    this.#ends.push(to, from + Math.ceil((to - from) / 2))
  }
}
