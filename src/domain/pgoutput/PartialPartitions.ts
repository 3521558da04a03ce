/**
 * Partitions whose old rows are not whole though they are announced so: rows published under a partitioned table's name carry
 * its REPLICA IDENTITY, and bring of the old row what that of the partition has written. Mutable, one per session.
 *
 * The server announces a partition right after its partitioned table, before the first of its rows.
 */
import { FULL } from "../postgres/SourceFacts.ts"
import type { Relation } from "./Message.ts"
import * as Tuple from "./Tuple.ts"

/** Whether the tuple at `start` is NULL in every column but these, and there are others. */
const holdsOnly = (names: ReadonlySet<string>, relation: Relation, bytes: Uint8Array, start: number): boolean => {
  let at = start + 2
  let others = 0
  for (let index = 0; index < Tuple.columns(bytes, start); index++) {
    const kind = bytes[at]!
    const isNamed = names.has(relation.columns[index]?.name ?? "")
    if (!isNamed && kind !== Tuple.VALUE_NULL) return false
    if (!isNamed) others += 1
    at = Tuple.after(bytes, at)
  }
  return others > 0
}

interface Partial {
  readonly leaf: Relation
  /** The columns of its identity. */
  readonly names: ReadonlySet<string>
}

const partialOf = (leaf: Relation): Partial => ({
  leaf,
  names: new Set(leaf.columns.filter((column) => column.key).map((column) => column.name))
})

export class PartialPartitions {
  /** By the partitioned table's relation and the partition's. */
  readonly #partial = new Map<number, Map<number, Partial>>()
  #before: Relation | undefined = undefined
  #last: Relation | undefined = undefined

  relation(announced: Relation): void {
    this.#before = this.#last
    this.#last = announced
  }

  /** A row comes: it says whether the last two relations were a partitioned table and its partition. */
  row(relationId: number): void {
    if (this.#last === undefined) return
    const [root, leaf] = [this.#before, this.#last]
    this.reset()
    if (root?.relationId !== relationId || leaf.relationId === relationId) return
    const known = this.#partial.get(relationId) ?? new Map<number, Partial>()
    if (root.replicaIdentity === FULL && leaf.replicaIdentity !== FULL) known.set(leaf.relationId, partialOf(leaf))
    else known.delete(leaf.relationId)
    if (known.size > 0) this.#partial.set(relationId, known)
    else this.#partial.delete(relationId)
  }

  /** Something else comes: what was announced was not a pair. */
  reset(): void {
    this.#before = undefined
    this.#last = undefined
  }

  /** The partition that the old row at `start` may come from with its identity's columns alone; undefined: it is whole. */
  partialOf(relation: Relation, bytes: Uint8Array, start: number): Relation | undefined {
    const known = this.#partial.get(relation.relationId)
    if (known === undefined || start < 0) return undefined
    for (const { leaf, names } of known.values()) {
      if (holdsOnly(names, relation, bytes, start)) return leaf
    }
    return undefined
  }
}
