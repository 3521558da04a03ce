/**
 * What the faults happen to: a PostgreSQL server, the StarRocks-compatible endpoint and dbmazz, each a process of its own,
 * with a proxy on every wire of dbmazz. The test itself reaches both servers directly.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { PgAddress, SrAddress } from "../../src/domain/config/Settings.ts"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import { INSTALLATION, run } from "../support/PostgresServer.ts"
import type { WireName } from "./Fault.ts"
import * as Program from "./Program.ts"
import * as Proxy from "./Proxy.ts"
import { WAL_SENDER_TIMEOUT_MS } from "./Schedule.ts"
import * as Tables from "./Tables.ts"

export interface World {
  readonly directory: string
  readonly server: EmbeddedPostgres.Server
  readonly source: PgAddress
  readonly sink: SrAddress
  readonly wires: Readonly<Record<WireName, Proxy.Proxy>>
  readonly endpoint: Program.Program
  readonly dbmazz: Program.Program
  /** Another dbmazz with the same job. */
  readonly startSecond: Effect.Effect<DbmazzProcess.DbmazzProcess, never, Scope.Scope>
  readonly postgres: PostgresSql.PostgresSql["Service"]
  readonly starrocks: StarRocksSql["Service"]
  /** What went wrong in this round, which takes it out at its end. */
  readonly violations: Array<string>
}

const DATABASE = "chaos"
export const SLOT = "chaos_slot"
const POLL = Schedule.spaced("20 millis")

/** A deadlock of the sessions is found in this; the WAL is kept small, so that files are recycled. */
const SERVER_SETTINGS = {
  wal_sender_timeout: `${WAL_SENDER_TIMEOUT_MS}ms`,
  deadlock_timeout: "100ms",
  max_wal_size: "256MB",
  // The server is killed, the machine is not: the system keeps what was written.
  fsync: "off",
  full_page_writes: "off"
}

/** Small batches, so that transactions are larger, a small buffer, so that reading pauses, and short waits. */
const JOB_SETTINGS = {
  SLOT_NAME: SLOT,
  TABLES: Tables.TABLES.map((table) => table.name).join(","),
  FLUSH_SIZE: "300",
  FLUSH_INTERVAL_MS: "100",
  FLUSH_BYTES: String(1024 * 1024),
  MAX_BUFFER_BYTES: String(4 * 1024 * 1024),
  RETRY_BASE_MS: "50",
  RETRY_MAX_MS: "500"
}

const Ready = Schema.fromJsonString(
  Schema.Struct({ fePort: Schema.Int, bePort: Schema.Int, mysqlPort: Schema.Int })
)

const firstLine = (process: DbmazzProcess.DbmazzProcess): Effect.Effect<string> =>
  Effect.sync(() => process.output().split("\n")).pipe(
    Effect.repeat({ schedule: POLL, until: (lines) => lines.length > 1 }),
    Effect.map((lines) => lines[0] ?? "")
  )

interface Ports {
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
}

const launchEndpoint = Effect.fnUntraced(function*(data: string, ports: Ports) {
  const process = yield* DbmazzProcess.start([
    "embedded-starrocks",
    `--data=${data}`,
    `--database=${DATABASE}`,
    `--fe-port=${ports.fePort}`,
    `--be-port=${ports.bePort}`,
    `--mysql-port=${ports.mysqlPort}`
  ], {})
  const ready = yield* Effect.orDie(Schema.decodeUnknownEffect(Ready)(yield* firstLine(process)))
  return { process, ready }
})

/** The front end sends loads to the back end's own port; what it says is changed to the proxy's, of the same length. */
const redirectTo = (from: number, to: number) => {
  const [registered, advertised] = [`127.0.0.1:${from}`, `127.0.0.1:${to}`]
  if (registered.length !== advertised.length) throw new Error(`ports of different lengths: ${from}, ${to}`)
  return (bytes: Buffer): Buffer =>
    bytes.includes(registered)
      ? Buffer.from(bytes.toString("latin1").replaceAll(registered, advertised), "latin1")
      : bytes
}

const startWires = Effect.fnUntraced(function*(postgresPort: number, ports: Ports) {
  const host = "127.0.0.1"
  const backEnd = yield* Proxy.start({ host, port: ports.bePort })
  const wires: World["wires"] = {
    postgres: yield* Proxy.start({ host, port: postgresPort }),
    frontEnd: yield* Proxy.start({
      host,
      port: ports.fePort,
      rewriteToClient: redirectTo(ports.bePort, backEnd.port)
    }),
    backEnd,
    sql: yield* Proxy.start({ host, port: ports.mysqlPort })
  }
  return wires
})

/** Starts everything, with the tables on both sides, and waits until dbmazz replicates. Logs and data go to `directory`. */
export const make = Effect.fnUntraced(function*(directory: string) {
  const violations: Array<string> = []
  // PostgreSQL may run as another user, who must be able to get to its files.
  yield* Effect.promise(() => fs.chmod(directory, 0o755))
  const server = yield* Effect.orDie(
    EmbeddedPostgres.make({
      directory: path.join(directory, "postgres"),
      settings: SERVER_SETTINGS,
      installation: INSTALLATION
    })
  )
  yield* run(server.address, `create database ${DATABASE}`)
  const source: PgAddress = { ...server.address, database: DATABASE }

  const data = path.join(directory, "endpoint")
  let ports: Ports = { fePort: 0, bePort: 0, mysqlPort: 0 }
  const endpoint = yield* Program.make({
    name: "endpoint",
    directory,
    launch: launchEndpoint(data, ports).pipe(
      Effect.map((launched) => {
        ports = launched.ready
        return launched.process
      }),
      (first) =>
        Effect.suspend(() =>
          ports.fePort === 0 ? first : Effect.map(launchEndpoint(data, ports), (again) => again.process)
        )
    ),
    onUnexpectedEnd: (exit) => violations.push(`the endpoint ended by itself: ${exit}`)
  })

  const wires = yield* startWires(source.port, ports)
  const sink: SrAddress = {
    url: `http://127.0.0.1:${ports.fePort}`,
    host: "127.0.0.1",
    sqlPort: ports.mysqlPort,
    database: DATABASE,
    user: "root",
    password: Redacted.make("")
  }
  const starrocks = Context.get(yield* Layer.build(StarRocksSql.layer(sink)), StarRocksSql)
  const postgres = yield* PostgresSql.make(source, "chaos probe")
  yield* Tables.createSources(source)
  yield* Effect.orDie(Tables.createTargets(starrocks, DATABASE))

  const environment = DbmazzProcess.jobEnvironment(
    { ...source, port: wires.postgres.port },
    { ...sink, url: `http://127.0.0.1:${wires.frontEnd.port}`, sqlPort: wires.sql.port },
    JOB_SETTINGS
  )
  const startSecond = DbmazzProcess.start(["run"], environment)
  const dbmazz = yield* Program.make({
    name: "dbmazz",
    directory,
    launch: startSecond,
    onUnexpectedEnd: (exit) => violations.push(`dbmazz ended by itself: ${exit}`)
  })
  yield* dbmazz.current().logged("\"replicating\"")
  const world: World = {
    directory,
    server,
    source,
    sink,
    wires,
    endpoint,
    dbmazz,
    startSecond,
    postgres,
    starrocks,
    violations
  }
  return world
})
