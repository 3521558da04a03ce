/** Tells a socket that is silent from one that is not being read: by the bytes it has received, not by whole messages. */
import type { Hearing } from "./Liveness.ts"

export class Ear {
  /** Of a socket that is not there. */
  static readonly NOTHING: Hearing = { silentMs: 0, pausedMs: 0 }

  #bytes = 0
  #heardAtMs: number
  #pausedAtMs: number | undefined = undefined

  /** Silence is counted from here on. */
  constructor(nowMs: number) {
    this.#heardAtMs = nowMs
  }

  pause(nowMs: number): void {
    this.#pausedAtMs ??= nowMs
  }

  /** Silence is counted anew: nothing could be heard meanwhile. */
  resume(nowMs: number): void {
    this.#pausedAtMs = undefined
    this.#heardAtMs = nowMs
  }

  /** What has been heard, when so many bytes have come in all; what came since the last call counts as heard now. */
  hear(bytes: number, nowMs: number): Hearing {
    if (this.#pausedAtMs !== undefined) return { silentMs: 0, pausedMs: nowMs - this.#pausedAtMs }
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#heardAtMs = nowMs
    }
    return { silentMs: nowMs - this.#heardAtMs, pausedMs: 0 }
  }
}
