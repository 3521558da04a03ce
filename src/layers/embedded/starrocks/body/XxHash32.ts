/** The checksum of LZ4 frames: XXH32, fed piece by piece. */

const prime1 = 0x9e3779b1
const prime2 = 0x85ebca77
const prime3 = 0xc2b2ae3d
const prime4 = 0x27d4eb2f
const prime5 = 0x165667b1
/** Bytes that are mixed in at once. */
const stripeBytes = 16

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const round = (lane: number, input: number): number =>
  Math.imul(rotated((lane + Math.imul(input, prime2)) | 0, 13), prime1)

/** A checksum with seed 0. `update` takes the bytes in order, `digest` gives the unsigned result. */
export class XxHash32 {
  private lanes: readonly [number, number, number, number] = [(prime1 + prime2) | 0, prime2 | 0, 0, -prime1 | 0]
  private readonly rest = Buffer.alloc(stripeBytes)
  private restBytes = 0
  private total = 0

  /** Adds the next bytes. */
  update(bytes: Buffer): this {
    this.total += bytes.length
    let at = 0
    if (this.restBytes > 0) {
      at = Math.min(stripeBytes - this.restBytes, bytes.length)
      bytes.copy(this.rest, this.restBytes, 0, at)
      this.restBytes += at
      if (this.restBytes < stripeBytes) return this
      this.mix(this.rest, 0, stripeBytes)
      this.restBytes = 0
    }
    const end = at + (bytes.length - at) - ((bytes.length - at) % stripeBytes)
    this.mix(bytes, at, end)
    this.restBytes = bytes.copy(this.rest, 0, end)
    return this
  }

  /** The checksum of everything so far. */
  digest(): number {
    const [first, second, third, fourth] = this.lanes
    let hash = this.total < stripeBytes
      ? prime5
      : rotated(first, 1) + rotated(second, 7) + rotated(third, 12) + rotated(fourth, 18)
    hash = (hash + this.total) | 0
    let at = 0
    for (; at + 4 <= this.restBytes; at += 4) {
      hash = Math.imul(rotated((hash + Math.imul(this.rest.readInt32LE(at), prime3)) | 0, 17), prime4)
    }
    for (; at < this.restBytes; at += 1) {
      hash = Math.imul(rotated((hash + Math.imul(this.rest[at] ?? 0, prime5)) | 0, 11), prime1)
    }
    hash = Math.imul(hash ^ (hash >>> 15), prime2)
    hash = Math.imul(hash ^ (hash >>> 13), prime3)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  private mix(bytes: Buffer, from: number, to: number): void {
    let [first, second, third, fourth] = this.lanes
    for (let at = from; at < to; at += stripeBytes) {
      first = round(first, bytes.readInt32LE(at))
      second = round(second, bytes.readInt32LE(at + 4))
      third = round(third, bytes.readInt32LE(at + 8))
      fourth = round(fourth, bytes.readInt32LE(at + 12))
    }
    this.lanes = [first, second, third, fourth]
  }
}
