/**
 * What can be wrong with PostgreSQL, StarRocks or the configuration before replication starts, one variant a cause. No variant
 * carries a password, a URL with user information, or a row value.
 */
import * as Schema from "effect/Schema"

/** The causes. Field names are the nouns that the texts use. */
export const SetupReason = Schema.TaggedUnion({
  PgConnectionFailed: { host: Schema.String, error: Schema.String },
  PgTlsFailed: { host: Schema.String, error: Schema.String, remedy: Schema.String },
  PgVersionUnsupported: { version: Schema.String },
  PgEncodingUnfit: { database: Schema.String, encoding: Schema.String },
  PgWalLevelNotLogical: { walLevel: Schema.String },
  PgRoleCannotReplicate: { role: Schema.String },
  PgPrivilegeMissing: { table: Schema.String, role: Schema.String, privilege: Schema.String },
  PgRowsHidden: { table: Schema.String, role: Schema.String },
  PgTableNotFound: { table: Schema.String },
  PgTableGone: { table: Schema.String },
  PgTableKind: { table: Schema.String, kind: Schema.String },
  PgPrimaryKeyMissing: { table: Schema.String },
  PgPrimaryKeyDeferrable: { table: Schema.String },
  PgColumnTypeUnsupported: { table: Schema.String, column: Schema.String, type: Schema.String },
  PgColumnsDifferByCase: { table: Schema.String, columns: Schema.String },
  PgNameUnsupported: { table: Schema.String, name: Schema.String, why: Schema.String },
  PgReplicaIdentityFailed: { table: Schema.String, error: Schema.String },
  PgIdentityUnfit: { table: Schema.String, key: Schema.String, identity: Schema.String, use: Schema.String },
  PgVirtualColumns: { table: Schema.String, columns: Schema.String },
  PgPublicationFailed: { name: Schema.String, error: Schema.String, remedy: Schema.optionalKey(Schema.String) },
  PgSlotFailed: { name: Schema.String, error: Schema.String },
  PgSlotNotLogical: { name: Schema.String, plugin: Schema.String },
  PgSlotOtherDatabase: { name: Schema.String, slotDatabase: Schema.String, database: Schema.String },
  PgSlotInvalidated: { name: Schema.String, walStatus: Schema.String },
  PgSlotMissing: { name: Schema.String, checkpoint: Schema.String },
  PgSlotAhead: { name: Schema.String, checkpoint: Schema.String, confirmed: Schema.String },
  PgValueUnconvertible: { name: Schema.String, lsn: Schema.String, why: Schema.String },
  PgSlotTemporary: { name: Schema.String },
  PgSlotInUse: { name: Schema.String, holder: Schema.String, pid: Schema.String, waited: Schema.String },
  PgSlotBlocked: { name: Schema.String, holders: Schema.String, statements: Schema.String, waited: Schema.String },
  PgSystemChanged: { name: Schema.String, checkpoint: Schema.String, stored: Schema.String, found: Schema.String },
  PgServerBehind: { name: Schema.String, checkpoint: Schema.String, reached: Schema.String },
  PgTimelineLost: {
    name: Schema.String,
    checkpoint: Schema.String,
    stored: Schema.String,
    found: Schema.String,
    why: Schema.String,
    accept: Schema.String
  },
  SrConnectionFailed: { host: Schema.String, error: Schema.String },
  SrTlsFailed: { host: Schema.String, error: Schema.String, remedy: Schema.String },
  SrPrivilegeMissing: { error: Schema.String },
  SrDatabaseNotFound: { database: Schema.String },
  SrTableNotFound: { table: Schema.String },
  SrTableNotPrimaryKey: { table: Schema.String, model: Schema.String },
  SrKeyMismatch: { table: Schema.String, sourceKey: Schema.String, targetKey: Schema.String },
  SrColumnMissing: { table: Schema.String, column: Schema.String, type: Schema.String },
  SrColumnCase: { table: Schema.String, column: Schema.String, found: Schema.String },
  SrColumnTypeUnsupported: { table: Schema.String, column: Schema.String, type: Schema.String },
  SrColumnRequired: { table: Schema.String, column: Schema.String, type: Schema.String },
  SrKeyTooLong: {
    table: Schema.String,
    key: Schema.String,
    bytes: Schema.String,
    bytesMax: Schema.String
  },
  SrCreateFailed: { name: Schema.String, error: Schema.String },
  SrAuditColumnsFailed: { table: Schema.String, error: Schema.String },
  SrTargetShared: { target: Schema.String, sources: Schema.String, example: Schema.String },
  CheckpointFailed: { error: Schema.String },
  CheckpointUnreadable: { name: Schema.String },
  PgRejectedRowsFailed: { error: Schema.String },
  ConfigurationInvalid: { problems: Schema.Array(Schema.String) }
})
export type SetupReason = typeof SetupReason.Type
