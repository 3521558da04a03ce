/** What PostgreSQL's catalogue says about the server, the slot and locks: read-only, exact names. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { SlotFacts } from "../domain/postgres/SlotState.ts"
import type { CheckpointTable } from "../domain/PostgresSetup.ts"
import { PostgresSql, type Row } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

const ServerRow = Schema.Struct({
  database: Schema.String,
  role: Schema.String,
  mayReplicate: Schema.Boolean,
  mayCreateInDatabase: Schema.Boolean,
  serverVersion: Schema.FiniteFromString,
  encoding: Schema.String,
  walLevel: Schema.String,
  inRecovery: Schema.Boolean,
  walEnd: Lsn.FromText,
  walSenderTimeoutMs: Schema.FiniteFromString,
  timeline: Schema.Int,
  checkpointTable: Schema.Literals(["usable", "forbidden", "missing", "uncreatable"] satisfies Array<CheckpointTable>)
})
/** Everything about the server but its system identifier, which may need another way. */
export type ServerFacts = typeof ServerRow.Type

/** Columns that a version of the server does not have are absent, so one query serves them all. */
const SlotRow = Schema.Struct({
  plugin: Schema.NullOr(Schema.String),
  database: Schema.NullOr(Schema.String),
  temporary: Schema.Boolean,
  active_pid: Schema.NullOr(Schema.Int),
  wal_status: Schema.optionalKey(Schema.NullOr(Schema.String)),
  invalidation_reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  confirmed_flush_lsn: Schema.NullOr(Lsn.FromText)
})

// A catalogue row of another shape is our mistake, not the server's: a defect.
const decodeVersion = Schema.decodeUnknownSync(Schema.Tuple([Schema.Struct({ version: Schema.FiniteFromString })]))
const decodeServer = Schema.decodeUnknownSync(ServerRow)
const decodeSlot = Schema.decodeUnknownSync(SlotRow)

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
            current_setting('server_encoding') as encoding,
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

/** `server_version_num`. */
export const readVersion: Effect.Effect<number, Failure, PostgresSql> = Effect.gen(function*() {
  const { query } = yield* PostgresSql
  return decodeVersion(yield* query("select current_setting('server_version_num') as version"))[0].version
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
    invalidation: slot.invalidation_reason ?? undefined,
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
