/** A small LZ4 compressor: Node has none, and clients send frames. */
import { XxHash32 } from "../../src/layers/embedded/starrocks/body/XxHash32.ts"

const length = (value: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  let left = value - 15
  for (; left >= 255; left -= 255) bytes.push(255)
  return value < 15 ? [] : [...bytes, left]
}

/** One block: literals, and copies of what stood somewhere before. */
const block = (bytes: Buffer): Buffer => {
  const pieces: Array<Buffer> = []
  const seen = new Map<number, number>()
  let from = 0
  let at = 0
  // The last bytes of a block are literals.
  while (at + 12 < bytes.length) {
    const word = bytes.readUInt32LE(at)
    const before = seen.get(word)
    seen.set(word, at)
    if (before === undefined || at - before > 65_535) {
      at += 1
      continue
    }
    let same = 4
    while (at + same < bytes.length - 5 && bytes[before + same] === bytes[at + same]) same += 1
    const literals = bytes.subarray(from, at)
    const token = (Math.min(literals.length, 15) << 4) | Math.min(same - 4, 15)
    pieces.push(
      Buffer.from([token, ...length(literals.length)]),
      literals,
      Buffer.from([(at - before) & 255, (at - before) >> 8, ...length(same - 4)])
    )
    at += same
    from = at
  }
  const rest = bytes.subarray(from)
  return Buffer.concat([...pieces, Buffer.from([Math.min(rest.length, 15) << 4, ...length(rest.length)]), rest])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** A frame of independent blocks. */
export const frame = (
  bytes: Buffer,
  options: { readonly checksums: boolean; readonly blockBytes: number } = { checksums: true, blockBytes: 65_536 }
): Buffer => {
  const descriptor = Buffer.from([options.checksums ? 0x74 : 0x60, 0x40])
  const pieces = [
    uint32(0x184d2204),
    descriptor,
    Buffer.from([(new XxHash32().update(descriptor).digest() >>> 8) & 255])
  ]
  for (let from = 0; from < bytes.length; from += options.blockBytes) {
    const plain = bytes.subarray(from, from + options.blockBytes)
    const packed = block(plain)
    const stored = packed.length >= plain.length
    const data = stored ? plain : packed
    pieces.push(uint32(stored ? (data.length | 0x80000000) >>> 0 : data.length), data)
    if (options.checksums) pieces.push(uint32(new XxHash32().update(data).digest()))
  }
  pieces.push(uint32(0))
  if (options.checksums) pieces.push(uint32(new XxHash32().update(bytes).digest()))
  return Buffer.concat(pieces)
}
