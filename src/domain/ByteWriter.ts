/** A growing byte buffer for one load's body. Mutable and synchronous: rows are written straight into it. */

/** Below this length a byte loop beats the call into native copy code. */
const NATIVE_COPY_BYTES_MIN = 48
/** A JSON string needs at most six bytes for one of text (`\u00XX`). */
const ESCAPED_BYTES_PER_BYTE_MAX = 6
/** Text up to this length reserves its worst case at once; longer text is written in pieces of this length. */
const TEXT_PIECE_BYTES = 4096

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20
const HEX = Buffer.from("0123456789abcdef", "latin1")
/** Second byte of the two-byte escapes, by control character; 0 where there is none. */
const SHORT_ESCAPES = Buffer.alloc(SPACE)
SHORT_ESCAPES[0x08] = 0x62
SHORT_ESCAPES[0x09] = 0x74
SHORT_ESCAPES[0x0a] = 0x6e
SHORT_ESCAPES[0x0c] = 0x66
SHORT_ESCAPES[0x0d] = 0x72

export class ByteWriter {
  #buffer: Buffer
  /** Bytes written. */
  length = 0

  constructor(capacityBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(capacityBytes)
  }

  /** What was written: a view, valid until the next write or reset. */
  view(start = 0, end = this.length): Buffer {
    return this.#buffer.subarray(start, end)
  }

  /** Forgets everything from `length` on, or everything. */
  truncate(length = 0): void {
    this.length = length
  }

  get capacityBytes(): number {
    return this.#buffer.length
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.length)
    this.#buffer = grown
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.length++] = value
  }

  /** Appends `source[start, end)` unchanged. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start
    this.#reserve(count)
    const buffer = this.#buffer
    let at = this.length
    if (count >= NATIVE_COPY_BYTES_MIN) {
      buffer.set(source.subarray(start, end), at)
    } else {
      for (let index = start; index < end; index++) buffer[at++] = source[index]!
    }
    this.length += count
  }

  /** Appends `source[start, end)`, which is UTF-8, as a JSON string with its quotes. */
  jsonString(source: Uint8Array, start: number, end: number): void {
    this.byte(QUOTE)
    for (let piece = start; piece < end; piece += TEXT_PIECE_BYTES) {
      this.#jsonText(source, piece, Math.min(end, piece + TEXT_PIECE_BYTES))
    }
    this.byte(QUOTE)
  }

  #jsonText(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * ESCAPED_BYTES_PER_BYTE_MAX)
    const buffer = this.#buffer
    let at = this.length
    for (let index = start; index < end; index++) {
      const value = source[index]!
      if (value >= SPACE && value !== QUOTE && value !== BACKSLASH) {
        buffer[at++] = value
        continue
      }
      buffer[at++] = BACKSLASH
      if (value >= SPACE) {
        buffer[at++] = value
      } else if (SHORT_ESCAPES[value] !== 0) {
        buffer[at++] = SHORT_ESCAPES[value]!
      } else {
        buffer[at++] = 0x75
        buffer[at++] = 0x30
        buffer[at++] = 0x30
        buffer[at++] = HEX[value >> 4]!
        buffer[at++] = HEX[value & 15]!
      }
    }
    this.length = at
  }
}
