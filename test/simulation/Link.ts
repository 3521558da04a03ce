/** The way between one program and a server. While it is cut nothing gets through; both ends keep what they have sent. */
import type { VirtualTime } from "./VirtualTime.ts"

export class Link {
  readonly #time: VirtualTime
  /** What was sent while it is cut, in order. */
  #held: Array<() => void> | undefined = undefined
  #cutUntilMs = Number.NEGATIVE_INFINITY

  constructor(time: VirtualTime) {
    this.#time = time
  }

  get isCut(): boolean {
    return this.#held !== undefined
  }

  /** When it was cut last. */
  get cutUntilMs(): number {
    return this.isCut ? this.#time.nowMs : this.#cutUntilMs
  }

  /** Arrives now, or when the link is whole again. */
  pass(arrive: () => void): void {
    if (this.#held === undefined) arrive()
    else this.#held.push(arrive)
  }

  cut(ms: number): void {
    if (this.isCut) return
    this.#held = []
    this.#time.after(ms, () => {
      const held = this.#held ?? []
      this.#held = undefined
      this.#cutUntilMs = this.#time.nowMs
      for (const arrive of held) this.#time.after(0, () => this.pass(arrive))
    })
  }
}
