/** A table whose rows are not carried over any more: the others go on, the slot keeps everything for it. */
import type { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import type { TableMapping } from "./Table.ts"

export interface StoppedTable {
  /** The source table, `schema.name`. */
  readonly table: string
  readonly error: PermanentError
  /** When it stopped, in ms since 1970. */
  readonly sinceMs: number
}

/** The stopped tables of one run of the pipeline, by source table, in the order in which they stopped. */
export class StoppedTables {
  readonly #tables = new Map<string, StoppedTable>()

  /** Adds the table; false when it had stopped before. */
  add(mapping: Pick<TableMapping, "source">, error: PermanentError, sinceMs: number): boolean {
    const table = Identifier.show(mapping.source)
    if (this.#tables.has(table)) return false
    this.#tables.set(table, { table, error, sinceMs })
    return true
  }

  /** What it has stopped for. */
  reason(mapping: Pick<TableMapping, "source">): PermanentError | undefined {
    return this.#tables.get(Identifier.show(mapping.source))?.error
  }

  has(mapping: TableMapping): boolean {
    return this.#tables.size > 0 && this.#tables.has(Identifier.show(mapping.source))
  }

  get size(): number {
    return this.#tables.size
  }

  list(): ReadonlyArray<StoppedTable> {
    return [...this.#tables.values()]
  }

  /** What stopped the first one. */
  first(): PermanentError | undefined {
    return this.list()[0]?.error
  }
}
