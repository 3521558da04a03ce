/** The exchanges of partitions that were found, beside how the tables are published: see `Exchange`. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { Origin } from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { FoundExchange } from "../domain/Table.ts"
import { isUndefinedColumn } from "./CheckpointStore.ts"
import { PostgresSql } from "./PostgresSql.ts"

export const Found = Schema.Struct({ until: Lsn.FromText, xid: Schema.optionalKey(Schema.Int) })

/** What remains of `published` when all else in it is stored anew. */
export const KEPT = "jsonb_strip_nulls(jsonb_build_object('exchanged', published -> 'exchanged'))"

/** Of a publication without a name, which nothing is compared with. */
const NOTHING_PUBLISHED = JSON.stringify({ publication: "", tables: {} })

/** Stores it for the run that has claimed the slot; without the column nothing is kept. */
export const store = Effect.fnUntraced(function*(
  { run, slot }: Pick<Origin, "run" | "slot">,
  table: Identifier.QualifiedName,
  { until, xid }: FoundExchange
): Effect.fn.Return<void, PgSqlError | TransientError | SetupError, PostgresSql> {
  const { query } = yield* PostgresSql
  yield* query(
    `update dbmazz_checkpoints
        set published = coalesce(published, $5::jsonb) || jsonb_build_object(
              'exchanged', coalesce(published -> 'exchanged', '{}') || jsonb_build_object($3::text, $4::jsonb))
      where slot_name = $1 and run = $2`,
    [slot, run, Identifier.show(table), JSON.stringify({ until: Lsn.format(until), xid }), NOTHING_PUBLISHED]
  ).pipe(Effect.catchIf(isUndefinedColumn, () => Effect.void))
})
