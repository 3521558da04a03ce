/**
 * Row changes, truncations among them, that are decoded and not yet acknowledged: how many, and how old the oldest is. One
 * object a run of the pipeline.
 */
import type { Change } from "./Change.ts"

/** Beyond this many stretches an age is no longer told to the chunk; the oldest one, which is what counts, stays. */
const STRETCHES_MAX = 4096

interface Stretch {
  /** Rows decoded up to its end. */
  rows: number
  /** Commit time of its first row, in microseconds since 1970. */
  readonly commitTime: bigint
}

/** Mutable; touched once a chunk and once a batch. */
export class Tally {
  #decoded = 0
  #acknowledged = 0
  /** Commit time of the transaction that has brought rows and has not ended yet. */
  #open: bigint | undefined = undefined
  readonly #stretches: Array<Stretch> = []

  /** A chunk of changes was decoded. */
  decoded(changes: ReadonlyArray<Change>): void {
    let first: bigint | undefined = undefined
    for (let index = 0; index < changes.length; index++) {
      const change = changes[index]!
      if (change._tag === "Boundary") this.#open = undefined
      if (change._tag !== "Row" && change._tag !== "Truncate") continue
      first ??= change.transaction.commitTime
      this.#open = change.transaction.commitTime
      this.#decoded += 1
    }
    if (first === undefined) return
    const last = this.#stretches[this.#stretches.length - 1]
    if (last !== undefined && this.#stretches.length >= STRETCHES_MAX) last.rows = this.#decoded
    else this.#stretches.push({ rows: this.#decoded, commitTime: first })
  }

  /** The oldest so many rows need no longer be waited for. */
  acknowledged(rows: number): void {
    this.#acknowledged += rows
    while (this.#stretches.length > 0 && this.#stretches[0]!.rows <= this.#acknowledged) this.#stretches.shift()
  }

  get pending(): number {
    return this.#decoded - this.#acknowledged
  }

  /**
   * Commit time of about the oldest transaction that is not acknowledged whole, in microseconds since 1970; undefined when
   * there is none. One that is still being received counts from its first row on, also while no row of it is pending.
   */
  get oldest(): bigint | undefined {
    return this.#stretches[0]?.commitTime ?? this.#open
  }
}
