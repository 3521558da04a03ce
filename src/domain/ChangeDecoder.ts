/**
 * Turns WAL frames into changes: decodes each message, keeps the relations and the open transaction, and finds each row's
 * table. Mutable, synchronous, one per replication session: relations are announced anew in each.
 */
import * as Result from "effect/Result"
import type { Boundary, Change, RowKind, TableRoute, Transaction } from "./Change.ts"
import { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import * as Lsn from "./Lsn.ts"
import { DecodeError } from "./pgoutput/DecodeError.ts"
import * as Decoder from "./pgoutput/Decoder.ts"
import * as Envelope from "./pgoutput/Envelope.ts"
import type { Delete, Insert, Message, Relation, Update } from "./pgoutput/Message.ts"
import { PartialPartitions } from "./pgoutput/PartialPartitions.ts"
import * as RowEncoder from "./RowEncoder.ts"
import { PendingRoute } from "./schema/PendingRoute.ts"
import type { SchemaChangePolicy } from "./schema/SchemaChangePolicy.ts"
import * as ShapeChange from "./schema/ShapeChange.ts"
import * as ShapeError from "./schema/ShapeError.ts"
import type { TableMapping } from "./Table.ts"
import type { TruncatePolicy } from "./TruncatePolicy.ts"

/** What the decoder knows of a relation; a published table that nobody asked for has no route and is skipped. */
interface KnownRelation {
  readonly relation: Relation
  route: TableRoute | undefined
  /** The mapping that its rows will have, once they are those of its part in the job. */
  readonly later?: TableMapping
  /** Its old rows may be keys only. */
  readonly keysByIdentity: boolean
  transaction: Transaction | undefined
  rowsInTransaction: number
}

/** A row keeps its whole slab in memory, with what was skipped around it; slabs are no larger than this. */
export const HELD_BYTES_MAX = 128 * 1024

/** Changes of one chunk, and bytes of frames that became no change and are given back at once. */
export interface Decoded {
  readonly changes: ReadonlyArray<Change>
  readonly skippedBytes: number
  /** Kinds of messages that are not known and were skipped, each given once a session. */
  readonly unknownKinds: ReadonlyArray<string>
}

const sameShape = (a: Relation, b: Relation): boolean =>
  a.schema === b.schema && a.name === b.name && a.columns.length === b.columns.length &&
  a.columns.every((column, index) => {
    const other = b.columns[index]!
    return column.name === other.name && column.typeOid === other.typeOid && column.typmod === other.typmod
  })

/** Old rows hold the same columns: those of the replica identity. */
const sameIdentity = (a: Relation, b: Relation): boolean =>
  a.columns.every((column, index) => column.key === b.columns[index]?.key)

/** One that lacks a column of the key does not fit its target: that is told of it. */
const holdsKey = (relation: Relation, mapping: TableMapping): boolean =>
  mapping.key.every((name) => relation.columns.some((column) => column.name === name))

export class ChangeDecoder {
  readonly #mappings: ReadonlyMap<string, TableMapping>
  readonly #truncatePolicy: TruncatePolicy
  readonly #schemaChangePolicy: SchemaChangePolicy
  /** Tables whose targets are being changed by what was given: the mapping does not know their columns any more. */
  readonly #reshaped = new Set<TableMapping>()
  readonly #relations = new Map<number, KnownRelation>()
  #transaction: Transaction | undefined = undefined
  #changes: Array<Change> = []
  #skippedBytes = 0
  /** Skipped bytes that a kept row may still hold in memory: they lie in the same slab. */
  #heldBytes = 0
  #error: PermanentError | undefined = undefined
  readonly #partitions = new PartialPartitions()
  readonly #unknownKinds = new Set<string>()
  #newKinds: Array<string> = []
  /** Source tables whose rows are left out since something of theirs could not be carried over. */
  readonly #stopped = new Set<string>()

  /**
   * With the policy `fail` a truncation is a `Stop` of its table, with every other one a change; so is a shape that does not
   * fit its target with the policy `stop`.
   */
  constructor(
    mappings: ReadonlyArray<TableMapping>,
    truncatePolicy: TruncatePolicy = "fail",
    schemaChangePolicy: SchemaChangePolicy = "stop"
  ) {
    this.#truncatePolicy = truncatePolicy
    this.#schemaChangePolicy = schemaChangePolicy
    this.#mappings = new Map(mappings.map((mapping) => [Identifier.show(mapping.source), mapping]))
  }

  /**
   * Decodes frames in order. What is wrong with one table alone is a `Stop` among the changes; a failure says that the
   * stream cannot be trusted, and the decoder must not be used again.
   */
  decode(frames: ReadonlyArray<Envelope.WalFrame>): Result.Result<Decoded, PermanentError> {
    this.#changes = []
    this.#skippedBytes = 0
    this.#newKinds = []
    for (let index = 0; index < frames.length && this.#error === undefined; index++) this.#frame(frames[index]!)
    return this.#error === undefined
      ? Result.succeed({ changes: this.#changes, skippedBytes: this.#skippedBytes, unknownKinds: this.#newKinds })
      : Result.fail(this.#error)
  }

  #frame(frame: Envelope.WalFrame): void {
    const weight = frame.end - frame.start
    if (frame.bytes[frame.start] === Envelope.KEEPALIVE) {
      // Inside a transaction the position says nothing about what was sent.
      if (this.#transaction === undefined) this.#boundary(Envelope.keepaliveEnd(frame), undefined, weight)
      else this.#skip(weight)
      return
    }
    const message = Decoder.decode(frame.bytes, frame.start + Envelope.XLOG_DATA_HEADER_BYTES, frame.end)
    if (message._tag === "DecodeError") this.#fail(malformed(message, Envelope.walStart(frame)))
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
        if (this.#transaction !== undefined) return this.#fail(outOfOrder("Begin", frame))
        this.#transaction = { commitLsn: message.finalLsn, commitTime: message.commitTime }
        this.#skip(weight)
        return
      case "Commit":
        if (this.#transaction?.commitLsn !== message.commitLsn) return this.#fail(outOfOrder("Commit", frame))
        this.#transaction = undefined
        this.#boundary(message.endLsn, message.commitTime, weight)
        return
      case "Relation":
        this.#skip(weight)
        this.#partitions.relation(message)
        return this.#relation(message)
      case "Truncate":
        this.#skip(weight)
        this.#partitions.reset()
        return this.#truncate(message.relationIds, frame)
      case "Origin":
      case "Type":
      case "Message":
        this.#skip(weight)
        return
      case "Unknown":
        this.#skip(weight)
        if (this.#unknownKinds.has(message.kind)) return
        this.#unknownKinds.add(message.kind)
        this.#newKinds.push(message.kind)
    }
  }

  /** A frame that becomes no change. Up to a slab of them is given back only with the next change. */
  #skip(weight: number): void {
    this.#heldBytes += weight
    if (this.#heldBytes <= HELD_BYTES_MAX) return
    this.#skippedBytes += this.#heldBytes - HELD_BYTES_MAX
    this.#heldBytes = HELD_BYTES_MAX
  }

  /** A change answers for its own frame and for what was skipped since the last one. */
  #weigh(weight: number): number {
    const total = weight + this.#heldBytes
    this.#heldBytes = 0
    return total
  }

  #boundary(position: Lsn.Lsn, commitTime: bigint | undefined, weight: number): void {
    const boundary: Boundary = { _tag: "Boundary", position, commitTime, weight: this.#weigh(weight) }
    this.#changes.push(boundary)
  }

  #row(
    kind: RowKind,
    message: Insert | Update | Delete,
    oldTuple: number,
    newTuple: number,
    frame: Envelope.WalFrame,
    weight: number
  ): void {
    const known = this.#known(message.relationId)
    const transaction = this.#transaction
    this.#partitions.row(message.relationId)
    if (known === undefined) return this.#fail(unknownRelation(message, frame))
    if (transaction === undefined) return this.#fail(outOfOrder(message._tag, frame))
    const route = known.route
    if (route === undefined) {
      this.#skip(weight)
      return
    }
    const bytes = frame.bytes
    const columns = known.relation.columns.length
    if (
      (newTuple >= 0 && Decoder.tupleColumns(bytes, newTuple) !== columns) ||
      (oldTuple >= 0 && Decoder.tupleColumns(bytes, oldTuple) !== columns)
    ) {
      const problem = "the row has another number of columns than its relation"
      return this.#fail(
        malformed(new DecodeError({ kind: message._tag, offset: 0, problem }), Envelope.walStart(frame))
      )
    }
    const keyOnly = message._tag !== "Insert" && message.oldKind === "key"
    if (keyOnly && !known.keysByIdentity) {
      return this.#stop(route.mapping, notFull(known.relation, message._tag, frame), weight)
    }
    // Of a table with full old rows: which columns of this one are NULL and which were left out cannot be told.
    const partition = this.#partitions.partialOf(known.relation, bytes, oldTuple)
    if (partition !== undefined) return this.#stop(route.mapping, notFull(partition, message._tag, frame), weight)
    const ordinal = this.#ordinal(known, transaction)
    this.#changes.push({
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
      weight: this.#weigh(weight)
    })
  }

  #ordinal(known: KnownRelation, transaction: Transaction): number {
    if (known.transaction !== transaction) {
      known.transaction = transaction
      known.rowsInTransaction = 0
    }
    return known.rowsInTransaction++
  }

  #relation(relation: Relation): void {
    const known = this.#relations.get(relation.relationId)
    const isNew = known !== undefined && !sameShape(known.relation, relation)
    if (known !== undefined && !isNew && sameIdentity(known.relation, relation)) {
      if (known.route !== undefined) this.#announcedAgain(relation, known.route)
      return
    }
    const mapping = this.#mappings.get(Identifier.show({ schema: relation.schema, name: relation.name }))
    // A table goes on being published under its new name, and another may come under its old one.
    const before = known?.route?.mapping
    if (before !== undefined && before !== mapping) this.#stop(before, renamed(before, relation), 0)
    if (mapping !== undefined && before !== mapping && this.#routed(mapping)) {
      this.#stop(mapping, renamed(mapping, relation), 0)
    }
    const base = {
      relation,
      keysByIdentity: mapping !== undefined && RowEncoder.keysByIdentity(relation, mapping),
      transaction: known?.transaction,
      rowsInTransaction: known?.rowsInTransaction ?? 0
    }
    if (mapping === undefined || this.#stopped.has(Identifier.show(mapping.source))) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return
    }
    if (this.#isEarly(mapping)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined, later: mapping })
      return
    }
    if (mapping.identity === "keep" && !base.keysByIdentity && holdsKey(relation, mapping)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return this.#stop(mapping, keyOutsideIdentity(mapping), 0)
    }
    const policy = this.#schemaChangePolicy
    const isToLookUp = policy !== "stop" && (isNew || this.#reshaped.has(mapping))
    if (isToLookUp || !ShapeChange.isSettled(relation, mapping, policy)) {
      const route = new PendingRoute(mapping, this.#transaction?.commitLsn)
      this.#reshaped.add(mapping)
      this.#relations.set(relation.relationId, { ...base, route })
      this.#changes.push({
        _tag: "Reshape",
        mapping,
        relation,
        before: known?.relation,
        route,
        transaction: this.#transaction,
        ordinal: base.transaction === this.#transaction ? base.rowsInTransaction : 0,
        weight: this.#weigh(0)
      })
      return
    }
    const since = known === undefined ? undefined : this.#transaction?.commitLsn ?? known.route?.since
    const encoder = RowEncoder.compile(relation, mapping)
    if (Result.isFailure(encoder)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return this.#stop(mapping, ShapeError.make(relation, mapping, encoder.failure), 0)
    }
    this.#relations.set(relation.relationId, { ...base, route: { mapping, encoder: encoder.success, since } })
  }

  /** An ALTER that rewrites the table gives its rows other values, and all that is sent of it is the same shape again. */
  #announcedAgain(relation: Relation, route: TableRoute): void {
    const transaction = this.#transaction
    route.since = transaction?.commitLsn ?? route.since
    this.#changes.push({ _tag: "Reannounced", mapping: route.mapping, relation, transaction, weight: this.#weigh(0) })
  }

  /** Whether the transaction is older than the table's part in the job: its rows, and what became of it, are not wanted. */
  #isEarly({ from }: TableMapping): boolean {
    return from !== undefined && this.#transaction !== undefined && this.#transaction.commitLsn < from
  }

  #known(relationId: number): KnownRelation | undefined {
    const known = this.#relations.get(relationId)
    if (known?.later === undefined || this.#isEarly(known.later)) return known
    this.#relations.delete(relationId)
    this.#relation(known.relation)
    return this.#relations.get(relationId)
  }

  #routed(mapping: TableMapping): boolean {
    for (const known of this.#relations.values()) if (known.route?.mapping === mapping) return true
    return false
  }

  #truncate(relationIds: ReadonlyArray<number>, frame: Envelope.WalFrame): void {
    const transaction = this.#transaction
    if (transaction === undefined) return this.#fail(outOfOrder("Truncate", frame))
    for (const id of relationIds) {
      const known = this.#known(id)
      const mapping = known?.route?.mapping
      if (known === undefined || mapping === undefined) continue
      if (this.#truncatePolicy === "fail") {
        this.#stop(mapping, truncated(mapping, Lsn.format(transaction.commitLsn)), 0)
        continue
      }
      const ordinal = this.#ordinal(known, transaction)
      this.#changes.push({ _tag: "Truncate", mapping, transaction, ordinal, weight: this.#weigh(0) })
    }
  }

  /** A failure of one table: its rows end here, those of the others go on. */
  #stop(mapping: TableMapping, error: PermanentError, weight: number): void {
    this.#stopped.add(Identifier.show(mapping.source))
    for (const known of this.#relations.values()) if (known.route?.mapping === mapping) known.route = undefined
    this.#changes.push({ _tag: "Stop", mapping, error, weight: this.#weigh(weight) })
  }

  #fail(error: PermanentError): void {
    this.#error ??= error
  }
}

const at = (frame: Envelope.WalFrame): string => Lsn.format(Envelope.walStart(frame))

const REPORT =
  "Keep the slot, save the server's version and the table definitions, and report this: nothing after it " +
  "has been confirmed."

const malformed = (error: DecodeError, lsn: Lsn.Lsn): PermanentError =>
  new PermanentError({
    code: "WAL_MALFORMED",
    message: `at ${Lsn.format(lsn)}: ${error.message}`,
    remediation: REPORT,
    context: { lsn: Lsn.format(lsn), kind: error.kind },
    cause: error
  })

const outOfOrder = (kind: string, frame: Envelope.WalFrame): PermanentError =>
  new PermanentError({
    code: "WAL_ORDER_BROKEN",
    message: `at ${at(frame)}: a ${kind} message does not fit the transaction that is open`,
    remediation: REPORT,
    context: { lsn: at(frame), kind }
  })

const unknownRelation = (message: Insert | Update | Delete, frame: Envelope.WalFrame): PermanentError =>
  new PermanentError({
    code: "WAL_RELATION_UNKNOWN",
    message: `at ${at(frame)}: ${message._tag} for relation ${message.relationId}, which was never announced`,
    remediation: REPORT,
    context: { lsn: at(frame), relationId: String(message.relationId) }
  })

const renamed = (mapping: TableMapping, relation: Relation): PermanentError => {
  const table = Identifier.show(mapping.source)
  const now = Identifier.show({ schema: relation.schema, name: relation.name })
  return new PermanentError({
    code: "SCHEMA_CHANGED",
    message: table === now
      ? `another table is now called ${table}: the one that was replicated was dropped or renamed`
      : `table ${table} is now called ${now}`,
    remediation: `Rename it back, or set TABLES to what is to be replicated and reload ${
      Identifier.quoteSrTable(mapping.target)
    }; then start again.`,
    context: { table, now }
  })
}

const truncated = (mapping: TableMapping, lsn: string): PermanentError => {
  const table = Identifier.show(mapping.source)
  return new PermanentError({
    code: "TRUNCATE_UNSUPPORTED",
    message:
      `table ${table} was truncated by the transaction committed at ${lsn}, and TRUNCATE_POLICY=fail stops a table there`,
    remediation:
      `Set TRUNCATE_POLICY to soft-delete, truncate or ignore and start again: replication goes on where it ` +
      `stopped, and the truncation is carried over, or left out, in its place.`,
    context: { table, lsn }
  })
}

const notFull = (relation: Relation, kind: string, frame: Envelope.WalFrame): PermanentError => {
  const table = Identifier.quotePgTable({ schema: relation.schema, name: relation.name })
  return new PermanentError({
    code: "REPLICA_IDENTITY_NOT_FULL",
    message: `at ${at(frame)}: ${kind} on ${table} carries only the key of the old row`,
    remediation: `Run: ALTER TABLE ${table} REPLICA IDENTITY FULL; then set REPLICA_IDENTITY=keep and start again: ` +
      `replication goes on where it stopped, with what such old rows bring. Set it back when that is caught up with.`,
    context: { table, lsn: at(frame) }
  })
}

const keyOutsideIdentity = (mapping: TableMapping): PermanentError => {
  const table = Identifier.quotePgTable(mapping.source)
  return new PermanentError({
    code: "REPLICA_IDENTITY_NOT_FULL",
    message: `the replica identity of ${table} does not hold its key (${mapping.key.join(", ")}): a row that gets ` +
      `another key, or is deleted, could not be told`,
    remediation:
      `Run: ALTER TABLE ${table} REPLICA IDENTITY DEFAULT (or FULL); then reload the table: changes that were ` +
      `made meanwhile do not name their row.`,
    context: { table }
  })
}
