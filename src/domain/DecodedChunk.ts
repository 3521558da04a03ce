/** The changes of one chunk of frames, each with the bytes that it answers for until it is acknowledged. */
import type { Change } from "./Change.ts"

/** A row keeps its whole slab in memory, with what was skipped around it; slabs are no larger than this. */
export const HELD_BYTES_MAX = 128 * 1024

/** Changes of one chunk, and bytes of frames that became no change and are given back at once. */
export interface Decoded {
  readonly changes: ReadonlyArray<Change>
  readonly skippedBytes: number
  /** Kinds of messages that are not known and were skipped, each given once a session. */
  readonly unknownKinds: ReadonlyArray<string>
}

/** Filled again for each chunk; what is held of skipped frames goes over into the next one. */
export class DecodedChunk {
  #changes: Array<Change> = []
  #skippedBytes = 0
  /** Skipped bytes that a kept row may still hold in memory: they lie in the same slab. */
  #heldBytes = 0
  #unknownKinds: Array<string> = []

  begin(): void {
    this.#changes = []
    this.#skippedBytes = 0
    this.#unknownKinds = []
  }

  decoded(): Decoded {
    return { changes: this.#changes, skippedBytes: this.#skippedBytes, unknownKinds: this.#unknownKinds }
  }

  push(change: Change): void {
    this.#changes.push(change)
  }

  unknownKind(kind: string): void {
    this.#unknownKinds.push(kind)
  }

  /** A frame that becomes no change. Up to a slab of them is given back only with the next change. */
  skip(weight: number): void {
    this.#heldBytes += weight
    if (this.#heldBytes <= HELD_BYTES_MAX) return
    this.#skippedBytes += this.#heldBytes - HELD_BYTES_MAX
    this.#heldBytes = HELD_BYTES_MAX
  }

  /** A change answers for its own frame and for what was skipped since the last one. */
  weigh(weight: number): number {
    const total = weight + this.#heldBytes
    this.#heldBytes = 0
    return total
  }
}
