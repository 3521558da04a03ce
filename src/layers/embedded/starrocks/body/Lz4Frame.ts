/** Decompresses the LZ4 frame format, frame after frame, as the bytes arrive. Node has no LZ4 of its own. */
import * as Lz4Block from "./Lz4Block.ts"
import { XxHash32 } from "./XxHash32.ts"

const frameMagic = 0x184d2204
const skippableMagic = 0x184d2a50
/** Bytes behind the current place that a linked block may copy from. */
const historyBytes = 64 * 1024
/** Bytes of the largest block, by the number in the frame's header. */
const blockBytesMax = new Map([[4, 64 * 1024], [5, 256 * 1024], [6, 1024 * 1024], [7, 4 * 1024 * 1024]])
const storedBit = 0x80000000

/** The bytes are no LZ4 frames. */
export class Lz4Error extends Error {
  readonly code = "LZ4_DATA_ERROR"
}

/** Hands out a stream in pieces of the wanted length. */
class Input {
  private readonly source: AsyncIterator<Buffer>
  private waiting: Array<Buffer> = []
  private waitingBytes = 0

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** Whether the stream has ended. */
  async ended(): Promise<boolean> {
    while (this.waitingBytes === 0) if (!await this.more()) return true
    return false
  }

  async take(count: number): Promise<Buffer> {
    while (this.waitingBytes < count) {
      if (!await this.more()) throw new Lz4Error("unexpected end of the compressed data")
    }
    const [first] = this.waiting
    const bytes = this.waiting.length === 1 && first !== undefined ? first : Buffer.concat(this.waiting)
    const rest = bytes.subarray(count)
    this.waiting = rest.length === 0 ? [] : [rest]
    this.waitingBytes = rest.length
    return bytes.subarray(0, count)
  }

  async uint32(): Promise<number> {
    return (await this.take(4)).readUInt32LE(0)
  }

  private async more(): Promise<boolean> {
    const next = await this.source.next()
    if (next.done === true) return false
    this.waiting.push(next.value)
    this.waitingBytes += next.value.length
    return true
  }
}

interface Header {
  readonly linked: boolean
  readonly blockChecksum: boolean
  readonly contentChecksum: boolean
  readonly contentBytes: bigint | undefined
  readonly blockBytes: number
}

const header = async (input: Input): Promise<Header> => {
  const start = await input.take(2)
  const flags = start[0] ?? 0
  const blockBytes = blockBytesMax.get(((start[1] ?? 0) >> 4) & 7)
  if (flags >> 6 !== 1 || (flags & 2) !== 0 || blockBytes === undefined || ((start[1] ?? 0) & 0x8f) !== 0) {
    throw new Lz4Error("the frame's header is malformed")
  }
  if ((flags & 1) !== 0) throw new Lz4Error("frames with a dictionary are not supported by this endpoint")
  const size = (flags & 8) === 0 ? Buffer.alloc(0) : await input.take(8)
  const check = (await input.take(1))[0]
  if (check !== ((new XxHash32().update(start).update(size).digest() >>> 8) & 0xff)) {
    throw new Lz4Error("the checksum of the frame's header is wrong")
  }
  return {
    linked: (flags & 0x20) === 0,
    blockChecksum: (flags & 0x10) !== 0,
    contentChecksum: (flags & 4) !== 0,
    contentBytes: size.length === 0 ? undefined : size.readBigUInt64LE(0),
    blockBytes
  }
}

const frame = async function*(input: Input): AsyncGenerator<Buffer, void, undefined> {
  const { blockBytes, blockChecksum, contentBytes, contentChecksum, linked } = await header(input)
  const window = Buffer.allocUnsafe(historyBytes + blockBytes)
  const sum = new XxHash32()
  let filled = 0
  let total = 0n
  for (;;) {
    const size = await input.uint32()
    if (size === 0) break
    const bytes = size >= storedBit ? size - storedBit : size
    if (bytes > blockBytes) throw new Lz4Error("a block is larger than its frame allows")
    const block = await input.take(bytes)
    if (blockChecksum && new XxHash32().update(block).digest() !== await input.uint32()) {
      throw new Lz4Error("the checksum of a block is wrong")
    }
    if (!linked) filled = 0
    if (filled > historyBytes) {
      window.copyWithin(0, filled - historyBytes, filled)
      filled = historyBytes
    }
    const target = window.subarray(0, filled + blockBytes)
    const end = size >= storedBit ? filled + block.copy(target, filled) : Lz4Block.decompress(block, target, filled)
    if (end < 0) throw new Lz4Error("a block is malformed")
    // The reader keeps what it gets, and the window is written again.
    const decompressed = Buffer.from(window.subarray(filled, end))
    filled = end
    total += BigInt(decompressed.length)
    if (contentChecksum) sum.update(decompressed)
    if (decompressed.length > 0) yield decompressed
  }
  if (contentChecksum && sum.digest() !== await input.uint32()) {
    throw new Lz4Error("the checksum of the content is wrong")
  }
  if (contentBytes !== undefined && contentBytes !== total) throw new Lz4Error("the content has not the announced size")
}

/** The content of the frames, block by block; fails with an `Lz4Error` on anything else. Checksums are verified. */
export const decompressed = async function*(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const input = new Input(source)
  while (!await input.ended()) {
    const magic = await input.uint32()
    if (magic === frameMagic) yield* frame(input)
    else if (magic - (magic % 16) === skippableMagic) {
      let left = await input.uint32()
      while (left > 0) left -= (await input.take(Math.min(left, historyBytes))).length
    } else throw new Lz4Error("the data does not start with an LZ4 frame")
  }
}
