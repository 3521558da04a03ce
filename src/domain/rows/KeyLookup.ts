/** Asking StarRocks which keys it has, and how new their rows are: the statements, and what their answers mean. */
import * as CanonicalValue from "../CanonicalValue.ts"
import * as Identifier from "../Identifier.ts"
import type { PgKind } from "../PgType.ts"
import { familyOf, type StarRocksFamily } from "../StarRocksType.ts"
import type { TableMapping } from "../Table.ts"

/** A key in a question. */
export interface Key {
  /** Equal for equal keys, whichever side spelled them. */
  readonly id: string
  /** SQL literals, in the order of the mapping's key. */
  readonly literals: ReadonlyArray<string>
}

/** Rows that StarRocks has, by the `id` of their keys: `dbmazz_cdc_version`, null in a row that other hands have loaded. */
export type Versions = ReadonlyMap<string, bigint | null>

/** What a result row holds, by column. */
type Row = Readonly<Record<string, string | null>>

export interface KeyLookup {
  /** From the JSON of the key's values, as they are sent. */
  readonly key: (values: ReadonlyArray<string>) => Key
  /** The question for keys, of which there are some; at most `keysMax`. */
  readonly statement: (keys: ReadonlyArray<Key>) => string
  readonly keysMax: number
  /** A row of the answer. */
  readonly read: (row: Row) => readonly [id: string, version: bigint | null]
}

/**
 * Keys of one question. A key column is at most 128 bytes, so that the statement stays below 1 MB, MySQL's oldest packet;
 * StarRocks' `expr_children_limit` is 10,000.
 */
const KEYS_MAX = 1_000
/** Of several columns each key is an expression, and StarRocks plans those with recursion. */
const COMPOSITE_KEYS_MAX = 100

const VERSION = "cdc_version"
const alias = (part: number): string => `key_${part}`

/** The kind whose values are written and shown alike by both sides. */
const KINDS: Readonly<Partial<Record<StarRocksFamily, PgKind>>> = {
  boolean: "boolean",
  integer: "integer",
  date: "date",
  datetime: "timestamp"
}

interface Part {
  readonly name: string
  readonly isNumber: boolean
  readonly canonical: (text: string) => string
}

const partOf = ({ targetColumns }: TableMapping, name: string): Part => {
  const type = targetColumns.get(name)?.type ?? ""
  const family = familyOf(type) ?? "string"
  return {
    name: Identifier.quoteSr(name),
    isNumber: family === "integer",
    canonical: CanonicalValue.of(KINDS[family] ?? "text", family, type)
  }
}

const textOf = (json: string): string => json.startsWith("\"") ? String(JSON.parse(json)) : json

const literalOf = (json: string, { isNumber }: Part): string =>
  isNumber || !json.startsWith("\"") ? textOf(json) : Identifier.literalSr(textOf(json))

/** The questions for a table's keys. */
export const make = (mapping: TableMapping): KeyLookup => {
  const parts = mapping.key.map((name) => partOf(mapping, name))
  const idOf = (texts: ReadonlyArray<string>): string =>
    texts.map((text, part) => parts[part]?.canonical(text) ?? text).map((text) => `${text.length}:${text}`).join("")
  const columns = [...parts.map(({ name }, part) => `${name} AS ${alias(part)}`), `dbmazz_cdc_version AS ${VERSION}`]
  const select = `SELECT ${columns.join(", ")} FROM ${Identifier.quoteSrTable(mapping.target)} WHERE `
  return {
    key: (values) => ({
      id: idOf(values.map(textOf)),
      literals: values.map((json, part) => literalOf(json, parts[part]!))
    }),
    statement: (keys) =>
      parts.length === 1
        ? `${select}${parts[0]!.name} IN (${keys.map(({ literals }) => literals[0]).join(", ")})`
        : select + keys.map(({ literals }) =>
          `(${literals.map((literal, part) => `${parts[part]!.name} = ${literal}`).join(" AND ")})`
        ).join(" OR "),
    keysMax: parts.length === 1 ? KEYS_MAX : COMPOSITE_KEYS_MAX,
    read: (row) => {
      const version = row[VERSION] ?? null
      return [idOf(parts.map((_, part) => row[alias(part)] ?? "")), version === null ? null : BigInt(version)]
    }
  }
}
