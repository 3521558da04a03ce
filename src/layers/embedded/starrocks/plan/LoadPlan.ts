/**
 * What a load does with the values of a row: which member or field feeds which column. Made once per load from the
 * table and the `columns` header.
 */
import * as Result from "effect/Result"
import type { Column, Table } from "../catalogue/Table.ts"
import * as TableOf from "../catalogue/Table.ts"
import * as Expression from "../expression/Expression.ts"
import * as ExpressionSink from "../expression/ExpressionSink.ts"
import * as ColumnType from "../values/ColumnType.ts"
import * as ColumnsHeader from "./ColumnsHeader.ts"
import * as LoadOperation from "./LoadOperation.ts"
import { isBalanced, unknownReference } from "./WhereReferences.ts"

/** Where a column's value comes from. */
export type Source =
  /** A slot, converted as the scanner converts a field. */
  | { readonly kind: "slot"; readonly slot: number }
  /** An expression over slots, checked in the sink. */
  | { readonly kind: "expression"; readonly computed: ExpressionSink.Computed }
  | { readonly kind: "default" }

/** A column that the load writes. */
export interface Target {
  readonly column: Column
  readonly source: Source
}

/** The plan. */
export interface LoadPlan {
  readonly table: Table
  /** Names of the members or fields that are read, in order; their indexes are the slots. */
  readonly slots: ReadonlyArray<string>
  /** Slots by position, for bodies whose values have places instead of names: the plain names of `columns`, in order. */
  readonly fields: ReadonlyArray<number>
  readonly targets: ReadonlyArray<Target>
  /** What decides between upsert and delete; undefined when every row is an upsert. */
  readonly operation: LoadOperation.Operation | undefined
  readonly partial: boolean
  readonly mergeCondition: Column | undefined
  readonly strict: boolean
}

/** The headers that shape a plan. */
export interface PlanHeaders {
  readonly columns: string | undefined
  readonly partitions?: ReadonlyArray<string> | undefined
  readonly partialUpdate: boolean
  readonly mergeCondition: string | undefined
  readonly strictMode: boolean
  readonly where?: string | undefined
}

const mergeCondition = (table: Table, name: string): Result.Result<Column, string> => {
  if (table.model !== "PRI_KEYS") {
    return Result.fail(`Conditional update only support primary key table ${table.name}`)
  }
  const column = TableOf.column(table, name)
  if (column === undefined) {
    return Result.fail(`Merge condition column ${name} does not exist. Please check the column name.`)
  }
  if (column.key) return Result.fail(`Merge condition column ${name} should not be primary key!`)
  const { kind } = column.type
  return ColumnType.isNested(column.type) || kind === "CHAR" || kind === "VARCHAR" || kind === "VARBINARY" ||
      kind === "JSON" || kind === "BOOLEAN"
    ? Result.fail(`Merge condition column ${name} has an unsupported type ${kind}`)
    : Result.succeed(column)
}

/** What a `columns` header comes to. */
interface Mapping {
  readonly slots: ReadonlyArray<string>
  readonly fields: ReadonlyArray<number>
  /** Sources of columns, by the column's name in lower case. */
  readonly sources: ReadonlyMap<string, Source>
  /** Names as the header writes them; partial updates compare them with case. */
  readonly listed: ReadonlySet<string>
  readonly operation: LoadOperation.Operation
}

const emptyHeader: ReadonlyArray<ColumnsHeader.Item> = []

/** Adds a field for every column when the header names no field at all. */
const withFields = (table: Table, items: ReadonlyArray<ColumnsHeader.Item>): ReadonlyArray<ColumnsHeader.Item> =>
  items.some((item) => item.kind === "name")
    ? items
    : [...table.columns.map(({ name }): ColumnsHeader.Item => ({ kind: "name", name })), ...items]

const duplicate = (table: Table, items: ReadonlyArray<ColumnsHeader.Item>): string | undefined => {
  const fields = new Set<string>()
  const mapped = new Set<string>()
  for (const { kind, name } of items) {
    const lower = name.toLowerCase()
    const seen = kind === "name" ? fields : mapped
    if (seen.has(lower)) return kind === "name" ? `Duplicate column: ${name}` : `Duplicate column mapping: ${name}`
    seen.add(lower)
    if (kind === "expression" && name !== TableOf.operationName && TableOf.column(table, name) === undefined) {
      return `Mapping column is not in table. column: ${name}`
    }
  }
  return undefined
}

const mapping = (table: Table, header: string | undefined): Result.Result<Mapping, string> =>
  Result.gen(function*() {
    const listed = header === undefined || header.trim() === "" ? emptyHeader : yield* ColumnsHeader.items(header)
    const problem = duplicate(table, listed)
    if (problem !== undefined) return yield* Result.fail(problem)
    const items = withFields(table, listed)
    const slots: Array<string> = []
    const slotsByName = new Map<string, number>()
    const addSlot = (name: string): number => {
      const slot = slots.push(name) - 1
      slotsByName.set(name.toLowerCase(), slot)
      return slot
    }
    const fields: Array<number> = []
    const sources = new Map<string, Source>()
    for (const item of items) {
      if (item.kind !== "name") continue
      const slot = addSlot(item.name)
      fields.push(slot)
      sources.set(item.name.toLowerCase(), { kind: "slot", slot })
    }
    let operation: LoadOperation.Operation | undefined
    for (const item of items) {
      if (item.kind === "name") continue
      const value = yield* Expression.compile(item.name, item.sql, (name) => slotsByName.get(name.toLowerCase()))
      const column = TableOf.column(table, item.name)
      if (column === undefined) {
        // Tables without a primary key have no use for it, and say nothing about it.
        if (table.model === "PRI_KEYS") operation = yield* LoadOperation.ofExpression(value)
        continue
      }
      // A nested value is no text: the field itself goes to the column.
      const plain = ColumnType.isNested(column.type)
        ? slotsByName.get(item.sql.replaceAll("`", "").toLowerCase())
        : undefined
      const source: Source = plain === undefined
        ? {
          kind: "expression",
          computed: yield* ExpressionSink.make(value, column.name, column.type).pipe(
            Result.mapError((reason) => Expression.refused(column.name, item.sql, reason))
          )
        }
        : { kind: "slot", slot: plain }
      sources.set(column.name.toLowerCase(), source)
    }
    // A JSON load reads __op whether or not the header lists it.
    if (operation === undefined) {
      operation = LoadOperation.ofSlot(
        slots.includes(TableOf.operationName) ? slots.indexOf(TableOf.operationName) : addSlot(TableOf.operationName)
      )
    }
    return { slots, fields, sources, listed: new Set(listed.map((item) => item.name)), operation }
  })

/** Makes the plan of a load, or says why it cannot run. */
export const make = (table: Table, headers: PlanHeaders): Result.Result<LoadPlan, string> =>
  Result.gen(function*() {
    if (headers.partialUpdate && table.model !== "PRI_KEYS") {
      return yield* Result.fail("Only primary key table support partial update")
    }
    // Every table has one partition, named like the table.
    const unknown = headers.partitions?.find((partition) => partition !== table.name)
    if (unknown !== undefined) return yield* Result.fail(`unknown partition ${unknown} in table ${table.name}`)
    const { fields, listed, operation, slots, sources } = yield* mapping(table, headers.columns)
    const targets: Array<Target> = []
    for (const column of table.columns) {
      const source = sources.get(column.name.toLowerCase())
      if (headers.partialUpdate && !listed.has(column.name)) {
        if (column.key) return yield* Result.fail(`key column ${column.name} not in partial update columns`)
      } else if (source !== undefined) targets.push({ column, source })
      else if (!column.nullable && column.default.kind === "none") {
        return yield* Result.fail(`Column has no default value. column: ${column.name}`)
      } else targets.push({ column, source: { kind: "default" } })
    }
    const condition = headers.mergeCondition === undefined
      ? undefined
      : yield* mergeCondition(table, headers.mergeCondition)
    if (condition !== undefined && !targets.some(({ column }) => column === condition)) {
      return yield* Result.fail(`Merge condition column ${condition.name} does not exist. The load does not carry it.`)
    }
    if (headers.where !== undefined) {
      if (!isBalanced(headers.where)) {
        return yield* Result.fail("invalid where predicate: its brackets do not match")
      }
      const primary = table.model === "PRI_KEYS" ? [TableOf.operationName] : []
      const names = [...targets.map((target) => target.column.name), ...primary]
      const unknown = unknownReference(headers.where, names)
      if (unknown !== undefined) {
        return yield* Result.fail(`unknown column reference in where statement, reference=${unknown}`)
      }
    }
    return {
      table,
      slots,
      fields,
      targets,
      operation: table.model === "PRI_KEYS" ? operation : undefined,
      partial: headers.partialUpdate,
      mergeCondition: condition,
      strict: headers.strictMode
    }
  })
