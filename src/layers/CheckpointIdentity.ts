/**
 * Whose checkpoint it is, how its tables were published, and the keys and columns that they had, beside it in `dbmazz_checkpoints`:
 * nullable columns that dbmazz v1 does not know and leaves alone, so that both programs can use the table, and that vanish with
 * the row when a person deletes it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { Columns, Identity, Stored } from "../domain/postgres/Identity.ts"
import * as Membership from "../domain/postgres/Membership.ts"
import type { Left } from "../domain/postgres/PublicationChange.ts"
import type { Seen } from "../domain/schema/SeenColumns.ts"
import { isUndefinedColumn } from "./CheckpointStore.ts"
import * as FoundExchanges from "./FoundExchanges.ts"
import { PostgresSql } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError.SetupError

const decodeColumns = Schema.decodeUnknownSync(
  Schema.Struct({ count: Schema.Int, isNewest: Schema.Boolean, owned: Schema.Boolean })
)

const KeyColumn = Schema.Struct({
  attnum: Schema.optionalKey(Schema.Int),
  typeOid: Schema.Int,
  typmod: Schema.Int,
  /** Only of a generated column; earlier versions did not store it. */
  expression: Schema.optionalKey(Schema.Int)
})

/** `attnum`, where it is known, OID of the declared type, typmod, `expression`, where there is one; null: `away`. */
const Column = Schema.NullOr(
  Schema.Tuple([Schema.NullOr(Schema.Int), Schema.Int, Schema.Int, Schema.NullOr(Schema.Int)])
)

/** By `schema.name`; what a table's publication does not have is absent. */
const Published = Schema.Struct({
  publication: Schema.String,
  tables: Schema.Record(
    Schema.String,
    Schema.Struct({
      position: Lsn.FromText,
      atMs: Schema.Finite,
      membership: Schema.optionalKey(Membership.FromText),
      filter: Schema.optionalKey(Schema.String)
    })
  ),
  /** By `schema.name` and the column's name; earlier versions did not store it. */
  keys: Schema.optionalKey(Schema.Record(Schema.String, Schema.Record(Schema.String, KeyColumn))),
  /** The same. */
  columns: Schema.optionalKey(Schema.Record(Schema.String, Schema.Record(Schema.String, Column))),
  /** By `schema.name`. */
  exchanged: Schema.optionalKey(Schema.Record(Schema.String, FoundExchanges.Found))
})

/** Columns that were not added yet are absent, so one query serves both forms of the table. */
const decodeStored = Schema.decodeUnknownSync(Schema.Struct({
  system_identifier: Schema.optionalKey(Schema.NullOr(Schema.String)),
  timeline_id: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  published: Schema.optionalKey(Schema.Unknown)
}))

const encodeMembership = Schema.encodeSync(Membership.FromText)

const decodePublished = Schema.decodeUnknownEffect(Schema.NullishOr(Published))

/** Without the newest one, `published`, which a job can do without. */
const COLUMN_COUNT = 4

/** Whether the table has the columns, or can be given them; a table that is still to be made can. */
export const readColumns: Effect.Effect<Columns, Failure, PostgresSql> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select pg_has_role(c.relowner, 'usage') as owned,
            (select count(*)::int from pg_attribute a
              where a.attrelid = c.oid and a.attname in ('system_identifier', 'timeline_id', 'run', 'loads_in_flight') and not a.attisdropped)
              as count,
            exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'published' and not a.attisdropped)
              as "isNewest"
       from pg_class c where c.oid = to_regclass('dbmazz_checkpoints')`
  )
  if (rows.length === 0) return "addable"
  const { count, isNewest, owned } = decodeColumns(rows[0])
  if (owned && !isNewest) return "addable"
  return count === COLUMN_COUNT ? "present" : owned ? "addable" : "fixed"
})

const columnOf = (stored: typeof Column.Type): Seen => {
  if (stored === null) return "away"
  const [attnum, typeOid, typmod, expression] = stored
  return {
    typeOid,
    typmod,
    ...(attnum === null ? {} : { attnum }),
    ...(expression === null ? {} : { expression })
  }
}

const storedOf = (column: Seen): typeof Column.Type =>
  column === "away" ? null : [column.attnum ?? null, column.typeOid, column.typmod, column.expression ?? null]

const leftOf = ({ columns = {}, exchanged = {}, keys = {}, publication, tables }: typeof Published.Type): Left => ({
  publication,
  exchanged: new Map(Object.entries(exchanged)),
  columns: new Map(
    Object.entries(columns).map(([name, each]) => [
      name,
      new Map(Object.entries(each).map(([column, stored]) => [column, columnOf(stored)]))
    ])
  ),
  keys: new Map(Object.entries(keys).map(([name, key]) => [name, { was: new Map(Object.entries(key)) }])),
  tables: new Map(
    Object.entries(tables).map(([name, { atMs, filter, membership, position }]) => [
      name,
      { was: { atMs, position, table: { membership, filter } } }
    ])
  )
})

/**
 * What the slot's row says; undefined without a row. The table must exist. Fails with a `SetupError` when how the tables were
 * published is there and cannot be read.
 */
export const read = Effect.fnUntraced(
  function*(slot: string): Effect.fn.Return<Stored | undefined, Failure, PostgresSql> {
    const { query } = yield* PostgresSql
    const rows = yield* query("select to_jsonb(c) as stored from dbmazz_checkpoints c where c.slot_name = $1", [slot])
    if (rows.length === 0) return undefined
    const stored = decodeStored(rows[0]?.["stored"])
    const published = yield* decodePublished(stored.published).pipe(
      // Taken for nothing remembered, it would hide what the publication has left out meanwhile.
      Effect.mapError(() => SetupError.make({ _tag: "CheckpointUnreadable", name: slot }))
    )
    return {
      systemIdentifier: stored.system_identifier ?? undefined,
      timeline: stored.timeline_id ?? undefined,
      published: published === null || published === undefined ? undefined : leftOf(published)
    }
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

/**
 * Stores how the tables were published, their keys and columns, for the run that has claimed the slot; without the column nothing is
 * kept.
 */
export const storePublished = Effect.fnUntraced(function*(
  slot: string,
  run: string,
  { columns: seenColumns, keys: seenKeys, publication, tables: seen }: Omit<Left, "exchanged">
): Effect.fn.Return<void, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const tables = Object.fromEntries(
    [...seen].map(([name, { was: { atMs, position, table: { filter, membership } } }]) => [
      name,
      { membership: membership && encodeMembership(membership), filter, atMs, position: Lsn.format(position) }
    ])
  )
  const keys = Object.fromEntries([...seenKeys].map(([name, { was }]) => [name, Object.fromEntries(was)]))
  const columns = Object.fromEntries(
    [...seenColumns].map(([name, each]) => [
      name,
      Object.fromEntries([...each].map(([column, seen]) => [column, storedOf(seen)]))
    ])
  )
  yield* query(
    `update dbmazz_checkpoints set published = $3::jsonb || ${FoundExchanges.KEPT} where slot_name = $1 and run = $2`,
    [slot, run, JSON.stringify({ publication, tables, keys, columns })]
  ).pipe(
    Effect.catchIf(isUndefinedColumn, () => Effect.void)
  )
})
