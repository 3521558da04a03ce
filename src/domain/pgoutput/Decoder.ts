/**
 * Decodes pgoutput v1. Total: any bytes give a message or a `DecodeError`, never a throw, and a message that is returned
 * has tuples whose every length lies inside it, so that later readers need no bounds checks.
 */
import { Cursor, NO_BYTES } from "./Cursor.ts"
import { DecodeError } from "./DecodeError.ts"
import { COMMIT as TAG_COMMIT } from "./Envelope.ts"
import type { Message, OldTupleKind, RelationColumn } from "./Message.ts"

const TAG_BEGIN = 0x42
const TAG_ORIGIN = 0x4f
const TAG_RELATION = 0x52
const TAG_TYPE = 0x59
const TAG_INSERT = 0x49
const TAG_UPDATE = 0x55
const TAG_DELETE = 0x44
const TAG_TRUNCATE = 0x54
const TAG_MESSAGE = 0x4d

const TUPLE_NEW = 0x4e
const TUPLE_OLD = 0x4f
const TUPLE_KEY = 0x4b

const readOldTuple = (cursor: Cursor): { readonly kind: OldTupleKind; readonly start: number } => {
  const marker = cursor.at < cursor.end ? cursor.bytes[cursor.at]! : 0
  if (marker !== TUPLE_OLD && marker !== TUPLE_KEY) return { kind: "none", start: -1 }
  cursor.at += 1
  return { kind: marker === TUPLE_OLD ? "full" : "key", start: cursor.tuple() }
}

const readNewTuple = (cursor: Cursor): number => {
  if (cursor.int8("the new tuple's marker") !== TUPLE_NEW) cursor.fail("expected a new tuple")
  return cursor.tuple()
}

const readRelation = (cursor: Cursor): Message => {
  const relationId = cursor.int32("the relation id")
  const schema = cursor.text("the schema's name")
  const name = cursor.text("the table's name")
  const replicaIdentity = String.fromCharCode(cursor.int8("the replica identity"))
  const count = cursor.int16("the column count")
  const columns: Array<RelationColumn> = []
  for (let index = 0; index < count && cursor.problem === undefined; index++) {
    const flags = cursor.int8("a column's flags")
    const column = cursor.text("a column's name")
    const typeOid = cursor.int32("a column's type") >>> 0
    columns.push({ key: (flags & 1) === 1, name: column, typeOid, typmod: cursor.int32("a column's modifier") })
  }
  // pg_catalog is sent as an empty name.
  return { _tag: "Relation", relationId, schema: schema === "" ? "pg_catalog" : schema, name, replicaIdentity, columns }
}

const readTruncate = (cursor: Cursor): Message => {
  const count = cursor.int32("the relation count")
  const options = cursor.int8("the options")
  const relationIds: Array<number> = []
  if (count < 0) cursor.fail("the relation count is negative")
  for (let index = 0; index < count && cursor.problem === undefined; index++) {
    relationIds.push(cursor.int32("a relation id"))
  }
  return { _tag: "Truncate", cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0, relationIds }
}

const readMessage = (cursor: Cursor): Message => {
  const transactional = (cursor.int8("the flags") & 1) === 1
  const lsn = cursor.lsn("the LSN")
  const prefix = cursor.text("the prefix")
  const length = cursor.int32("the content's length")
  if (length < 0) cursor.fail("the content's length is negative")
  const content = cursor.has(length, "the content") ? cursor.bytes.subarray(cursor.at, cursor.at + length) : NO_BYTES
  cursor.at += content.length
  return { _tag: "Message", transactional, lsn, prefix, content }
}

const KINDS: Readonly<Record<number, string>> = {
  [TAG_BEGIN]: "Begin",
  [TAG_COMMIT]: "Commit",
  [TAG_ORIGIN]: "Origin",
  [TAG_RELATION]: "Relation",
  [TAG_TYPE]: "Type",
  [TAG_INSERT]: "Insert",
  [TAG_UPDATE]: "Update",
  [TAG_DELETE]: "Delete",
  [TAG_TRUNCATE]: "Truncate",
  [TAG_MESSAGE]: "Message"
}

const read = (tag: number, cursor: Cursor): Message | undefined => {
  switch (tag) {
    case TAG_INSERT: {
      const relationId = cursor.int32("the relation id")
      return { _tag: "Insert", relationId, bytes: cursor.bytes, newTuple: readNewTuple(cursor) }
    }
    case TAG_UPDATE: {
      const relationId = cursor.int32("the relation id")
      const old = readOldTuple(cursor)
      const newTuple = readNewTuple(cursor)
      return {
        _tag: "Update",
        relationId,
        bytes: cursor.bytes,
        oldKind: old.kind,
        oldTuple: old.start,
        newTuple,
        unchanged: cursor.unchanged
      }
    }
    case TAG_DELETE: {
      const relationId = cursor.int32("the relation id")
      const old = readOldTuple(cursor)
      if (old.kind === "none") cursor.fail("expected an old tuple")
      return { _tag: "Delete", relationId, bytes: cursor.bytes, oldKind: old.kind, oldTuple: old.start }
    }
    case TAG_BEGIN: {
      const finalLsn = cursor.lsn("the final LSN")
      const commitTime = cursor.timestamp("the commit time")
      return { _tag: "Begin", finalLsn, commitTime, xid: cursor.int32("the transaction id") >>> 0 }
    }
    case TAG_COMMIT: {
      cursor.int8("the flags")
      const commitLsn = cursor.lsn("the commit LSN")
      const endLsn = cursor.lsn("the end LSN")
      return { _tag: "Commit", commitLsn, endLsn, commitTime: cursor.timestamp("the commit time") }
    }
    case TAG_ORIGIN: {
      const originLsn = cursor.lsn("the origin's LSN")
      return { _tag: "Origin", originLsn, name: cursor.text("the origin's name") }
    }
    case TAG_TYPE: {
      const typeOid = cursor.int32("the type's OID") >>> 0
      const schema = cursor.text("the schema's name")
      return {
        _tag: "Type",
        typeOid,
        schema: schema === "" ? "pg_catalog" : schema,
        name: cursor.text("the type's name")
      }
    }
    case TAG_RELATION:
      return readRelation(cursor)
    case TAG_TRUNCATE:
      return readTruncate(cursor)
    case TAG_MESSAGE:
      return readMessage(cursor)
    default:
      return undefined
  }
}

/** Decoding is synchronous and not reentrant, so one cursor serves every message. */
const cursor = new Cursor()

/**
 * Decodes the message in `bytes[start, end)`. Row messages refer to `bytes`, which must therefore not be reused while
 * they live.
 */
export const decode = (bytes: Buffer, start: number, end: number): Message | DecodeError => {
  if (start >= end) return new DecodeError({ kind: "empty", offset: 0, problem: "there is no message type" })
  const tag = bytes[start]!
  cursor.reset(bytes, start, end)
  const message = read(tag, cursor)
  if (message === undefined) return { _tag: "Unknown", kind: `0x${tag.toString(16).padStart(2, "0")}` }
  if (cursor.problem === undefined && cursor.at !== end) cursor.fail(`${end - cursor.at} bytes follow the message`)
  return cursor.problem === undefined
    ? message
    : new DecodeError({ kind: KINDS[tag]!, offset: cursor.problemAt, problem: cursor.problem })
}
