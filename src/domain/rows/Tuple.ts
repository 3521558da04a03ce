/** Reads pgoutput tuples where they lie. The decoder has checked them, so nothing here can run past a frame. */
import { VALUE_TEXT } from "../pgoutput/Decoder.ts"

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
  for (let column = 0; column < index; column++) {
    at += bytes[at] === VALUE_TEXT ? TEXT_OFFSET + int32(bytes, at + 1) : 1
  }
  return at
}
