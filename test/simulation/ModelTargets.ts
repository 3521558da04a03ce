/** The model sink's tables as they are and as the catalogue shows them, and the schema changes that they have seen. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { SinkRow } from "./Ledger.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** A schema change, as SHOW ALTER TABLE COLUMN has it. */
export interface SchemaJob {
  readonly id: number
  readonly table: string
  state: "RUNNING" | "FINISHED" | "CANCELLED"
}

/** Types of which each holds what the ones before hold, and what the numbers among them hold at most. */
const WIDTHS: ReadonlyArray<readonly [type: string, most: number]> = [
  ["smallint", 2 ** 15 - 1],
  ["int", 2 ** 31 - 1],
  ["bigint", Number.MAX_SAFE_INTEGER],
  ["varchar", Number.POSITIVE_INFINITY]
]
const TEXT = WIDTHS.length - 1

const widthOf = (type: string): number => WIDTHS.findIndex(([name]) => type.startsWith(name))

/** A value that was stored in a column, after the column got this type: NULL when it cannot be said in it. */
const converted = (value: unknown, type: string): unknown => {
  const width = widthOf(type)
  if (value === null || value === undefined || width < 0) return value
  if (width === TEXT) return typeof value === "string" ? value : JSON.stringify(value)
  const number = Number(value)
  return Number.isInteger(number) && Math.abs(number) <= WIDTHS[width]![1] ? number : null
}

export class ModelTargets {
  /** With the columns of the source tables' versions that they were made for. */
  tables: ReadonlyArray<SourceTables.Table> = SourceTables.WANTED
  readonly #jobs: Array<SchemaJob> = []
  /** What a front end that follows still shows, by table. */
  readonly #shown = new Map<string, { readonly table: SourceTables.Table; readonly untilMs: number }>()
  readonly #time: VirtualTime
  readonly #trace: Trace
  readonly #onAltered: (table: SourceTables.Table) => void

  /** `onAltered` is told of each table that has other columns now. */
  constructor(time: VirtualTime, trace: Trace, onAltered: (table: SourceTables.Table) => void) {
    this.#time = time
    this.#trace = trace
    this.#onAltered = onAltered
  }

  /** The newest first. */
  get jobs(): ReadonlyArray<SchemaJob> {
    return this.#jobs.toReversed()
  }

  /** As the catalogue shows them. */
  get shown(): ReadonlyArray<SourceTables.Table> {
    return this.tables.map((table) => {
      const late = this.#shown.get(table.name)
      return late !== undefined && this.#time.nowMs < late.untilMs ? late.table : table
    })
  }

  isChanging(name: string): boolean {
    return this.#jobs.some(({ state, table }) => table === name && state === "RUNNING")
  }

  /** Whether there is a column with room for every one of this version of a source table. */
  fits(source: SourceTables.Table): boolean {
    const target = this.tables.find((table) => table.relationId === source.relationId)
    return target !== undefined && SourceTables.sentColumns(source).every(({ name, starRocks }) => {
      const column = target.columns.find((each) => each.name === name)
      return column !== undefined && widthOf(column.starRocks) >= widthOf(starRocks)
    })
  }

  begin(table: string): SchemaJob {
    const job: SchemaJob = { id: this.#jobs.length + 1, table, state: "RUNNING" }
    this.#jobs.push(job)
    return job
  }

  end(job: SchemaJob, state: "FINISHED" | "CANCELLED"): void {
    job.state = state
    this.#trace.add(`schema change ${job.id} of ${job.table} is ${state}`)
  }

  /** Gives a table these columns, new ones behind the others; the catalogue shows it after so many ms. */
  alter(name: string, columns: ReadonlyArray<SourceTables.Column>, lateMs: number): void {
    const before = this.tables.find((each) => each.name === name)
    if (before === undefined) return
    const kept = before.columns.map((column) => columns.find((each) => each.name === column.name) ?? column)
    const added = columns.filter((column) => before.columns.every((each) => each.name !== column.name))
    const after = { ...before, columns: [...kept, ...added] }
    this.tables = this.tables.map((each) => each === before ? after : each)
    if (lateMs > 0) this.#shown.set(name, { table: before, untilMs: this.#time.nowMs + lateMs })
    const shapes = columns.map((column) => `${column.name} ${column.starRocks}`)
    this.#trace.add(`sink table ${name} gets ${shapes.join(", ")}`)
    this.#onAltered(after)
  }

  /** A person gives the tables that nothing is at work on what the source tables have more. */
  repair(sources: ReadonlyArray<SourceTables.Table>): void {
    for (const { columns, name, wanted } of sources) {
      const target = this.tables.find((each) => each.name === name)
      if (!wanted || target === undefined || this.isChanging(name)) continue
      const lacking = columns.filter((column) => !this.fits({ ...target, columns: [column] }))
      if (lacking.length > 0) this.alter(name, lacking, 0)
    }
  }

  /** What the table keeps of a row: a member that is no column is ignored, a column that is no member is NULL. */
  static stored({ columns }: SourceTables.Table, values: SinkRow["values"]): SinkRow["values"] {
    return Object.fromEntries([
      ...columns.map(({ name, starRocks }) => [name, converted(values[name] ?? null, starRocks)]),
      ...AuditColumns.NAMES.map((name) => [name, values[name] ?? null])
    ])
  }

  /** The column whose type does not hold the row's value; undefined: all do. */
  static misfit({ columns }: SourceTables.Table, values: SinkRow["values"]): string | undefined {
    return columns.find(({ name, starRocks }) => {
      const value = values[name] ?? null
      return widthOf(starRocks) !== TEXT && converted(value, starRocks) !== value
    })?.name
  }

  /** The rows of a table after its columns changed. */
  static converted(table: SourceTables.Table, row: SinkRow): SinkRow {
    const values = table.columns.map(({ name, starRocks }) => [name, converted(row.values[name] ?? null, starRocks)])
    return { ...row, values: { ...row.values, ...Object.fromEntries(values) } }
  }
}
