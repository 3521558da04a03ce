/** What PostgreSQL's catalogue says about tables: read-only, exact names except where TABLES holds patterns. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type * as Identifier from "../domain/Identifier.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as NamePattern from "../domain/NamePattern.ts"
import * as PgType from "../domain/PgType.ts"
import type { TableFacts } from "../domain/postgres/SourceFacts.ts"
import type { SourceColumn } from "../domain/Table.ts"
import * as TableLists from "../domain/TableLists.ts"
import * as FilledRows from "./FilledRows.ts"
import * as PartitionTree from "./PartitionTree.ts"
import { PostgresSql } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

/** What is below a type that the database has defined itself. */
export const Below = Schema.Struct({
  /** Of a domain, or of a domain over a domain, the type that is none. */
  baseOid: Schema.Int,
  typmod: Schema.Int,
  /** Of an array the type below its elements' domains; 0: no array, or one whose elements are not parted by commas. */
  elementOid: Schema.Int
})

const Column = Schema.Struct({
  name: Schema.String,
  typeOid: Schema.Int,
  typeName: Schema.String,
  typmod: Schema.Int,
  notNull: Schema.Boolean,
  /** `attgenerated`. */
  generation: Schema.String,
  expression: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  attnum: Schema.optionalKey(Schema.Int),
  missing: Schema.optionalKey(Schema.NullOr(Schema.String)),
  filled: Schema.optionalKey(Schema.Boolean),
  always: Schema.optionalKey(Schema.Boolean),
  dropped: Schema.optionalKey(Schema.Int),
  version: Schema.optionalKey(Schema.String),
  /** Only of a type that the database has defined itself. */
  below: Schema.optionalKey(Schema.NullOr(Below))
})

const Name = Schema.Struct({ schema: Schema.String, name: Schema.String })
const Names = Schema.Array(Schema.String)

/** What each column of a table has of it. */
const Shared = Schema.Struct({ width: Schema.Int, storage: Schema.Int, version: Schema.String, kept: Names })

const Partition = Schema.Struct({
  name: Name,
  oid: Schema.Int,
  kind: Schema.String,
  persistence: Schema.String,
  replicaIdentity: Schema.String,
  identityColumns: Names,
  owned: Schema.Boolean
})

const UniqueIndex = Schema.Struct({ name: Schema.String, columns: Names, isIdentity: Schema.Boolean })

const TableRow = Schema.Struct({
  schema: Schema.String,
  name: Schema.String,
  oid: Schema.FiniteFromString,
  kind: Schema.String,
  replicaIdentity: Schema.String,
  persistence: Schema.String,
  readable: Schema.Boolean,
  owned: Schema.Boolean,
  lookedAt: Schema.optionalKey(Lsn.FromText),
  columns: Schema.Array(Column),
  shared: Schema.optionalKey(Shared),
  attached: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
  primaryKey: Names,
  primaryKeyDeferrable: Schema.Boolean,
  uniqueIndexes: Schema.Array(UniqueIndex),
  identityColumns: Names,
  partitions: Schema.Array(Partition),
  ancestors: Schema.Array(Name)
})

const MatchedRow = Schema.Struct({
  schema: Schema.String,
  name: Schema.String,
  ancestors: Schema.Array(Name)
})

// A catalogue row of another shape is our mistake, not the server's: a defect.
const decodeTables = Schema.decodeUnknownSync(Schema.Array(TableRow))
const decodeMatched = Schema.decodeUnknownSync(Schema.Array(MatchedRow))

/** OIDs from here on are not the same in every database: domains of the information schema, and all that users define. */
const OWN_OID_MIN = 10_000

/** The type and typmod below a domain; any other type is its own. A domain over a domain has the typmod of one of them. */
const baseType = (oid: string, typmod: string): string =>
  `with recursive chain (oid, typmod, depth) as (
     select ${oid}, ${typmod}, 0
     union all
     select t.typbasetype, greatest(t.typtypmod, chain.typmod), depth + 1
       from chain join pg_type t on t.oid = chain.oid and t.typtype = 'd')
   select chain.oid, chain.typmod from chain order by depth desc limit 1`

/** `Below` of the type of this expression. */
export const below = (oid: string, typmod: string): string =>
  `(select json_build_object('baseOid', base.oid::bigint, 'typmod', base.typmod,
                             'elementOid', coalesce(element.oid, 0)::bigint)
      from (${baseType(oid, typmod)}) as base (oid, typmod)
      join pg_type bt on bt.oid = base.oid
      left join pg_type et on et.oid = bt.typelem and et.typarray = bt.oid and et.typdelim = ','
      left join lateral (${baseType("et.oid", "-1")}) as element (oid, typmod) on et.oid is not null)`

/** The built-in type whose values a type has: its own, arrays of its elements', or text. */
export const resolve = (below: typeof Below.Type): Pick<SourceColumn, "typeOid" | "typmod"> => {
  const arrays = below.elementOid === 0
    ? undefined
    : PgType.arrayOf(below.elementOid) ?? PgType.arrayOf(PgType.TEXT_OID)
  return { typeOid: PgType.isBuiltIn(below.baseOid) ? below.baseOid : arrays ?? PgType.TEXT_OID, typmod: below.typmod }
}

/**
 * The value that rows show which were there when the column was added, if PostgreSQL has kept one. Moments are written
 * in a form that no setting of the session changes; those that the form does not hold are left out.
 */
const MISSING = `case when a.atthasmissing then case
    when a.atttypid in (1082, 1114, 1184) then
      (select case when not isfinite(m.t) or extract(year from m.t) not between 1 and 9999 then null
                   when a.atttypid = 1082 then to_char(m.t, 'YYYY-MM-DD')
                   else to_char(m.t, 'YYYY-MM-DD HH24:MI:SS.US') end
         from (select case when a.atttypid = 1184
                        then (a.attmissingval::text::text[])[1]::timestamptz at time zone 'UTC'
                        else (a.attmissingval::text::text[])[1]::timestamp end) as m (t))
    else (a.attmissingval::text::text[])[1] end end`

/**
 * Changes when the table, or its schema, leaves a publication or comes to one, or its list of columns there becomes another, and
 * with every change of a publication's own: what is not published for a while is not sent, and no column shows it. The table of
 * schemas in publications is not there before 15.
 */
const PUBLISHED = `(select md5(concat_ws(';',
                (select string_agg(r.oid || ' ' || r.xmin, ',' order by r.oid) from pg_publication_rel r
                  where r.prrelid = c.oid or r.prrelid in (select relid from pg_partition_ancestors(c.oid) as up (relid))),
                (select string_agg(d.objid::text, ',' order by d.objid) from pg_depend d
                  where d.refclassid = 'pg_namespace'::regclass and d.refobjid = c.relnamespace
                    and d.classid = to_regclass('pg_catalog.pg_publication_namespace')),
                (select string_agg(p.oid || ' ' || p.xmin, ',' order by p.oid) from pg_publication p))))`

/** `attgenerated`, by what the server writes there. */
const COMPUTED: ReadonlyMap<string, "stored" | "virtual"> = new Map([["s", "stored"], ["v", "virtual"]])

/** The names of an index's key columns, of an index `i`, in index order. */
const INDEX_COLUMNS = `(select coalesce(json_agg(a.attname order by k.position), '[]')
               from unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where k.position <= i.indnkeyatts)`

/** What the identity of a relation has written of an old row; a deferrable primary key is no identity. */
const identityColumns = (relation: string): string =>
  `coalesce((select ${INDEX_COLUMNS} from pg_index i
              where i.indrelid = ${relation}.oid and i.indisvalid
                and case ${relation}.relreplident when 'd' then i.indisprimary and i.indimmediate
                                                  when 'i' then i.indisreplident else false end), '[]')`

const ANCESTORS = `case when c.relispartition then
              (select coalesce(json_agg(json_build_object('schema', an.nspname, 'name', ac.relname)), '[]')
                 from pg_partition_ancestors(c.oid) as a (oid)
                 join pg_class ac on ac.oid = a.oid
                 join pg_namespace an on an.oid = ac.relnamespace
                where a.oid <> c.oid)
            else '[]' end as ancestors`

const columnOf =
  (shared: typeof Shared.Type | undefined) =>
  ({ below, filled, generation, version, ...rest }: typeof Column.Type): SourceColumn => {
    const computed = COMPUTED.get(generation)
    return {
      ...rest,
      generated: computed !== undefined,
      ...(computed === undefined ? {} : { computed }),
      declaredOid: rest.typeOid,
      ...(below === undefined || below === null ? {} : resolve(below)),
      ...(filled === undefined
        ? {}
        : { filled: filled || (generation === "" && shared?.kept.includes(rest.name) === true) }),
      ...(version === undefined ? {} : { version: shared === undefined ? version : `${version} ${shared.version}` }),
      ...(shared === undefined ? {} : { width: shared.width, storage: shared.storage })
    }
  }

/** Reads the tables that exist among these, with columns, keys and partitions. */
export const readTables = Effect.fnUntraced(function*(
  tables: ReadonlyArray<Identifier.QualifiedName>
): Effect.fn.Return<ReadonlyArray<TableFacts>, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select n.nspname as schema, c.relname as name, c.oid::text as oid, c.relkind as kind,
            c.relreplident as "replicaIdentity", c.relpersistence as persistence,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
            pg_has_role(c.relowner, 'usage') as owned,
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text as "lookedAt",
            (select coalesce(json_agg(json_build_object(
                      'name', a.attname,
                      'typeOid', a.atttypid::bigint,
                      'typeName', format_type(a.atttypid, a.atttypmod),
                      'typmod', a.atttypmod,
                      'expression', (select d.oid::bigint from pg_attrdef d
                                      where a.attgenerated <> '' and d.adrelid = c.oid and d.adnum = a.attnum),
                      'notNull', a.attnotnull,
                      'generation', a.attgenerated,
                      'attnum', a.attnum,
                      'missing', ${MISSING},
                      'filled', a.attgenerated = '' and (a.atthasdef or a.attidentity <> '' or dt.typdefault is not null
                        or a.atthasmissing),
                      'always', a.attidentity = 'a',
                      'dropped', coalesce(a.dropped, 0),
                      'version', a.xmin::text,
                      'below', case when a.atttypid >= ${OWN_OID_MIN} then ${below("a.atttypid", "a.atttypmod")} end
                    ) order by a.attnum), '[]')
               from (select a.*, a.xmin, max(a.attnum) filter (where a.attisdropped) over (order by a.attnum) as dropped
                       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as a
               join pg_type dt on dt.oid = a.atttypid
              where not a.attisdropped) as columns,
            json_build_object('width', c.relnatts, 'storage', ${FilledRows.storage("tree.oids")},
                              'version', tree.stamp || ${PUBLISHED},
                              'kept', coalesce(${FilledRows.kept("tree.oids")}, '{}')) as shared,
            tree.attached,
            coalesce((select ${INDEX_COLUMNS} from pg_index i where i.indrelid = c.oid and i.indisprimary), '[]')
              as "primaryKey",
            ${identityColumns("c")} as "identityColumns",
            (select coalesce(json_agg(json_build_object(
                      'name', ic.relname, 'columns', ${INDEX_COLUMNS}, 'isIdentity', i.indisreplident
                    )), '[]')
               from pg_index i join pg_class ic on ic.oid = i.indexrelid
              where i.indrelid = c.oid and not i.indisprimary and i.indisunique and i.indimmediate and i.indisvalid
                and i.indpred is null and i.indexprs is null
                and not exists (select from unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
                                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                                 where k.position <= i.indnkeyatts and not a.attnotnull)) as "uniqueIndexes",
            (select coalesce(json_agg(json_build_object(
                      'name', json_build_object('schema', pn.nspname, 'name', pc.relname),
                      'oid', pc.oid::bigint, 'kind', pc.relkind, 'persistence', pc.relpersistence,
                      'replicaIdentity', pc.relreplident, 'identityColumns', ${identityColumns("pc")},
                      'owned', pg_has_role(pc.relowner, 'usage')
                    ) order by pn.nspname, pc.relname), '[]')
               from unnest(tree.oids) as p (oid)
               join pg_class pc on pc.oid = p.oid
               join pg_namespace pn on pn.oid = pc.relnamespace
              where pc.relkind <> 'p') as partitions,
            ${ANCESTORS},
            exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and not i.indimmediate)
              as "primaryKeyDeferrable"
       from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, position)
       join pg_namespace n on n.nspname = wanted.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
      cross join lateral ${PartitionTree.SQL} as tree
      order by wanted.position`,
    [tables.map((table) => table.schema), tables.map((table) => table.name)]
  )
  return decodeTables(rows).map(({ columns, name, schema, shared, ...rest }) => ({
    ...rest,
    name: { schema, name },
    columns: columns.map(columnOf(shared))
  }))
})

/**
 * The ordinary and partitioned tables that these patterns match, sorted by name; one more than `MATCHED_MAX` at most. None of
 * system schemas. Also tables that the role may not read: they are not passed over in silence.
 */
export const matchTables = Effect.fnUntraced(function*(
  patterns: ReadonlyArray<TableLists.TablePattern>
): Effect.fn.Return<ReadonlyArray<TableLists.CatalogueTable>, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select n.nspname as schema, c.relname as name,
            ${ANCESTORS}
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p')
        and not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
        and exists (select from unnest($1::text[], $2::text[]) as pattern (schema, name)
                     where n.nspname like pattern.schema and c.relname like pattern.name)
      order by n.nspname, c.relname
      limit $3`,
    [
      patterns.map((pattern) => NamePattern.like(pattern.schema)),
      patterns.map((pattern) => NamePattern.like(pattern.name)),
      TableLists.MATCHED_MAX + 1
    ]
  )
  return decodeMatched(rows).map(({ ancestors, name, schema }) => ({ name: { schema, name }, ancestors }))
})
