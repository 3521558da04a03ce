/**
 * Writes rows as JSON lines straight from the bytes of pgoutput tuples. One encoder is compiled for each shape that a
 * Relation message announces; per row it only copies bytes by rules fixed then.
 *
 * The tuples have been checked by the decoder, so nothing here can run past a frame.
 */
import * as Result from "effect/Result"
import * as AuditColumns from "./AuditColumns.ts"
import type { ByteWriter } from "./ByteWriter.ts"
import * as ColumnLists from "./ColumnLists.ts"
import { VALUE_NULL, VALUE_TEXT, VALUE_UNCHANGED } from "./pgoutput/Decoder.ts"
import type { Relation } from "./pgoutput/Message.ts"
import * as PgType from "./PgType.ts"
import type { TableMapping, TargetColumn } from "./Table.ts"
import * as ValueRule from "./values/ValueRule.ts"

/** How one column is written, and the member it is written to. */
interface ColumnRule extends ValueRule.ValueRule {
  readonly name: string
  /** `{"name":` for the first column, `,"name":` for the others. */
  readonly prefix: Buffer
}

/** Why a shape cannot be written to its target. */
export interface ShapeProblem {
  readonly column: string
  readonly problem: string
}

/** A value that cannot be written: the column and the class of the value, never the value. */
export interface ValueProblem {
  readonly column: string
  readonly problem: string
}

/** Bytes of a value longer than this many digits do not fit a JavaScript number exactly. */
const SAFE_DIGITS_MAX = 15
/** Prefix of the JSON member that carries the hex digits of a binary column. */
const HEX_MEMBER_PREFIX = "dbmazz_hex_"

const NULL = Buffer.from("null", "latin1")
const CHAR_0 = 0x30
const CHAR_MINUS = 0x2d

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** The position of the value of column `index` in the tuple at `tuple`: its kind byte. */
const valueAt = (bytes: Uint8Array, tuple: number, index: number): number => {
  let at = tuple + 2
  for (let column = 0; column < index; column++) at += bytes[at] === VALUE_TEXT ? 5 + int32(bytes, at + 1) : 1
  return at
}

/** The key of a row within a batch: equal for equal keys, whatever else is in the row. */
export type RowKey = string | number

export class RowEncoder {
  /** Value of the `columns` header; undefined when every JSON member is a column by its own name. */
  readonly columnsHeader: string | undefined
  /** By the columns' places in the tuple; undefined: the column is left out. */
  readonly #rules: ReadonlyArray<ColumnRule | undefined>
  readonly #keyIndexes: ReadonlyArray<number>
  readonly #integerKey: boolean

  /** `names`: the load lists its columns, so that those which it lists not get their defaults. */
  constructor(rules: ReadonlyArray<ColumnRule | undefined>, keyIndexes: ReadonlyArray<number>, names: boolean) {
    this.#rules = rules
    this.#keyIndexes = keyIndexes
    this.#integerKey = keyIndexes.length === 1 && rules[keyIndexes[0]!]?.literal === "digits"
    this.columnsHeader = names || rules.some((rule) => rule?.literal === "hex") ? columnsHeader(rules) : undefined
  }

  /** The key of the tuple; a value left out as unchanged is taken from `oldTuple` (−1: there is none). */
  key(bytes: Buffer, tuple: number, oldTuple: number): RowKey {
    let joined = ""
    for (let part = 0; part < this.#keyIndexes.length; part++) {
      const index = this.#keyIndexes[part]!
      let at = valueAt(bytes, tuple, index)
      if (bytes[at] === VALUE_UNCHANGED && oldTuple >= 0) at = valueAt(bytes, oldTuple, index)
      if (bytes[at] !== VALUE_TEXT) {
        joined += "-,"
        continue
      }
      const length = int32(bytes, at + 1)
      if (this.#integerKey && length <= SAFE_DIGITS_MAX) return smallInteger(bytes, at + 5, at + 5 + length)
      const text = bytes.toString("latin1", at + 5, at + 5 + length)
      // The length in front keeps ('a', 'bc') and ('ab', 'c') apart.
      joined = this.#keyIndexes.length === 1 ? text : `${joined}${length}:${text}`
    }
    return joined
  }

  /** The key of the tuple as people write it, `id=42`: for errors, which must say which row. */
  describeKey(bytes: Buffer, tuple: number, oldTuple: number): string {
    return this.#keyIndexes.map((index) => {
      let at = valueAt(bytes, tuple, index)
      if (bytes[at] === VALUE_UNCHANGED && oldTuple >= 0) at = valueAt(bytes, oldTuple, index)
      const text = bytes[at] === VALUE_TEXT ? bytes.toString("utf8", at + 5, at + 5 + int32(bytes, at + 1)) : "?"
      return `${this.#rules[index]?.name}=${text}`
    }).join(", ")
  }

  /**
   * Writes one row: the columns of the tuple at `tuple`, then `tail` (the audit columns and the end of the line). A value
   * left out as unchanged is taken from `oldTuple` (−1: there is none). On a problem the writer is left as it was.
   */
  encode(
    writer: ByteWriter,
    bytes: Buffer,
    tuple: number,
    oldTuple: number,
    tail: Uint8Array
  ): ValueProblem | undefined {
    const rowStart = writer.length
    const rules = this.#rules
    let at = tuple + 2
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]
      if (rule === undefined) {
        at += bytes[at] === VALUE_TEXT ? 5 + int32(bytes, at + 1) : 1
        continue
      }
      writer.copy(rule.prefix, 0, rule.prefix.length)
      const kind = bytes[at]!
      let problem: string | undefined = undefined
      if (kind === VALUE_TEXT) {
        const end = at + 5 + int32(bytes, at + 1)
        problem = ValueRule.write(writer, rule, bytes, at + 5, end)
        at = end
      } else {
        at += 1
        if (kind === VALUE_NULL) writer.copy(NULL, 0, NULL.length)
        else problem = this.#writeUnchanged(writer, bytes, oldTuple, index)
      }
      if (problem !== undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem }
      }
    }
    writer.copy(tail, 0, tail.length)
    return undefined
  }

  #writeUnchanged(writer: ByteWriter, bytes: Buffer, oldTuple: number, index: number): string | undefined {
    if (oldTuple < 0) return "an unchanged TOASTed value came without the old row"
    const at = valueAt(bytes, oldTuple, index)
    if (bytes[at] === VALUE_TEXT) {
      return ValueRule.write(writer, this.#rules[index]!, bytes, at + 5, at + 5 + int32(bytes, at + 1))
    }
    if (bytes[at] !== VALUE_NULL) return "an unchanged TOASTed value is missing from the old row too"
    writer.copy(NULL, 0, NULL.length)
    return undefined
  }
}

const smallInteger = (bytes: Uint8Array, start: number, end: number): number => {
  const negative = bytes[start] === CHAR_MINUS
  let value = 0
  for (let at = negative ? start + 1 : start; at < end; at++) value = value * 10 + (bytes[at]! - CHAR_0)
  return negative ? -value : value
}

const quoteName = (name: string): string => `\`${name.replaceAll("`", "``")}\``

const columnsHeader = (rules: ReadonlyArray<ColumnRule | undefined>): string => {
  const members = rules.flatMap((rule, index) =>
    rule === undefined ? [] : rule.literal === "hex" ? [`${HEX_MEMBER_PREFIX}${index}`] : [quoteName(rule.name)]
  )
  const computed = rules.flatMap((rule, index) =>
    rule?.literal === "hex" ? [`${quoteName(rule.name)}=to_binary(${HEX_MEMBER_PREFIX}${index},'hex')`] : []
  )
  return [...members, ...AuditColumns.NAMES, ...computed].join(",")
}

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
  let written = 0
  relation.columns.forEach((column, index) => {
    if (!ColumnLists.keeps(mapping.selection, column.name)) {
      rules.push(undefined)
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
    const member = rule.literal === "hex" ? `${HEX_MEMBER_PREFIX}${index}` : column.name
    rules.push({
      ...rule,
      name: column.name,
      prefix: Buffer.from(`${written === 0 ? "{" : ","}${JSON.stringify(member)}:`, "utf8")
    })
    written += 1
  })
  const keyIndexes = mapping.key.map((name) => relation.columns.findIndex((column) => column.name === name))
  mapping.key.forEach((name, part) => {
    if (keyIndexes[part]! < 0) problems.push({ column: name, problem: "the key's column is not in the published row" })
  })
  const unwritten = leftOut(relation, mapping)
  for (const { default: fallback, name, nullable } of unwritten) {
    if (nullable || fallback !== undefined || mapping.key.includes(name)) continue
    problems.push({ column: name, problem: "it is NOT NULL in the target, and the rows do not have it any more" })
  }
  const hasDefaults = unwritten.some((column) => column.default !== undefined)
  return problems.length > 0 ? Result.fail(problems) : Result.succeed(new RowEncoder(rules, keyIndexes, hasDefaults))
}
