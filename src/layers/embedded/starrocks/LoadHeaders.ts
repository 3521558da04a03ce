/** The headers of a load, checked in two steps as the server checks them: before and after the transaction begins. */
import * as Result from "effect/Result"
import type { IncomingHttpHeaders } from "node:http"

/** Headers checked before the transaction begins: a failure here has no transaction id. */
export interface EarlyHeaders {
  readonly label: string | undefined
  readonly format: "json" | "csv"
  readonly timeoutSeconds: number
}

/** Headers checked after it began: a failure here aborts a real transaction. */
export interface LateHeaders {
  readonly columns: string | undefined
  readonly where: string | undefined
  readonly stripOuterArray: boolean
  readonly strictMode: boolean
  readonly maxFilterRatio: number
  readonly partialUpdate: boolean
  readonly mergeCondition: string | undefined
  readonly compression: "none" | "gzip" | "deflate" | "zstd"
}

/** The basic credentials of a request. */
export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Seconds a load may take when no header says otherwise. */
const timeoutSecondsDefault = 600
/** Seconds a header may ask for. */
const timeoutSecondsMax = 259_200
/** Bytes of the largest body: streaming_load_max_mb. */
const bodyBytesMax = 102_400 * 1024 * 1024
/** Bytes of the largest JSON body whose size is declared, unless ignore_json_size is set. */
const jsonBodyBytesMax = 104_857_600

const of = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  const text = (Array.isArray(value) ? value[0] : value)?.trim()
  // Node reads header bytes as Latin-1; names of columns are UTF-8.
  return text === undefined || text === "" ? undefined : Buffer.from(text, "latin1").toString("utf8")
}

/** User and password of a Basic Authorization header; a cluster name after @ is dropped. */
export const credentials = (headers: IncomingHttpHeaders): Credentials | undefined => {
  const match = /^basic\s+([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? "")
  if (match?.[1] === undefined) return undefined
  const text = Buffer.from(match[1], "base64").toString("utf8")
  const colon = text.indexOf(":")
  if (colon < 0) return undefined
  const user = text.slice(0, colon)
  const at = user.indexOf("@")
  return { user: at < 0 ? user : user.slice(0, at), password: text.slice(colon + 1) }
}

const flag = (headers: IncomingHttpHeaders, name: string, message: string): Result.Result<boolean, string> => {
  const value = of(headers, name)?.toLowerCase()
  if (value === undefined || value === "false") return Result.succeed(false)
  return value === "true" ? Result.succeed(true) : Result.fail(message)
}

/** Checks the first headers, in the server's order. */
export const early = (headers: IncomingHttpHeaders): Result.Result<EarlyHeaders, string> => {
  if (of(headers, "enable_merge_commit")?.toLowerCase() === "true") {
    return Result.fail("merge commit is not supported by this endpoint")
  }
  const length = Number(headers["content-length"] ?? 0)
  if (length > bodyBytesMax) {
    return Result.fail(
      `body size ${length} exceed limit: ${bodyBytesMax}, ` +
        "You can increase the limit by setting streaming_load_max_mb in be.conf."
    )
  }
  const written = of(headers, "format") ?? "csv"
  const format = written.toLowerCase()
  if (format !== "json" && format !== "csv") return Result.fail(`unknown data format, format=${written}`)
  if (format === "json" && length > jsonBodyBytesMax && of(headers, "ignore_json_size")?.toLowerCase() !== "true") {
    return Result.fail(
      `The size of this batch exceed the max size [${jsonBodyBytesMax}]  of json type data  data [ ${length} ]. ` +
        "Set ignore_json_size to skip the check, although it may lead huge memory consuming."
    )
  }
  const timeout = of(headers, "timeout")
  const seconds = timeout === undefined ? timeoutSecondsDefault : Number(timeout)
  if (timeout !== undefined && !/^\d+$/.test(timeout)) return Result.fail("Invalid timeout format")
  if (seconds < 1 || seconds > timeoutSecondsMax) {
    return Result.fail(`Invalid timeout: ${seconds}. Timeout should between ${timeoutSecondsMax} and 1 seconds`)
  }
  return Result.succeed({ label: of(headers, "label"), format, timeoutSeconds: seconds })
}

const ratio = (headers: IncomingHttpHeaders): Result.Result<number, string> => {
  const text = of(headers, "max_filter_ratio") ?? "0"
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && value <= 1
    ? Result.succeed(value)
    : Result.fail(`Invalid max_filter_ratio: ${text}`)
}

const compression = (headers: IncomingHttpHeaders): Result.Result<LateHeaders["compression"], string> => {
  const byHeader = of(headers, "compression")
  const byEncoding = of(headers, "content-encoding")
  if (byHeader !== undefined && byEncoding !== undefined) {
    return Result.fail("Only one of http header content-encoding and compression can be set")
  }
  const name = (byHeader ?? byEncoding)?.toLowerCase()
  if (name === undefined || name === "identity") return Result.succeed("none")
  return name === "gzip" || name === "deflate" || name === "zstd"
    ? Result.succeed(name)
    : Result.fail(`unsupported compression: ${name}`)
}

/** Headers of features this endpoint does not have; a load that asks for one fails instead of loading something else. */
const refused = ["jsonpaths", "json_root", "envelope", "transmission_compression_type"]

/** Checks the remaining headers. */
export const late = (headers: IncomingHttpHeaders): Result.Result<LateHeaders, string> =>
  Result.gen(function*() {
    const partitions = of(headers, "partitions")
    if (partitions !== undefined && of(headers, "temporary_partitions") !== undefined) {
      return yield* Result.fail("Can not specify both partitions and temporary partitions")
    }
    for (const name of refused) {
      if (of(headers, name) !== undefined) return yield* Result.fail(`header ${name} is not supported by this endpoint`)
    }
    const log = of(headers, "log_rejected_record_num")
    if (log !== undefined && !/^(-1|\d+)$/.test(log)) {
      return yield* Result.fail("Invalid log_rejected_record_num format")
    }
    const memory = of(headers, "load_mem_limit")
    if (memory !== undefined && !/^\d+$/.test(memory)) return yield* Result.fail("Invalid load memory limit format")
    return {
      columns: of(headers, "columns"),
      where: of(headers, "where"),
      stripOuterArray: yield* flag(headers, "strip_outer_array", "Invalid strip outer array format. Must be bool type"),
      strictMode: yield* flag(headers, "strict_mode", "Invalid strict mode format. Must be bool type"),
      maxFilterRatio: yield* ratio(headers),
      partialUpdate: yield* flag(headers, "partial_update", "Invalid partial update flag format. Must be bool type"),
      mergeCondition: of(headers, "merge_condition"),
      compression: yield* compression(headers)
    }
  })
