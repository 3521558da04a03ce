/** What a run knows of its tables since it began: their columns on both sides, and which rows in StarRocks it trusts (`Trust`). */
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import type { Relation } from "../pgoutput/Message.ts"
import type { FoundExchange, SourceColumn, TableMapping } from "../Table.ts"
import * as DoubtfulNames from "./DoubtfulNames.ts"
import * as Exchange from "./Exchange.ts"
import * as Trust from "./Trust.ts"

/** A look at the source's catalogue. */
export interface Look extends Exchange.Look {
  readonly columns: ReadonlyArray<SourceColumn>
}

export class KnownShapes {
  readonly #start: Lsn.Lsn
  readonly #mappings = new Map<string, TableMapping>()
  readonly #trusted = new Map<string, Lsn.Lsn>()
  readonly #exchanges = new Map<string, Exchange.Known>()
  #changes = 0

  /** Of a run that begins at `start`. */
  constructor(start: Lsn.Lsn) {
    this.#start = start
  }

  /** The mapping as it is after the last look. */
  current(mapping: TableMapping): TableMapping {
    return this.#mappings.get(Identifier.show(mapping.target)) ?? mapping
  }

  /** Grows with whatever is remembered. */
  get changes(): number {
    return this.#changes
  }

  /** `trusted` of the table, as in `Trust`. */
  trustedAfter(mapping: TableMapping): Lsn.Lsn {
    return this.#trusted.get(Identifier.show(mapping.target)) ?? Trust.atStart(this.#start, mapping)
  }

  /** The target's columns are these by now; the source was not looked at. */
  retarget(mapping: TableMapping, targetColumns: TableMapping["targetColumns"]): void {
    this.#mappings.set(Identifier.show(mapping.target), { ...this.current(mapping), targetColumns })
  }

  /** `at` of the table, as in `Exchange`. */
  exchangedAt(mapping: TableMapping): Lsn.Lsn {
    return mapping.identity === "keep" ? Lsn.ZERO : this.#exchanged(mapping).at
  }

  /** The exchange of partitions that was found last, by this run or one before it. */
  foundExchange(mapping: TableMapping): FoundExchange | undefined {
    return this.#exchanged(mapping).found
  }

  #exchanged(mapping: TableMapping): Exchange.Known {
    return this.#exchanges.get(Identifier.show(mapping.target)) ?? Exchange.atStart(this.#start, mapping)
  }

  /** `mapping` is the current one, with the target's columns as they are by now, `shape` the one before in the session. */
  remember(
    mapping: TableMapping,
    look: Look,
    announced: Exchange.Announced | undefined,
    shape?: Relation
  ): void {
    this.#changes += 1
    const { columns, lookedAt } = look
    const target = Identifier.show(mapping.target)
    const announcedAt = announced?.commitLsn
    this.#exchanges.set(target, Exchange.next(this.#exchanged(mapping), look, announced))
    const doubtful = DoubtfulNames.after({ mapping, before: shape, announcedAt }, columns)
    const before = Trust.isUntouched(mapping, columns) ? mapping.lookedAt : undefined
    this.#trusted.set(target, Trust.next(this.trustedAfter(mapping), announcedAt, before))
    // What has had a name before is remembered: another column may come under it.
    const sourceColumns = new Map(mapping.sourceColumns)
    for (const column of columns) {
      const was = sourceColumns.get(column.name)
      sourceColumns.set(column.name, column.attnum === undefined && was !== undefined ? was : column)
    }
    const { lookedAt: _, retyped: __, ...rest } = mapping
    const at = before ?? lookedAt
    const storage = mapping.storageAtSetup ?? mapping.sourceColumns?.get(mapping.key[0]!)?.storage
    this.#mappings.set(target, {
      ...rest,
      sourceColumns,
      doubtful,
      ...(storage === undefined ? {} : { storageAtSetup: storage }),
      ...(at === undefined ? {} : { lookedAt: at })
    })
  }
}
