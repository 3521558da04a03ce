/**
 * Turns the values of rows into columns of cells, row after row, and hands full columns over. Synchronous and
 * allocation-aware: this is the code that runs once per value.
 */
import * as TableOf from "../catalogue/Table.ts"
import { ValueKind } from "../values/ValueKind.ts"
import * as ValueProblems from "../values/ValueProblems.ts"
import * as Values from "../values/Values.ts"
import type { LoadPlan, Target } from "./LoadPlan.ts"

/** Rows handed over at once: the size of a DuckDB vector. */
const rowsPerChunk = 2048
/** Lines of the error log of a load. */
const errorLinesMax = 50
/** Characters of a row shown in the error log. */
const errorRowLengthMax = 512

/** Columns of cells of equal length; `operations` holds 1 for a delete. */
export interface Columns {
  readonly count: number
  readonly cells: ReadonlyArray<ReadonlyArray<Values.Cell>>
  readonly operations: ReadonlyArray<number>
}

const missing = -1

const defaultCell = (target: Target): Values.Cell => {
  const value = target.column.default
  if (value.kind === "constant" && value.text !== null) {
    return Values.constant(target.column.type, value.text) ?? null
  }
  return value.kind === "now" ? BigInt(Date.now()) * 1000n : null
}

/** Collects rows. Fill `kinds` and `texts` by slot, then call `endRow`; `clear` starts the next row. */
export class RowBuffer {
  readonly plan: LoadPlan
  readonly kinds: Int8Array
  readonly texts: Array<string>
  readonly errors: Array<string> = []
  loaded = 0
  filtered = 0
  /** Set when the load as a whole cannot go on. */
  fatal: string | undefined

  private readonly targets: ReadonlyArray<Target>
  private readonly converts: ReadonlyArray<Values.Convert>
  /** The slot of each target; -1 for those that are computed or left to their default. */
  private readonly slots: Int32Array
  private readonly constants: ReadonlyArray<Values.Cell | undefined>
  private readonly textKeys: ReadonlyArray<{ readonly target: number; readonly last: boolean }>
  private readonly fixedKeyBytes: number
  private readonly flush: (columns: Columns) => void
  private cells: Array<Array<Values.Cell>>
  private operations: Array<number> = []
  private row: Array<Values.Cell>

  constructor(plan: LoadPlan, flush: (columns: Columns) => void) {
    this.plan = plan
    this.flush = flush
    this.targets = plan.targets
    this.kinds = new Int8Array(plan.slots.length).fill(missing)
    this.texts = plan.slots.map(() => "")
    this.converts = plan.targets.map((target) => Values.compile(target.column.type, !plan.strict))
    this.slots = Int32Array.from(plan.targets.map(({ source }) => source.kind === "slot" ? source.slot : -1))
    this.constants = plan.targets.map((target) => target.source.kind === "default" ? defaultCell(target) : undefined)
    this.cells = plan.targets.map(() => [])
    this.row = plan.targets.map(() => null)
    const keys = plan.table.model === "PRI_KEYS" ? TableOf.keys(plan.table) : []
    this.fixedKeyBytes = TableOf.fixedKeySize(keys)
    this.textKeys = plan.targets.flatMap((target, index) =>
      keys.includes(target.column) && target.column.type.kind === "VARCHAR"
        ? [{ target: index, last: target.column === keys.at(-1) }]
        : []
    )
  }

  /** Forgets the values of the row. */
  clear(): void {
    this.kinds.fill(missing)
  }

  /** Converts the row and adds it, or counts and reports why it is left out. `rowText` is asked only then. */
  endRow(rowText: () => string): void {
    const operation = this.plan.operation === undefined ? 0 : this.plan.operation.of(this)
    if (typeof operation === "string") return this.filter(operation, rowText)
    for (let index = 0; index < this.targets.length; index++) {
      const target = this.targets[index]
      if (target === undefined) continue
      const cell = this.cell(target, index)
      if (cell === undefined) return this.filter(this.problem(target), rowText)
      if (cell === null && !target.column.nullable) {
        return this.filter(`NULL value in non-nullable column '${target.column.name}'`, rowText)
      }
      this.row[index] = cell
    }
    if (this.textKeys.length > 0 && this.keyBytes() > TableOf.keyBytesMax) {
      this.fatal = "primary key size exceed the limit."
      return
    }
    for (let index = 0; index < this.row.length; index++) this.cells[index]?.push(this.row[index] ?? null)
    this.operations.push(operation)
    this.loaded += 1
    if (this.operations.length >= rowsPerChunk) this.end()
  }

  /** Leaves a row out for a reason of its own. */
  filter(reason: string, rowText: () => string): void {
    this.filtered += 1
    if (this.errors.length < errorLinesMax) {
      this.errors.push(`Error: ${reason}. Row: ${rowText().slice(0, errorRowLengthMax).replace(/[\r\n]+/g, " ")}`)
    }
  }

  /** Hands over the rows that wait. */
  end(): void {
    if (this.operations.length === 0) return
    const columns = { count: this.operations.length, cells: this.cells, operations: this.operations }
    this.cells = this.targets.map(() => [])
    this.operations = []
    this.flush(columns)
  }

  private cell(target: Target, index: number): Values.Cell | undefined {
    const slot = this.slots[index] ?? -1
    if (slot < 0) {
      const { source } = target
      return source.kind === "expression" ? source.computed.cell(this) : this.constants[index] ?? null
    }
    const kind = this.kinds[slot] ?? missing
    if (kind <= ValueKind.null) return null
    const cell = this.converts[index]?.(kind, this.texts[slot] ?? "")
    return cell === undefined && !this.plan.strict && target.column.nullable ? null : cell
  }

  private problem(target: Target): string {
    const { source } = target
    const { name, type } = target.column
    if (source.kind === "expression") return source.computed.problem(this)
    if (source.kind === "default") return `column ${name} has no usable value`
    // Without strict mode the value counts as NULL, and that is what the column refuses.
    if (!this.plan.strict) return `NULL value in non-nullable column '${name}'`
    return ValueProblems.problem(name, type, this.kinds[source.slot] ?? missing, this.texts[source.slot] ?? "")
  }

  private keyBytes(): number {
    let bytes = this.fixedKeyBytes
    for (const key of this.textKeys) {
      const cell = this.row[key.target]
      if (typeof cell === "string") bytes += TableOf.textKeySize(cell, key.last)
    }
    return bytes
  }
}
