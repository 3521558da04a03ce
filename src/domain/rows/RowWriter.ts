/**
 * Writes rows in one format straight from the bytes of pgoutput tuples, by rules that are fixed when a shape is compiled.
 * The tuples have been checked by the decoder, so nothing here can run past a frame.
 */
import * as AuditColumns from "../AuditColumns.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import type { LoadFormat } from "../LoadFormat.ts"
import { after, int32, TEXT_OFFSET, VALUE_NULL, VALUE_TEXT } from "../pgoutput/Tuple.ts"
import type { TargetColumn } from "../Table.ts"
import * as CsvForm from "../values/CsvForm.ts"
import * as Problem from "../values/Problem.ts"
import type { ValueForm } from "../values/ValueForm.ts"
import * as ValueRule from "../values/ValueRule.ts"
import type { Gaps } from "./Gaps.ts"

/** How one column is written, and the member it is written to. */
export interface ColumnRule extends ValueRule.ValueRule {
  readonly name: string
  /** May be NULL: what a deleted row had there can be left out. */
  readonly optional: boolean
  /** `"name":` in an object; nothing in CSV, which knows fields by their place. */
  readonly label: Uint8Array
  /** The label behind what stands before it in a row without gaps: the row's beginning, or the mark between values. */
  readonly prefix: Uint8Array
}

/** A value that cannot be written: its column, and why. */
export interface ValueProblem {
  readonly column: string
  readonly problem: Problem.Problem
}

/** The marks of a format around the values of a row. */
interface RowForm {
  readonly begin: string
  readonly between: string
  readonly label: (member: string) => string
  readonly tail: (op: AuditColumns.OpType, syncedAt: string, cdcVersion: bigint) => string
}

const NOT_SENT = Problem.of("notSent", "PostgreSQL has not sent it")
const IS_NULL = Problem.of("isNull", "it is NULL, and the column is NOT NULL and has no default")

const ROW_FORMS: Readonly<Record<LoadFormat, RowForm>> = {
  json: { begin: "{", between: ",", label: (member) => `${JSON.stringify(member)}:`, tail: AuditColumns.jsonTail },
  csv: { begin: "", between: CsvForm.SEPARATOR, label: () => "", tail: AuditColumns.csvTail }
}

/** The rule of the column that is written as `member`. */
export const columnRule = (
  rule: ValueRule.ValueRule,
  name: string,
  member: string,
  isFirst: boolean,
  optional: boolean
): ColumnRule => {
  const { begin, between, label } = ROW_FORMS[rule.form.format]
  const text = label(member)
  return {
    ...rule,
    name,
    optional,
    label: Buffer.from(text, "utf8"),
    prefix: Buffer.from(`${isFirst ? begin : between}${text}`, "utf8")
  }
}

/** The rule where the target's column is as this one by now: what it takes already it goes on taking. */
const relaxed = (rule: ColumnRule, { nullable, ...target }: TargetColumn): ColumnRule => {
  const required = rule.required && ValueRule.isRequired({ ...target, nullable })
  return required === rule.required && (rule.nullable || !nullable)
    ? rule
    : { ...rule, required, nullable: rule.nullable || nullable, optional: rule.optional || nullable }
}

export class RowWriter {
  #rules: ReadonlyArray<ColumnRule | undefined>
  readonly #nothing: Uint8Array
  readonly #form: RowForm
  readonly #begin: Uint8Array
  readonly #between: Uint8Array

  /** The rules by the places of the columns in the tuple, all of this form; undefined: the column is left out. */
  constructor({ format, nothing }: ValueForm, rules: ReadonlyArray<ColumnRule | undefined>) {
    this.#rules = rules
    this.#nothing = nothing
    this.#form = ROW_FORMS[format]
    this.#begin = Buffer.from(this.#form.begin, "utf8")
    this.#between = Buffer.from(this.#form.between, "utf8")
  }

  /** From here on NULL is written where these columns of the target take it; false: it was before. None of them is of the key. */
  relax(columns: ReadonlyMap<string, TargetColumn>): boolean {
    const before = this.#rules
    this.#rules = before.map((rule) => {
      const target = rule === undefined ? undefined : columns.get(rule.name)
      return rule === undefined || target === undefined ? rule : relaxed(rule, target)
    })
    return this.#rules.some((rule, index) => rule !== before[index])
  }

  /** What ends a row: the audit columns and the line's end. */
  tail(op: AuditColumns.OpType, syncedAt: string, cdcVersion: bigint): Buffer {
    return Buffer.from(this.#form.tail(op, syncedAt, cdcVersion), "latin1")
  }

  /**
   * Writes one row that has no gaps: the columns of the tuple at `tuple`, then `tail`. `bare`: every column that may be NULL
   * is. On a problem the writer is left as it was.
   */
  encode(writer: ByteWriter, bytes: Buffer, tuple: number, tail: Uint8Array, bare = false): ValueProblem | undefined {
    const rowStart = writer.length
    const rules = this.#rules
    const nothing = this.#nothing
    let at = tuple + 2
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]
      if (rule === undefined) {
        at = after(bytes, at)
        continue
      }
      writer.copy(rule.prefix, 0, rule.prefix.length)
      const kind = bytes[at]!
      let problem: Problem.Problem | undefined = undefined
      if (kind === VALUE_TEXT) {
        const end = at + TEXT_OFFSET + int32(bytes, at + 1)
        if (bare && rule.optional) writer.copy(nothing, 0, nothing.length)
        else problem = ValueRule.write(writer, rule, bytes, at + TEXT_OFFSET, end)
        at = end
      } else {
        at += 1
        if (kind === VALUE_NULL ? !rule.required : bare && rule.optional) writer.copy(nothing, 0, nothing.length)
        else problem = kind === VALUE_NULL ? IS_NULL : NOT_SENT
      }
      if (problem !== undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem }
      }
    }
    writer.copy(tail, 0, tail.length)
    return undefined
  }

  /**
   * As `encode`, for a row with gaps: those in `omits` are left out of the row, the others are taken from where they lie.
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
    let before = this.#begin
    for (let index = 0; index < this.#rules.length; index++) {
      const here = at
      at = after(bytes, at)
      const rule = this.#rules[index]
      if (rule === undefined || omits.has(index)) continue
      writer.copy(before, 0, before.length)
      before = this.#between
      writer.copy(rule.label, 0, rule.label.length)
      const gap = gaps.get(index)
      const problem = gap === undefined
        ? this.#value(writer, rule, bytes, here)
        : gap.place === undefined
        ? NOT_SENT
        : this.#value(writer, rule, gap.place.bytes, gap.place.at)
      if (problem !== undefined) {
        writer.truncate(rowStart)
        return { column: rule.name, problem }
      }
    }
    writer.copy(tail, 0, tail.length)
    return undefined
  }

  /** Writes the value whose kind byte is at `at`: a text or NULL. */
  #value(writer: ByteWriter, rule: ColumnRule, bytes: Buffer, at: number): Problem.Problem | undefined {
    if (bytes[at] === VALUE_TEXT) return ValueRule.write(writer, rule, bytes, at + TEXT_OFFSET, after(bytes, at))
    if (rule.required) return IS_NULL
    writer.copy(this.#nothing, 0, this.#nothing.length)
    return undefined
  }
}
