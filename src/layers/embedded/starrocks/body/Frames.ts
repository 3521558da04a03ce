/**
 * Runs node's decoders over bodies of several frames. A decoder of node ends at its frame's end when bytes follow in the
 * same chunk, and forgets them: what it left is handed to the next decoder here, or refused.
 */
import type { Transform } from "node:stream"
import { taking } from "./BodyChunks.ts"

/** A decoder of node:zlib. */
export interface Decoder extends Transform {
  /** Bytes of the input that the decoder has used. */
  readonly bytesWritten: number
}

/** Bytes follow where the compressed data may not go on. */
class TrailingData extends Error {
  readonly code = "Z_DATA_ERROR"
}

/** Hands over a chunk and waits until the decoder has used it, or has ended without. */
const written = (decoder: Decoder, chunk: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      decoder.off("end", done)
      decoder.off("close", done)
      resolve()
    }
    decoder.once("end", done)
    decoder.once("close", done)
    // An error reaches whoever reads the decoder.
    decoder.write(chunk, done)
  })

const reason = (cause: unknown): Error => cause instanceof Error ? cause : new Error(String(cause))

/**
 * The content of a body, with a decoder of its own for every frame, or, when `continues` is false, of the one frame that it
 * may hold. Rejects with the error of the decoder or the body, or when bytes are left over; a reader that stops early ends the decoder.
 */
export const decoded = async function*(
  body: AsyncIterable<Buffer>,
  make: () => Decoder,
  continues: boolean
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = taking(body)
  let rest: Buffer = Buffer.alloc(0)
  let ended = false
  const next = async (): Promise<Buffer | undefined> => {
    if (rest.length > 0) return rest
    const chunk = await chunks.next()
    ended = chunk.done === true
    return chunk.done === true ? undefined : chunk.value
  }
  do {
    const decoder = make()
    let fed = 0
    const feed = async (): Promise<void> => {
      try {
        while (!decoder.readableEnded && !decoder.destroyed) {
          const chunk = await next()
          if (chunk === undefined) {
            decoder.end()
            return
          }
          rest = chunk
          fed += chunk.length
          const used = decoder.bytesWritten
          await written(decoder, chunk)
          rest = chunk.subarray(decoder.bytesWritten - used)
        }
      } catch (cause) {
        decoder.destroy(reason(cause))
      }
    }
    const feeding = feed()
    try {
      const content: AsyncIterable<Buffer> = decoder
      yield* content
    } finally {
      decoder.destroy()
    }
    await feeding
    if (fed > decoder.bytesWritten && !continues) {
      throw new TrailingData("data follows the end of the compressed stream")
    }
  } while (!ended)
}
