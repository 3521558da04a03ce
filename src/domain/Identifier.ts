/** Names of tables, and quoting them for the two SQL dialects. */
import * as NamePattern from "./NamePattern.ts"

/** A table by schema (PostgreSQL) or database (StarRocks) and name, both exactly as the catalogue spells them. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

/** An identifier quoted for PostgreSQL. */
export const quotePg = (identifier: string): string => `"${identifier.replaceAll("\"", "\"\"")}"`

/** One part of a name for people: in double quotes, as `TABLES` has it, when a dot or a quote in it makes it look like more. */
export const showPart = (part: string): string => /[."]/.test(part) ? quotePg(part) : part

/** `schema.name`, for people and as a key of maps: no two tables have the same. Never for SQL. */
export const show = (table: QualifiedName): string => `${showPart(table.schema)}.${showPart(table.name)}`

const SHOWN = /^("(?:[^"]|"")*"|[^."]*)\.("(?:[^"]|"")*"|[^."]*)$/
const readPart = (shown: string): string => shown.startsWith("\"") ? shown.slice(1, -1).replaceAll("\"\"", "\"") : shown

/** The table that `show` gave this text for; undefined: it is none of its texts. */
export const unshow = (shown: string): QualifiedName | undefined => {
  const [, schema, name] = SHOWN.exec(shown) ?? []
  return schema === undefined || name === undefined ? undefined : { schema: readPart(schema), name: readPart(name) }
}

/** `"schema"."name"` for PostgreSQL. */
export const quotePgTable = (table: QualifiedName): string => `${quotePg(table.schema)}.${quotePg(table.name)}`

/** An identifier quoted for StarRocks. */
export const quoteSr = (identifier: string): string => `\`${identifier.replaceAll("`", "``")}\``

/** `` `database`.`table` `` for StarRocks. */
export const quoteSrTable = (table: QualifiedName): string => `${quoteSr(table.schema)}.${quoteSr(table.name)}`

/** A string literal for either dialect (standard_conforming_strings on PostgreSQL); backslashes doubled for StarRocks. */
export const literalSr = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`

/** An entry of `TABLES`: a table, or all tables whose names fit where a part holds `*` outside quotes. */
export interface TableEntry extends QualifiedName {
  /** Which parts are patterns; undefined: the entry names one table. */
  readonly wild?: { readonly schema: boolean; readonly name: boolean }
}

/**
 * Reads one entry of `TABLES`: `name`, `schema.name`, or either part in double quotes when it holds a dot, a comma or an
 * asterisk. A bare name is in `public`. Undefined when the entry is not a table name.
 */
export const parseTable = (entry: string): TableEntry | undefined => {
  const parts = NamePattern.parseParts(entry)
  if (parts === undefined || parts.length > 2) return undefined
  const [schema, name] = parts.length === 1 ? [NamePattern.literal("public"), parts[0]!] : [parts[0]!, parts[1]!]
  const names = { schema: schema.text, name: name.text }
  return schema.wild || name.wild ? { ...names, wild: { schema: schema.wild, name: name.wild } } : names
}

/** Splits a `TABLES` value at the commas that are outside double quotes; empty entries are dropped. */
export const splitList = (value: string): ReadonlyArray<string> =>
  (value.match(/(?:"(?:[^"]|"")*"|[^,])+/g) ?? []).map((entry) => entry.trim()).filter((entry) => entry !== "")
