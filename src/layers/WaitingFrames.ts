/** Frames that were received and not yet pulled, in the order they came, in chunks that grow with the load. */
import type { WalFrame } from "../domain/pgoutput/Envelope.ts"

/** A longer chunk gains nothing and is cut again and again by the batches it falls into. */
const CHUNK_FRAMES_MAX = 4096

/** At least one frame. */
export type Frames = readonly [WalFrame, ...Array<WalFrame>]

export class WaitingFrames {
  /** Oldest first; only the last one still grows. */
  readonly #chunks: Array<[WalFrame, ...Array<WalFrame>]> = []
  #bytes = 0

  /** Of all frames that are waiting. */
  get bytes(): number {
    return this.#bytes
  }

  push(frame: WalFrame): void {
    const growing = this.#chunks[this.#chunks.length - 1]
    if (growing !== undefined && growing.length < CHUNK_FRAMES_MAX) growing.push(frame)
    else this.#chunks.push([frame])
    this.#bytes += frame.end - frame.start
  }

  /** The oldest chunk, which is no longer waiting. */
  shift(): Frames | undefined {
    const chunk = this.#chunks.shift()
    if (chunk === undefined) return undefined
    for (let index = 0; index < chunk.length; index++) this.#bytes -= chunk[index]!.end - chunk[index]!.start
    return chunk
  }
}
