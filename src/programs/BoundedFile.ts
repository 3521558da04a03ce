/** A small file that a person names: read whole, and refused when it is not small. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as FileProblem from "../layers/FileProblem.ts"

/** At most `bytesMax + 1` bytes, also from what has no size (a pipe). */
const readStart = async (path: string, bytesMax: number): Promise<Buffer> => {
  await using file = await fs.open(path)
  const bytes = Buffer.alloc(bytesMax + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

/** Its text. The failure says why it cannot be had, never what is in it. */
export const read = (path: string, bytesMax: number): Effect.Effect<string, string> =>
  Effect.tryPromise({
    try: () => readStart(path, bytesMax),
    catch: FileProblem.of
  }).pipe(
    Effect.filterOrFail((bytes) => bytes.length <= bytesMax, () => `is larger than ${bytesMax} bytes`),
    Effect.flatMap((bytes) =>
      Effect.try({
        try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
        catch: () => "is not UTF-8 text"
      })
    )
  )
