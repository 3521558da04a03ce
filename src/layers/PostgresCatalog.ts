/** What PostgreSQL's catalogue says about a job: read-only, exact names except where TABLES holds patterns. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type * as Identifier from "../domain/Identifier.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as NamePattern from "../domain/NamePattern.ts"
import * as PgType from "../domain/PgType.ts"
import type { SlotFacts } from "../domain/postgres/SlotState.ts"
import type { CheckpointTable, PublicationFacts, TableFacts } from "../domain/PostgresSetup.ts"
import type { SourceColumn } from "../domain/Table.ts"
import * as TableLists from "../domain/TableLists.ts"
import { PostgresSql, type Row } from "./PostgresSql.ts"

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
  generated: Schema.Boolean,
  attnum: Schema.optionalKey(Schema.Int),
  missing: Schema.optionalKey(Schema.NullOr(Schema.String)),
  filled: Schema.optionalKey(Schema.Boolean),
  /** Only of a type that the database has defined itself. */
  below: Schema.optionalKey(Schema.NullOr(Below))
})

const TableRow = Schema.Struct({
  schema: Schema.String,
  name: Schema.String,
  oid: Schema.FiniteFromString,
  kind: Schema.String,
  replicaIdentity: Schema.String,
  persistence: Schema.String,
  readable: Schema.Boolean,
  owned: Schema.Boolean,
  columns: Schema.Array(Column),
  primaryKey: Schema.Array(Schema.String),
  primaryKeyDeferrable: Schema.Boolean
})

const MatchedRow = Schema.Struct({
  schema: Schema.String,
  name: Schema.String,
  ancestors: Schema.Array(Schema.Struct({ schema: Schema.String, name: Schema.String }))
})

const ServerRow = Schema.Struct({
  database: Schema.String,
  role: Schema.String,
  mayReplicate: Schema.Boolean,
  mayCreateInDatabase: Schema.Boolean,
  serverVersion: Schema.FiniteFromString,
  walLevel: Schema.String,
  inRecovery: Schema.Boolean,
  walEnd: Lsn.FromText,
  walSenderTimeoutMs: Schema.FiniteFromString,
  timeline: Schema.Int,
  checkpointTable: Schema.Literals(["usable", "forbidden", "missing", "uncreatable"] satisfies Array<CheckpointTable>)
})
/** Everything about the server but its system identifier, which may need another way. */
export type ServerFacts = typeof ServerRow.Type

const PublicationRow = Schema.Struct({
  allTables: Schema.Boolean,
  owned: Schema.Boolean,
  insert: Schema.Boolean,
  update: Schema.Boolean,
  delete: Schema.Boolean,
  truncate: Schema.optionalKey(Schema.Boolean),
  tables: Schema.Array(Schema.Struct({
    schemaname: Schema.String,
    tablename: Schema.String,
    attnames: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
  }))
})

/** Columns that a version of the server does not have are absent, so one query serves them all. */
const SlotRow = Schema.Struct({
  plugin: Schema.NullOr(Schema.String),
  database: Schema.NullOr(Schema.String),
  temporary: Schema.Boolean,
  active_pid: Schema.NullOr(Schema.Int),
  wal_status: Schema.optionalKey(Schema.NullOr(Schema.String)),
  invalidation_reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  conflicting: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  confirmed_flush_lsn: Schema.NullOr(Lsn.FromText)
})

// A catalogue row of another shape is our mistake, not the server's: a defect.
const decodeTables = Schema.decodeUnknownSync(Schema.Array(TableRow))
const decodeMatched = Schema.decodeUnknownSync(Schema.Array(MatchedRow))
const decodeServer = Schema.decodeUnknownSync(ServerRow)
const decodePublication = Schema.decodeUnknownSync(PublicationRow)
const decodeSlot = Schema.decodeUnknownSync(SlotRow)

const namesOf = (tables: ReadonlyArray<Identifier.QualifiedName>): ReadonlyArray<ReadonlyArray<string>> => [
  tables.map((table) => table.schema),
  tables.map((table) => table.name)
]

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

/** What joins the type below the type of this expression, and the members of `Below` of it. */
export const belowOf = (oid: string, typmod: string): string =>
  `cross join lateral (${baseType(oid, typmod)}) as base (oid, typmod)
    join pg_type bt on bt.oid = base.oid
    left join pg_type et on et.oid = bt.typelem and et.typarray = bt.oid and et.typdelim = ','
    left join lateral (${baseType("et.oid", "-1")}) as element (oid, typmod) on et.oid is not null`
export const BELOW =
  "'baseOid', base.oid::bigint, 'typmod', base.typmod, 'elementOid', coalesce(element.oid, 0)::bigint"

/** The built-in type whose values a type has: its own, arrays of its elements', or text. */
export const resolve = (below: typeof Below.Type): Pick<SourceColumn, "typeOid" | "typmod"> => {
  const arrays = below.elementOid === 0
    ? undefined
    : PgType.arrayOf(below.elementOid) ?? PgType.arrayOf(PgType.TEXT_OID)
  return { typeOid: PgType.isBuiltIn(below.baseOid) ? below.baseOid : arrays ?? PgType.TEXT_OID, typmod: below.typmod }
}

const columnOf = ({ below, ...column }: typeof Column.Type): SourceColumn => ({
  ...column,
  declaredOid: column.typeOid,
  ...(below === undefined || below === null ? {} : resolve(below))
})

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

/** Reads the tables that exist among these, with columns and primary key. */
export const readTables = Effect.fnUntraced(function*(
  tables: ReadonlyArray<Identifier.QualifiedName>
): Effect.fn.Return<ReadonlyArray<TableFacts>, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select n.nspname as schema, c.relname as name, c.oid::text as oid, c.relkind as kind,
            c.relreplident as "replicaIdentity", c.relpersistence as persistence,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
            pg_has_role(c.relowner, 'usage') as owned,
            (select coalesce(json_agg(json_build_object(
                      'name', a.attname,
                      'typeOid', a.atttypid::bigint,
                      'typeName', format_type(a.atttypid, a.atttypmod),
                      'typmod', a.atttypmod,
                      'notNull', a.attnotnull,
                      'generated', a.attgenerated <> '',
                      'attnum', a.attnum,
                      'missing', ${MISSING},
                      'filled', a.atthasdef or a.attidentity <> '',
                      'below', case when a.atttypid >= ${OWN_OID_MIN} then json_build_object(${BELOW}) end
                    ) order by a.attnum), '[]')
               from pg_attribute a
              ${belowOf("a.atttypid", "a.atttypmod")}
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
            (select coalesce(json_agg(a.attname order by k.position), '[]')
               from pg_index i
              cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where i.indrelid = c.oid and i.indisprimary and k.position <= i.indnkeyatts) as "primaryKey",
            exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and not i.indimmediate)
              as "primaryKeyDeferrable"
       from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, position)
       join pg_namespace n on n.nspname = wanted.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
      order by wanted.position`,
    namesOf(tables)
  )
  return decodeTables(rows).map(({ columns, name, schema, ...rest }) => ({
    ...rest,
    name: { schema, name },
    columns: columns.map(columnOf)
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
            case when c.relispartition then
              (select coalesce(json_agg(json_build_object('schema', an.nspname, 'name', ac.relname)), '[]')
                 from pg_partition_ancestors(c.oid) as a (oid)
                 join pg_class ac on ac.oid = a.oid
                 join pg_namespace an on an.oid = ac.relnamespace
                where a.oid <> c.oid)
            else '[]' end as ancestors
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

/** Reads what the server and the role are. */
export const readServer: Effect.Effect<ServerFacts, Failure, PostgresSql> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select current_database() as database, current_user as role,
            exists (select from pg_roles r
                     where r.rolname = current_user and (r.rolsuper or r.rolreplication)
                        or r.rolname = 'rds_replication' and pg_has_role(r.oid, 'member')) as "mayReplicate",
            has_database_privilege(current_database(), 'create') as "mayCreateInDatabase",
            current_setting('server_version_num') as "serverVersion",
            current_setting('wal_level') as "walLevel",
            pg_is_in_recovery() as "inRecovery",
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text
              as "walEnd",
            (select setting from pg_settings where name = 'wal_sender_timeout') as "walSenderTimeoutMs",
            case when pg_is_in_recovery() then 0
                 else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end as timeline,
            case when to_regclass('dbmazz_checkpoints') is not null then
                   case when has_table_privilege('dbmazz_checkpoints', 'select')
                         and has_table_privilege('dbmazz_checkpoints', 'insert')
                         and has_table_privilege('dbmazz_checkpoints', 'update') then 'usable' else 'forbidden' end
                 when has_schema_privilege(current_schema(), 'create') then 'missing'
                 else 'uncreatable' end as "checkpointTable"`
  )
  return decodeServer(rows[0])
})

const INSUFFICIENT_PRIVILEGE = "42501"

/** The cluster's identifier; undefined when the role may not ask for it in SQL. */
export const readSystemIdentifier: Effect.Effect<string | undefined, Failure, PostgresSql> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  const rows = yield* query("select system_identifier::text as identifier from pg_control_system()").pipe(
    Effect.catchIf(
      (error) => error._tag === "PgSqlError" && error.sqlState === INSUFFICIENT_PRIVILEGE,
      () => Effect.succeed([])
    )
  )
  const identifier = rows[0]?.["identifier"]
  return typeof identifier === "string" ? identifier : undefined
})

/** Reads the publication and which of these tables it publishes; undefined when there is none of that name. */
export const readPublication = Effect.fnUntraced(function*(
  name: string,
  tables: ReadonlyArray<Identifier.QualifiedName>
): Effect.fn.Return<PublicationFacts | undefined, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select p.puballtables as "allTables", pg_has_role(p.pubowner, 'usage') as owned,
            p.pubinsert as insert, p.pubupdate as update, p.pubdelete as delete, p.pubtruncate as truncate,
            (select coalesce(json_agg(to_jsonb(t)), '[]')
               from pg_publication_tables t
               join unnest($2::text[], $3::text[]) as wanted (schema, name)
                 on t.schemaname = wanted.schema and t.tablename = wanted.name
              where t.pubname = p.pubname) as tables
       from pg_publication p
      where p.pubname = $1`,
    [name, ...namesOf(tables)]
  )
  if (rows.length === 0) return undefined
  const { tables: published, ...rest } = decodePublication(rows[0])
  return {
    ...rest,
    tables: new Map(published.map((table) => [`${table.schemaname}.${table.tablename}`, table.attnames ?? undefined]))
  }
})

/** Reads the slot's row; undefined when there is none of that name. */
export const readSlot = Effect.fnUntraced(function*(
  name: string
): Effect.fn.Return<SlotFacts | undefined, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query("select to_jsonb(s) as slot from pg_replication_slots s where s.slot_name = $1", [name])
  if (rows.length === 0) return undefined
  const slot = decodeSlot(rows[0]?.["slot"])
  return {
    plugin: slot.plugin ?? undefined,
    database: slot.database ?? undefined,
    temporary: slot.temporary,
    activePid: slot.active_pid ?? undefined,
    walStatus: slot.wal_status ?? undefined,
    invalidation: slot.invalidation_reason ?? (slot.conflicting === true ? "conflict with recovery" : undefined),
    confirmed: slot.confirmed_flush_lsn ?? undefined
  }
})

const describeHolders = `coalesce(string_agg(distinct
  format('pid %s (%s, %s)', l.pid, coalesce(nullif(a.application_name, ''), 'no application name'),
         coalesce(a.state, 'state hidden')), ', '), '')`

const textOf = (rows: ReadonlyArray<Row>, column: string): string => {
  const value = rows[0]?.[column]
  return typeof value === "string" ? value : ""
}

/** Who holds a lock on the table at this moment, for a person; empty when nobody does. */
export const lockHolders = Effect.fnUntraced(function*(oid: number): Effect.fn.Return<string, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select ${describeHolders} as holders
       from pg_locks l left join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'relation' and l.relation = $1::oid and l.granted and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())`,
    [oid]
  )
  return textOf(rows, "holders")
})
