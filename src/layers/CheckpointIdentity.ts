/**
 * Whose checkpoint it is, beside it in `dbmazz_checkpoints`: nullable columns that dbmazz v1 does not know and leaves alone, so
 * that both programs can use the table, and that vanish with the row when a person deletes it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type { Columns, Identity, Stored } from "../domain/postgres/Identity.ts"
import { PostgresSql } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

const decodeColumns = Schema.decodeUnknownSync(Schema.Struct({ count: Schema.Int, owned: Schema.Boolean }))

/** Columns that were not added yet are absent, so one query serves both forms of the table. */
const decodeStored = Schema.decodeUnknownSync(Schema.Struct({
  system_identifier: Schema.optionalKey(Schema.NullOr(Schema.String)),
  timeline_id: Schema.optionalKey(Schema.NullOr(Schema.Int))
}))

const COLUMN_COUNT = 4

/** Whether the table has the columns, or can be given them; a table that is still to be made can. */
export const readColumns: Effect.Effect<Columns, Failure, PostgresSql> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select pg_has_role(c.relowner, 'usage') as owned,
            (select count(*)::int from pg_attribute a
              where a.attrelid = c.oid and a.attname in ('system_identifier', 'timeline_id', 'run', 'loads_in_flight') and not a.attisdropped)
              as count
       from pg_class c where c.oid = to_regclass('dbmazz_checkpoints')`
  )
  if (rows.length === 0) return "addable"
  const { count, owned } = decodeColumns(rows[0])
  return count === COLUMN_COUNT ? "present" : owned ? "addable" : "fixed"
})

/** What the slot's row says; undefined without a row. The table must exist. */
export const read = Effect.fnUntraced(
  function*(slot: string): Effect.fn.Return<Stored | undefined, Failure, PostgresSql> {
    const { query } = yield* PostgresSql
    const rows = yield* query("select to_jsonb(c) as stored from dbmazz_checkpoints c where c.slot_name = $1", [slot])
    if (rows.length === 0) return undefined
    const stored = decodeStored(rows[0]?.["stored"])
    return { systemIdentifier: stored.system_identifier ?? undefined, timeline: stored.timeline_id ?? undefined }
  }
)

/** Stores it in the slot's row, which must exist. */
export const store = Effect.fnUntraced(function*(
  slot: string,
  identity: Identity
): Effect.fn.Return<void, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  yield* query("update dbmazz_checkpoints set system_identifier = $2, timeline_id = $3 where slot_name = $1", [
    slot,
    identity.systemIdentifier,
    identity.timeline
  ])
})
