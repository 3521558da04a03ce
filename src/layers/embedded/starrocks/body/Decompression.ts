/** The compressions of a load's body, by the names that the headers give them. */
import * as Result from "effect/Result"
import { createGunzip, createInflate, createZstdDecompress } from "node:zlib"
import * as Frames from "./Frames.ts"
import * as Lz4Frame from "./Lz4Frame.ts"

/** How a body is compressed. */
export type Compression = "none" | "gzip" | "deflate" | "zstd" | "lz4_frame"

/** Compressions that the server has and this endpoint does not. */
const missing: ReadonlySet<string> = new Set(["bzip2", "lz4", "snappy", "zlib"])

/** The compression of a `compression` or `Content-Encoding` header. */
export const named = (written: string): Result.Result<Compression, string> => {
  const name = written.toLowerCase()
  if (name === "no_compression") return Result.succeed("none")
  if (name === "gzip" || name === "deflate" || name === "zstd" || name === "lz4_frame") return Result.succeed(name)
  if (!missing.has(name)) return Result.fail(`Unsupported compression type: ${written}`)
  const hint = name === "lz4" ? "; use lz4_frame" : ""
  return Result.fail(`compression ${name} is not supported by this endpoint${hint}`)
}

/** The compression of a body whose `format` names it, which makes the body CSV; undefined when it names none. */
export const ofFormat = (format: string): Result.Result<Compression, string> | undefined => {
  if (format === "gzip" || format === "deflate" || format === "zstd") return Result.succeed(format)
  if (format === "lz4") return Result.succeed("lz4_frame")
  return format === "bzip2" ? Result.fail("format bzip2 is not supported by this endpoint") : undefined
}

/** The body's content, all frames of it, as it arrives; a failure is one that `failed` knows. */
export const decompressed = (body: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> => {
  if (compression === "none") return body
  if (compression === "lz4_frame") return Lz4Frame.decompressed(body)
  if (compression === "gzip") return Frames.decoded(body, createGunzip, true)
  if (compression === "zstd") return Frames.decoded(body, createZstdDecompress, true)
  return Frames.decoded(body, createInflate, false)
}

/** Whether an error with this code says that the bytes are not compressed as announced. */
export const failed = (code: string): boolean =>
  code.startsWith("Z_") || code.startsWith("ZSTD_") || code.startsWith("LZ4_") || code === "ERR_BUFFER_TOO_LARGE"
