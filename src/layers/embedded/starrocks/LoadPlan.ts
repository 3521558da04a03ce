/**
 * What a load does with the values of a row: which member or field feeds which column. Made once per load from the
 * table and the `columns` header.
 */
import * as Result from "effect/Result"
import type { Column, Table } from "./Table.ts"
import * as TableOf from "./Table.ts"
import { type Token, tokens } from "./Tokens.ts"

/** Where a column's value comes from. */
export type Source =
  | { readonly kind: "slot"; readonly slot: number }
  /** `to_binary(slot, 'hex')`. */
  | { readonly kind: "hex"; readonly slot: number }
  | { readonly kind: "literal"; readonly text: string }
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
  readonly operation: Source | undefined
  readonly partial: boolean
  readonly mergeCondition: Column | undefined
  readonly strict: boolean
}

/** The name of the member that tells deletes from upserts. */
const operationName = "__op"

/** The headers that shape a plan. */
export interface PlanHeaders {
  readonly columns: string | undefined
  readonly partialUpdate: boolean
  readonly mergeCondition: string | undefined
  readonly strictMode: boolean
}

type Item =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "reference"; readonly name: string; readonly from: string }
  | { readonly kind: "hex"; readonly name: string; readonly from: string }
  | { readonly kind: "literal"; readonly name: string; readonly text: string }

const splitItems = (list: ReadonlyArray<Token>): ReadonlyArray<ReadonlyArray<Token>> => {
  const items: Array<Array<Token>> = [[]]
  let depth = 0
  for (const token of list) {
    if (token.text === "(" && token.kind === "symbol") depth += 1
    if (token.text === ")" && token.kind === "symbol") depth -= 1
    if (depth === 0 && token.text === "," && token.kind === "symbol") items.push([])
    else items.at(-1)?.push(token)
  }
  return items
}

const isName = (token: Token | undefined): token is Token => token?.kind === "word" || token?.kind === "name"

const item = (list: ReadonlyArray<Token>, header: string): Result.Result<Item, string> => {
  const [first, equals, ...expression] = list
  if (!isName(first)) return Result.fail(`parse columns header failed: ${header.slice(0, 200)}`)
  if (equals === undefined) return Result.succeed({ kind: "name", name: first.text })
  if (equals.text !== "=" || expression.length === 0) {
    return Result.fail(`parse columns header failed: ${header.slice(0, 200)}`)
  }
  const [head, open, argument, separator, mode, close, extra] = expression
  if (expression.length === 1 && isName(head)) {
    return Result.succeed({ kind: "reference", name: first.text, from: head.text })
  }
  if (expression.length === 1 && (head?.kind === "text" || head?.kind === "number")) {
    return Result.succeed({ kind: "literal", name: first.text, text: head.text })
  }
  const hexCall = head?.text.toLowerCase() === "to_binary" && open?.text === "(" && isName(argument) &&
    separator?.text === "," && mode?.kind === "text" && close?.text === ")" && extra === undefined
  if (hexCall && mode.text.toLowerCase() === "hex") {
    return Result.succeed({ kind: "hex", name: first.text, from: argument.text })
  }
  const text = header.slice(head?.start ?? 0, expression.at(-1)?.end)
  return Result.fail(
    `this endpoint does not evaluate the expression '${text.slice(0, 80)}' of column ${first.text}; ` +
      `it knows names, literals and to_binary(name, 'hex')`
  )
}

/** The items of a `columns` header. */
export const columnItems = (header: string): Result.Result<ReadonlyArray<Item>, string> => {
  const items: Array<Item> = []
  for (const list of splitItems(tokens(header))) {
    const parsed = item(list, header)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    items.push(parsed.success)
  }
  return Result.succeed(items)
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
  const kind = column.type.kind
  return kind === "CHAR" || kind === "VARCHAR" || kind === "VARBINARY" || kind === "JSON" || kind === "ARRAY" ||
      kind === "BOOLEAN"
    ? Result.fail(`Merge condition column ${name} has an unsupported type ${kind}`)
    : Result.succeed(column)
}

/** Makes the plan of a load, or says why it cannot run. */
export const make = (table: Table, headers: PlanHeaders): Result.Result<LoadPlan, string> => {
  if (headers.partialUpdate && table.model !== "PRI_KEYS") {
    return Result.fail("Only primary key table support partial update")
  }
  const condition = headers.mergeCondition === undefined ? undefined : mergeCondition(table, headers.mergeCondition)
  if (condition !== undefined && Result.isFailure(condition)) return Result.fail(condition.failure)
  const slots: Array<string> = []
  const slotOf = (name: string): number => slots.includes(name) ? slots.indexOf(name) : slots.push(name) - 1
  const sources = new Map<string, Source>()
  const fields: Array<number> = []
  if (headers.columns === undefined || headers.columns.trim() === "") {
    for (const column of table.columns) {
      const slot = slotOf(column.name)
      sources.set(column.name.toLowerCase(), { kind: "slot", slot })
      fields.push(slot)
    }
    sources.set(operationName, { kind: "slot", slot: slotOf(operationName) })
  } else {
    const items = columnItems(headers.columns)
    if (Result.isFailure(items)) return Result.fail(items.failure)
    const plain = new Set(items.success.flatMap((entry) => entry.kind === "name" ? [entry.name] : []))
    // A JSON load reads __op whether or not the header lists it.
    sources.set(operationName, { kind: "slot", slot: slotOf(operationName) })
    for (const entry of items.success) {
      const target = entry.name.toLowerCase()
      if (entry.kind === "literal") sources.set(target, { kind: "literal", text: entry.text })
      else if (entry.kind === "name") {
        const slot = slotOf(entry.name)
        sources.set(target, { kind: "slot", slot })
        fields.push(slot)
      } else {
        if (!plain.has(entry.from)) {
          return Result.fail(`unknown reference column, column=${entry.name}, reference=${entry.from}`)
        }
        sources.set(target, { kind: entry.kind === "hex" ? "hex" : "slot", slot: slotOf(entry.from) })
      }
    }
  }
  return targets(table, headers, sources).pipe(Result.map((found) => ({
    table,
    slots,
    fields,
    targets: found,
    operation: table.model === "PRI_KEYS" ? sources.get(operationName) : undefined,
    partial: headers.partialUpdate,
    mergeCondition: condition === undefined ? undefined : Result.getOrUndefined(condition),
    strict: headers.strictMode
  })))
}

const targets = (
  table: Table,
  headers: PlanHeaders,
  sources: ReadonlyMap<string, Source>
): Result.Result<ReadonlyArray<Target>, string> => {
  const found: Array<Target> = []
  for (const column of table.columns) {
    const source = sources.get(column.name.toLowerCase())
    if (source !== undefined) found.push({ column, source })
    else if (column.key && headers.partialUpdate) {
      return Result.fail(`key column ${column.name} not in partial update columns`)
    } else if (!headers.partialUpdate) {
      if (!column.nullable && column.default.kind === "none") {
        return Result.fail(`Column has no default value. column: ${column.name}`)
      }
      found.push({ column, source: { kind: "default" } })
    }
  }
  return Result.succeed(found)
}
