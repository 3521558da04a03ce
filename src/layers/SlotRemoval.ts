/** Dropping the replication slot: only when a person has asked for it. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"

const OBJECT_IN_USE = "55006"
/** undefined_object, undefined_table. */
const GONE: ReadonlySet<string> = new Set(["42704", "42P01"])
/** The server needs a moment to see that our connection has ended; two more looks a second, for so many. */
const TRIES_MAX = 20
const TRY_EVERY = "500 millis"

/**
 * Drops the slot and all WAL that is kept for it, and says whether it did: a slot that is not there, or that no dbmazz has a
 * checkpoint for, is left alone. `ours`: this process had it, so that its own connection is waited for; whoever else
 * reads from it keeps it, and this fails.
 */
export const drop = Effect.fn("SlotRemoval.drop")(function*(
  slot: string,
  ours: boolean
): Effect.fn.Return<boolean, TransientError | SetupError, PostgresSql> {
  const { query } = yield* PostgresSql
  return yield* query(
    `select pg_drop_replication_slot(s.slot_name) from pg_replication_slots s
      where s.slot_name = $1::name and s.plugin = 'pgoutput' and s.database = current_database()
        and exists (select from dbmazz_checkpoints c where c.slot_name = $1::text)`,
    [slot]
  ).pipe(
    Effect.retry({
      schedule: Schedule.spaced(TRY_EVERY),
      times: TRIES_MAX,
      while: (error) => ours && error._tag === "PgSqlError" && error.sqlState === OBJECT_IN_USE
    }),
    Effect.map((rows) => rows.length > 0),
    // Gone in between, or no checkpoint was ever made here.
    Effect.catchIf((error) => error._tag === "PgSqlError" && GONE.has(error.sqlState), () => Effect.succeed(false)),
    Effect.mapError((error) =>
      error._tag === "PgSqlError"
        ? PostgresFailure.orReason(error, { _tag: "PgSlotFailed", name: slot, error: error.message })
        : error
    )
  )
})
