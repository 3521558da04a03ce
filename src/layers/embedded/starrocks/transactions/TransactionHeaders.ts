/** The headers of Stream Load transactions. Pure. */
import * as Result from "effect/Result"
import type { IncomingHttpHeaders } from "node:http"
import { header } from "../http/RequestHeaders.ts"
import { timeoutSeconds } from "../load/LoadHeaders.ts"

/** Seconds a prepared transaction waits for its commit: prepared_transaction_default_timeout_second. */
const preparedSecondsDefault = 86_400

/** How long a transaction may take, in seconds. */
export interface Times {
  readonly timeout: number
  /** Between two operations; without end when undefined. */
  readonly idle: number | undefined
  readonly prepared: number
}

const seconds = (headers: IncomingHttpHeaders, name: string, message: string) => {
  const given = header(headers, name)
  if (given === undefined) return Result.succeed(undefined)
  return /^\d{1,9}$/.test(given) ? Result.succeed(Number(given)) : Result.fail(message)
}

/** Seconds that the `prepared_timeout` of a prepare asks for. */
export const preparedTimeout = (headers: IncomingHttpHeaders): Result.Result<number | undefined, string> => {
  const message = `Invalid prepared_timeout: ${header(headers, "prepared_timeout") ?? ""}`
  return Result.flatMap(
    seconds(headers, "prepared_timeout", message),
    (found) => found === 0 ? Result.fail(message) : Result.succeed(found)
  )
}

/** The times that a begin asks for. */
export const times = (headers: IncomingHttpHeaders): Result.Result<Times, string> =>
  Result.gen(function*() {
    const timeout = yield* timeoutSeconds(headers)
    const idle = yield* seconds(headers, "idle_transaction_timeout", "Invalid timeout format")
    const prepared = (yield* preparedTimeout(headers)) ?? preparedSecondsDefault
    return { timeout, idle: idle === 0 ? undefined : idle, prepared }
  })

/** Headers that the server does not read for a load of a transaction. */
const unread = ["skip_header", "trim_space", "enclose", "escape", "log_rejected_record_num"]

/** A load's headers as the server reads them in a transaction: some are left out, some values only ever mean false. */
export const ofLoad = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const read: IncomingHttpHeaders = { ...headers }
  for (const name of unread) delete read[name]
  if (header(headers, "partial_update") !== "true") delete read["partial_update"]
  if (header(headers, "strip_outer_array")?.toLowerCase() !== "true") delete read["strip_outer_array"]
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
  const format = (header(read, "format") ?? "csv").toLowerCase()
  return JSON.stringify(shaping.map((name) => name === "format" ? format : header(read, name) ?? null))
}
