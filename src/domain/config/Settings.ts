/** The configuration of one replication job, decoded once from flags, environment and file, and passed on as a value. */
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Identifier from "../Identifier.ts"
import type { LoadFormat } from "../LoadFormat.ts"
import * as LogLevel from "../LogLevel.ts"
import type { ReplicaIdentity } from "../postgres/ReplicaIdentity.ts"
import type { RejectedRowSettings } from "../RejectedRowPolicy.ts"
import type { SchemaChangePolicy } from "../schema/SchemaChangePolicy.ts"
import type { Lists } from "../TableLists.ts"
import type { TruncatePolicy } from "../TruncatePolicy.ts"
import type { Policies } from "../values/ValuePolicy.ts"
import { type ControlSettings, readControl } from "./ControlSettings.ts"
import { type Input, Reader } from "./Reader.ts"
import { readSink } from "./SinkUrl.ts"
import { readSource } from "./SourceUrl.ts"
import type { Environment } from "./Substitution.ts"
import { readTelemetry, type TelemetrySettings } from "./TelemetrySettings.ts"
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

/** How missing target tables are created. */
export interface AutoCreate {
  /** Undefined: StarRocks chooses. */
  readonly buckets: number | undefined
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
  /** The same tables, in the same order, as the person spelled them. */
  readonly tableNames: ReadonlyArray<string>
  readonly lists: Lists
  readonly replicaIdentity: ReplicaIdentity
  readonly truncatePolicy: TruncatePolicy
  readonly schemaChangePolicy: SchemaChangePolicy
  readonly sink: SrAddress
  /** Undefined: a missing target table is an error. */
  readonly autoCreate: AutoCreate | undefined
  readonly flush: FlushLimits
  /** Bytes read from the slot and not yet acknowledged by StarRocks at which reading pauses. */
  readonly bufferBytesMax: number
  readonly loadFormat: LoadFormat
  /** Bytes of unchanged values from which a row is updated in part. */
  readonly partialBytesMin: number
  readonly retry: RetryLimits
  /** What becomes of values that a target column cannot hold. */
  readonly values: Policies
  readonly rejectedRows: RejectedRowSettings
  readonly control: ControlSettings
  readonly log: LogSettings
  readonly telemetry: TelemetrySettings
}

/** `modules`: levels of single modules, by `LogModule`; every other one has `level`. */
export interface LogSettings {
  readonly level: LogLevel.Threshold
  readonly modules: ReadonlyMap<string, LogLevel.Threshold>
  readonly format: "json" | "pretty"
}

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

/** By the name a person knows a table under, in their order; of two spellings of one table the first. */
const readTables = (reader: Reader): ReadonlyMap<string, Identifier.TableEntry> => {
  const entries = reader.list("tables")
  const tables = new Map<string, Identifier.TableEntry>()
  const seen = new Set<string>()
  for (const entry of entries) {
    const table = Identifier.parseTable(entry)
    if (table === undefined) reader.problem("tables", `'${entry}' is not a table name`)
    // A quoted name may look like a pattern.
    else if (!seen.has(JSON.stringify(table))) tables.set(entry, table)
    if (table !== undefined) seen.add(JSON.stringify(table))
  }
  if (entries.length === 0 && reader.sound("tables")) reader.problem("tables", "names no table")
  return tables
}

const readAutoCreate = (reader: Reader): AutoCreate | undefined => {
  const isOn = reader.flag("autoCreateTables")
  const buckets = reader.integer("autoCreateBuckets")
  return isOn ? { buckets: buckets === 0 ? undefined : buckets } : undefined
}

const readFlush = (reader: Reader): FlushLimits => ({
  rows: reader.integer("flushRows"),
  bytes: reader.integer("flushBytes"),
  everyMs: reader.integer("flushEveryMs")
})

const readBuffer = (reader: Reader, flush: FlushLimits): number => {
  const bytes = reader.integer("bufferBytesMax")
  if (reader.sound("bufferBytesMax", "flushBytes") && bytes < flush.bytes * BUFFER_BATCHES_MIN) {
    reader.problem("bufferBytesMax", `must be at least ${BUFFER_BATCHES_MIN} times FLUSH_BYTES (${flush.bytes})`)
  }
  return bytes
}

const readRetry = (reader: Reader): RetryLimits => {
  const retry: RetryLimits = {
    baseMs: reader.integer("retryBaseMs"),
    maxMs: reader.integer("retryMaxMs"),
    maxElapsedMs: reader.integer("retryMaxElapsedMs")
  }
  if (reader.sound("retryBaseMs", "retryMaxMs") && retry.maxMs < retry.baseMs) {
    reader.problem("retryMaxMs", "must not be less than RETRY_BASE_MS")
  }
  return retry
}

const readValues = (reader: Reader): Policies => ({
  notFinite: reader.choice("valuesNotFinite"),
  numericOverflow: reader.choice("valuesNumericOverflow"),
  numericScale: reader.choice("valuesNumericScale"),
  dateRange: reader.choice("valuesDateRange"),
  length: reader.choice("valuesLength"),
  jsonNumber: reader.choice("valuesJsonNumber"),
  jsonNull: reader.choice("valuesJsonNull"),
  jsonText: reader.choice("valuesJsonText"),
  arrayBounds: reader.choice("valuesArrayBounds")
})

const readRejectedRows = (reader: Reader): RejectedRowSettings => ({
  policy: reader.choice("onRejectedRow"),
  values: reader.choice("rejectedRowValues"),
  perHourMax: reader.integer("rejectedRowsPerHour")
})

const readLog = (reader: Reader): LogSettings => {
  const format = reader.choice("logFormat")
  const levels = LogLevel.parse(reader.text("logLevel") ?? "")
  if (Result.isSuccess(levels)) return { level: levels.success.default, modules: levels.success.modules, format }
  reader.problem("logLevel", levels.failure)
  return { level: LogLevel.OFF, modules: new Map(), format }
}

/**
 * Decodes the settings. A failure lists every problem, each with the flag, the variable or the place in the file, what is
 * wrong and an example; values of secrets are never in it.
 */
export const decode = (input: Input): Result.Result<Settings, ReadonlyArray<string>> => {
  const reader = new Reader(input)
  refuseUnsupported(reader)
  const source = readSource(reader)
  const slot = reader.text("slot") ?? ""
  const publication = reader.text("publication") ?? ""
  const tables = readTables(reader)
  const lists: Lists = {
    tablesExclude: reader.list("tablesExclude"),
    columnsInclude: reader.list("columnsInclude"),
    columnsExclude: reader.list("columnsExclude"),
    targetTables: reader.list("targetTables")
  }
  const replicaIdentity = reader.choice("replicaIdentity")
  const truncatePolicy = reader.choice("truncatePolicy")
  const schemaChangePolicy = reader.choice("schemaChangePolicy")
  const sink = readSink(reader)
  const autoCreate = readAutoCreate(reader)
  const flush = readFlush(reader)
  const bufferBytesMax = readBuffer(reader, flush)
  const loadFormat = reader.choice("streamLoadFormat")
  const partialBytesMin = reader.integer("partialBytesMin")
  const retry = readRetry(reader)
  const values = readValues(reader)
  const rejectedRows = readRejectedRows(reader)
  if (rejectedRows.policy === "divert" && replicaIdentity === "keep") {
    reader.problem(
      "onRejectedRow",
      "divert needs REPLICA_IDENTITY=full: what follows a row that was left out must be whole"
    )
  }
  const control = readControl(reader)
  const log = readLog(reader)
  const telemetry = readTelemetry(reader)
  if (reader.problems.length > 0 || source === undefined || sink === undefined) return Result.fail(reader.problems)
  return Result.succeed({
    source,
    slot,
    publication,
    tables: [...tables.values()],
    tableNames: [...tables.keys()],
    lists,
    replicaIdentity,
    truncatePolicy,
    schemaChangePolicy,
    sink,
    autoCreate,
    flush,
    bufferBytesMax,
    loadFormat,
    partialBytesMin,
    retry,
    values,
    rejectedRows,
    control,
    log,
    telemetry
  })
}

/** Decodes the settings from the environment alone. */
export const fromEnv = (env: Environment): Result.Result<Settings, ReadonlyArray<string>> => decode({ env })
