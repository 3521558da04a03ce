/** What a control sequence runs in: two tables on real servers, sessions that write, and a link that can be reset. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Client } from "pg"
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as LinkProxy from "../support/LinkProxy.ts"
import { clientConfig, type PostgresServer, run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const SESSIONS = 3
/** Few keys, so that sessions meet. */
const KEYS = 40
const STATEMENTS_MAX = 4
const LOCK_TIMEOUT = "200ms"

export interface World {
  readonly replica: Replica.Replica
  readonly link: LinkProxy.LinkProxy
  readonly environment: (tables: ReadonlyArray<string>) => Record<string, string>
  /** So many transactions by each of several sessions, interleaved; a deadlock or a lock that takes too long rolls back. */
  readonly write: (transactions: number) => Effect.Effect<void>
  /** A revision that every later change of a row is above. */
  readonly revision: Effect.Effect<string>
  /** Waits until the rows of `other` with a later revision are the same on both sides. */
  readonly sameSince: (revision: string) => Effect.Effect<void>
}

const statement = (random: SeededRandom): string => {
  const id = random.below(KEYS)
  const table = random.chance(0.5) ? "items" : "other"
  if (random.chance(0.2)) return `delete from ${table} where id = ${id}`
  return table === "items"
    ? `insert into items values (${id}, 'n${random.below(1e6)}') on conflict (id) do update set name = excluded.name`
    : `insert into other values (${id}, nextval('revisions')) on conflict (id) do update set rev = nextval('revisions')`
}

const transact = async (client: Client, random: SeededRandom): Promise<void> => {
  await client.query("begin")
  try {
    const statements = random.between(1, STATEMENTS_MAX)
    for (let index = 0; index < statements; index++) await client.query(statement(random))
    await client.query(random.chance(0.1) ? "rollback" : "commit")
  } catch {
    // Another session has the row: whoever gives way has written nothing.
    await client.query("rollback")
  }
}

export const make: (seed: number) => Effect.Effect<World, never, PostgresServer | Scope.Scope> = Effect.fnUntraced(
  function*(seed: number) {
    const replica = yield* Replica.start
    yield* run(replica.source, "create table other (id bigint primary key, rev bigint); create sequence revisions")
    yield* replica.query(
      `CREATE TABLE ${replica.sink.database}.other (id BIGINT NOT NULL, rev BIGINT NULL)
       PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
    )
    const link = yield* LinkProxy.start(replica.source)
    const sessions = yield* Effect.forEach(
      Array.from({ length: SESSIONS }, (_, index) => index),
      (index) =>
        Effect.acquireRelease(
          Effect.promise(async () => {
            const client = new Client(clientConfig(replica.source))
            client.on("error", () => {})
            await client.connect()
            await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`)
            return { client, random: new SeededRandom(seed * SESSIONS + index) }
          }),
          ({ client }) => Effect.promise(() => client.end().catch(() => {}))
        )
    )
    const there = (since: string) =>
      replica.query(
        `SELECT id, rev FROM ${replica.sink.database}.other
          WHERE dbmazz_is_deleted = false AND rev > ${since} ORDER BY id`
      )
    const here = (since: string) =>
      run(replica.source, "select id::text, rev::text from other where rev > $1 order by other.id", [since])
    return {
      replica,
      link,
      environment: (tables) =>
        DbmazzProcess.jobEnvironment(
          { ...replica.source, host: link.host, port: link.port },
          replica.sink,
          {
            SLOT_NAME: replica.slot,
            TABLES: tables.join(),
            FLUSH_INTERVAL_MS: "40",
            RETRY_BASE_MS: "20",
            RETRY_MAX_MS: "200"
          }
        ),
      write: (transactions) =>
        Effect.promise(async () => {
          await Promise.all(sessions.map(async ({ client, random }) => {
            for (let index = 0; index < transactions; index++) await transact(client, random)
          }))
        }),
      revision: Effect.map(
        run(replica.source, "select nextval('revisions')::text as rev"),
        (rows) => String(rows[0]?.["rev"])
      ),
      sameSince: (since) =>
        Effect.zipWith(here(since), there(since), (mine, theirs) => JSON.stringify(mine) === JSON.stringify(theirs))
          .pipe(Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (same) => same }), Effect.asVoid)
    }
  }
)
