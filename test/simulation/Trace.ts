/** What happened, step by step: the last lines for a person, and a digest that tells two runs of a seed apart. */

/** Lines kept for the report of a failure. */
const LINES_MAX = 60
const FNV_PRIME = 0x0100_0193
const FNV_OFFSET = 0x811c_9dc5

export class Trace {
  readonly #lines: Array<string> = []
  readonly #linesMax: number
  #digest = FNV_OFFSET
  #count = 0
  step = 0
  elapsedMs = 0

  constructor(linesMax = LINES_MAX) {
    this.#linesMax = linesMax
  }

  add(text: string): void {
    const line = `${this.step} +${this.elapsedMs}ms ${text}`
    for (let index = 0; index < line.length; index++) {
      this.#digest = Math.imul(this.#digest ^ line.charCodeAt(index), FNV_PRIME)
    }
    this.#count += 1
    this.#lines.push(line)
    if (this.#lines.length > 2 * this.#linesMax) this.#lines.splice(0, this.#lines.length - this.#linesMax)
  }

  get digest(): string {
    return `${(this.#digest >>> 0).toString(16).padStart(8, "0")}-${this.#count}`
  }

  get lines(): ReadonlyArray<string> {
    return this.#lines.slice(-this.#linesMax)
  }
}
