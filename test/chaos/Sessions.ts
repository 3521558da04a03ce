/**
 * Sessions that write at the same time to the same rows: interleaved transactions, savepoints, rollbacks, deadlocks,
 * transactions larger than a batch. Each transaction also writes one row of the ledger, in the order of the session's
 * commits, so that any moment's promises can be checked.
 */
import { setTimeout as delay } from "node:timers/promises"
import { Client, DatabaseError } from "pg"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import { clientConfig } from "../support/PostgresServer.ts"
import * as Statements from "./Statements.ts"

export const APPLICATION_NAME = "chaos session"

/** A transaction that is known to have committed, and a WAL position that is not before its end. */
export interface Committed {
  readonly session: number
  readonly seq: number
  readonly position: bigint
}

export interface Session {
  /** What has committed so far, oldest first. */
  readonly committed: ReadonlyArray<Committed>
  /** How often PostgreSQL refused a statement, by SQLSTATE; a connection that was lost is not counted. */
  readonly refusals: ReadonlyMap<string, number>
  /** Finishes the transaction that is open, and ends. */
  readonly stop: () => Promise<void>
}

const OPERATIONS_MAX = 5
const SAVEPOINT_PROBABILITY = 0.3
const SAVEPOINT_ROLLBACK_PROBABILITY = 0.4
const ROLLBACK_PROBABILITY = 0.08
/** Pauses inside a transaction, so that those of other sessions commit in between, and after it; in ms. */
const THINK_MS_MAX = 8
const PAUSE_MS_MAX = 30
/** A server that is away is asked again after this. */
const RECONNECT_MS = 100

const positionOf = async (client: Client): Promise<bigint> => {
  const answer = await client.query<{ position: string }>(
    "select (pg_current_wal_insert_lsn() - '0/0')::text as position"
  )
  return BigInt(answer.rows[0]?.position ?? 0)
}

/** One operation, perhaps inside a savepoint that is perhaps rolled back. */
const operate = async (client: Client, session: number, random: SeededRandom): Promise<void> => {
  const statements = Statements.pick(session, random)
  const saved = random.chance(SAVEPOINT_PROBABILITY)
  const undone = saved && random.chance(SAVEPOINT_ROLLBACK_PROBABILITY)
  if (saved) await client.query("savepoint here")
  for (const { parameters, sql } of statements) await client.query(sql, [...parameters])
  if (undone) await client.query("rollback to savepoint here")
  if (random.chance(0.5)) await delay(random.below(THINK_MS_MAX))
}

const transact = async (client: Client, session: number, seq: number, random: SeededRandom): Promise<boolean> => {
  await client.query("begin")
  await client.query("insert into ledger values ($1, $2, $3)", [session, seq, `of session ${session}`])
  const operations = random.between(1, OPERATIONS_MAX)
  for (let operation = 0; operation < operations; operation++) await operate(client, session, random)
  const rolledBack = random.chance(ROLLBACK_PROBABILITY)
  await client.query(rolledBack ? "rollback" : "commit")
  return !rolledBack
}

const open = async (address: PgAddress): Promise<Client> => {
  const client = new Client({ ...clientConfig(address), application_name: APPLICATION_NAME })
  client.on("error", () => {})
  await client.connect()
  await client.query("set lock_timeout = '1s'")
  return client
}

/** Starts a session; equal seeds ask for equal changes. */
export const start = (address: PgAddress, session: number, seed: number): Session => {
  const random = new SeededRandom(seed)
  const committed: Array<Committed> = []
  const refusals = new Map<string, number>()
  let stopping = false

  const converse = async (client: Client, counter: { seq: number }): Promise<void> => {
    while (!stopping) {
      // Counted before the outcome is known: a commit whose answer was lost may have happened.
      const seq = ++counter.seq
      try {
        if (await transact(client, session, seq, random)) {
          committed.push({ session, seq, position: await positionOf(client) })
        }
      } catch (error) {
        // A deadlock, a lock that took too long, a key that was there: the transaction is over. Fails when all is lost.
        if (error instanceof DatabaseError) {
          refusals.set(error.code ?? "", (refusals.get(error.code ?? "") ?? 0) + 1)
        }
        await client.query("rollback")
      }
      await delay(random.below(PAUSE_MS_MAX))
    }
  }

  const live = async (): Promise<void> => {
    const counter = { seq: 0 }
    while (!stopping) {
      try {
        const client = await open(address)
        try {
          await converse(client, counter)
        } finally {
          await client.end().catch(() => {})
        }
      } catch {
        await delay(RECONNECT_MS)
      }
    }
  }

  const ended = live()
  return {
    committed,
    refusals,
    stop: () => {
      stopping = true
      return ended
    }
  }
}
