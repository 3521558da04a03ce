/**
 * Turns WAL frames into changes: decodes each message, keeps the open transaction, and finds each row's table.
 * Mutable, synchronous, one per replication session: relations are announced anew in each.
 */
import * as Result from "effect/Result"
import type { Boundary, RowKind, Transaction } from "./Change.ts"
import { type Decoded, DecodedChunk } from "./DecodedChunk.ts"
import type { PermanentError } from "./errors/PermanentError.ts"
import { KnownRelations, ordinalOf } from "./KnownRelations.ts"
import type * as Lsn from "./Lsn.ts"
import { DecodeError } from "./pgoutput/DecodeError.ts"
import * as Decoder from "./pgoutput/Decoder.ts"
import * as Envelope from "./pgoutput/Envelope.ts"
import type { Delete, Insert, Message, Update } from "./pgoutput/Message.ts"
import { PartialPartitions } from "./pgoutput/PartialPartitions.ts"
import * as Tuple from "./pgoutput/Tuple.ts"
import type { SchemaChangePolicy } from "./schema/SchemaChangePolicy.ts"
import type { TableMapping } from "./Table.ts"
import * as TableStop from "./TableStop.ts"
import type { TruncatePolicy } from "./TruncatePolicy.ts"
import * as WalError from "./WalError.ts"

export class ChangeDecoder {
  readonly #truncatePolicy: TruncatePolicy
  readonly #chunk = new DecodedChunk()
  readonly #relations: KnownRelations
  readonly #partitions = new PartialPartitions()
  readonly #unknownKinds = new Set<string>()
  #transaction: Transaction | undefined = undefined
  #error: PermanentError | undefined = undefined

  /**
   * With the policy `fail` a truncation is a `Stop` of its table, with every other one a change; so is a shape that does not
   * fit its target with the policy `stop`.
   */
  constructor(
    mappings: ReadonlyArray<TableMapping>,
    truncatePolicy: TruncatePolicy,
    schemaChangePolicy: SchemaChangePolicy
  ) {
    this.#truncatePolicy = truncatePolicy
    this.#relations = new KnownRelations(mappings, schemaChangePolicy, this.#chunk)
  }

  /**
   * Decodes frames in order. What is wrong with one table alone is a `Stop` among the changes; a failure says that the
   * stream cannot be trusted, and the decoder must not be used again.
   */
  decode(frames: ReadonlyArray<Envelope.WalFrame>): Result.Result<Decoded, PermanentError> {
    this.#chunk.begin()
    for (let index = 0; index < frames.length && this.#error === undefined; index++) this.#frame(frames[index]!)
    return this.#error === undefined ? Result.succeed(this.#chunk.decoded()) : Result.fail(this.#error)
  }

  #frame(frame: Envelope.WalFrame): void {
    const weight = frame.end - frame.start
    if (frame.bytes[frame.start] === Envelope.KEEPALIVE) {
      // Inside a transaction the position says nothing about what was sent.
      if (this.#transaction === undefined) this.#boundary(Envelope.keepaliveEnd(frame), undefined, weight)
      else this.#chunk.skip(weight)
      return
    }
    const message = Decoder.decode(frame.bytes, frame.start + Envelope.XLOG_DATA_HEADER_BYTES, frame.end)
    if (message._tag === "DecodeError") this.#fail(WalError.malformed(message, Envelope.walStart(frame)))
    else this.#message(message, frame, weight)
  }

  #message(message: Message, frame: Envelope.WalFrame, weight: number): void {
    switch (message._tag) {
      case "Insert":
        return this.#row("insert", message, -1, message.newTuple, frame, weight)
      case "Update":
        return this.#row("update", message, message.oldTuple, message.newTuple, frame, weight)
      case "Delete":
        return this.#row("delete", message, message.oldTuple, -1, frame, weight)
      case "Begin":
        if (this.#transaction !== undefined) return this.#outOfOrder("Begin", frame)
        this.#transaction = { commitLsn: message.finalLsn, commitTime: message.commitTime, xid: message.xid }
        this.#chunk.skip(weight)
        return
      case "Commit":
        if (this.#transaction?.commitLsn !== message.commitLsn) return this.#outOfOrder("Commit", frame)
        this.#transaction = undefined
        this.#boundary(message.endLsn, message.commitTime, weight)
        return
      case "Relation":
        this.#chunk.skip(weight)
        this.#partitions.relation(message)
        return this.#relations.announce(message, this.#transaction)
      case "Truncate":
        this.#chunk.skip(weight)
        this.#partitions.reset()
        return this.#truncate(message.relationIds, frame)
      case "Origin":
      case "Type":
      case "Message":
        this.#chunk.skip(weight)
        return
      case "Unknown":
        this.#chunk.skip(weight)
        if (this.#unknownKinds.has(message.kind)) return
        this.#unknownKinds.add(message.kind)
        this.#chunk.unknownKind(message.kind)
    }
  }

  #boundary(position: Lsn.Lsn, commitTime: bigint | undefined, weight: number): void {
    const boundary: Boundary = { _tag: "Boundary", position, commitTime, weight: this.#chunk.weigh(weight) }
    this.#chunk.push(boundary)
  }

  #row(
    kind: RowKind,
    message: Insert | Update | Delete,
    oldTuple: number,
    newTuple: number,
    frame: Envelope.WalFrame,
    weight: number
  ): void {
    const known = this.#relations.find(message.relationId, this.#transaction)
    const transaction = this.#transaction
    this.#partitions.row(message.relationId)
    if (known === undefined) return this.#fail(WalError.unknownRelation(message, Envelope.walStart(frame)))
    if (transaction === undefined) return this.#outOfOrder(message._tag, frame)
    const route = known.route
    if (route === undefined) {
      this.#chunk.skip(weight)
      return
    }
    const bytes = frame.bytes
    const columns = known.relation.columns.length
    if (
      (newTuple >= 0 && Tuple.columns(bytes, newTuple) !== columns) ||
      (oldTuple >= 0 && Tuple.columns(bytes, oldTuple) !== columns)
    ) {
      const problem = "the row has another number of columns than its relation"
      return this.#fail(
        WalError.malformed(new DecodeError({ kind: message._tag, offset: 0, problem }), Envelope.walStart(frame))
      )
    }
    const keyOnly = message._tag !== "Insert" && message.oldKind === "key"
    // Of a partition among full old rows it cannot be told which columns are NULL and which were left out.
    const notFull = keyOnly && !known.keysByIdentity
      ? known.relation
      : this.#partitions.partialOf(known.relation, bytes, oldTuple)
    if (notFull !== undefined) {
      const error = TableStop.notFull(notFull, message._tag, Envelope.walStart(frame))
      return this.#relations.stop(route.mapping, error, weight)
    }
    const ordinal = ordinalOf(known, transaction)
    this.#chunk.push({
      _tag: "Row",
      kind,
      route,
      transaction,
      ordinal,
      bytes,
      oldTuple,
      newTuple,
      keyOnly,
      unchanged: message._tag === "Update" && message.unchanged,
      weight: this.#chunk.weigh(weight)
    })
  }

  #truncate(relationIds: ReadonlyArray<number>, frame: Envelope.WalFrame): void {
    const transaction = this.#transaction
    if (transaction === undefined) return this.#outOfOrder("Truncate", frame)
    for (const id of relationIds) {
      const known = this.#relations.find(id, transaction)
      const mapping = known?.route?.mapping
      if (known === undefined || mapping === undefined) continue
      if (this.#truncatePolicy === "fail") {
        this.#relations.stop(mapping, TableStop.truncated(mapping, transaction.commitLsn), 0)
        continue
      }
      const ordinal = ordinalOf(known, transaction)
      this.#chunk.push({ _tag: "Truncate", mapping, transaction, ordinal, weight: this.#chunk.weigh(0) })
    }
  }

  #outOfOrder(kind: string, frame: Envelope.WalFrame): void {
    this.#fail(WalError.outOfOrder(kind, Envelope.walStart(frame)))
  }

  #fail(error: PermanentError): void {
    this.#error ??= error
  }
}
