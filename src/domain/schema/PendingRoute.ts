/** The route of rows whose shape the target does not have yet: it is settled before the first of them is loaded. */
import type { TableRoute } from "../Change.ts"
import type { RowEncoder } from "../RowEncoder.ts"
import type { TableMapping } from "../Table.ts"

export class PendingRoute implements TableRoute {
  readonly mapping: TableMapping
  #encoder: RowEncoder | undefined = undefined

  constructor(mapping: TableMapping) {
    this.mapping = mapping
  }

  /** A defect until it is settled: rows must not come before the change of their table. */
  get encoder(): RowEncoder {
    if (this.#encoder === undefined) throw new Error("rows are loaded before the change of their table's shape")
    return this.#encoder
  }

  /** From here on rows are written so. */
  settle(encoder: RowEncoder): void {
    this.#encoder = encoder
  }
}
