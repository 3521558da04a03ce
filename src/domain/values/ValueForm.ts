/** What a format does to values that have the same characters in every format: it marks where they begin and end. */
import type { ByteWriter } from "../ByteWriter.ts"
import type { LoadFormat } from "../LoadFormat.ts"
import type { Problem } from "./Problem.ts"

export interface ValueForm {
  readonly format: LoadFormat
  /** NULL, as it is written. */
  readonly nothing: Uint8Array
  /**
   * Writes text in UTF-8. Gives a problem where the format cannot say it, or not so that it can be told from something else.
   */
  readonly text: (writer: ByteWriter, bytes: Uint8Array, start: number, end: number) => Problem | undefined
  /** The same of text that holds nothing to escape, such as digits, signs and dates. */
  readonly plain: (writer: ByteWriter, bytes: Uint8Array, start: number, end: number) => Problem | undefined
  /** A JSON document was written from `from` on: marks it as one value. */
  readonly document: (writer: ByteWriter, from: number) => void
}
