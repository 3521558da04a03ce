/** A source database with a table `items` and a StarRocks-compatible endpoint with its target: a replication to watch. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Client } from "pg"
import type { PgAddress, SrAddress } from "../../src/domain/config/Settings.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as DbmazzProcess from "./DbmazzProcess.ts"
import { connect, PostgresServer, run } from "./PostgresServer.ts"
import * as StarRocksEndpoint from "./StarRocksEndpoint.ts"

export interface Replica {
  readonly source: PgAddress
  readonly sink: SrAddress
  readonly slot: string
  readonly endpoint: StarRocksEndpoint.StarRocksEndpoint
  /** The environment of `dbmazz run` for it. */
  readonly environment: (extra?: Readonly<Record<string, string>>) => Record<string, string>
  /** One statement on the sink. */
  readonly query: (statement: string) => Effect.Effect<ReadonlyArray<Readonly<Record<string, string | null>>>>
  /** Waits until the live rows of the sink are the rows of the source. */
  readonly caughtUp: Effect.Effect<void>
  readonly deletedCount: Effect.Effect<number>
  /** The slot's confirmed position and the stored checkpoint, as LSN texts. */
  readonly positions: Effect.Effect<{ readonly confirmed: string | null; readonly checkpoint: string | null }>
}

let counter = 0

/** Creates both tables, empty. */
export const start: Effect.Effect<Replica, never, PostgresServer | Scope.Scope> = Effect.gen(function*() {
  const { freshDatabase } = yield* PostgresServer
  const source = yield* freshDatabase
  const slot = `replica_${process.pid}_${++counter}`
  yield* run(source, "create table items (id bigint primary key, name text)")
  const endpoint = yield* Effect.orDie(StarRocksEndpoint.start)
  const sql = Context.get(yield* Layer.build(StarRocksSql.layer(endpoint.sink)), StarRocksSql)
  const query = (statement: string) => Effect.orDie(sql.query(statement))
  yield* query(
    `CREATE TABLE ${endpoint.sink.database}.items (id BIGINT NOT NULL, name STRING NULL)
     PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
  )

  const differs = Effect.fnUntraced(function*(client: Client) {
    const of = `FROM ${endpoint.sink.database}.items WHERE dbmazz_is_deleted = false`
    // Rows are read when their number is right: a test may have tens of megabytes of them.
    const { rows: [wanted] } = yield* Effect.promise(() => client.query("select count(*)::text as n from items"))
    const [found] = yield* query(`SELECT count(*) AS n ${of}`)
    if (wanted?.n !== found?.["n"]) return true
    const { rows: here } = yield* Effect.promise(() =>
      client.query("select id::text, name from items order by items.id")
    )
    const there = yield* query(`SELECT id, name ${of} ORDER BY id`)
    return JSON.stringify(here) !== JSON.stringify(there)
  })

  return {
    source,
    sink: endpoint.sink,
    slot,
    endpoint,
    environment: (extra = {}) =>
      DbmazzProcess.jobEnvironment(source, endpoint.sink, { TABLES: "items", SLOT_NAME: slot, ...extra }),
    query,
    caughtUp: connect(source).pipe(
      Effect.flatMap((client) =>
        Effect.repeat(differs(client), { schedule: Schedule.spaced("50 millis"), until: (different) => !different })
      ),
      Effect.scoped,
      Effect.asVoid
    ),
    deletedCount: query(
      `SELECT count(*) AS n FROM ${endpoint.sink.database}.items WHERE dbmazz_is_deleted = true`
    ).pipe(Effect.map((rows) => Number(rows[0]?.["n"]))),
    positions: run(
      source,
      `select confirmed_flush_lsn::text as confirmed,
         (select ('0/0'::pg_lsn + lsn)::text from dbmazz_checkpoints c where c.slot_name = s.slot_name) as checkpoint
       from pg_replication_slots s where slot_name = $1`,
      [slot]
    ).pipe(
      Effect.map((rows) => {
        const text = (column: string): string | null => (typeof rows[0]?.[column] === "string" ? rows[0][column] : null)
        return { confirmed: text("confirmed"), checkpoint: text("checkpoint") }
      })
    )
  }
})
