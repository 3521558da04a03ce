/** The configuration of one replication job, decoded once from the environment and passed on as a value. */
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Identifier from "../Identifier.ts"
import * as LogLevel from "../LogLevel.ts"
import type { Lists } from "../TableLists.ts"
import { type ControlSettings, readControl } from "./ControlSettings.ts"
import { Reader } from "./Reader.ts"
import { readSink } from "./SinkUrl.ts"
import { readSource } from "./SourceUrl.ts"
import type { SinkTls, SourceTls } from "./Tls.ts"

/** How to reach PostgreSQL. `tls` undefined: plain TCP. */
export interface PgAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Redacted.Redacted<string>
  readonly database: string
  readonly tls: SourceTls | undefined
}

/** How to reach StarRocks: Stream Load over HTTP and SQL over the MySQL protocol. */
export interface SrAddress {
  /** Origin only, `http://host:port`, without user information. */
  readonly url: string
  readonly host: string
  readonly sqlPort: number
  readonly database: string
  readonly user: string
  readonly password: Redacted.Redacted<string>
  /** Undefined: SQL is plain, and an https `url` is checked against the authorities that Node ships. */
  readonly tls?: SinkTls | undefined
}

/** When a batch is full. */
export interface FlushLimits {
  readonly rows: number
  readonly bytes: number
  readonly everyMs: number
}

export interface RetryLimits {
  readonly baseMs: number
  readonly maxMs: number
  /** How long the same failure is retried; 0: for ever. */
  readonly maxElapsedMs: number
}

export interface Settings {
  readonly source: PgAddress
  readonly slot: string
  readonly publication: string
  readonly tables: ReadonlyArray<Identifier.TableEntry>
  readonly lists: Lists
  readonly sink: SrAddress
  readonly flush: FlushLimits
  /** Bytes read from the slot and not yet acknowledged by StarRocks at which reading pauses. */
  readonly bufferBytesMax: number
  readonly retry: RetryLimits
  readonly control: ControlSettings
  readonly log: LogSettings
}

/** `modules`: levels of single modules, by `LogModule`; every other one has `level`. */
export interface LogSettings {
  readonly level: LogLevel.Threshold
  readonly modules: ReadonlyMap<string, LogLevel.Threshold>
  readonly format: "json" | "pretty"
}

/** More rows than this are never a batch: its bytes are reached long before. */
export const FLUSH_ROWS_MAX = 10_000_000
/** Nobody waits longer than an hour for rows that have arrived, in ms. */
export const FLUSH_MS_MAX = 3_600_000
/** Frames are kept in slabs, a few of which must fit. */
const BUFFER_BYTES_MIN = 1024 * 1024
/** One batch must fit the buffer twice: one is loaded while the next is read. */
const BUFFER_BATCHES_MIN = 2

/** Settings of dbmazz v1 that would change what arrives, and that this version does not have: never ignored. */
const UNSUPPORTED: ReadonlyArray<readonly [name: string, supported: RegExp, why: string]> = [
  ["SOURCE_TYPE", /^(postgres|postgresql)?$/i, "only postgres can be read"],
  ["SINK_TYPE", /^(starrocks)?$/i, "only starrocks can be written"],
  ["DO_SNAPSHOT", /^(false)?$/i, "this version takes no snapshot; load existing rows otherwise and unset it"],
  ["INITIAL_SNAPSHOT_ONLY", /^(false)?$/i, "this version takes no snapshot; unset it"]
]

const refuseUnsupported = (reader: Reader): void => {
  for (const [name, supported, why] of UNSUPPORTED) {
    if (!supported.test(reader.env[name] ?? "")) reader.problems.push(`${name}: ${why}`)
  }
}

const readTables = (reader: Reader): ReadonlyArray<Identifier.TableEntry> => {
  const tables = new Map<string, Identifier.TableEntry>()
  for (const entry of Identifier.splitList(reader.text("tables") ?? "")) {
    const table = Identifier.parseTable(entry)
    if (table === undefined) reader.problem("tables", `'${entry}' is not a table name`)
    // A quoted name may look like a pattern.
    else tables.set(JSON.stringify(table), table)
  }
  if (tables.size === 0) reader.problem("tables", "names no table")
  return [...tables.values()]
}

const readLists = (reader: Reader): Lists => {
  const list = (key: "tablesExclude" | "columnsInclude" | "columnsExclude"): ReadonlyArray<string> =>
    Identifier.splitList(reader.text(key) ?? "")
  return {
    tablesExclude: list("tablesExclude"),
    columnsInclude: list("columnsInclude"),
    columnsExclude: list("columnsExclude")
  }
}

const readLog = (reader: Reader): LogSettings => {
  const format = reader.oneOf("logFormat", ["json", "pretty"])
  const levels = LogLevel.parse(reader.text("logLevel") ?? "")
  if (Result.isSuccess(levels)) return { level: levels.success.default, modules: levels.success.modules, format }
  reader.problem("logLevel", levels.failure)
  return { level: LogLevel.OFF, modules: new Map(), format }
}

/**
 * Decodes the settings from the environment (flags already laid over it). A failure lists every problem, each with the
 * variable, what is wrong and an example; values of secrets are never in it.
 */
export const fromEnv = (
  env: Readonly<Record<string, string | undefined>>
): Result.Result<Settings, ReadonlyArray<string>> => {
  const reader = new Reader(env)
  refuseUnsupported(reader)
  const source = readSource(reader)
  const slot = reader.name("slot", /^[a-z0-9_]+$/, "may hold only lower-case letters, digits and _ (at most 63)")
  const publication = reader.name("publication", /^[^\0]+$/, "must be a name of at most 63 bytes")
  const tables = readTables(reader)
  const lists = readLists(reader)
  const sink = readSink(reader)
  const flush: FlushLimits = {
    rows: reader.integer("flushRows", 1, FLUSH_ROWS_MAX),
    bytes: reader.integer("flushBytes", 1024, 1024 ** 3),
    everyMs: reader.integer("flushEveryMs", 1, FLUSH_MS_MAX)
  }
  const bufferBytesMax = reader.integer("bufferBytesMax", BUFFER_BYTES_MIN, 1024 ** 4)
  if (bufferBytesMax < flush.bytes * BUFFER_BATCHES_MIN) {
    reader.problem("bufferBytesMax", `must be at least ${BUFFER_BATCHES_MIN} times FLUSH_BYTES (${flush.bytes})`)
  }
  const retry: RetryLimits = {
    baseMs: reader.integer("retryBaseMs", 1, 60_000),
    maxMs: reader.integer("retryMaxMs", 1, 3_600_000),
    maxElapsedMs: reader.integer("retryMaxElapsedMs", 0, 604_800_000)
  }
  if (retry.maxMs < retry.baseMs) reader.problem("retryMaxMs", "must not be less than RETRY_BASE_MS")
  const control = readControl(reader)
  const log = readLog(reader)
  if (reader.problems.length > 0 || source === undefined || sink === undefined) return Result.fail(reader.problems)
  return Result.succeed({ source, slot, publication, tables, lists, sink, flush, bufferBytesMax, retry, control, log })
}
