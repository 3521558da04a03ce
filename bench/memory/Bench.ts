/** What both measurements need: a source with a table, an endpoint with its target, and the daemon between them. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createConnection } from "mysql2/promise"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Client } from "pg"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as Children from "./Children.ts"

export interface Bench {
  readonly postgres: Client
  readonly daemon: Children.Child
  readonly stopSink: () => Promise<void>
  readonly startSink: () => Promise<void>
  /** Waits until everything that is committed now is in the sink, stored and confirmed. */
  readonly caughtUp: () => Promise<void>
}

export interface Tables {
  readonly name: string
  readonly source: string
  readonly target: string
}

const DATABASE = "bench"
const SLOT = "bench_memory"
const POLL_MS = 200
/** Limits of the daemon that may be tried out from the command line. */
const LIMITS = ["FLUSH_SIZE", "FLUSH_BYTES", "MAX_BUFFER_BYTES"] as const
const SERVER_SETTINGS = { max_wal_size: "4GB" }

const caughtUp = async (postgres: Client): Promise<void> => {
  const now = await postgres.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn")
  while (true) {
    const confirmed = await postgres.query<{ past: boolean }>(
      `select coalesce(bool_and(confirmed_flush_lsn >= $1::pg_lsn), false) as past
         from pg_replication_slots where slot_name = $2`,
      [now.rows[0]?.lsn, SLOT]
    )
    if (confirmed.rows[0]?.past === true) return
    await delay(POLL_MS)
    // Something after it: a checkpoint stands at the end of a commit, and an idle one moves in large steps only.
    await postgres.query("select pg_logical_emit_message(true, 'bench', repeat('x', 1100000))")
  }
}

const createTarget = async (port: number, statement: string): Promise<void> => {
  const connection = await createConnection({ host: "127.0.0.1", port, user: "root", database: DATABASE })
  await connection.query(statement)
  await connection.end()
}

const start = async (server: EmbeddedPostgres.Server, directory: string, tables: Tables): Promise<Bench> => {
  const { database, host, port, user } = server.address
  const postgres = new Client({ host, port, user, password: Redacted.value(server.address.password), database })
  await postgres.connect()
  await postgres.query(tables.source)
  let sink = await Children.startEndpoint(directory, DATABASE, { fePort: 0, bePort: 0, mysqlPort: 0 })
  const { ports } = sink
  await createTarget(ports.mysqlPort, tables.target)
  const daemon = Children.start(["run"], {
    DATABASE_URL: Redacted.value(server.url),
    SLOT_NAME: SLOT,
    TABLES: tables.name,
    STARROCKS_URL: `http://127.0.0.1:${ports.fePort}`,
    STARROCKS_PORT: String(ports.mysqlPort),
    STARROCKS_DB: DATABASE,
    ...Object.fromEntries(LIMITS.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  })
  await daemon.said("\"replicating\"")
  return {
    postgres,
    daemon,
    stopSink: () => sink.child.end("SIGKILL"),
    startSink: async () => {
      sink = await Children.startEndpoint(directory, DATABASE, ports)
    },
    caughtUp: () => caughtUp(postgres)
  }
}

const stop = async (bench: Bench): Promise<void> => {
  await bench.daemon.end("SIGKILL")
  await bench.stopSink()
  await bench.postgres.end()
}

/** Starts everything, runs the measurement and ends everything. */
export const measure = <A>(tables: Tables, run: (bench: Bench) => Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "dbmazz-bench-"))),
      (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
    )
    const server = yield* EmbeddedPostgres.make({ settings: SERVER_SETTINGS })
    const bench = yield* Effect.acquireRelease(
      Effect.promise(() => start(server, directory, tables)),
      (started) => Effect.promise(() => stop(started))
    )
    return yield* Effect.promise(() => run(bench))
  })))
