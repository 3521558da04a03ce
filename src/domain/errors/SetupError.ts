/**
 * A setup that cannot succeed, and the texts of its causes.
 *
 * The texts of the variants that dbmazz v1 had are part of its control-plane contract (clients show `error_detail` to
 * people and match on it), so they do not change. Every variant says what to run to mend it.
 */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Identifier from "../Identifier.ts"
import { SetupReason } from "./SetupReason.ts"

/** What a person reads: what happened, and where. */
export const describe: (reason: SetupReason) => string = SetupReason.match({
  PgConnectionFailed: (r) => `PostgreSQL connection failed to '${r.host}': ${r.error}`,
  PgTlsFailed: (r) => `PostgreSQL connection failed to '${r.host}': ${r.error}`,
  PgVersionUnsupported: (r) => `PostgreSQL ${r.version} is too old: what dbmazz sets up exists since PostgreSQL 13.`,
  PgEncodingUnfit: (r) =>
    `Database '${r.database}' has the encoding ${r.encoding}, which PostgreSQL cannot convert to UTF8: the first text that is no ` +
    `UTF8 by chance would end the replication of every table for good.`,
  PgWalLevelNotLogical: (r) => `PostgreSQL's wal_level is '${r.walLevel}', logical replication needs 'logical'.`,
  PgRoleCannotReplicate: (r) => `Role '${r.role}' may not start replication.`,
  PgRowsHidden: (r) => `Role '${r.role}' may not see every row of '${r.table}': row level security applies to it.`,
  PgPrivilegeMissing: (r) => `Role '${r.role}' lacks ${r.privilege} on '${r.table}'.`,
  PgTableGone: (r) =>
    `Table '${r.table}' matched TABLES and is gone: it was dropped or renamed, or the role may not see it any more. ` +
    "Its last changes may not be loaded.",
  PgTableNotFound: (r) => `Table '${r.table}' not found in PostgreSQL. Verify the table exists and is accessible.`,
  PgTableKind: (r) => `'${r.table}' is a ${r.kind}; only ordinary and partitioned tables can be replicated.`,
  PgPrimaryKeyMissing: (r) =>
    `Table '${r.table}' has no primary key, and no unique index over NOT NULL columns; its rows cannot be matched in StarRocks.`,
  PgPrimaryKeyDeferrable: (r) =>
    `The primary key of table '${r.table}' is deferrable: two rows may hold one key within a statement, and which of them ` +
    `a change belongs to cannot be told from the WAL.`,
  PgColumnTypeUnsupported: (r) =>
    `Column '${r.column}' of table '${r.table}' has type ${r.type}, which has no mapping to StarRocks.`,
  PgColumnsDifferByCase: (r) =>
    `Columns ${r.columns} of table '${r.table}' differ only by case; to StarRocks they are one column.`,
  PgNameUnsupported: (r) => `Table '${r.table}': StarRocks takes no name like '${r.name}' (${r.why}).`,
  PgReplicaIdentityFailed: (r) => `Failed to set REPLICA IDENTITY FULL on '${r.table}': ${r.error}`,
  PgIdentityUnfit: (r) =>
    r.identity === ""
      ? `Table '${r.table}' has a REPLICA IDENTITY that writes nothing of an old row, and REPLICA_IDENTITY=keep leaves it so: ` +
        `UPDATE and DELETE cannot be replicated.`
      : `The REPLICA IDENTITY of table '${r.table}' writes (${r.identity}) of an old row, which does not hold (${r.key}), and ` +
        `REPLICA_IDENTITY=keep leaves it so.`,
  PgVirtualColumns: (r) =>
    `Table '${r.table}' has virtual generated columns (${r.columns}): PostgreSQL would refuse every UPDATE and DELETE of it ` +
    `under REPLICA IDENTITY FULL.`,
  PgPublicationFailed: (r) => `Failed to setup publication '${r.name}': ${r.error}`,
  PgSlotFailed: (r) => `Failed to setup replication slot '${r.name}': ${r.error}`,
  PgSlotNotLogical: (r) => `Replication slot '${r.name}' uses plugin '${r.plugin}', dbmazz needs 'pgoutput'.`,
  PgSlotOtherDatabase: (r) =>
    `Replication slot '${r.name}' belongs to database '${r.slotDatabase}', not to '${r.database}'.`,
  PgSlotInvalidated: (r) =>
    `Replication slot '${r.name}' is invalidated (wal_status '${r.walStatus}'): WAL it still needed was removed, ` +
    `changes since its confirmed position are missing in StarRocks.`,
  PgSlotMissing: (r) =>
    `Replication slot '${r.name}' does not exist, yet a checkpoint at ${r.checkpoint} says it did: ` +
    `changes after ${r.checkpoint} may be missing in StarRocks.`,
  PgSlotAhead: (r) =>
    `Replication slot '${r.name}' was confirmed up to ${r.confirmed}, past the checkpoint ${r.checkpoint}: ` +
    `changes between the two may be missing in StarRocks.`,
  PgValueUnconvertible: (r) =>
    `PostgreSQL cannot send the change at ${r.lsn} to replication slot '${r.name}': it could not convert a value of the row; ` +
    `${r.why}. No change from there on can be read from this slot.`,
  PgSlotTemporary: (r) =>
    `Replication slot '${r.name}' is temporary: it belongs to another session and vanishes with it.`,
  PgSlotInUse: (r) =>
    `Replication slot '${r.name}' has been in use for ${r.waited} by ${r.holder}: a slot can be read by one process only. ` +
    `Nothing is missing; changes wait in the slot.`,
  PgSlotBlocked: (r) =>
    `Creating replication slot '${r.name}' has waited ${r.waited} for transactions that were open before it: ${r.holders}.`,
  PgSystemChanged: (r) =>
    `The checkpoint ${r.checkpoint} of slot '${r.name}' was made on the PostgreSQL system ${r.stored}, this server is ` +
    `system ${r.found}: positions of one mean nothing on the other. Changes after ${r.checkpoint} may be missing in ` +
    `StarRocks, and rows that only the other system had may be too many there.`,
  PgServerBehind: (r) =>
    `This server's checkpoint of slot '${r.name}' is ${r.checkpoint}, yet ${r.reached} was stored before: it has ` +
    `lost what was written between the two (a failover to a standby that was behind, or a restore). Rows that changed ` +
    `there may be too many or too new in StarRocks.`,
  PgTimelineLost: (r) =>
    `The checkpoint ${r.checkpoint} of slot '${r.name}' was made on timeline ${r.stored}, this server is on timeline ` +
    `${r.found}, and ${r.why}: changes of timeline ${r.stored} that this server does not have may be too many in ` +
    `StarRocks, and changes of timeline ${r.found} up to ${r.checkpoint} may be missing there.`,
  SrConnectionFailed: (r) => `StarRocks connection failed to '${r.host}': ${r.error}`,
  SrTlsFailed: (r) => `StarRocks connection failed to '${r.host}': ${r.error}`,
  SrPrivilegeMissing: (r) => `StarRocks refused to show its catalogue: ${r.error}`,
  SrDatabaseNotFound: (r) => `Database '${r.database}' not found in StarRocks.`,
  SrTableNotFound: (r) => `Table '${r.table}' not found in StarRocks. Create the table before starting CDC.`,
  SrTableNotPrimaryKey: (r) => `StarRocks table '${r.table}' is a ${r.model} table; dbmazz needs a PRIMARY KEY table.`,
  SrKeyMismatch: (r) =>
    `StarRocks table '${r.table}' has the key (${r.targetKey}), the source table has the key (${r.sourceKey}).`,
  SrColumnMissing: (r) =>
    `StarRocks table '${r.table}' has no column '${r.column}' for the source column of that name.`,
  SrColumnCase: (r) =>
    `StarRocks table '${r.table}' has a column '${r.found}' where the source has '${r.column}': names must agree to the letter, ` +
    `and StarRocks takes no second column that differs only by case.`,
  SrColumnTypeUnsupported: (r) =>
    `Column '${r.column}' of StarRocks table '${r.table}' has type ${r.type}, which cannot hold the source column.`,
  SrColumnRequired: (r) =>
    `Column '${r.column}' of StarRocks table '${r.table}' is NOT NULL, and no source column of that name fills it.`,
  SrKeyTooLong: (r) =>
    `The key (${r.key}) of StarRocks table '${r.table}' takes at least ${r.bytes} bytes in every row, and StarRocks holds ` +
    `keys of at most ${r.bytesMax}.`,
  SrCreateFailed: (r) => `Failed to create '${r.name}' in StarRocks: ${r.error}`,
  SrAuditColumnsFailed: (r) => `Failed to add audit columns to StarRocks table '${r.table}': ${r.error}`,
  SrTargetShared: (r) => `StarRocks table '${r.target}' would be written by more than one source table: ${r.sources}.`,
  CheckpointFailed: (r) => `Checkpoint load failed: ${r.error}`,
  CheckpointUnreadable: (r) =>
    `Column published of dbmazz_checkpoints is not as this version of dbmazz writes it, for slot '${r.name}': it says since ` +
    `when the tables are published, and whether one was taken out meanwhile, so that changes are missing in StarRocks.`,
  PgRejectedRowsFailed: (r) => `Rejected rows cannot be kept: ${r.error}`,
  ConfigurationInvalid: (r) => `Configuration is invalid:\n${r.problems.map((problem) => `  - ${problem}`).join("\n")}`
})

/** A table as the reasons show it, quoted so that its statement runs whatever the name is. */
const quoted = (quote: (table: Identifier.QualifiedName) => string) => (shown: string): string => {
  const table = Identifier.unshow(shown)
  return table === undefined ? shown : quote(table)
}
const pg = quoted(Identifier.quotePgTable)
const sr = quoted(Identifier.quoteSrTable)
const pgSchema = (shown: string): string => {
  const table = Identifier.unshow(shown)
  return table === undefined ? "…" : Identifier.quotePg(table.schema)
}

/** What to do about it: a command or SQL to run, or the place to change. */
export const remedy: (reason: SetupReason) => string = SetupReason.match({
  PgConnectionFailed: () =>
    "Check host, port, user, password and pg_hba.conf (the role also needs a 'replication' rule).",
  PgTlsFailed: (r) => `${r.remedy} See docs/security.md.`,
  PgVersionUnsupported: () =>
    "Upgrade the server to PostgreSQL 14 or newer (pg_upgrade, or your service's upgrade), then start dbmazz again.",
  PgEncodingUnfit: () =>
    "Make a database in UTF8 of it, by naming the encoding that the applications have written in (here LATIN1; UTF8 where it was " +
    "UTF8): pg_dump -Fc -E LATIN1 -f dump <database>; createdb -T template0 -E UTF8 <new>; pg_restore -d <new> dump; " +
    "then point DATABASE_URL at the new one.",
  PgWalLevelNotLogical: () => "Run: ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL.",
  PgRoleCannotReplicate: (r) =>
    `Run as a superuser: ALTER ROLE ${
      Identifier.quotePg(r.role)
    } REPLICATION; (on a managed service grant its replication role, ` +
    `for example rds_replication).`,
  PgRowsHidden: (r) =>
    `Run as a superuser: ALTER ROLE ${
      Identifier.quotePg(r.role)
    } BYPASSRLS; or compare as the table's owner. Replication needs neither.`,
  PgPrivilegeMissing: (r) =>
    `Run as the owner of schema and table: GRANT USAGE ON SCHEMA ${pgSchema(r.table)} TO ${
      Identifier.quotePg(r.role)
    }; ` +
    `GRANT ${r.privilege} ON ${pg(r.table)} TO ${Identifier.quotePg(r.role)};`,
  PgTableGone: (r) =>
    `Rename it back, or leave it out for good: run dbmazz resume, or start dbmazz again (${r.table} is then not looked for).`,
  PgTableNotFound: (r) =>
    `Create the table, correct TABLES (upper and lower case count), or run: GRANT USAGE ON SCHEMA ${
      pgSchema(r.table)
    } and GRANT SELECT ON ${pg(r.table)} TO the role.`,
  PgTableKind: () =>
    "Take it out of TABLES (where a pattern matches it, add it to TABLES_EXCLUDE), or name the tables that hold its rows.",
  PgPrimaryKeyMissing: (r) =>
    `Run: ALTER TABLE ${pg(r.table)} ADD PRIMARY KEY (…); or CREATE UNIQUE INDEX ON ${
      pg(r.table)
    } (…); over NOT NULL columns, which ` +
    `then is the key; or add it to TABLES_EXCLUDE.`,
  PgPrimaryKeyDeferrable: (r) =>
    `Run: ALTER TABLE ${pg(r.table)} DROP CONSTRAINT …, ADD PRIMARY KEY (…) NOT DEFERRABLE;`,
  PgColumnTypeUnsupported: (r) =>
    `Change the column's type (or reserved name), or add it to COLUMNS_EXCLUDE, or table ${r.table} to TABLES_EXCLUDE.`,
  PgColumnsDifferByCase: (r) =>
    `Rename all but one of them, or leave them out with COLUMNS_EXCLUDE, or add table ${r.table} to TABLES_EXCLUDE.`,
  PgNameUnsupported: (r) =>
    `Rename it; or leave the column out with COLUMNS_EXCLUDE, or add table ${r.table} to TABLES_EXCLUDE.`,
  PgReplicaIdentityFailed: (r) =>
    `Run as the table's owner, at a quiet moment: ALTER TABLE ${pg(r.table)} REPLICA IDENTITY FULL;`,
  PgIdentityUnfit: (r) =>
    `Run as the table's owner: ALTER TABLE ${pg(r.table)} REPLICA IDENTITY ${r.use}; or set REPLICA_IDENTITY=full.`,
  PgVirtualColumns: (r) =>
    `Set REPLICA_IDENTITY=keep (where it is FULL already, also run ALTER TABLE ${
      pg(r.table)
    } REPLICA IDENTITY DEFAULT;), make the ` +
    `columns STORED, or add the table to TABLES_EXCLUDE.`,
  PgPublicationFailed: (r) =>
    r.remedy === undefined
      ? `Run as the tables' owner: CREATE PUBLICATION ${
        Identifier.quotePg(r.name)
      } FOR TABLE …; dbmazz uses a publication that exists.`
      : `${r.remedy} See docs/tables-and-columns.md.`,
  PgSlotFailed: (r) =>
    `Look at: SELECT * FROM pg_replication_slots; raise max_replication_slots, or run: ` +
    `SELECT pg_create_logical_replication_slot('${r.name}', 'pgoutput');`,
  PgSlotNotLogical: () => "Choose another SLOT_NAME.",
  PgSlotOtherDatabase: () => "Choose another SLOT_NAME, or point DATABASE_URL at the slot's database.",
  PgSlotInvalidated: (r) =>
    `The missing changes cannot be read again: reload the tables, then run ` +
    `SELECT pg_drop_replication_slot('${r.name}'); and DELETE FROM dbmazz_checkpoints WHERE slot_name = '${r.name}'; ` +
    `and start again. Raise max_slot_wal_keep_size so that it does not happen again.`,
  PgSlotMissing: (r) =>
    `After a failover, restore the slot. If the gap is acceptable or the tables were reloaded, run ` +
    `DELETE FROM dbmazz_checkpoints WHERE slot_name = '${r.name}'; and start again: a new slot is then created.`,
  PgSlotAhead: (r) =>
    `If the tables were reloaded or the gap is acceptable, run DELETE FROM dbmazz_checkpoints ` +
    `WHERE slot_name = '${r.name}'; and start again: replication then goes on at ${r.confirmed}.`,
  PgValueUnconvertible: (r) =>
    `The server's log has its bytes; the table is found with CREATE EXTENSION pg_walinspect; SELECT pg_filenode_relation(0, ` +
    `substring(block_ref from 'rel \\d+/\\d+/(\\d+)')::oid) FROM pg_get_wal_record_info('${r.lsn}'); (PostgreSQL 15 and ` +
    `newer). The log keeps the value whatever becomes of the row: mend every such value in the table first, then run ` +
    `SELECT pg_drop_replication_slot('${r.name}'); and DELETE FROM dbmazz_checkpoints WHERE slot_name = '${r.name}'; start ` +
    `again, and reload the tables that have changed since ${r.lsn}.`,
  PgSlotTemporary: () => "Choose another SLOT_NAME, or end the session that made it.",
  PgSlotInUse: (r) =>
    `Stop the other process, give this one another SLOT_NAME, or run: SELECT pg_terminate_backend(${
      r.pid === "" ? "active_pid" : r.pid
    })${r.pid === "" ? ` FROM pg_replication_slots WHERE slot_name = '${r.name}'` : ""}; and start again.`,
  PgSlotBlocked: (r) => `Let them end, or end them: ${r.statements} Then start again; nothing was left behind.`,
  PgSystemChanged: (r) =>
    `Point DATABASE_URL at system ${r.stored}. If this server replaces it: reload the tables into StarRocks, then run ` +
    `DELETE FROM dbmazz_checkpoints WHERE slot_name = '${r.name}'; and start again.`,
  PgServerBehind: (r) =>
    `Point DATABASE_URL at the server that has ${r.reached}. If it is gone: compare the tables (dbmazz verify) or reload ` +
    `those that changed at that time, then restart dbmazz, which goes on from what this server knows.`,
  PgTimelineLost: (r) =>
    `Reload the tables into StarRocks, or compare them (dbmazz verify); to go on, run: ${r.accept}`,
  SrConnectionFailed: () => "Check STARROCKS_URL, STARROCKS_PORT, user and password, and that a front end is alive.",
  SrTlsFailed: (r) => `${r.remedy} See docs/security.md.`,
  SrPrivilegeMissing: () => "Run in StarRocks: GRANT SELECT, INSERT, ALTER ON ALL TABLES IN DATABASE … TO USER …;",
  SrDatabaseNotFound: (r) =>
    `Run in StarRocks: CREATE DATABASE ${Identifier.quoteSr(r.database)}; or set AUTO_CREATE_TABLES=true.`,
  SrTableNotFound: () =>
    "Set AUTO_CREATE_TABLES=true, or create it as a PRIMARY KEY table with the source's key columns first, or add the source " +
    "table to TABLES_EXCLUDE.",
  SrTableNotPrimaryKey: () => "Create it again as a PRIMARY KEY table: the model of a table cannot be changed.",
  SrKeyMismatch: (r) => `Create it again with PRIMARY KEY (${r.sourceKey}).`,
  SrColumnMissing: (r) =>
    `Run in StarRocks: ALTER TABLE ${sr(r.table)} ADD COLUMN ${
      Identifier.quoteSr(r.column)
    } ${r.type} NULL; or leave the source column ` +
    `out with COLUMNS_EXCLUDE.`,
  SrColumnCase: (r) =>
    `Run in StarRocks: ALTER TABLE ${sr(r.table)} RENAME COLUMN ${Identifier.quoteSr(r.found)} TO ${
      Identifier.quoteSr(r.column)
    }; or leave the source column ` +
    `out with COLUMNS_EXCLUDE.`,
  SrColumnTypeUnsupported: () =>
    "Change the column's type as docs/type-mapping.md lists it, make it STRING, or leave the source column out with COLUMNS_EXCLUDE.",
  SrColumnRequired: (r) =>
    `Run in StarRocks: ALTER TABLE ${sr(r.table)} MODIFY COLUMN ${
      Identifier.quoteSr(r.column)
    } ${r.type} NULL; or drop the column.`,
  SrKeyTooLong: () =>
    "Give the source table a shorter primary key (uuid in place of char(n), fewer columns), or add it to TABLES_EXCLUDE.",
  SrCreateFailed: () =>
    "Run in StarRocks: GRANT CREATE DATABASE ON CATALOG default_catalog TO USER …; GRANT CREATE TABLE ON DATABASE … TO USER …; " +
    "or create it yourself: dbmazz check prints the statement.",
  SrAuditColumnsFailed: (r) =>
    `Run in StarRocks: ALTER TABLE ${
      sr(r.table)
    } ADD COLUMN dbmazz_op_type TINYINT, ADD COLUMN dbmazz_is_deleted BOOLEAN, ` +
    `ADD COLUMN dbmazz_synced_at DATETIME, ADD COLUMN dbmazz_cdc_version BIGINT;`,
  SrTargetShared: (r) =>
    `Give all but one of them another name in StarRocks, for example TARGET_TABLES=${r.example}; or replicate them in separate ` +
    `jobs with different databases.`,
  CheckpointFailed: () =>
    "The role needs to create and write the table dbmazz_checkpoints in the first schema of its search_path.",
  CheckpointUnreadable: (r) =>
    `Start the version that has written it. Or make sure that no table was out of the publication since the last run ` +
    `(dbmazz verify compares them), and run: UPDATE dbmazz_checkpoints SET published = NULL WHERE slot_name = '${r.name}';`,
  PgRejectedRowsFailed: () =>
    "The role needs to create the table dbmazz_rejected_rows in the first schema of its search_path (GRANT CREATE ON SCHEMA …), or, " +
    "where it exists, to write it: GRANT SELECT, INSERT ON dbmazz_rejected_rows TO …; a table of that name that is no table of " +
    "dbmazz is to be renamed. Or set ON_REJECTED_ROW=stop.",
  ConfigurationInvalid: () => "Set the variables named above; docs/configuration.md lists them all."
})

/** Exit status of the process for a setup error: EX_CONFIG of sysexits. */
export const EXIT_CODE = 78

/** Setting up cannot succeed until somebody changes something. */
export class SetupError extends Schema.TaggedError<SetupError>()("SetupError", {
  reason: SetupReason,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override readonly [Runtime.errorExitCode] = EXIT_CODE
  /** Stable name of the cause. */
  get code(): SetupReason["_tag"] {
    return this.reason._tag
  }
  override get message(): string {
    return describe(this.reason)
  }
  /** The nouns of the cause: table, role, host and the like. */
  get context(): Readonly<Record<string, string>> {
    const nouns = Object.entries(this.reason).filter(([name]) => name !== "_tag")
    return Object.fromEntries(nouns.map(([name, value]) => [name, String(value)]))
  }
  get remediation(): string {
    return remedy(this.reason)
  }
}

/** Makes the error of a cause; `cause` is kept for logs of defects only and must not hold a secret. */
export const make = (reason: SetupReason, cause?: unknown): SetupError =>
  new SetupError(cause === undefined ? { reason } : { reason, cause })
