/** The headers of a load, checked in two steps as the server checks them: before and after the transaction begins. */
import * as Result from "effect/Result"
import type { IncomingHttpHeaders } from "node:http"
import * as CsvFormat from "../body/CsvFormat.ts"
import * as Decompression from "../body/Decompression.ts"
import * as JsonPaths from "../body/JsonPaths.ts"
import type { JsonSelection } from "../body/JsonSelection.ts"
import { declaredBytes, header } from "../http/RequestHeaders.ts"

/** Headers checked before the transaction begins: a failure here has no transaction id. */
export interface EarlyHeaders {
  readonly label: string | undefined
  readonly format: "json" | "csv"
  readonly timeoutSeconds: number
}

/** Headers checked after it began: a failure here aborts a real transaction. */
export interface LateHeaders {
  readonly format: "json" | "csv"
  readonly columns: string | undefined
  /** Partitions that the load may write to; undefined: all. */
  readonly partitions: ReadonlyArray<string> | undefined
  readonly where: string | undefined
  readonly csv: CsvFormat.CsvFormat
  readonly stripOuterArray: boolean
  /** What `jsonpaths` and `json_root` ask for; undefined when neither is given. */
  readonly selection: JsonSelection | undefined
  readonly strictMode: boolean
  readonly maxFilterRatio: number
  readonly partialUpdate: boolean
  readonly partialUpdateMode: "row" | "auto" | "column"
  readonly mergeCondition: string | undefined
  /** The time zone of functions; it does not touch literals. Undefined when the header does not name one. */
  readonly timezone: string | undefined
  readonly compression: Decompression.Compression
}

/** Seconds a load may take when no header says otherwise. */
const timeoutSecondsDefault = 600
/** Seconds a header may ask for. */
const timeoutSecondsMax = 259_200
/** Bytes of the largest JSON body whose size is declared, unless ignore_json_size is set. */
const jsonBodyBytesMax = 104_857_600

const flag = (headers: IncomingHttpHeaders, name: string, message: string): Result.Result<boolean, string> => {
  const value = header(headers, name)?.toLowerCase()
  if (value === undefined || value === "false") return Result.succeed(false)
  return value === "true" ? Result.succeed(true) : Result.fail(message)
}

/** The format of the body; the name of a compression means CSV compressed by it. */
const formatOf = (headers: IncomingHttpHeaders): "json" | "csv" | undefined => {
  const written = header(headers, "format")?.toLowerCase() ?? "csv"
  if (written === "json" || written === "csv") return written
  return Decompression.ofFormat(written) === undefined ? undefined : "csv"
}

/** Seconds that the `timeout` header asks for; 600 without one. */
export const timeoutSeconds = (headers: IncomingHttpHeaders): Result.Result<number, string> => {
  const written = header(headers, "timeout")
  const seconds = written === undefined ? timeoutSecondsDefault : Number(written)
  if (written !== undefined && !/^\d+$/.test(written)) return Result.fail("Invalid timeout format")
  return seconds < 1 || seconds > timeoutSecondsMax
    ? Result.fail(`Invalid timeout: ${seconds}. Timeout should between ${timeoutSecondsMax} and 1 seconds`)
    : Result.succeed(seconds)
}

const mergeCommit = (headers: IncomingHttpHeaders): Result.Result<void, string> => {
  const written = header(headers, "enable_merge_commit") ?? "false"
  if (written.toLowerCase() === "false") return Result.void
  return Result.fail(
    written.toLowerCase() === "true"
      ? "merge commit is not supported by this endpoint"
      : `Invalid parameter enable_merge_commit. The value must be bool type, but is ${written}`
  )
}

/** Checks the first headers, in the server's order; a body that says to have more bytes than the limit is refused. */
export const early = (headers: IncomingHttpHeaders, bodyBytesMax: number): Result.Result<EarlyHeaders, string> =>
  Result.gen(function*() {
    yield* mergeCommit(headers)
    const length = declaredBytes(headers)
    if (length > bodyBytesMax) {
      return yield* Result.fail(
        `body size ${length} exceed limit: ${bodyBytesMax}, ` +
          "You can increase the limit by setting streaming_load_max_mb in be.conf."
      )
    }
    const format = formatOf(headers)
    if (format === undefined) return yield* Result.fail(`unknown data format, format=${header(headers, "format")}`)
    const checksSize = format === "json" && header(headers, "ignore_json_size")?.toLowerCase() !== "true"
    if (checksSize && length > jsonBodyBytesMax) {
      return yield* Result.fail(
        `The size of this batch exceed the max size [${jsonBodyBytesMax}]  of json type data  data [ ${length} ]. ` +
          "Set ignore_json_size to skip the check, although it may lead huge memory consuming."
      )
    }
    return { label: header(headers, "label"), format, timeoutSeconds: yield* timeoutSeconds(headers) }
  })

const ratio = (headers: IncomingHttpHeaders): Result.Result<number, string> => {
  const text = header(headers, "max_filter_ratio") ?? "0"
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && value <= 1
    ? Result.succeed(value)
    : Result.fail(`Invalid max_filter_ratio: ${text}`)
}

const compression = (
  headers: IncomingHttpHeaders,
  format: "json" | "csv"
): Result.Result<Decompression.Compression, string> => {
  const byHeader = header(headers, "compression")
  const byEncoding = header(headers, "content-encoding")
  if (byHeader !== undefined && byEncoding !== undefined) {
    return Result.fail("Only one of http header content-encoding and compression can be set")
  }
  const name = byHeader ?? byEncoding
  if (format === "json") return name === undefined ? Result.succeed("none") : Decompression.named(name)
  const ofBody = Decompression.ofFormat((header(headers, "format") ?? "").toLowerCase()) ?? Result.succeed("none")
  if (name === undefined) return ofBody
  // The server reads these headers and then decompresses JSON only.
  return Decompression.named(name).pipe(
    Result.flatMap((named) =>
      named === "none"
        ? ofBody
        : Result.fail("only JSON is decompressed by this header; CSV names its compression as its format, like gzip")
    )
  )
}

/** An integer from `low` on. */
const integer = (
  headers: IncomingHttpHeaders,
  name: string,
  low: number,
  invalid: string,
  tooSmall: string
): Result.Result<number | undefined, string> => {
  const text = header(headers, name)
  if (text === undefined) return Result.succeed(undefined)
  if (!/^[-+]?\d{1,18}$/.test(text)) return Result.fail(invalid)
  return Number(text) < low ? Result.fail(tooSmall) : Result.succeed(Number(text))
}

const skipHeader = (headers: IncomingHttpHeaders): Result.Result<number, string> =>
  integer(
    headers,
    "skip_header",
    0,
    "Invalid csv load skip_header format",
    "skip_header must be equal or greater than 0"
  ).pipe(Result.map((lines) => lines ?? 0))

const separator = (
  headers: IncomingHttpHeaders,
  name: "column_separator" | "row_delimiter",
  standard: string
): Result.Result<string, string> => {
  const written = header(headers, name)
  if (written === undefined) return Result.succeed(standard)
  return CsvFormat.separator(written, name === "row_delimiter" ? "row delimiter" : "column separator")
}

const mark = (headers: IncomingHttpHeaders, name: "enclose" | "escape"): Result.Result<number | undefined, string> => {
  const written = header(headers, name)
  return written === undefined ? Result.succeed(undefined) : CsvFormat.mark(written, name)
}

const csv = (headers: IncomingHttpHeaders): Result.Result<CsvFormat.CsvFormat, string> =>
  Result.gen(function*() {
    const { columnSeparator, rowDelimiter } = CsvFormat.standard
    return {
      skipHeader: yield* skipHeader(headers),
      trimSpace: yield* flag(headers, "trim_space", "Invalid trim space format. Must be bool type"),
      enclose: yield* mark(headers, "enclose"),
      escape: yield* mark(headers, "escape"),
      columnSeparator: yield* separator(headers, "column_separator", columnSeparator),
      rowDelimiter: yield* separator(headers, "row_delimiter", rowDelimiter)
    }
  })

const selection = (
  headers: IncomingHttpHeaders,
  format: "json" | "csv"
): Result.Result<JsonSelection | undefined, string> =>
  Result.gen(function*() {
    const paths = header(headers, "jsonpaths")
    const root = header(headers, "json_root")
    if (format === "csv" || (paths === undefined && root === undefined)) return undefined
    const found = paths === undefined ? [] : yield* JsonPaths.paths(paths)
    return {
      paths: found.length === 0 ? undefined : found,
      root: root === undefined ? undefined : yield* JsonPaths.root(root)
    }
  })

const timezone = (headers: IncomingHttpHeaders): Result.Result<string | undefined, string> => {
  const name = header(headers, "timezone")
  // China Standard Time here, whatever else the three letters mean.
  const zone = name === "CST" ? "Asia/Shanghai" : name
  if (zone === undefined) return Result.succeed(undefined)
  return Result.try({
    try: () => new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone,
    catch: () => `Unknown or incorrect time zone: '${name}'`
  })
}

const updateMode = (headers: IncomingHttpHeaders): LateHeaders["partialUpdateMode"] => {
  const mode = header(headers, "partial_update_mode")
  // The server ignores modes it does not know.
  return mode === "auto" || mode === "column" ? mode : "row"
}

/** Headers of features this endpoint does not have; a load that asks for one fails instead of loading something else. */
const refused = ["envelope", "temporary_partitions"]

const refusal = (headers: IncomingHttpHeaders): Result.Result<void, string> => {
  if (header(headers, "partitions") !== undefined && header(headers, "temporary_partitions") !== undefined) {
    return Result.fail("Can not specify both partitions and temporary partitions")
  }
  const name = refused.find((known) => header(headers, known) !== undefined)
  return name === undefined ? Result.void : Result.fail(`header ${name} is not supported by this endpoint`)
}

/** Numbers that are checked as the server checks them, and have no meaning here. */
const numbers = (headers: IncomingHttpHeaders): Result.Result<void, string> =>
  Result.gen(function*() {
    const least = (name: string, low: number) => `${name} must be equal or greater than ${low}`
    yield* integer(
      headers,
      "load_mem_limit",
      0,
      "Invalid load mem limit format",
      least("load_mem_limit", 0)
    )
    yield* integer(headers, "load_dop", Number.NEGATIVE_INFINITY, "Invalid load_dop format", "")
    const rejected = "log_rejected_record_num"
    yield* integer(headers, rejected, -1, `Invalid ${rejected} format`, least(rejected, -1))
    const memory = "exec_mem_limit must be greater than 0"
    yield* integer(headers, "exec_mem_limit", 1, "Invalid exec_mem_limit format", memory)
  })

/**
 * Checks the remaining headers. `negative`, `warehouse`, `transmission_compression_type`, `channel_num` and `channel_id` change
 * nothing on the tables that exist here and are not read.
 */
export const late = (headers: IncomingHttpHeaders): Result.Result<LateHeaders, string> =>
  Result.gen(function*() {
    const format = formatOf(headers) ?? "csv"
    const marks = yield* csv(headers)
    yield* refusal(headers)
    const strictMode = yield* flag(headers, "strict_mode", "Invalid strict mode format. Must be bool type")
    yield* numbers(headers)
    return {
      format,
      columns: header(headers, "columns"),
      partitions: header(headers, "partitions")?.split(",").map((name) => name.trim()),
      where: header(headers, "where"),
      csv: marks,
      // Every other value means false, as on the server.
      stripOuterArray: header(headers, "strip_outer_array")?.toLowerCase() === "true",
      selection: yield* selection(headers, format),
      strictMode,
      maxFilterRatio: yield* ratio(headers),
      partialUpdate: yield* flag(headers, "partial_update", "Invalid partial update flag format. Must be bool type"),
      partialUpdateMode: updateMode(headers),
      mergeCondition: header(headers, "merge_condition"),
      timezone: yield* timezone(headers),
      compression: yield* compression(headers, format)
    }
  })
