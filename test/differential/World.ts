/** The servers of all seeds: one PostgreSQL, one StarRocks-compatible endpoint. Each seed has a schema and a database. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Client } from "pg"
import type { PgAddress, SrAddress } from "../../src/domain/config/Settings.ts"
import * as ComparedRows from "../../src/layers/ComparedRows.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"
import * as ValueCases from "../support/ValueCases.ts"

/** For `PostgresServer.layer`: what runs in the background may hold a lock for a moment, and seeds share the slots. */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = { autovacuum: "off", max_replication_slots: "40" }

/** A statement of a plan never waits for another session; should one, it is told. */
const LOCK_MS_MAX = 5_000
/** As many as a plan has. */
const SESSIONS = 4

export interface World {
  readonly source: PgAddress
  readonly sink: SrAddress
  /** A name for the schema and the database of one run. */
  readonly nextName: () => string
}

/** Connections of one run after the other. */
export interface Connections {
  readonly sessions: ReadonlyArray<Client>
  /** For the run itself: definitions and positions. */
  readonly admin: Client
  /** For comparisons. */
  readonly sql: Context.Context<PostgresSql.PostgresSql | StarRocksSql>
}

export const make: Effect.Effect<World, never, PostgresServer.PostgresServer | Scope.Scope> = Effect.gen(function*() {
  const { freshDatabase } = yield* PostgresServer.PostgresServer
  const source = yield* freshDatabase
  yield* PostgresServer.run(source, ValueCases.DEFINITIONS)
  const { sink } = yield* Effect.orDie(StarRocksEndpoint.start)
  let runs = 0
  return { source, sink, nextName: () => `run_${++runs}` }
})

const SESSION = `set timezone = 'UTC'; set lock_timeout = ${LOCK_MS_MAX}; set client_min_messages = 'warning'`

export const connect = Effect.fnUntraced(function*(
  { sink, source }: World
): Effect.fn.Return<Connections, never, Scope.Scope> {
  const client = Effect.tap(
    PostgresServer.connect(source),
    (connected) => Effect.promise(() => connected.query(SESSION))
  )
  const sessions = yield* Effect.all(Array.from({ length: SESSIONS }, () => client))
  const sql = yield* Layer.build(Layer.merge(
    PostgresSql.layer(source, "dbmazz differential", ComparedRows.SESSION),
    StarRocksSql.layer(sink)
  ))
  return { sessions, admin: yield* client, sql }
})
