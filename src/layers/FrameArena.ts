/**
 * Where frames are kept between the socket and the load: slabs into which each frame is copied once. pg reuses its
 * receive buffer, so a view of it must not outlive the callback that got it.
 */
import { HELD_BYTES_MAX } from "../domain/DecodedChunk.ts"
import type { WalFrame } from "../domain/pgoutput/Envelope.ts"

/** One slab: large enough for thousands of ordinary rows, small enough that a live row holds little else in memory. */
const SLAB_BYTES = HELD_BYTES_MAX

export class FrameArena {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #used = 0

  /**
   * Copies `header` (the receive buffer, `headerBytes` from `headerStart`) and then all of `message`, and gives the frame
   * that holds the copy.
   */
  keep(header: Uint8Array, headerStart: number, headerBytes: number, message: Buffer): WalFrame {
    const count = headerBytes + message.length
    const bytes = this.#room(count)
    const start = bytes === this.#slab ? this.#used : 0
    for (let index = 0; index < headerBytes; index++) bytes[start + index] = header[headerStart + index]!
    message.copy(bytes, start + headerBytes)
    if (bytes === this.#slab) this.#used += count
    return { bytes, start, end: start + count }
  }

  /** The slab, a new one when it is full, or a buffer of its own for a message that no slab can hold. */
  #room(count: number): Buffer {
    if (count > SLAB_BYTES) return Buffer.allocUnsafeSlow(count)
    if (this.#used + count > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    return this.#slab
  }
}
