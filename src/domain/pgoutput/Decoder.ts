/**
 * Decodes pgoutput v1. Total: any bytes give a message or a `DecodeError`, never a throw, and a message that is returned
 * has tuples whose every length lies inside it, so that later readers need no bounds checks.
 */
import * as Lsn from "../Lsn.ts"
import { DecodeError } from "./DecodeError.ts"
import { COMMIT as TAG_COMMIT, readLsn, readTimestamp } from "./Envelope.ts"
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

/** Kinds of a column's value inside a tuple. */
export const VALUE_NULL = 0x6e
export const VALUE_UNCHANGED = 0x75
export const VALUE_TEXT = 0x74

/** Names keep a byte order mark at their beginning: without it they would be those of another table. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const NO_BYTES = Buffer.alloc(0)

/** A cursor over one message. The first problem sticks; reads after it return zeros. */
class Cursor {
  bytes: Buffer = NO_BYTES
  start = 0
  end = 0
  at = 0
  problem: string | undefined = undefined
  problemAt = 0
  /** A tuple since `reset` leaves a value out as unchanged. */
  unchanged = false

  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.at = start + 1
    this.problem = undefined
    this.unchanged = false
  }

  fail(problem: string): void {
    if (this.problem !== undefined) return
    this.problem = problem
    this.problemAt = this.at - this.start
  }

  has(count: number, what: string): boolean {
    if (this.problem !== undefined) return false
    if (this.at + count <= this.end) return true
    this.fail(`${what} is cut off`)
    return false
  }

  int8(what: string): number {
    return this.has(1, what) ? this.bytes[this.at++]! : 0
  }

  int16(what: string): number {
    if (!this.has(2, what)) return 0
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
    this.at += 2
    return value
  }

  int32(what: string): number {
    if (!this.has(4, what)) return 0
    const value = int32(this.bytes, this.at)
    this.at += 4
    return value
  }

  lsn(what: string): Lsn.Lsn {
    if (!this.has(8, what)) return Lsn.ZERO
    this.at += 8
    return readLsn(this.bytes, this.at - 8)
  }

  timestamp(what: string): bigint {
    if (!this.has(8, what)) return 0n
    this.at += 8
    return readTimestamp(this.bytes, this.at - 8)
  }

  text(what: string): string {
    if (this.problem !== undefined) return ""
    const zero = this.bytes.indexOf(0, this.at)
    if (zero < 0 || zero >= this.end) {
      this.fail(`${what} has no end`)
      return ""
    }
    const slice = this.bytes.subarray(this.at, zero)
    try {
      const text = utf8.decode(slice)
      this.at = zero + 1
      return text
    } catch {
      this.fail(`${what} is not UTF-8`)
      return ""
    }
  }

  /** Skips a tuple after checking it, and gives where it starts. */
  tuple(): number {
    if (this.problem !== undefined) return -1
    const start = this.at
    const end = skipTuple(this.bytes, start, this.end, this)
    if (end < 0) {
      this.fail("a tuple is cut off or has a value of unknown kind")
      return -1
    }
    this.at = end
    return start
  }
}

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** The position after the tuple at `start`, or −1 when it does not fit into `end` or holds an unknown kind of value. */
const skipTuple = (bytes: Uint8Array, start: number, end: number, seen: { unchanged: boolean }): number => {
  if (start + 2 > end) return -1
  let left = (bytes[start]! << 8) | bytes[start + 1]!
  let at = start + 2
  while (left-- > 0) {
    if (at >= end) return -1
    const kind = bytes[at]!
    if (kind === VALUE_TEXT) {
      if (at + 5 > end) return -1
      const length = int32(bytes, at + 1)
      if (length < 0) return -1
      at += 5 + length
      if (at > end) return -1
    } else if (kind === VALUE_NULL) {
      at += 1
    } else if (kind === VALUE_UNCHANGED) {
      seen.unchanged = true
      at += 1
    } else {
      return -1
    }
  }
  return at
}

/** Columns in the tuple at `start`. */
export const tupleColumns = (bytes: Uint8Array, start: number): number => (bytes[start]! << 8) | bytes[start + 1]!

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
