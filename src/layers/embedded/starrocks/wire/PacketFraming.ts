/** How payloads of the MySQL protocol are cut into packets, and put together again. */

/** Bytes after which the protocol splits a packet. */
const packetBytesMax = 0xffffff
/** Bytes of the longest payload accepted: the server's max_allowed_packet. */
export const statementBytesMax = 32 * 1024 * 1024
/** Bytes of the longest payload accepted from a client that has not logged in. */
export const loginBytesMax = 64 * 1024

/** How many packets a payload is split into: one more than it fills. */
export const packetCount = (payload: Buffer): number => Math.floor(payload.length / packetBytesMax) + 1

/** Puts the length and sequence number in front of a payload, splitting it where the protocol says so. */
export const framed = (payload: Buffer, sequence: number): Buffer => {
  const parts: Array<Buffer> = []
  let next = sequence
  for (let from = 0; from <= payload.length; from += packetBytesMax) {
    const part = payload.subarray(from, from + packetBytesMax)
    const header = Buffer.alloc(4)
    header.writeUIntLE(part.length, 0, 3)
    header[3] = next & 0xff
    next += 1
    parts.push(header, part)
    if (part.length < packetBytesMax) break
  }
  return Buffer.concat(parts)
}

/** Cuts the byte stream of a connection into payloads. */
export class PacketSplitter {
  private pending: Array<Buffer> = []
  private pendingBytes = 0
  /** Bytes without which there is nothing to cut: joining what arrives before would copy it again and again. */
  private neededBytes = 4
  private parts: Array<Buffer> = []
  private partBytes = 0
  /** Sequence number of the last packet. */
  sequence = 0
  /** Set when a packet is longer than the server accepts. */
  tooLong = false
  /** Bytes of the longest payload accepted. */
  limitBytes = statementBytesMax

  /** Payloads completed by these bytes. */
  push(bytes: Buffer): ReadonlyArray<Buffer> {
    const found: Array<Buffer> = []
    this.pending.push(bytes)
    this.pendingBytes += bytes.length
    if (this.pendingBytes < this.neededBytes) return found
    let rest = this.pending.length === 1 ? bytes : Buffer.concat(this.pending)
    this.neededBytes = 4
    while (rest.length >= 4 && !this.tooLong) {
      const length = rest.readUIntLE(0, 3)
      this.tooLong = this.partBytes + length > this.limitBytes
      if (rest.length < 4 + length) {
        this.neededBytes = 4 + length
        break
      }
      this.sequence = rest[3] ?? 0
      this.parts.push(rest.subarray(4, 4 + length))
      this.partBytes += length
      rest = rest.subarray(4 + length)
      if (length === packetBytesMax) continue
      found.push(this.parts.length === 1 ? this.parts[0] ?? Buffer.alloc(0) : Buffer.concat(this.parts))
      this.parts = []
      this.partBytes = 0
    }
    this.pending = [rest]
    this.pendingBytes = rest.length
    return found
  }
}
