/** The configuration of one replication job, decoded once from the environment and passed on as a value. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Identifier from "../Identifier.ts"
import { type Variable, type VariableKey, VARIABLES } from "./Variables.ts"

/** How to reach PostgreSQL. `tls` undefined: plain TCP. */
export interface PgAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Redacted.Redacted<string>
  readonly database: string
  readonly tls: { readonly verify: boolean } | undefined
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
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
  readonly sink: SrAddress
  readonly flush: FlushLimits
  /** Bytes read from the slot and not yet acknowledged by StarRocks at which reading pauses. */
  readonly bufferBytesMax: number
  readonly retry: RetryLimits
  readonly log: { readonly level: LogLevel; readonly format: "json" | "pretty" }
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const
export type LogLevel = typeof LOG_LEVELS[number]

/** v1 adds this port to a StarRocks URL that names none. */
const STARROCKS_HTTP_PORT_DEFAULT = "8040"
const PG_PORT_DEFAULT = 5432
/** PostgreSQL's limit for names (NAMEDATALEN − 1), in bytes. */
const NAME_BYTES_MAX = 63
const PORT_MAX = 65_535
/** Frames are kept in slabs, a few of which must fit. */
const BUFFER_BYTES_MIN = 1024 * 1024
/** One batch must fit the buffer twice: one is loaded while the next is read. */
const BUFFER_BATCHES_MIN = 2

/** Collects what is wrong, so that a person sees every problem at once. */
class Reader {
  readonly problems: Array<string> = []
  readonly env: Readonly<Record<string, string | undefined>>
  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.env = env
  }

  problem(key: VariableKey, what: string): void {
    const variable: Variable = VARIABLES[key]
    this.problems.push(`${variable.names.join(" or ")}: ${what}; example: ${variable.names[0]}=${variable.example}`)
  }

  text(key: VariableKey): string | undefined {
    const variable: Variable = VARIABLES[key]
    const set = variable.names.filter((name) => (this.env[name] ?? "") !== "")
    const values = new Set(set.map((name) => this.env[name]))
    if (values.size > 1) {
      this.problem(key, `${set.join(" and ")} are both set and differ`)
      return undefined
    }
    const value = set.length > 0 ? this.env[set[0]!] : variable.fallback
    if (value === undefined) this.problem(key, `must be set (${variable.meaning})`)
    return value
  }

  integer(key: VariableKey, least: number, most: number): number {
    const text = this.text(key)
    if (text === undefined) return least
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    this.problem(key, `must be a whole number from ${least} to ${most}, not '${text}'`)
    return least
  }

  oneOf<const A extends string>(key: VariableKey, allowed: ReadonlyArray<A>): A {
    const text = this.text(key)?.toLowerCase()
    const found = allowed.find((value) => value === text)
    if (found === undefined) this.problem(key, `must be one of ${allowed.join(", ")}, not '${text ?? ""}'`)
    return found ?? allowed[0]!
  }

  name(key: VariableKey, pattern: RegExp, rule: string): string {
    const text = this.text(key) ?? ""
    if (!pattern.test(text) || new TextEncoder().encode(text).length > NAME_BYTES_MAX) this.problem(key, rule)
    return text
  }
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const readSource = (reader: Reader): PgAddress | undefined => {
  const text = reader.text("databaseUrl")
  if (text === undefined) return undefined
  if (!URL.canParse(text)) {
    reader.problem("databaseUrl", "is not a URL (percent-encode special characters in the password)")
    return undefined
  }
  const url = new URL(text)
  const before = reader.problems.length
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    reader.problem("databaseUrl", "must start with postgres:// or postgresql://")
  }
  const host = url.searchParams.get("host") ?? url.hostname
  if (host === "") reader.problem("databaseUrl", "names no host")
  if (url.username === "") reader.problem("databaseUrl", "names no user")
  const database = decoded(url.pathname.replace(/^\//, ""))
  if (database === "") reader.problem("databaseUrl", "names no database")
  const sslmode = url.searchParams.get("sslmode") ?? "disable"
  if (!["disable", "allow", "prefer", "require", "verify-ca", "verify-full"].includes(sslmode)) {
    reader.problem("databaseUrl", `has an unknown sslmode '${sslmode}'`)
  }
  if (reader.problems.length > before) return undefined
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? PG_PORT_DEFAULT : Number(url.port),
    user: decoded(url.username),
    password: Redacted.make(decoded(url.password)),
    database,
    tls: sslmode === "require" || sslmode.startsWith("verify")
      ? { verify: sslmode.startsWith("verify") }
      : undefined
  }
}

interface SinkUrl {
  readonly origin: string
  readonly hostname: string
}

const readSinkUrl = (reader: Reader): SinkUrl | undefined => {
  const text = reader.text("starrocksUrl")
  if (text === undefined) return undefined
  const spelled = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(spelled) || !/^https?:$/.test(new URL(spelled).protocol)) {
    reader.problem("starrocksUrl", "is not an http:// or https:// URL")
    return undefined
  }
  const url = new URL(spelled)
  if (url.username !== "" || url.password !== "") {
    reader.problem("starrocksUrl", "must not hold a user or password; set them in their own variables")
    return undefined
  }
  // The URL class drops a port that is its scheme's default.
  const explicit = /:(\d+)(?:[/?#]|$)/.exec(spelled.slice(url.protocol.length + 2))?.[1]
  return {
    origin: `${url.protocol}//${url.hostname}:${explicit ?? STARROCKS_HTTP_PORT_DEFAULT}`,
    hostname: url.hostname
  }
}

const readSink = (reader: Reader): SrAddress | undefined => {
  const url = readSinkUrl(reader)
  const sqlPort = reader.integer("starrocksSqlPort", 1, PORT_MAX)
  const database = reader.text("starrocksDatabase")
  const user = reader.text("starrocksUser")
  const password = reader.text("starrocksPassword")
  if (url === undefined || database === undefined || user === undefined) return undefined
  return {
    url: url.origin,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    sqlPort,
    database,
    user,
    password: Redacted.make(password ?? "")
  }
}

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

const readTables = (reader: Reader): ReadonlyArray<Identifier.QualifiedName> => {
  const tables = new Map<string, Identifier.QualifiedName>()
  for (const entry of Identifier.splitList(reader.text("tables") ?? "")) {
    const table = Identifier.parseTable(entry)
    if (table === undefined) reader.problem("tables", `'${entry}' is not a table name`)
    else tables.set(Identifier.show(table), table)
  }
  if (tables.size === 0) reader.problem("tables", "names no table")
  return [...tables.values()]
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
  const sink = readSink(reader)
  const flush: FlushLimits = {
    rows: reader.integer("flushRows", 1, 10_000_000),
    bytes: reader.integer("flushBytes", 1024, 1024 ** 3),
    everyMs: reader.integer("flushEveryMs", 1, 3_600_000)
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
  const log = {
    level: reader.oneOf("logLevel", LOG_LEVELS),
    format: reader.oneOf("logFormat", ["json", "pretty"] as const)
  }
  if (reader.problems.length > 0 || source === undefined || sink === undefined) return Result.fail(reader.problems)
  return Result.succeed({ source, slot, publication, tables, sink, flush, bufferBytesMax, retry, log })
}
