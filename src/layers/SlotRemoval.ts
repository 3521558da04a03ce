/** Dropping the replication slot: only when a person has asked for it. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"

const OBJECT_IN_USE = "55006"
const UNDEFINED_OBJECT = "42704"
/** The server needs a moment to see that our connection has ended; two more looks a second, for so many. */
const TRIES_MAX = 20
const TRY_EVERY = "500 millis"

/** Drops the slot and all WAL that is kept for it; one that does not exist is no failure. */
export const drop = Effect.fn("SlotRemoval.drop")(function*(
  slot: string
): Effect.fn.Return<void, TransientError | SetupError, PostgresSql> {
  const { query } = yield* PostgresSql
  yield* query("select pg_drop_replication_slot($1)", [slot]).pipe(
    Effect.retry({
      schedule: Schedule.spaced(TRY_EVERY),
      times: TRIES_MAX,
      while: (error) => error._tag === "PgSqlError" && error.sqlState === OBJECT_IN_USE
    }),
    Effect.catchIf((error) => error._tag === "PgSqlError" && error.sqlState === UNDEFINED_OBJECT, () => Effect.void),
    Effect.mapError((error) =>
      error._tag === "PgSqlError"
        ? PostgresFailure.orReason(error, { _tag: "PgSlotFailed", name: slot, error: error.message })
        : error
    )
  )
})
