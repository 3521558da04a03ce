/** A load's body on its way into rows: stopped on demand, counted, decompressed and parsed as it arrives. */
import { taking } from "../body/BodyChunks.ts"
import { CsvRows } from "../body/CsvRows.ts"
import * as Decompression from "../body/Decompression.ts"
import { JsonRows } from "../body/JsonRows.ts"
import type { RowBuffer } from "../plan/RowBuffer.ts"
import type { LateHeaders } from "./LoadHeaders.ts"
import type { Progress } from "./LoadReply.ts"

/** Turns bytes into rows; `end` says that the body is complete. */
export interface RowParser {
  readonly push: (bytes: Buffer) => void
  readonly end: () => void
}

/** Rejects when the signal says stop. */
const whenStopped = (signal: AbortSignal): Promise<never> => {
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("the load was stopped")))
  })
  stopped.catch(() => undefined)
  return stopped
}

/** What a failed read means: `gone` when the client hung up and there is nobody to answer. */
export const failure = (cause: unknown): { readonly gone: boolean; readonly message: string } => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const message = cause instanceof Error ? cause.message : String(cause)
  if (Decompression.failed(code)) return { gone: false, message: `decompress failed: ${message}` }
  return { gone: code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || message === "aborted", message }
}

/** Reads the whole body into the rows; rejects when it ends early, cannot be decompressed, or the signal says stop. */
export const read = async (
  headers: LateHeaders,
  rows: RowBuffer,
  body: AsyncIterable<Buffer>,
  progress: Progress,
  signal: AbortSignal
): Promise<void> => {
  const parser: RowParser = headers.format === "csv"
    ? new CsvRows(rows, headers.csv)
    : new JsonRows(rows, headers.stripOuterArray, undefined, headers.selection)
  const counted = async function*(): AsyncIterable<Buffer> {
    for await (const bytes of taking(body, whenStopped(signal))) {
      progress.bytes += bytes.length
      yield bytes
    }
  }
  for await (const bytes of Decompression.decompressed(counted(), headers.compression)) {
    const startedAtMs = performance.now()
    parser.push(bytes)
    progress.writeMs += performance.now() - startedAtMs
  }
  parser.end()
}
