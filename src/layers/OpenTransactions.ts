/** The transactions that are open in the cluster and have written something, oldest first. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type { OpenTransaction } from "../domain/postgres/OpenTransaction.ts"
import { PostgresSql } from "./PostgresSql.ts"

const decode = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({
  pid: Schema.NullOr(Schema.Int),
  prepared: Schema.NullOr(Schema.String),
  database: Schema.NullOr(Schema.String),
  applicationName: Schema.NullOr(Schema.String),
  state: Schema.NullOr(Schema.String),
  ageMs: Schema.NullOr(Schema.Finite)
})))

/**
 * Reads them, in every database. The lock on its own id is visible to every role, unlike most of `pg_stat_activity`; only a
 * transaction that has written has one, and only such a one holds WAL or makes a new slot wait.
 */
export const read: Effect.Effect<
  ReadonlyArray<OpenTransaction>,
  PgSqlError | TransientError | SetupError,
  PostgresSql
> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select l.pid, null as prepared, a.datname as database, a.application_name as "applicationName", a.state,
            (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "ageMs"
       from (select distinct pid from pg_locks
              where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted
                and pid is not null and pid <> pg_backend_pid()) l
       left join pg_stat_activity a on a.pid = l.pid
      union all
     select null, gid, database, null, null, (extract(epoch from clock_timestamp() - prepared) * 1000)::float8
       from pg_prepared_xacts
      order by "ageMs" desc nulls last`
  )
  return decode(rows).map((row) => ({
    pid: row.pid ?? undefined,
    prepared: row.prepared ?? undefined,
    database: row.database ?? undefined,
    applicationName: row.applicationName ?? undefined,
    state: row.state ?? undefined,
    ageMs: row.ageMs ?? undefined
  }))
})
