/** One command of the replication protocol on a connection of its own: what a role that may replicate can ask without SQL. */
import * as Effect from "effect/Effect"
import { Client } from "pg"
import type { PgAddress } from "../domain/config/Settings.ts"
import * as Timeline from "../domain/postgres/Timeline.ts"
import * as PostgresClient from "./PostgresClient.ts"
import * as PostgresFailure from "./PostgresFailure.ts"

const APPLICATION_NAME = "dbmazz"
/** A command answers at once or not at all, in ms. */
const ANSWER_MS_MAX = 10_000

type Row = Readonly<Record<string, unknown>>

const run = (source: PgAddress, command: string): Effect.Effect<Row, PostgresFailure.PostgresFailure> =>
  Effect.suspend(() => {
    let phase: PostgresFailure.Phase = "connecting"
    return Effect.tryPromise({
      try: async () => {
        const config = {
          ...PostgresClient.config(source, APPLICATION_NAME),
          query_timeout: ANSWER_MS_MAX,
          replication: "database"
        }
        const client = new Client(config)
        client.on("error", () => {}) // the command in flight fails with it
        try {
          await client.connect()
          phase = "connected"
          const { rows } = await client.query<Row>(command)
          return rows[0] ?? {}
        } finally {
          void client.end().catch(() => {})
        }
      },
      catch: (error) => PostgresFailure.classify(error, source, phase)
    })
  })

const textOf = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString("utf8") : typeof value === "string" ? value : ""

/** The cluster's identifier. */
export const systemIdentifier = (
  source: PgAddress
): Effect.Effect<string, PostgresFailure.PostgresFailure> =>
  Effect.map(run(source, "IDENTIFY_SYSTEM"), (row) => textOf(row["systemid"]))

/** The ancestors of a timeline; undefined when the server does not have its history any more. */
export const timelineHistory = (
  source: PgAddress,
  timeline: number
): Effect.Effect<ReadonlyArray<Timeline.Switch> | undefined, PostgresFailure.PostgresFailure> =>
  run(source, `TIMELINE_HISTORY ${timeline}`).pipe(
    Effect.map((row) => Timeline.parse(textOf(row["content"]))),
    Effect.catchTag("PgSqlError", () => Effect.succeed(undefined))
  )
