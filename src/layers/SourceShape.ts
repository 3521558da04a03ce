/** The columns of a shape that the WAL announced, with what PostgreSQL's catalogue still knows of them. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { Lsn } from "../domain/Lsn.ts"
import type { Relation } from "../domain/pgoutput/Message.ts"
import * as PgType from "../domain/PgType.ts"
import type { Attached, SourceColumn, TableMapping } from "../domain/Table.ts"
import { PostgresSql } from "./PostgresSql.ts"
import * as TableCatalogue from "./TableCatalogue.ts"

const TypeRow = Schema.Struct({ oid: Schema.Int, below: TableCatalogue.Below })
const decodeTypes = Schema.decodeUnknownSync(Schema.Array(TypeRow))

/** The built-in types whose values these types of the database have; one that was dropped is not among them. */
const readTypes = Effect.fnUntraced(function*(oids: ReadonlyArray<number>) {
  if (oids.length === 0) return new Map<number, typeof TableCatalogue.Below.Type>()
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select json_build_object('oid', t.oid::bigint, 'below', ${TableCatalogue.below("t.oid", "-1")}) as type
       from pg_type t
      where t.oid = any ($1::oid[])`,
    [oids]
  )
  return new Map(decodeTypes(rows.map((row) => row["type"])).map(({ below, oid }) => [oid, below]))
})

/** Between two looks whether a transaction is over, in ms: it is, unless its server waits for a standby. */
const LOOK_EVERY_MS = 100
/** Such a wait may last, and holds up what else is written to the source, checkpoints too; in ms. */
const OVER_MS_MAX = 30_000

/**
 * A transaction is sent when its commit is in the WAL, and nobody sees what it did before its synchronous standbys have it, too.
 * It holds its own number until then.
 */
const untilVisible = Effect.fnUntraced(function*({ name, schema }: Relation, xid: number) {
  const { query } = yield* PostgresSql
  const table = Identifier.show({ schema, name })
  const look = query(
    `select from pg_locks where locktype = 'transactionid' and transactionid = $1::text::xid and mode = 'ExclusiveLock'
        and granted`,
    [String(xid)]
  )
  yield* Effect.repeat(look, {
    schedule: Schedule.spaced(LOOK_EVERY_MS),
    until: (running) => running.length === 0
  }).pipe(Effect.timeoutOrElse({
    duration: OVER_MS_MAX,
    orElse: () =>
      Effect.fail(
        new TransientError({
          code: "PG_CONNECTION_LOST",
          message: `table ${table} was altered by transaction ${xid}, which is committed and not visible yet`,
          remediation:
            "Check that the synchronous standbys of the source are up (pg_stat_replication); dbmazz tries again.",
          context: { table }
        })
      )
  }))
})

const decodeNames = Schema.decodeUnknownSync(
  Schema.Array(Schema.Struct({ schema: Schema.String, name: Schema.String }))
)

/** What the table is called by now, which the WAL announces later; empty: it is not there any more. */
const namesNow = Effect.fnUntraced(function*({ relationId }: Relation) {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = $1::oid`,
    [String(relationId)]
  )
  return decodeNames(rows)
})

/** A shape as the catalogue describes it. */
export interface Found {
  /** In the order of the relation. */
  readonly columns: ReadonlyArray<SourceColumn>
  /** Columns, none of them ever NULL, of which no two rows have the same values; undefined: the table is not there any more. */
  readonly keys: ReadonlyArray<ReadonlyArray<string>> | undefined
  readonly lookedAt: Lsn | undefined
  readonly attached: Attached | undefined
}

/**
 * In the order of the relation. The catalogue may be newer than the WAL: a column that it does not have any more, or has with
 * another type, is described by the relation alone, and nothing is known of values of rows that were there before it. It is never
 * older than transaction `xid`, which announced the shape; undefined: that was none.
 */
export const read = Effect.fnUntraced(
  function*(
    relation: Relation,
    { types }: TableMapping,
    xid: number | undefined
  ): Effect.fn.Return<Found, PgSqlError | TransientError | SetupError, PostgresSql> {
    if (xid !== undefined) yield* untilVisible(relation, xid)
    const tables = yield* TableCatalogue.readTables(yield* namesNow(relation))
    const table = tables.find(({ oid }) => oid === relation.relationId)
    const found = new Map((table?.columns ?? []).map((column) => [column.name, column]))
    const still = relation.columns.map(({ name, typeOid }) => {
      const column = found.get(name)
      return column?.declaredOid === typeOid ? column : undefined
    })
    const unknown = relation.columns.filter(({ typeOid }, index) =>
      still[index] === undefined && !PgType.isBuiltIn(typeOid) && types?.has(typeOid) !== true
    )
    const below = yield* readTypes(unknown.map(({ typeOid }) => typeOid))
    const columns = relation.columns.map(({ name, typeOid, typmod }, index): SourceColumn => {
      const column = still[index]
      // It is in the rows, whatever computes it.
      if (column !== undefined) return { ...column, ...(PgType.isBuiltIn(typeOid) ? { typmod } : {}), generated: false }
      const facts = below.get(typeOid)
      const resolved = PgType.isBuiltIn(typeOid)
        ? { typeOid, typmod }
        : facts !== undefined
        ? TableCatalogue.resolve(facts)
        : { typeOid: types?.get(typeOid) ?? PgType.TEXT_OID, typmod: -1 }
      const base = { name, declaredOid: typeOid, typeName: PgType.of(typeOid).name, notNull: false, generated: false }
      return { ...base, ...resolved }
    })
    const indexes = (table?.uniqueIndexes ?? []).map((index) => index.columns)
    const keys = [table?.primaryKey ?? [], ...indexes].filter((key) => key.length > 0)
    return {
      columns,
      keys: table === undefined ? undefined : keys,
      lookedAt: table?.lookedAt,
      attached: table?.attached
    }
  }
)
