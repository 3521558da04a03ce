/** Decompresses one LZ4 block. */

/** The shortest copy a block can ask for. */
const matchBytesMin = 4

/**
 * Decompresses `source` into `target` from `at` on and says where it ended; what lies before `at` is the history that
 * copies may reach into. -1 when the block is malformed or longer than the target.
 */
export const decompress = (source: Buffer, target: Buffer, at: number): number => {
  const end = source.length
  let from = 0
  let to = at
  while (from < end) {
    const token = source[from] ?? 0
    from += 1
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255) {
        if (from >= end) return -1
        more = source[from] ?? 0
        from += 1
        literals += more
      }
    }
    if (from + literals > end || to + literals > target.length) return -1
    if (literals > 0) {
      source.copy(target, to, from, from + literals)
      from += literals
      to += literals
    }
    // The last sequence has literals only.
    if (from === end) return to
    if (from + 2 > end) return -1
    const distance = (source[from] ?? 0) | ((source[from + 1] ?? 0) << 8)
    from += 2
    if (distance === 0 || distance > to) return -1
    let length = token & 15
    if (length === 15) {
      let more = 255
      while (more === 255) {
        if (from >= end) return -1
        more = source[from] ?? 0
        from += 1
        length += more
      }
    }
    length += matchBytesMin
    if (to + length > target.length) return -1
    if (distance >= length) target.copyWithin(to, to - distance, to - distance + length)
    else for (let index = 0; index < length; index++) target[to + index] = target[to - distance + index] ?? 0
    to += length
  }
  // A block ends with literals, so it never ends here.
  return -1
}
