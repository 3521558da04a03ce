/** How the tables of a job are published, read from PostgreSQL's catalogue. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type * as PublicationChange from "../domain/postgres/PublicationChange.ts"
import { PostgresSql } from "./PostgresSql.ts"

/** Columns that a version of the server does not have are absent, so one query serves them all. */
const Row = Schema.Struct({
  insert: Schema.Boolean,
  update: Schema.Boolean,
  delete: Schema.Boolean,
  truncate: Schema.optionalKey(Schema.Boolean),
  tables: Schema.Array(Schema.Struct({
    schemaname: Schema.String,
    tablename: Schema.String,
    rowfilter: Schema.optionalKey(Schema.NullOr(Schema.String)),
    membership: Schema.Struct({ place: Schema.String, written: Schema.String, options: Schema.String })
  })),
  gone: Schema.optionalKey(Schema.Array(Schema.Struct({ schema: Schema.String, name: Schema.String })))
})
const decode = Schema.decodeUnknownSync(Row)

const OPERATIONS = ["insert", "update", "delete", "truncate"] as const

/**
 * Reads them. The row of `pg_publication` is written by ALTER PUBLICATION … SET and OWNER TO, and by nothing that is done to
 * its tables, VACUUM or ANALYZE. Undefined when there is no such publication. Truncations matter only when they are
 * carried over.
 */
export const read = Effect.fnUntraced(function*(
  publication: string,
  tables: ReadonlyArray<Identifier.QualifiedName>,
  truncations: boolean
): Effect.fn.Return<PublicationChange.Facts | undefined, PgSqlError | TransientError | SetupError, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select p.pubinsert as insert, p.pubupdate as update, p.pubdelete as delete, p.pubtruncate as truncate,
            (select coalesce(json_agg(to_jsonb(t) || jsonb_build_object(
                      'membership', json_build_object('place', coalesce(r.oid::text, p.oid || '/' || c.oid),
                        'written', p.xmin::text, 'options', md5(to_jsonb(p)::text)))), '[]')
               from pg_publication_tables t
               join unnest($2::text[], $3::text[]) as wanted (schema, name)
                 on t.schemaname = wanted.schema and t.tablename = wanted.name
               join pg_namespace n on n.nspname = t.schemaname
               join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
               left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid
              where t.pubname = p.pubname) as tables,
            (select coalesce(json_agg(wanted), '[]')
               from unnest($2::text[], $3::text[]) as wanted (schema, name)
              where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                                 where n.nspname = wanted.schema and c.relname = wanted.name)) as gone
       from pg_publication p
      where p.pubname = $1`,
    [publication, tables.map(({ schema }) => schema), tables.map(({ name }) => name)]
  )
  if (rows.length === 0) return undefined
  const row = decode(rows[0])
  return {
    unpublished: OPERATIONS.filter((operation) =>
      row[operation] === false && (operation !== "truncate" || truncations)
    ),
    tables: new Map(row.tables.map(({ membership, rowfilter, schemaname, tablename }) => [
      Identifier.show({ schema: schemaname, name: tablename }),
      { membership, filter: rowfilter ?? undefined }
    ])),
    gone: new Set((row.gone ?? []).map(Identifier.show))
  }
})
