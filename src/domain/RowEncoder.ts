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
import { tupleColumns, VALUE_NULL, VALUE_TEXT, VALUE_UNCHANGED } from "./pgoutput/Decoder.ts"
import type { Relation } from "./pgoutput/Message.ts"
import * as PgType from "./PgType.ts"
import { familyOf, scaleOf } from "./StarRocksType.ts"
import type { TableMapping } from "./Table.ts"
import { type Literal, literalFor } from "./TypeMapping.ts"

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

interface ColumnRule {
  readonly name: string
  readonly literal: Literal
  /** Decimals the target keeps; more of them would be rounded. */
  readonly scale: number
  /** `{"name":` for the first column, `,"name":` for the others. */
  readonly prefix: Buffer
}

/** Bytes of a value longer than this many digits do not fit a JavaScript number exactly. */
const SAFE_DIGITS_MAX = 15
/** Prefix of the JSON member that carries the hex digits of a binary column. */
const HEX_MEMBER_PREFIX = "dbmazz_hex_"

const NULL = Buffer.from("null", "latin1")
const TRUE = Buffer.from("true", "latin1")
const FALSE = Buffer.from("false", "latin1")
const CHAR_T = 0x74
const CHAR_0 = 0x30
const CHAR_9 = 0x39
const CHAR_MINUS = 0x2d
const CHAR_PLUS = 0x2b
const CHAR_POINT = 0x2e
const QUOTE = 0x22
/** Length of `+00`, which a session in UTC appends to every timestamptz. */
const UTC_OFFSET_BYTES = 3
const YEAR_DIGITS = 4

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= CHAR_0 && byte <= CHAR_9

/** A finite number's text has a digit first, or second after its sign; NaN and the infinities have not. */
const isFinite = (bytes: Uint8Array, start: number): boolean =>
  isDigit(bytes[start]) || ((bytes[start] === CHAR_MINUS || bytes[start] === CHAR_PLUS) && isDigit(bytes[start + 1]))

/** An ISO date of the years 1 to 9999: four digits, a minus, and no ` BC` at the end. */
const isCommonEra = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start > YEAR_DIGITS && isDigit(bytes[start]) && bytes[start + YEAR_DIGITS] === CHAR_MINUS &&
  isDigit(bytes[end - 1])

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
  readonly columnCount: number
  /** By the columns' places in the tuple; undefined: the column is left out. */
  readonly #rules: ReadonlyArray<ColumnRule | undefined>
  readonly #keyIndexes: ReadonlyArray<number>
  readonly #integerKey: boolean

  constructor(rules: ReadonlyArray<ColumnRule | undefined>, keyIndexes: ReadonlyArray<number>) {
    this.#rules = rules
    this.#keyIndexes = keyIndexes
    this.columnCount = rules.length
    this.#integerKey = keyIndexes.length === 1 && rules[keyIndexes[0]!]?.literal === "digits"
    this.columnsHeader = rules.some((rule) => rule?.literal === "hex") ? columnsHeader(rules) : undefined
  }

  /** True when the tuple has as many columns as the relation. */
  fits(bytes: Uint8Array, tuple: number): boolean {
    return tupleColumns(bytes, tuple) === this.columnCount
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
        problem = writeValue(writer, rule, bytes, at + 5, end)
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
      return writeValue(writer, this.#rules[index]!, bytes, at + 5, at + 5 + int32(bytes, at + 1))
    }
    if (bytes[at] !== VALUE_NULL) return "an unchanged TOASTed value is missing from the old row too"
    writer.copy(NULL, 0, NULL.length)
    return undefined
  }
}

/** Whether a digit other than 0 stands beyond `scale` decimals. */
const hasMoreDecimals = (bytes: Uint8Array, start: number, end: number, scale: number): boolean => {
  const point = bytes.subarray(start, end).indexOf(CHAR_POINT)
  if (point < 0) return false
  for (let at = start + point + 1 + scale; at < end; at++) if (bytes[at] !== CHAR_0) return true
  return false
}

const smallInteger = (bytes: Uint8Array, start: number, end: number): number => {
  const negative = bytes[start] === CHAR_MINUS
  let value = 0
  for (let at = negative ? start + 1 : start; at < end; at++) value = value * 10 + (bytes[at]! - CHAR_0)
  return negative ? -value : value
}

/** Writes one value by its rule; gives the class of a value that has no literal. */
const writeValue = (
  writer: ByteWriter,
  rule: ColumnRule,
  bytes: Buffer,
  start: number,
  end: number
): string | undefined => {
  switch (rule.literal) {
    case "digits":
    case "json":
      writer.copy(bytes, start, end)
      return undefined
    case "string":
      writer.jsonString(bytes, start, end)
      return undefined
    case "decimal":
      if (!isFinite(bytes, start)) return "NaN and infinity have no literal in a numeric column"
      if (hasMoreDecimals(bytes, start, end, rule.scale)) return "it has more decimals than the column keeps"
      writeQuoted(writer, bytes, start, end)
      return undefined
    case "number":
      if (!isFinite(bytes, start)) return "NaN and infinity have no literal in a floating-point column"
      writer.copy(bytes, start, end)
      return undefined
    case "boolean":
      if (bytes[start] === CHAR_T) writer.copy(TRUE, 0, TRUE.length)
      else writer.copy(FALSE, 0, FALSE.length)
      return undefined
    case "bit":
      writer.byte(bytes[start] === CHAR_T ? CHAR_0 + 1 : CHAR_0)
      return undefined
    case "date":
    case "timestamp":
      if (!isCommonEra(bytes, start, end)) return "infinity, BC and years after 9999 have no literal"
      writeQuoted(writer, bytes, start, end)
      return undefined
    case "instant": {
      const bare = end - UTC_OFFSET_BYTES
      if (bytes[bare] !== CHAR_PLUS || bytes[bare + 1] !== CHAR_0 || bytes[bare + 2] !== CHAR_0) {
        return "infinity, BC and times outside UTC have no literal"
      }
      if (!isCommonEra(bytes, start, bare)) return "BC and years after 9999 have no literal"
      writeQuoted(writer, bytes, start, bare)
      return undefined
    }
    case "hex":
      if (end - start < 2 || bytes[start + 1] !== 0x78) return "bytea did not come in hex format"
      writeQuoted(writer, bytes, start + 2, end)
      return undefined
  }
}

/** Text that holds nothing to escape: digits and signs. */
const writeQuoted = (writer: ByteWriter, bytes: Buffer, start: number, end: number): void => {
  writer.byte(QUOTE)
  writer.copy(bytes, start, end)
  writer.byte(QUOTE)
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
    const kind = PgType.kindOf(column.typeOid)
    if (target === undefined) {
      problems.push({ column: column.name, problem: "the target table has no column of this name" })
      return
    }
    const family = familyOf(target.type)
    const literal = kind === undefined || family === undefined ? undefined : literalFor(kind, family)
    if (literal === undefined) {
      problems.push({
        column: column.name,
        problem: `${PgType.nameOf(column.typeOid)} cannot be written to ${target.type}`
      })
      return
    }
    const member = literal === "hex" ? `${HEX_MEMBER_PREFIX}${index}` : column.name
    rules.push({
      name: column.name,
      literal,
      scale: scaleOf(target.type),
      prefix: Buffer.from(`${written === 0 ? "{" : ","}${JSON.stringify(member)}:`, "utf8")
    })
    written += 1
  })
  const keyIndexes = mapping.key.map((name) => relation.columns.findIndex((column) => column.name === name))
  mapping.key.forEach((name, part) => {
    if (keyIndexes[part]! < 0) problems.push({ column: name, problem: "the key's column is not in the published row" })
  })
  return problems.length > 0 ? Result.fail(problems) : Result.succeed(new RowEncoder(rules, keyIndexes))
}
