/**
 * Writes the lines of the log to a stream without ever waiting for its reader. What is not read in time is dropped and
 * counted, and the count is told when there is room again; a stream that is gone is not written to any more.
 */
import * as Effect from "effect/Effect"
import type { Writable } from "node:stream"

/** Bytes that may wait for the reader: some thousand lines, nothing beside the buffer of a job. */
export const QUEUE_BYTES_MAX = 1024 * 1024
/** After lines were dropped the next is written only when so little waits: so gaps are few and told once. */
const QUEUE_BYTES_AGAIN = QUEUE_BYTES_MAX / 2

/** Nobody reads any more, and nobody will. Another error (a full disk) may pass. */
const GONE: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET", "EIO", "EBADF", "ERR_STREAM_DESTROYED"])

export class LogWriter {
  readonly #stream: Writable
  readonly #notice: (dropped: number) => string
  #dropped = 0
  #gone = false
  readonly #waiting = new Set<() => void>()

  /** Listens for the stream's errors from here on: they never reach anybody else. `notice` makes the line for a gap. */
  constructor(stream: Writable, notice: (dropped: number) => string) {
    this.#stream = stream
    this.#notice = notice
    stream.on("error", (error: NodeJS.ErrnoException) => this.#failed(error))
  }

  /** Writes the line and its end, or drops it. Never waits, never throws. */
  write(line: string): void {
    if (this.#gone) return
    if (this.#dropped > 0) this.#tell()
    const bytes = Buffer.from(`${line}\n`, "utf8")
    if (this.#dropped > 0 || this.#stream.writableLength + bytes.byteLength > QUEUE_BYTES_MAX) {
      this.#dropped += 1
      return
    }
    this.#send(bytes)
  }

  /** Waits until everything was taken over by the system, for at most so long. */
  flush(ms: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const done = () => {
        this.#waiting.delete(done)
        resume(Effect.void)
      }
      this.#waiting.add(done)
      this.#settled()
      return Effect.sync(() => this.#waiting.delete(done))
    }).pipe(Effect.timeoutOption(ms), Effect.asVoid)
  }

  #send(bytes: Buffer): void {
    this.#stream.write(bytes, () => this.#settled())
  }

  #tell(): void {
    if (this.#stream.writableLength > QUEUE_BYTES_AGAIN) return
    const notice = this.#notice(this.#dropped)
    this.#dropped = 0
    this.#send(Buffer.from(`${notice}\n`, "utf8"))
  }

  #settled(): void {
    if (this.#dropped > 0 && !this.#gone) this.#tell()
    if (this.#stream.writableLength > 0 && !this.#gone) return
    for (const done of this.#waiting) done()
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (GONE.has(error.code ?? "")) this.#gone = true
    else this.#dropped += 1
    this.#settled()
  }
}
