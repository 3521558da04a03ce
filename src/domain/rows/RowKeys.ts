/** Reads the keys of rows: to find rows of one key in a batch, to name a row to people, and to ask StarRocks for it. */
import { ByteWriter } from "../ByteWriter.ts"
import { after, int32, TEXT_OFFSET, VALUE_TEXT, VALUE_UNCHANGED, valueAt } from "../pgoutput/Tuple.ts"
import { JSON_FORM } from "../values/JsonForm.ts"
import * as ValueRule from "../values/ValueRule.ts"

/** The key of a row within a batch: equal for equal keys, whatever else is in the row. */
export type RowKey = string | number

/** A key column's rule and name. */
interface KeyRule extends ValueRule.ValueRule {
  readonly name: string
}

/** Bytes of a value longer than this many digits do not fit a JavaScript number exactly. */
const SAFE_DIGITS_MAX = 15
/** StarRocks takes keys of 128 bytes; a longer one grows the writer. */
const KEY_BYTES_INITIAL = 256
const FRACTION = /\..*/
const CHAR_0 = 0x30
const CHAR_MINUS = 0x2d

const smallInteger = (bytes: Uint8Array, start: number, end: number): number => {
  const negative = bytes[start] === CHAR_MINUS
  let value = 0
  for (let at = negative ? start + 1 : start; at < end; at++) value = value * 10 + (bytes[at]! - CHAR_0)
  return negative ? -value : value
}

/** In all methods a value that the tuple leaves out as unchanged is taken from `oldTuple` (−1: there is none). */
export class RowKeys {
  readonly indexes: ReadonlyArray<number>
  readonly #rules: ReadonlyArray<KeyRule | undefined>
  readonly #isInteger: boolean
  /** Of each part, whether its column takes 7 and 7.0 for one key. */
  readonly #dropsFraction: ReadonlyArray<boolean>
  /** Of each part, whether it is an array, which is sent as another text than PostgreSQL's. */
  readonly #isArray: ReadonlyArray<boolean>

  /** The places of the key's columns, in the order of the mapping's key, and their rules. */
  constructor(indexes: ReadonlyArray<number>, rules: ReadonlyArray<KeyRule | undefined>) {
    this.indexes = indexes
    this.#rules = rules
    this.#isInteger = indexes.length === 1 && rules[0]?.literal === "digits"
    this.#dropsFraction = rules.map((rule) => rule?.literal === "decimal" && rule.scale === 0)
    this.#isArray = rules.map((rule) => rule?.literal === "array")
  }

  /** Whether the column at this place is part of the key. */
  has(index: number): boolean {
    return this.indexes.includes(index)
  }

  of(bytes: Buffer, tuple: number, oldTuple: number): RowKey {
    let joined = ""
    for (let part = 0; part < this.indexes.length; part++) {
      const index = this.indexes[part]!
      let at = valueAt(bytes, tuple, index)
      if (bytes[at] === VALUE_UNCHANGED && oldTuple >= 0) at = valueAt(bytes, oldTuple, index)
      if (bytes[at] !== VALUE_TEXT) {
        joined += "-,"
        continue
      }
      const length = int32(bytes, at + 1)
      if (this.#isInteger && length <= SAFE_DIGITS_MAX) return smallInteger(bytes, at + 5, at + 5 + length)
      const sent = bytes.toString("latin1", at + TEXT_OFFSET, at + TEXT_OFFSET + length)
      const text = this.#dropsFraction[part] === true
        ? sent.replace(FRACTION, "")
        : this.#isArray[part] === true
        ? this.#arrayText(part, bytes, at)
        : sent
      // The length in front keeps ('a', 'bc') and ('ab', 'c') apart.
      joined = this.indexes.length === 1 ? text : `${joined}${text.length}:${text}`
    }
    return joined
  }

  /** As people write it, `id=42`. */
  describe(bytes: Buffer, tuple: number, oldTuple: number): string {
    return this.indexes.map((index, part) => {
      const at = this.#at(bytes, tuple, oldTuple, index)
      const text = bytes[at] === VALUE_TEXT ? bytes.toString("utf8", at + TEXT_OFFSET, after(bytes, at)) : "?"
      return `${this.#rules[part]?.name}=${text}`
    }).join(", ")
  }

  /** As it is sent: the JSON of each column's value. Undefined when a value is not there or cannot be sent. */
  literals(bytes: Buffer, tuple: number, oldTuple: number): ReadonlyArray<string> | undefined {
    const literals: Array<string> = []
    for (const [part, index] of this.indexes.entries()) {
      const rule = this.#rules[part]
      const at = this.#at(bytes, tuple, oldTuple, index)
      if (rule === undefined || bytes[at] !== VALUE_TEXT) return undefined
      const writer = new ByteWriter(KEY_BYTES_INITIAL)
      if (ValueRule.write(writer, rule, bytes, at + TEXT_OFFSET, after(bytes, at)) !== undefined) return undefined
      literals.push(writer.view().toString("utf8"))
    }
    return literals
  }

  /** As it is sent: what its bytes are counted of. One that cannot be sent is PostgreSQL's text. */
  #arrayText(part: number, bytes: Buffer, at: number): string {
    const writer = new ByteWriter(KEY_BYTES_INITIAL)
    const [start, end] = [at + TEXT_OFFSET, after(bytes, at)]
    const rule = { ...this.#rules[part]!, form: JSON_FORM }
    if (ValueRule.write(writer, rule, bytes, start, end) !== undefined) return bytes.toString("latin1", start, end)
    return Buffer.from(String(JSON.parse(writer.view().toString("utf8")))).toString("latin1")
  }

  #at(bytes: Buffer, tuple: number, oldTuple: number, index: number): number {
    const at = valueAt(bytes, tuple, index)
    return bytes[at] === VALUE_UNCHANGED && oldTuple >= 0 ? valueAt(bytes, oldTuple, index) : at
  }
}
