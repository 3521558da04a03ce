/** Where a job that does not replicate stands: its stored checkpoint, and how far the server is by now. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import { PostgresSql } from "./PostgresSql.ts"

export interface StoredStanding {
  readonly checkpoint: Lsn.Lsn
  /** When it was stored, in ms since 1970 by the clock of this machine. */
  readonly storedAtMs: number
  readonly walEnd: Lsn.Lsn
}

const Row = Schema.Struct({
  lsn: Schema.BigIntFromString,
  ageMs: Schema.NullOr(Schema.Finite),
  walEnd: Lsn.FromText
})
const decode = Schema.decodeUnknownSync(Row)

const UNDEFINED_TABLE = "42P01"

/** Reads it; undefined when nothing is stored for the slot. Creates and changes nothing. */
export const read = Effect.fnUntraced(function*(
  slot: string
): Effect.fn.Return<StoredStanding | undefined, PgSqlError | TransientError | SetupError, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select lsn::text as lsn, (extract(epoch from clock_timestamp() - updated_at) * 1000)::float8 as "ageMs",
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as "walEnd"
       from dbmazz_checkpoints where slot_name = $1`,
    [slot]
  ).pipe(
    Effect.catchIf(
      (error) => error._tag === "PgSqlError" && error.sqlState === UNDEFINED_TABLE,
      () => Effect.succeed([])
    )
  )
  if (rows.length === 0) return undefined
  const { ageMs, lsn, walEnd } = decode(rows[0])
  const nowMs = yield* Clock.currentTimeMillis
  return { checkpoint: Lsn.fromBigint(lsn), storedAtMs: nowMs - Math.max(0, ageMs ?? 0), walEnd }
})
