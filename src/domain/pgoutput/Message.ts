/**
 * The messages of pgoutput, protocol version 1 (PostgreSQL: "Logical Replication Message Formats"), as typed schemas.
 *
 * Values of rows are not decoded here: a row message says where its tuples lie in the frame, and the row encoder copies
 * from there. Everything else is decoded in full.
 */
import * as Schema from "effect/Schema"
import { Lsn } from "../Lsn.ts"

const Bytes = Schema.declare((value: unknown): value is Buffer => Buffer.isBuffer(value))

/** Start of a transaction. `finalLsn` is the LSN of its commit; `commitTime` is in microseconds since 1970. */
const Begin = Schema.TaggedStruct("Begin", { finalLsn: Lsn, commitTime: Schema.BigInt, xid: Schema.Int })

/** End of a transaction. `endLsn` is the position after the commit record: the next transaction may start there. */
export const Commit = Schema.TaggedStruct("Commit", { commitLsn: Lsn, endLsn: Lsn, commitTime: Schema.BigInt })
export type Commit = typeof Commit.Type

const Origin = Schema.TaggedStruct("Origin", { originLsn: Lsn, name: Schema.String })

/** Under REPLICA IDENTITY FULL every column has `key`: the primary key is not to be read from here. */
export const RelationColumn = Schema.Struct({
  key: Schema.Boolean,
  name: Schema.String,
  typeOid: Schema.Int,
  typmod: Schema.Int
})
export type RelationColumn = typeof RelationColumn.Type

/** A table's shape, sent before its first row in a session and again after it changed. */
export const Relation = Schema.TaggedStruct("Relation", {
  relationId: Schema.Int,
  schema: Schema.String,
  name: Schema.String,
  /** `d` default, `n` nothing, `f` full, `i` index. */
  replicaIdentity: Schema.String,
  columns: Schema.Array(RelationColumn)
})
export type Relation = typeof Relation.Type

const Type = Schema.TaggedStruct("Type", { typeOid: Schema.Int, schema: Schema.String, name: Schema.String })

/** Where a tuple starts in `bytes` (at its column count), or −1 when the message carries none. */
const TupleStart = Schema.Int

/** A new row. */
export const Insert = Schema.TaggedStruct("Insert", { relationId: Schema.Int, bytes: Bytes, newTuple: TupleStart })
export type Insert = typeof Insert.Type

/** `full`: the old row with every value, also TOASTed ones. `key`: the replica identity's columns only. */
export const OldTupleKind = Schema.Literals(["none", "key", "full"])
export type OldTupleKind = typeof OldTupleKind.Type

export const Update = Schema.TaggedStruct("Update", {
  relationId: Schema.Int,
  bytes: Bytes,
  oldKind: OldTupleKind,
  oldTuple: TupleStart,
  newTuple: TupleStart,
  /** The new row leaves values out that are TOASTed and did not change. */
  unchanged: Schema.Boolean
})
export type Update = typeof Update.Type

export const Delete = Schema.TaggedStruct("Delete", {
  relationId: Schema.Int,
  bytes: Bytes,
  oldKind: OldTupleKind,
  oldTuple: TupleStart
})
export type Delete = typeof Delete.Type

const Truncate = Schema.TaggedStruct("Truncate", {
  cascade: Schema.Boolean,
  restartIdentity: Schema.Boolean,
  relationIds: Schema.Array(Schema.Int)
})

/** `pg_logical_emit_message`; only sent when asked for. */
const LogicalMessage = Schema.TaggedStruct("Message", {
  transactional: Schema.Boolean,
  lsn: Lsn,
  prefix: Schema.String,
  content: Bytes
})

/** Of a kind that this version does not know; `kind` is its first byte as hex digits. */
const Unknown = Schema.TaggedStruct("Unknown", { kind: Schema.String })

export const Message = Schema.Union([
  Begin,
  Commit,
  Origin,
  Relation,
  Type,
  Insert,
  Update,
  Delete,
  Truncate,
  LogicalMessage,
  Unknown
])
export type Message = typeof Message.Type
