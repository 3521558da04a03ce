/** The rule by which the values of one column are written: compiled once a shape, then applied to bytes, row by row. */
import type { ByteWriter } from "../ByteWriter.ts"
import * as PgType from "../PgType.ts"
import { boundsOf, bytesMaxOf, familyOf, scaleOf, type StarRocksFamily } from "../StarRocksType.ts"
import type { TargetColumn } from "../Table.ts"
import { type Literal, literalFor } from "../TypeMapping.ts"
import { writeArray, writeJson } from "./DocumentValue.ts"
import { JSON_FORM } from "./JsonForm.ts"
import { writeDecimal, writeFloat, writeInteger, writeMoney } from "./NumberValue.ts"
import type { Problem } from "./Problem.ts"
import { writeDate, writeHex, writeInstant, writeText } from "./TextValue.ts"
import type { ValueForm } from "./ValueForm.ts"
import * as ValuePolicy from "./ValuePolicy.ts"

export interface ValueRule {
  readonly literal: Literal
  /** What the target column holds, of whole numbers. Undefined: every value of the source type fits. */
  readonly bounds: readonly [bigint, bigint] | undefined
  /** Digits of a whole number that are sure to fit the bounds. */
  readonly digits: number
  /** Decimals the target keeps; more of them would be rounded. */
  readonly scale: number
  /** Bytes of text the target holds, or of binary data. */
  readonly bytesMax: number
  /** The first part of a value is worth something by itself: `clamp` may cut it. */
  readonly isProse: boolean
  readonly family: StarRocksFamily
  /** The target column's type is FLOAT. */
  readonly single: boolean
  readonly nullable: boolean
  /** NULL is refused: the column is NOT NULL and has no default. */
  readonly required: boolean
  /** Of an array. */
  readonly elements: PgType.ArrayElements | undefined
  readonly policies: ValuePolicy.Policies
  /** How the format marks the value. */
  readonly form: ValueForm
}

/**
 * Writes the value in `bytes[start, end)` by the rule. Gives the problem of a value that has no form; what was
 * written of it is then to be dropped.
 */
export type WriteValue = (
  writer: ByteWriter,
  rule: ValueRule,
  bytes: Buffer,
  start: number,
  end: number
) => Problem | undefined

const TRUE = Buffer.from("true", "latin1")
const FALSE = Buffer.from("false", "latin1")
const CHAR_0 = 0x30
const CHAR_T = 0x74

/** Text that people write. Types of the database itself have the OID of text. */
const PROSE_OIDS: ReadonlySet<number> = new Set([
  PgType.TEXT_OID,
  PgType.VARCHAR_OID,
  PgType.BPCHAR_OID,
  PgType.NAME_OID
])

/** Whether the first part of a value of this type is worth something by itself. */
export const isProse = (typeOid: number): boolean => PROSE_OIDS.has(typeOid)

/** Whether the column refuses NULL, and puts nothing in its place. */
export const isRequired = (target: TargetColumn): boolean => !target.nullable && target.default === undefined

/** The rule for values of this type in this column; undefined when the column cannot hold the type. */
export const compile = (
  type: PgType.PgType,
  target: TargetColumn,
  policies: ValuePolicy.Policies = ValuePolicy.DEFAULTS,
  form: ValueForm = JSON_FORM
): ValueRule | undefined => {
  const family = familyOf(target.type)
  const literal = family === undefined ? undefined : literalFor(type.kind, family)
  if (family === undefined || literal === undefined) return undefined
  const holds = boundsOf(target.type)
  const fits = holds === undefined ||
    (type.bounds !== undefined && type.bounds[0] >= holds[0] && type.bounds[1] <= holds[1])
  return {
    literal: literal === "digits" && !fits ? "integer" : literal,
    bounds: fits ? undefined : holds,
    digits: fits ? Number.POSITIVE_INFINITY : String(holds[1] + 1n).length - 1,
    scale: scaleOf(target.type),
    bytesMax: bytesMaxOf(target.type),
    isProse: isProse(type.oid),
    family,
    single: family === "float",
    nullable: target.nullable,
    required: isRequired(target),
    elements: type.elements,
    policies,
    form
  }
}

/** As the rule's literal asks for. */
export const write: WriteValue = (writer, rule, bytes, start, end) => {
  switch (rule.literal) {
    case "digits":
      writer.copy(bytes, start, end)
      return undefined
    case "integer":
      return writeInteger(writer, rule, bytes, start, end)
    case "string":
      return writeText(writer, rule, bytes, start, end)
    case "decimal":
      return writeDecimal(writer, rule, bytes, start, end)
    case "money":
      return writeMoney(writer, rule, bytes, start, end)
    case "number":
      return writeFloat(writer, rule, bytes, start, end)
    case "boolean":
      if (bytes[start] === CHAR_T) writer.copy(TRUE, 0, TRUE.length)
      else writer.copy(FALSE, 0, FALSE.length)
      return undefined
    case "bit":
      writer.byte(bytes[start] === CHAR_T ? CHAR_0 + 1 : CHAR_0)
      return undefined
    case "date":
    case "timestamp":
      return writeDate(writer, rule, bytes, start, end)
    case "instant":
      return writeInstant(writer, rule, bytes, start, end)
    case "json":
      return writeJson(writer, rule, bytes, start, end)
    case "array":
      return writeArray(writer, rule, bytes, start, end)
    case "hex":
      return writeHex(writer, rule, bytes, start, end)
  }
}
