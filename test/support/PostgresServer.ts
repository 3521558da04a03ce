/** A real PostgreSQL server for a test file, and a fresh database on it for each test. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Client, type ClientConfig } from "pg"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import type * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as PostgresTemplate from "./PostgresTemplate.ts"

export type Row = Readonly<Record<string, unknown>>

/** How often a condition is asked for again. */
export const pollEvery = Schedule.spaced("50 millis")

/** `layer(PostgresServer.layer(), { excludeTestServices: true })("…", (it) => …)`: one server for the block. */
export class PostgresServer extends Context.Service<PostgresServer, {
  readonly server: EmbeddedPostgres.Server
  /** A database of its own for one test, dropped with its slots and its connections when the test's scope closes. */
  readonly freshDatabase: Effect.Effect<PgAddress, never, Scope.Scope>
  /** One in another encoding than UTF8. */
  readonly encodedDatabase: (encoding: string) => Effect.Effect<PgAddress, never, Scope.Scope>
}>()("dbmazz/test/support/PostgresServer") {}

/** What a `pg` client needs to reach this address. */
export const clientConfig = (address: PgAddress): ClientConfig => ({
  host: address.host,
  port: address.port,
  user: address.user,
  password: Redacted.value(address.password),
  database: address.database
})

/** Runs statements on a connection of their own; the rows of the last one. A refusal is a defect: the test is wrong. */
export const run = (
  address: PgAddress,
  statement: string,
  parameters?: ReadonlyArray<unknown>
): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.promise(async () => {
    const client = new Client(clientConfig(address))
    client.on("error", () => {})
    await client.connect()
    try {
      const results = parameters === undefined
        ? await client.query<Row>(statement)
        : await client.query<Row>(statement, [...parameters])
      return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? []
    } finally {
      await client.end()
    }
  })

/** A connection that stays open until the scope closes: for transactions that outlive a statement. */
export const connect = (address: PgAddress): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(clientConfig(address))
      client.on("error", () => {})
      await client.connect()
      return client
    }),
    (client) => Effect.promise(() => client.end().catch(() => {}))
  )

/** Asks again until the condition holds, over one connection; the test's own timeout ends it. */
export const until = (address: PgAddress, condition: string): Effect.Effect<void> =>
  connect(address).pipe(
    Effect.flatMap((client) =>
      Effect.promise(() => client.query<Row>(`select (${condition}) as holds`)).pipe(
        Effect.repeat({ until: ({ rows }) => rows[0]?.["holds"] === true, schedule: pollEvery })
      )
    ),
    Effect.scoped,
    Effect.asVoid
  )

/** The server's major version: not every one has every feature. Row filters and column lists came with 15. */
export const majorOf = (address: PgAddress): Effect.Effect<number> =>
  Effect.map(
    run(address, "select current_setting('server_version_num')::int / 10000 as major"),
    (rows) => Number(rows[0]?.["major"])
  )

/** A role that may log in and nothing else, on the same database. */
export const freshRole = Effect.fnUntraced(function*(address: PgAddress, attributes = ""): Effect.fn.Return<PgAddress> {
  const user = nextName("role")
  yield* run(address, `create role ${user} login password 'secret' ${attributes}`)
  return { ...address, user, password: Redacted.make("secret") }
})

/** Versions from 15 on log each page of a new database unless told to copy files, as earlier ones do: five times the work. */
const STRATEGY_SINCE = 150_000
const strategyOf = (admin: PgAddress): Effect.Effect<string> =>
  run(admin, "select current_setting('server_version_num')::int as version").pipe(
    Effect.map(([row]) => Number(row?.["version"]) < STRATEGY_SINCE ? "" : "strategy file_copy")
  )

let counter = 0
const nextName = (kind: string): string => `test_${kind}_${process.pid}_${++counter}`

const drop = async (admin: PgAddress, name: string): Promise<void> => {
  const client = new Client(clientConfig(admin))
  client.on("error", () => {})
  try {
    await client.connect()
    await client.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", [name])
    await client.query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1", [
      name
    ])
    await client.query(`drop database if exists ${name} with (force)`)
  } catch {
    // the test has stopped the server; it goes with its data
  } finally {
    await client.end().catch(() => {})
  }
}

/** Another PostgreSQL to test against, by the directory that holds its `bin`: `POSTGRES_INSTALLATION=/usr/lib/postgresql/15`. */
export const INSTALLATION = process.env["POSTGRES_INSTALLATION"]

/** A segment of the log need not be filled with zeros before it is written: what is written outlives the server anyway. */
const SETTINGS: Readonly<Record<string, string>> = { wal_init_zero: "off" }

/** One server with these settings. */
export const layer = (
  settings: Readonly<Record<string, string>> = {}
): Layer.Layer<PostgresServer, EmbeddedPostgres.EmbeddedPostgresError> =>
  Layer.effect(
    PostgresServer,
    Effect.gen(function*() {
      const server = yield* PostgresTemplate.server({
        settings: { ...SETTINGS, ...settings },
        installation: INSTALLATION
      })
      const strategy = yield* strategyOf(server.address)
      const create = (options: string) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            const name = nextName("database")
            return Effect.as(run(server.address, `create database ${name} ${strategy} ${options}`), {
              ...server.address,
              database: name
            })
          }),
          (address) => Effect.promise(() => drop(server.address, address.database))
        )
      return {
        server,
        freshDatabase: create(""),
        encodedDatabase: (encoding) => create(`template template0 encoding '${encoding}' lc_collate 'C' lc_ctype 'C'`)
      }
    })
  )
