/**
 * What is known of a table's rows by their shape: their key, the columns that are written, and the writers of the load
 * formats. One encoder is compiled for each shape that a Relation message announces.
 *
 * The tuples have been checked by the decoder, so nothing here can run past a frame.
 */
import * as Result from "effect/Result"
import * as AuditColumns from "./AuditColumns.ts"
import * as ColumnLists from "./ColumnLists.ts"
import type { LoadFormat } from "./LoadFormat.ts"
import type { Relation } from "./pgoutput/Message.ts"
import { after, TEXT_OFFSET, VALUE_TEXT, VALUE_UNCHANGED, valueAt } from "./pgoutput/Tuple.ts"
import * as PgType from "./PgType.ts"
import * as ColumnSet from "./rows/ColumnSet.ts"
import { RowKeys } from "./rows/RowKeys.ts"
import { type ColumnRule, columnRule, RowWriter } from "./rows/RowWriter.ts"
import type { TableMapping, TargetColumn } from "./Table.ts"
import { CSV_FORM } from "./values/CsvForm.ts"
import { JSON_FORM } from "./values/JsonForm.ts"
import * as ValueRule from "./values/ValueRule.ts"

/** Why a shape cannot be written to its target. */
export interface ShapeProblem {
  readonly column: string
  readonly problem: string
}

/** What a relation and its mapping say of the columns, by their places in the tuple. */
interface Layout {
  /** Of JSON lines. Undefined: the column is left out. */
  readonly rules: ReadonlyArray<ColumnRule | undefined>
  /** The same of CSV; undefined: rows are never written so. */
  readonly csvRules: ReadonlyArray<ColumnRule | undefined> | undefined
  readonly keyIndexes: ReadonlyArray<number>
  /** Whether an old row that is only a key holds the column. */
  readonly identity: ReadonlyArray<boolean>
  /** The columns are everything that the target can be given. */
  readonly covers: boolean
}

export class RowEncoder {
  /** All source columns: those of a row that lacks nothing. */
  readonly whole: ColumnSet.ColumnSet
  /** Places of the columns that a key-only old row lacks. */
  readonly beyondIdentity: ReadonlyArray<number>
  readonly keys: RowKeys
  readonly #rules: ReadonlyArray<ColumnRule | undefined>
  readonly #columns: ReadonlyArray<ColumnSet.Column>
  readonly #identity: ReadonlyArray<boolean>
  readonly #sets = new Map<string, ColumnSet.ColumnSet>()
  readonly #json: RowWriter
  readonly #csv: RowWriter | undefined

  constructor({ covers, csvRules, identity, keyIndexes, rules }: Layout) {
    this.#rules = rules
    this.#json = new RowWriter(JSON_FORM, rules)
    this.#csv = csvRules === undefined ? undefined : new RowWriter(CSV_FORM, csvRules)
    this.keys = new RowKeys(keyIndexes, keyIndexes.map((index) => rules[index]))
    this.#identity = identity
    this.#columns = rules.flatMap((rule, index) => rule === undefined ? [] : [columnOf(rule, index)])
    this.whole = ColumnSet.whole(this.#columns, covers, this.#format)
    this.beyondIdentity = this.#columns.flatMap(({ index }) => identity[index] ? [] : [index])
  }

  get #format(): LoadFormat {
    return this.#csv === undefined ? "json" : "csv"
  }

  /** Writes rows of column sets of this format. */
  writer(format: LoadFormat): RowWriter {
    return format === "csv" && this.#csv !== undefined ? this.#csv : this.#json
  }

  /**
   * From here on NULL is written where these columns of the target take it; false: it was before. A column of the key never takes
   * it, and what the columns hold besides is not looked at.
   */
  relax(targetColumns: ReadonlyMap<string, TargetColumn>): boolean {
    const key = new Set(this.keys.indexes.map((index) => this.#rules[index]?.name))
    const columns = new Map([...targetColumns].filter(([name]) => !key.has(name)))
    this.#csv?.relax(columns)
    return this.#json.relax(columns)
  }

  /** The columns without those at these places. Equal sets are one object. */
  columnSet(omitted: ReadonlyArray<number>): ColumnSet.ColumnSet {
    if (omitted.length === 0) return this.whole
    const name = omitted.join(",")
    let set = this.#sets.get(name)
    if (set === undefined) {
      set = ColumnSet.without(this.#columns, omitted, this.#format)
      this.#sets.set(name, set)
    }
    return set
  }

  /** Whether an old row that is only a key holds the column at this place. */
  isIdentity(index: number): boolean {
    return this.#identity[index] === true
  }

  /** Places of the columns that the tuple leaves out as unchanged, of those that are written. */
  unchanged(bytes: Uint8Array, tuple: number): ReadonlyArray<number> {
    const places: Array<number> = []
    let at = tuple + 2
    for (let index = 0; index < this.#rules.length; index++) {
      if (bytes[at] === VALUE_UNCHANGED && this.#rules[index] !== undefined) places.push(index)
      at = after(bytes, at)
    }
    return places
  }

  /** The key's values by column, as PostgreSQL writes them. */
  keyTexts(bytes: Buffer, tuple: number, oldTuple: number): Readonly<Record<string, string | null>> {
    return this.#texts(this.keys.indexes, bytes, tuple, oldTuple)
  }

  /** The values of every column that is written, by column, as PostgreSQL writes them. */
  valueTexts(bytes: Buffer, tuple: number, oldTuple: number): Readonly<Record<string, string | null>> {
    return this.#texts([...this.#rules.keys()], bytes, tuple, oldTuple)
  }

  #texts(indexes: ReadonlyArray<number>, bytes: Buffer, tuple: number, oldTuple: number) {
    return Object.fromEntries(indexes.flatMap((index) => {
      const rule = this.#rules[index]
      if (rule === undefined) return []
      let at = valueAt(bytes, tuple, index)
      if (bytes[at] === VALUE_UNCHANGED && oldTuple >= 0) at = valueAt(bytes, oldTuple, index)
      const text = bytes[at] === VALUE_TEXT ? bytes.toString("utf8", at + TEXT_OFFSET, after(bytes, at)) : null
      return [[rule.name, text] as const]
    }))
  }
}

const columnOf = (rule: Pick<ColumnRule, "name" | "literal">, index: number): ColumnSet.Column => ({
  name: rule.name,
  index,
  hex: rule.literal === "hex"
})

/** Whether the source columns, and the audit columns, are all that the target can be given. */
const covers = ({ targetColumns }: TableMapping, rules: ReadonlyArray<ColumnRule | undefined>): boolean => {
  const given = new Set([...AuditColumns.NAMES, ...rules.flatMap((rule) => rule?.name ?? [])])
  return [...targetColumns.values()].every(({ generated, name }) => generated === true || given.has(name))
}

/** Whether an old row that is only a key is accepted, and tells which row it is. */
export const keysByIdentity = (relation: Relation, { identity, key }: TableMapping): boolean =>
  identity === "keep" && key.every((name) => relation.columns.some((column) => column.name === name && column.key))

/** Columns of the target that rows of the relation leave to StarRocks. */
const leftOut = (relation: Relation, { selection, targetColumns }: TableMapping): ReadonlyArray<TargetColumn> => {
  const written = new Set(
    relation.columns.map(({ name }) => name).filter((name) => ColumnLists.keeps(selection, name))
  )
  return [...targetColumns.values()].filter(({ generated, name }) =>
    !written.has(name) && generated !== true && !AuditColumns.NAMES.includes(name)
  )
}

/** Compiles the encoder of a relation's rows for its target; fails with every column that cannot be written. */
export const compile = (
  relation: Relation,
  mapping: TableMapping
): Result.Result<RowEncoder, ReadonlyArray<ShapeProblem>> => {
  const problems: Array<ShapeProblem> = []
  const rules: Array<ColumnRule | undefined> = []
  const csvRules: Array<ColumnRule | undefined> = []
  let written = 0
  relation.columns.forEach((column, index) => {
    if (!ColumnLists.keeps(mapping.selection, column.name)) {
      rules.push(undefined)
      csvRules.push(undefined)
      return
    }
    const target = mapping.targetColumns.get(column.name)
    if (target === undefined) {
      problems.push({ column: column.name, problem: "the target table has no column of this name" })
      return
    }
    const type = PgType.of(mapping.types?.get(column.typeOid) ?? column.typeOid)
    // Two keys that became one would be one row.
    const policies = mapping.key.includes(column.name) ? undefined : mapping.policies
    const rule = ValueRule.compile(type, target, policies)
    if (rule === undefined) {
      problems.push({ column: column.name, problem: `${type.name} cannot be written to ${target.type}` })
      return
    }
    const member = ColumnSet.memberOf(columnOf({ name: column.name, literal: rule.literal }, index))
    const optional = target.nullable && !mapping.key.includes(column.name)
    rules.push(columnRule(rule, column.name, member, written === 0, optional))
    csvRules.push(columnRule({ ...rule, form: CSV_FORM }, column.name, member, written === 0, optional))
    written += 1
  })
  const keyIndexes = mapping.key.map((name) => relation.columns.findIndex((column) => column.name === name))
  mapping.key.forEach((name, part) => {
    if (keyIndexes[part]! < 0) problems.push({ column: name, problem: "the key's column is not in the published row" })
  })
  for (const { default: fallback, name, nullable } of leftOut(relation, mapping)) {
    if (nullable || fallback !== undefined || mapping.key.includes(name)) continue
    problems.push({ column: name, problem: "it is NOT NULL in the target, and the rows do not have it any more" })
  }
  if (problems.length > 0) return Result.fail(problems)
  return Result.succeed(
    new RowEncoder({
      rules,
      csvRules: mapping.format === "csv" ? csvRules : undefined,
      keyIndexes,
      identity: relation.columns.map(({ key }) => key),
      covers: covers(mapping, rules)
    })
  )
}
