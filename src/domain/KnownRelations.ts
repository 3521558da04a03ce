/**
 * The relations that the source has announced in this session, and the way of each one's rows: their route, none, or the end
 * of their table.
 */
import * as Result from "effect/Result"
import type { TableRoute, Transaction } from "./Change.ts"
import type { DecodedChunk } from "./DecodedChunk.ts"
import type { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import type { Relation } from "./pgoutput/Message.ts"
import * as RowEncoder from "./RowEncoder.ts"
import * as KeyChange from "./schema/KeyChange.ts"
import { PendingRoute } from "./schema/PendingRoute.ts"
import type { SchemaChangePolicy } from "./schema/SchemaChangePolicy.ts"
import * as ShapeChange from "./schema/ShapeChange.ts"
import * as ShapeError from "./schema/ShapeError.ts"
import type { TableMapping } from "./Table.ts"
import * as TableStop from "./TableStop.ts"

/** What the decoder knows of a relation; a published table that nobody asked for has no route and is skipped. */
export interface KnownRelation {
  readonly relation: Relation
  route: TableRoute | undefined
  /** The mapping that its rows will have, once they are those of its part in the job. */
  readonly later?: TableMapping
  /** Its old rows may be keys only. */
  readonly keysByIdentity: boolean
  transaction: Transaction | undefined
  rowsInTransaction: number
}

const sameShape = (a: Relation, b: Relation): boolean =>
  a.schema === b.schema && a.name === b.name && a.columns.length === b.columns.length &&
  a.columns.every((column, index) => {
    const other = b.columns[index]!
    return column.name === other.name && ShapeChange.sameType(column, other)
  })

/** Old rows hold the same columns: those of the replica identity. */
const sameIdentity = (a: Relation, b: Relation): boolean =>
  a.columns.every((column, index) => column.key === b.columns[index]?.key)

/** One that lacks a column of the key does not fit its target: that is told of it. */
const holdsKey = (relation: Relation, mapping: TableMapping): boolean =>
  mapping.key.every((name) => relation.columns.some((column) => column.name === name))

/** Whether the transaction is older than the table's part in the job: its rows, and what became of it, are not wanted. */
const isEarly = ({ from }: TableMapping, transaction: Transaction | undefined): boolean =>
  from !== undefined && transaction !== undefined && transaction.commitLsn < from

/** Whether what was done to the table before this transaction was there when the setup looked. */
const isSeen = ({ lookedAt }: TableMapping, transaction: Transaction | undefined): boolean =>
  lookedAt === undefined || transaction === undefined || transaction.commitLsn <= lookedAt

/** The next row's place among those of its relation and transaction. */
export const ordinalOf = (known: KnownRelation, transaction: Transaction): number => {
  if (known.transaction !== transaction) {
    known.transaction = transaction
    known.rowsInTransaction = 0
  }
  return known.rowsInTransaction++
}

export class KnownRelations {
  readonly #mappings: ReadonlyMap<string, TableMapping>
  /** By the table's `oid`. */
  readonly #owners: ReadonlyMap<number, TableMapping>
  readonly #schemaChangePolicy: SchemaChangePolicy
  readonly #chunk: DecodedChunk
  /** Tables whose targets are being changed by what was given: the mapping does not know their columns any more. */
  readonly #reshaped = new Set<TableMapping>()
  readonly #relations = new Map<number, KnownRelation>()
  /** Source tables whose rows are left out since something of theirs could not be carried over. */
  readonly #stopped = new Set<string>()

  /** What becomes of a table is added to the chunk. */
  constructor(mappings: ReadonlyArray<TableMapping>, schemaChangePolicy: SchemaChangePolicy, chunk: DecodedChunk) {
    this.#mappings = new Map(mappings.map((mapping) => [Identifier.show(mapping.source), mapping]))
    this.#owners = new Map(mappings.flatMap((mapping) => mapping.oid === undefined ? [] : [[mapping.oid, mapping]]))
    this.#schemaChangePolicy = schemaChangePolicy
    this.#chunk = chunk
  }

  /** A table as it is from here on, as the source announces it before its first row. */
  announce(announced: Relation, transaction: Transaction | undefined): void {
    const relation = this.#asFound(announced, transaction)
    const known = this.#relations.get(relation.relationId)
    const isNew = known !== undefined && !sameShape(known.relation, relation)
    if (known !== undefined && !isNew && sameIdentity(known.relation, relation)) {
      if (known.route !== undefined) this.#again(known.relation, relation, known.route.mapping, transaction)
      return
    }
    const mapping = this.#mappings.get(Identifier.show({ schema: relation.schema, name: relation.name }))
    // A table goes on being published under its new name, and another may come under its old one.
    const before = known?.route?.mapping ?? this.#ownerSince(relation, transaction)
    if (before !== undefined && before !== mapping) this.stop(before, TableStop.renamed(before, relation), 0)
    if (mapping !== undefined && before !== mapping && this.#isAnothers(mapping, relation, transaction)) {
      this.stop(mapping, TableStop.renamed(mapping, relation), 0)
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
    if (isEarly(mapping, transaction)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined, later: mapping })
      return
    }
    if (mapping.identity === "keep" && !base.keysByIdentity && holdsKey(relation, mapping)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return this.stop(mapping, TableStop.keyOutsideIdentity(mapping), 0)
    }
    const moved = known?.route !== undefined
      ? KeyChange.problems(known.relation, relation, mapping)
      : isSeen(mapping, transaction)
      ? []
      : KeyChange.problemsSince(relation, mapping)
    if (moved.length > 0) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return this.stop(mapping, ShapeError.make(relation, mapping, moved), 0)
    }
    const policy = this.#schemaChangePolicy
    const isToLookUp = policy !== "stop" && (isNew || this.#reshaped.has(mapping))
    if (isToLookUp || !ShapeChange.isSettled(relation, mapping, policy)) {
      const route = new PendingRoute(mapping)
      this.#reshaped.add(mapping)
      this.#relations.set(relation.relationId, { ...base, route })
      this.#chunk.push({
        _tag: "Reshape",
        mapping,
        relation,
        before: known?.relation,
        route,
        transaction,
        ordinal: base.transaction === transaction ? base.rowsInTransaction : 0,
        weight: this.#chunk.weigh(0)
      })
      return
    }
    const encoder = RowEncoder.compile(relation, mapping)
    if (Result.isFailure(encoder)) {
      this.#relations.set(relation.relationId, { ...base, route: undefined })
      return this.stop(mapping, ShapeError.make(relation, mapping, encoder.failure), 0)
    }
    this.#relations.set(relation.relationId, { ...base, route: { mapping, encoder: encoder.success } })
    if (known !== undefined || !isSeen(mapping, transaction)) {
      this.#again(known?.relation, relation, mapping, transaction)
    }
  }

  /** An ALTER that rewrites the table gives its rows other values, and all that is sent of it is the same shape again. */
  #again(
    before: Relation | undefined,
    relation: Relation,
    mapping: TableMapping,
    transaction: Transaction | undefined
  ): void {
    const weight = this.#chunk.weigh(0)
    this.#chunk.push({ _tag: "Reannounced", mapping, relation, before, transaction, weight })
  }

  /** What is known of a relation in this transaction; undefined: it was never announced. */
  find(relationId: number, transaction: Transaction | undefined): KnownRelation | undefined {
    const known = this.#relations.get(relationId)
    if (known?.later === undefined || isEarly(known.later, transaction)) return known
    this.#relations.delete(relationId)
    this.announce(known.relation, transaction)
    return this.#relations.get(relationId)
  }

  /**
   * The setup has looked later than this, and has found the table under a name of the job: it has got it back, or has got it. Under
   * another one its rows would be skipped.
   */
  #asFound(relation: Relation, transaction: Transaction | undefined): Relation {
    const owner = this.#owners.get(relation.relationId)
    if (owner === undefined || !isSeen(owner, transaction)) return relation
    const isOfAnother = this.#mappings.has(Identifier.show({ schema: relation.schema, name: relation.name }))
    return isOfAnother ? relation : { ...relation, ...owner.source }
  }

  /** Whose table it was when the setup looked, before this. */
  #ownerSince({ relationId }: Relation, transaction: Transaction | undefined): TableMapping | undefined {
    const owner = this.#owners.get(relationId)
    if (owner === undefined || isSeen(owner, transaction)) return undefined
    return this.#stopped.has(Identifier.show(owner.source)) ? undefined : owner
  }

  /** Whether another table than this had the name, in the session or when the setup looked before this. */
  #isAnothers(mapping: TableMapping, { relationId }: Relation, transaction: Transaction | undefined): boolean {
    for (const known of this.#relations.values()) if (known.route?.mapping === mapping) return true
    if (isSeen(mapping, transaction) || isEarly(mapping, transaction)) return false
    return mapping.oid !== undefined && mapping.oid !== relationId &&
      !this.#stopped.has(Identifier.show(mapping.source))
  }

  /** A failure of one table: its rows end here, those of the others go on. */
  stop(mapping: TableMapping, error: PermanentError, weight: number): void {
    this.#stopped.add(Identifier.show(mapping.source))
    for (const known of this.#relations.values()) if (known.route?.mapping === mapping) known.route = undefined
    this.#chunk.push({ _tag: "Stop", mapping, error, weight: this.#chunk.weigh(weight) })
  }
}
