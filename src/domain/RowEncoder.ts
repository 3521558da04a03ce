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
import * as ColumnSet from "./rows/ColumnSet.ts"
import type { Gaps } from "./rows/Gaps.ts"
import { RowKeys } from "./rows/RowKeys.ts"
import { after, int32, TEXT_OFFSET, valueAt } from "./rows/Tuple.ts"
import type { TableMapping, TargetColumn } from "./Table.ts"
import * as ValueRule from "./values/ValueRule.ts"

/** How one column is written, and the member it is written to. */
interface ColumnRule extends ValueRule.ValueRule {
  readonly name: string
  /** May be NULL: what a deleted row had there can be left out. */
  readonly optional: boolean
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
  /** PostgreSQL has not sent it. */
  readonly isMissing?: boolean
}

const NULL = Buffer.from("null", "latin1")
const NOT_SENT = "PostgreSQL has not sent it"
const OPEN = 0x7b
const COMMA = 0x2c
/** What a relation and its mapping say of the columns, by their places in the tuple. */
interface Layout {
  /** Undefined: the column is left out. */
  readonly rules: ReadonlyArray<ColumnRule | undefined>
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
  readonly #rules: ReadonlyArray<ColumnRule | undefined>
  readonly #columns: ReadonlyArray<ColumnSet.Column>
  readonly keys: RowKeys
  readonly #identity: ReadonlyArray<boolean>
  readonly #sets = new Map<string, ColumnSet.ColumnSet>()

  constructor({ covers, identity, keyIndexes, rules }: Layout) {
    this.#rules = rules
    this.keys = new RowKeys(keyIndexes, keyIndexes.map((index) => rules[index]))
    this.#identity = identity
    this.#columns = rules.flatMap((rule, index) => rule === undefined ? [] : [columnOf(rule, index)])
    this.whole = ColumnSet.whole(this.#columns, covers)
    this.beyondIdentity = this.#columns.flatMap(({ index }) => identity[index] ? [] : [index])
  }

  /** The columns without those at these places. Equal sets are one object. */
  columnSet(omitted: ReadonlyArray<number>): ColumnSet.ColumnSet {
    if (omitted.length === 0) return this.whole
    const name = omitted.join(",")
    let set = this.#sets.get(name)
    if (set === undefined) {
      set = ColumnSet.without(this.#columns, omitted)
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

  /** The key of the tuple as people write it, `id=42`: for errors, which must say which row. */
  describeKey(bytes: Buffer, tuple: number, oldTuple: number): string {
    return this.keys.describe(bytes, tuple, oldTuple)
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

  /**
   * Writes one row that has no gaps: the columns of the tuple at `tuple`, then `tail` (the audit columns and the end of the
   * line). `bare`: every column that may be NULL is. On a problem the writer is left as it was.
   */
  encode(writer: ByteWriter, bytes: Buffer, tuple: number, tail: Uint8Array, bare = false): ValueProblem | undefined {
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
        if (bare && rule.optional) writer.copy(NULL, 0, NULL.length)
        else problem = ValueRule.write(writer, rule, bytes, at + 5, end)
        at = end
      } else {
        at += 1
        if (kind === VALUE_NULL || (bare && rule.optional)) writer.copy(NULL, 0, NULL.length)
        else problem = NOT_SENT
      }
      if (problem !== undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem, isMissing: problem === NOT_SENT }
      }
    }
    writer.copy(tail, 0, tail.length)
    return undefined
  }

  /**
   * As `encode`, for a row with gaps: those in `omits` are left out of the line, the others are taken from where they lie.
   */
  encodeGaps(
    writer: ByteWriter,
    bytes: Buffer,
    tuple: number,
    gaps: Gaps,
    omits: ReadonlySet<number>,
    tail: Uint8Array
  ): ValueProblem | undefined {
    const rowStart = writer.length
    let at = tuple + 2
    let separator = OPEN
    for (let index = 0; index < this.#rules.length; index++) {
      const here = at
      at = after(bytes, at)
      const rule = this.#rules[index]
      if (rule === undefined || omits.has(index)) continue
      writer.byte(separator)
      separator = COMMA
      writer.copy(rule.prefix, 1, rule.prefix.length)
      const gap = gaps.get(index)
      const place = gap === undefined ? { bytes, at: here } : gap.place
      if (place === undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem: NOT_SENT, isMissing: true }
      }
      const problem = writePlace(writer, rule, place.bytes, place.at)
      if (problem !== undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem }
      }
    }
    writer.copy(tail, 0, tail.length)
    return undefined
  }
}

/** Writes the value whose kind byte is at `at`: a text or NULL. */
const writePlace = (writer: ByteWriter, rule: ColumnRule, bytes: Buffer, at: number): string | undefined => {
  if (bytes[at] === VALUE_TEXT) return ValueRule.write(writer, rule, bytes, at + TEXT_OFFSET, after(bytes, at))
  writer.copy(NULL, 0, NULL.length)
  return undefined
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
    const member = ColumnSet.memberOf(columnOf({ name: column.name, literal: rule.literal }, index))
    rules.push({
      ...rule,
      name: column.name,
      optional: target.nullable && !mapping.key.includes(column.name),
      prefix: Buffer.from(`${written === 0 ? "{" : ","}${JSON.stringify(member)}:`, "utf8")
    })
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
      keyIndexes,
      identity: relation.columns.map(({ key }) => key),
      covers: covers(mapping, rules)
    })
  )
}
