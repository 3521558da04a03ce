/** The headers of Stream Load transactions. Pure. */
import * as Result from "effect/Result"
import type { IncomingHttpHeaders } from "node:http"

/** Seconds from begin to prepare when no header says otherwise. */
const timeoutSecondsDefault = 600
/** Seconds a header may ask for. */
const timeoutSecondsMax = 259_200
/** Seconds a prepared transaction waits for its commit: prepared_transaction_default_timeout_second. */
const preparedSecondsDefault = 86_400

/** How long a transaction may take, in seconds. */
export interface Times {
  readonly timeout: number
  /** Between two operations; without end when undefined. */
  readonly idle: number | undefined
  readonly prepared: number
}

/** A header's text; undefined when it is absent or blank. */
export const text = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  const found = (Array.isArray(value) ? value[0] : value)?.trim()
  // Node reads header bytes as Latin-1; names of tables are UTF-8.
  return found === undefined || found === "" ? undefined : Buffer.from(found, "latin1").toString("utf8")
}

const seconds = (headers: IncomingHttpHeaders, name: string, message: string) => {
  const given = text(headers, name)
  return given === undefined || /^\d{1,9}$/.test(given)
    ? Result.succeed(given === undefined ? undefined : Number(given))
    : Result.fail(message)
}

/** Seconds that the `prepared_timeout` of a prepare asks for. */
export const preparedTimeout = (headers: IncomingHttpHeaders): Result.Result<number | undefined, string> => {
  const message = `Invalid prepared_timeout: ${text(headers, "prepared_timeout") ?? ""}`
  return Result.flatMap(
    seconds(headers, "prepared_timeout", message),
    (found) => found === 0 ? Result.fail(message) : Result.succeed(found)
  )
}

/** The times that a begin asks for. */
export const times = (headers: IncomingHttpHeaders): Result.Result<Times, string> =>
  Result.gen(function*() {
    const timeout = (yield* seconds(headers, "timeout", "Invalid timeout format")) ?? timeoutSecondsDefault
    const idle = yield* seconds(headers, "idle_transaction_timeout", "Invalid timeout format")
    const prepared = (yield* preparedTimeout(headers)) ?? preparedSecondsDefault
    if (timeout < 1 || timeout > timeoutSecondsMax) {
      return yield* Result.fail(
        `Invalid timeout: ${timeout}. Timeout should between ${timeoutSecondsMax} and 1 seconds`
      )
    }
    return { timeout, idle: idle === 0 ? undefined : idle, prepared }
  })

/** Headers that the server does not read for a load of a transaction. */
const unread = ["skip_header", "trim_space", "enclose", "escape", "log_rejected_record_num"]

/** A load's headers as the server reads them in a transaction: some are left out, some values only ever mean false. */
export const ofLoad = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const read: IncomingHttpHeaders = { ...headers }
  for (const name of unread) delete read[name]
  if (text(headers, "partial_update") !== "true") delete read["partial_update"]
  if (text(headers, "strip_outer_array")?.toLowerCase() !== "true") delete read["strip_outer_array"]
  return read
}

/** Headers that have to be the same in all loads of a transaction. */
const shaping = [
  "format",
  "columns",
  "where",
  "column_separator",
  "row_delimiter",
  "partitions",
  "temporary_partitions",
  "negative",
  "strict_mode",
  "timezone",
  "load_mem_limit",
  "jsonpaths",
  "json_root",
  "strip_outer_array",
  "partial_update",
  "partial_update_mode",
  "merge_condition",
  "transmission_compression_type",
  "load_dop",
  "compression",
  "content-encoding",
  "warehouse"
]

/** What has to be equal in all loads of a transaction, as one text. */
export const signature = (headers: IncomingHttpHeaders): string => {
  const read = ofLoad(headers)
  const format = (text(read, "format") ?? "csv").toLowerCase()
  return JSON.stringify(shaping.map((name) => name === "format" ? format : text(read, name) ?? null))
}

/** Bytes of the body that a load declares; 0 when it comes in chunks. */
export const declaredBytes = (headers: IncomingHttpHeaders): number => Number(headers["content-length"] ?? 0)
