/** Reads the fields of one pgoutput message in their order; no bytes make it throw. */
import * as Lsn from "../Lsn.ts"
import { readLsn, readTimestamp } from "./Envelope.ts"
import * as Tuple from "./Tuple.ts"

/** Names keep a byte order mark at their beginning: without it they would be those of another table. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export const NO_BYTES = Buffer.alloc(0)

/** A cursor over one message. The first problem sticks; reads after it return zeros. */
export class Cursor {
  bytes: Buffer = NO_BYTES
  start = 0
  end = 0
  at = 0
  problem: string | undefined = undefined
  problemAt = 0
  /** A tuple since `reset` leaves a value out as unchanged. */
  unchanged = false

  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.at = start + 1
    this.problem = undefined
    this.unchanged = false
  }

  fail(problem: string): void {
    if (this.problem !== undefined) return
    this.problem = problem
    this.problemAt = this.at - this.start
  }

  has(count: number, what: string): boolean {
    if (this.problem !== undefined) return false
    if (this.at + count <= this.end) return true
    this.fail(`${what} is cut off`)
    return false
  }

  int8(what: string): number {
    return this.has(1, what) ? this.bytes[this.at++]! : 0
  }

  int16(what: string): number {
    if (!this.has(2, what)) return 0
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
    this.at += 2
    return value
  }

  int32(what: string): number {
    if (!this.has(4, what)) return 0
    const value = Tuple.int32(this.bytes, this.at)
    this.at += 4
    return value
  }

  lsn(what: string): Lsn.Lsn {
    if (!this.has(8, what)) return Lsn.ZERO
    this.at += 8
    return readLsn(this.bytes, this.at - 8)
  }

  timestamp(what: string): bigint {
    if (!this.has(8, what)) return 0n
    this.at += 8
    return readTimestamp(this.bytes, this.at - 8)
  }

  text(what: string): string {
    if (this.problem !== undefined) return ""
    const zero = this.bytes.indexOf(0, this.at)
    if (zero < 0 || zero >= this.end) {
      this.fail(`${what} has no end`)
      return ""
    }
    const slice = this.bytes.subarray(this.at, zero)
    try {
      const text = utf8.decode(slice)
      this.at = zero + 1
      return text
    } catch {
      this.fail(`${what} is not UTF-8`)
      return ""
    }
  }

  /** Skips a tuple after checking it, and gives where it starts. */
  tuple(): number {
    if (this.problem !== undefined) return -1
    const start = this.at
    const end = Tuple.skip(this.bytes, start, this.end, this)
    if (end < 0) {
      this.fail("a tuple is cut off or has a value of unknown kind")
      return -1
    }
    this.at = end
    return start
  }
}
