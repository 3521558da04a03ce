/** What PostgreSQL's catalogue says about publications: read-only, exact names. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { OtherPublication, PublicationFacts } from "../domain/postgres/Publication.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

const Names = Schema.Array(Schema.String)

/** Options, columns and filters that a version of the server does not have are null, so one query serves them all. */
const PublicationRow = Schema.Struct({
  name: Schema.String,
  allTables: Schema.Boolean,
  owned: Schema.Boolean,
  insert: Schema.Boolean,
  update: Schema.Boolean,
  delete: Schema.Boolean,
  truncate: Schema.Boolean,
  viaRoot: Schema.Boolean,
  generated: Schema.NullOr(Schema.Boolean),
  tables: Schema.Array(Schema.Struct({
    schema: Schema.String,
    name: Schema.String,
    columns: Schema.NullOr(Names),
    filter: Schema.NullOr(Schema.String)
  })),
  members: Schema.Array(Schema.Struct({
    schema: Schema.String,
    name: Schema.String,
    listed: Schema.Boolean,
    filterColumns: Names
  }))
})

// A catalogue row of another shape is our mistake, not the server's: a defect.
const decode = Schema.decodeUnknownSync(Schema.Array(PublicationRow))

const factsOf = ({ generated, members, tables, ...rest }: typeof PublicationRow.Type): OtherPublication => {
  const filterColumns = new Map(members.map((member) => [Identifier.show(member), member.filterColumns]))
  return {
    ...rest,
    ...(generated === null ? {} : { generated }),
    tables: new Map(tables.map((table) => [Identifier.show(table), table.columns ?? undefined])),
    members: new Set(members.map(Identifier.show)),
    columnLists: new Set(members.filter((member) => member.listed).map(Identifier.show)),
    rowFilters: new Map(tables.flatMap((table) => {
      const name = Identifier.show(table)
      return table.filter === null ? [] : [[name, { text: table.filter, columns: filterColumns.get(name) ?? [] }]]
    }))
  }
}

/** The publication of a job and every other one that publishes some of its tables. */
export interface Publications {
  /** Undefined: there is none of that name. */
  readonly own: PublicationFacts | undefined
  readonly others: ReadonlyArray<OtherPublication>
}

/** The statement looks into every publication of the database, and fails when somebody drops one, or its table, meanwhile. */
const READS_MORE_MAX = 5
const READ_AGAIN_MS = 100

/**
 * Reads what they publish of these tables. Which columns a row filter reads is in its node tree only: the server compares the
 * same numbers with the replica identity.
 */
export const read = Effect.fnUntraced(function*(
  name: string,
  tables: ReadonlyArray<Identifier.QualifiedName>
): Effect.fn.Return<Publications, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `with wanted (schema, name) as (select * from unnest($1::text[], $2::text[]))
     select p.pubname as name, p.puballtables as "allTables", pg_has_role(p.pubowner, 'usage') as owned,
            p.pubinsert as insert, p.pubupdate as update, p.pubdelete as delete, p.pubtruncate as truncate,
            p.pubviaroot as "viaRoot", to_jsonb(p) ->> 'pubgencols' = 's' as generated,
            (select coalesce(json_agg(json_build_object(
                      'schema', t.schemaname, 'name', t.tablename,
                      'columns', to_jsonb(t) -> 'attnames', 'filter', to_jsonb(t) ->> 'rowfilter')), '[]')
               from pg_publication_tables t
               join wanted on t.schemaname = wanted.schema and t.tablename = wanted.name
              where t.pubname = p.pubname) as tables,
            (select coalesce(json_agg(json_build_object(
                      'schema', n.nspname, 'name', c.relname, 'listed', to_jsonb(r) ->> 'prattrs' is not null,
                      'filterColumns', (select coalesce(json_agg(distinct a.attname), '[]')
                         from regexp_matches(to_jsonb(r) ->> 'prqual', ':varattno (\\d+)', 'g') as found (number)
                         join pg_attribute a on a.attrelid = r.prrelid and a.attnum = number[1]::int))), '[]')
               from pg_publication_rel r
               join pg_class c on c.oid = r.prrelid
               join pg_namespace n on n.oid = c.relnamespace
               join wanted on n.nspname = wanted.schema and c.relname = wanted.name
              where r.prpubid = p.oid) as members
       from pg_publication p
      order by p.pubname`,
    [tables.map((table) => table.schema), tables.map((table) => table.name)]
  ).pipe(
    Effect.retry({
      while: (error) => error._tag === "PgSqlError" && PostgresFailure.isTransient(error),
      schedule: Schedule.spaced(READ_AGAIN_MS),
      times: READS_MORE_MAX
    })
  )
  const found = decode(rows).map(factsOf)
  return {
    own: found.find((publication) => publication.name === name),
    others: found.filter((publication) => publication.name !== name && publication.tables.size > 0)
  }
})
