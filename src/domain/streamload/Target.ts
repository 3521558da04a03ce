/** Where a load goes: its path and headers, and where a redirect may lead. */
import type { LoadRequest } from "../Load.ts"
import * as LoadFormat from "../LoadFormat.ts"
import * as CsvForm from "../values/CsvForm.ts"

/** Value of the `timeout` header in seconds: the server's default, said aloud because a job depends on it. */
export const LOAD_TIMEOUT_SECONDS = 600

/** Path of a table's Stream Load. */
export const loadPath = (request: LoadRequest): string =>
  `/api/${encodeURIComponent(request.target.schema)}/${encodeURIComponent(request.target.name)}/_stream_load`

/** Path and query of the question for a label's state. */
export const labelStatePath = (database: string, label: string): string =>
  `/api/${encodeURIComponent(database)}/get_load_state?label=${encodeURIComponent(label)}`

/** UTF-8 bytes as the characters that an HTTP header carries one byte each. */
const headerText = (text: string): string => {
  let bytes = ""
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte)
  return bytes
}

/** What says how to read the body. CSV's rows end with a newline, which is StarRocks' default. */
const FORMAT_HEADERS: Readonly<Record<LoadFormat.LoadFormat, Readonly<Record<string, string>>>> = {
  json: { "Content-Type": "application/json", format: "json", ignore_json_size: "true" },
  csv: {
    "Content-Type": "text/csv",
    format: "csv",
    column_separator: CsvForm.SEPARATOR,
    enclose: CsvForm.ENCLOSE,
    escape: CsvForm.ESCAPE
  }
}

/**
 * The headers of a load. `strict_mode` and `max_filter_ratio` make any row that does not fit fail the whole load, so
 * that no row becomes NULL or vanishes in silence.
 */
export const loadHeaders = (request: LoadRequest, authorization: string): Readonly<Record<string, string>> => ({
  Authorization: authorization,
  Expect: "100-continue",
  "Content-Length": String(request.body.byteLength),
  label: request.label,
  strict_mode: "true",
  max_filter_ratio: "0",
  timeout: String(LOAD_TIMEOUT_SECONDS),
  ...FORMAT_HEADERS[request.format ?? LoadFormat.DEFAULT],
  ...(request.partialUpdate === true ? { partial_update: "true" } : {}),
  ...(request.columns === undefined ? {} : { columns: headerText(request.columns) })
})

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || /^127(?:\.\d+){3}$/.test(hostname) || hostname === "[::1]"

/** Whether a redirect leads from a StarRocks that is configured with https to where the password would go in the open. */
export const isDowngrade = (configured: URL, target: URL): boolean =>
  configured.protocol === "https:" && target.protocol !== "https:"

/**
 * Where a redirect leads; undefined when its `Location` is missing or no HTTP address. A back end that registered
 * itself as 127.0.0.1 (the all-in-one image does) is looked for on the host that was configured, unless that is
 * loopback too.
 * User information in a `Location` is dropped.
 */
export const redirectTarget = (configured: URL, asked: URL, location: string | undefined): URL | undefined => {
  if (location === undefined || !URL.canParse(location, asked.href)) return undefined
  const target = new URL(location, asked.href)
  if (target.protocol !== "http:" && target.protocol !== "https:") return undefined
  if (isLoopback(target.hostname) && !isLoopback(configured.hostname)) target.hostname = configured.hostname
  target.username = ""
  target.password = ""
  target.hash = ""
  return target
}
