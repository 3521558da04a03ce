/**
 * Reads pgoutput tuples where they lie. The decoder checks each of them with `skip` as it comes; nothing else here can run
 * past a frame then.
 */

/** Kinds of a column's value inside a tuple. */
export const VALUE_NULL = 0x6e
export const VALUE_UNCHANGED = 0x75
export const VALUE_TEXT = 0x74

/** A big-endian signed integer. */
export const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** Bytes of a value's text stand from here on, behind its kind and length. */
export const TEXT_OFFSET = 5

/** The position after the value whose kind byte is at `at`. */
export const after = (bytes: Uint8Array, at: number): number =>
  bytes[at] === VALUE_TEXT ? at + TEXT_OFFSET + int32(bytes, at + 1) : at + 1

/** The position of the value of column `index` in the tuple at `tuple`: its kind byte. */
export const valueAt = (bytes: Uint8Array, tuple: number, index: number): number => {
  let at = tuple + 2
  for (let column = 0; column < index; column++) at = after(bytes, at)
  return at
}

/** The position after the tuple at `start`, or −1 when it does not fit into `end` or holds an unknown kind of value. */
export const skip = (bytes: Uint8Array, start: number, end: number, seen: { unchanged: boolean }): number => {
  if (start + 2 > end) return -1
  let left = (bytes[start]! << 8) | bytes[start + 1]!
  let at = start + 2
  while (left-- > 0) {
    if (at >= end) return -1
    const kind = bytes[at]!
    if (kind === VALUE_TEXT) {
      if (at + TEXT_OFFSET > end) return -1
      const length = int32(bytes, at + 1)
      if (length < 0) return -1
      at += TEXT_OFFSET + length
      if (at > end) return -1
    } else if (kind === VALUE_NULL) {
      at += 1
    } else if (kind === VALUE_UNCHANGED) {
      seen.unchanged = true
      at += 1
    } else {
      return -1
    }
  }
  return at
}

/** Columns in the tuple at `start`. */
export const columns = (bytes: Uint8Array, start: number): number => (bytes[start]! << 8) | bytes[start + 1]!
