/** Names of tables, and quoting them for the two SQL dialects. */

/** A table by schema (PostgreSQL) or database (StarRocks) and name, both exactly as the catalogue spells them. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

/** `schema.name`, for people and as a key of maps: never for SQL. */
export const show = (table: QualifiedName): string => `${table.schema}.${table.name}`

/** An identifier quoted for PostgreSQL. */
export const quotePg = (identifier: string): string => `"${identifier.replaceAll("\"", "\"\"")}"`

/** `"schema"."name"` for PostgreSQL. */
export const quotePgTable = (table: QualifiedName): string => `${quotePg(table.schema)}.${quotePg(table.name)}`

/** An identifier quoted for StarRocks. */
export const quoteSr = (identifier: string): string => `\`${identifier.replaceAll("`", "``")}\``

/** `` `database`.`table` `` for StarRocks. */
export const quoteSrTable = (table: QualifiedName): string => `${quoteSr(table.schema)}.${quoteSr(table.name)}`

/** A string literal for either dialect (standard_conforming_strings on PostgreSQL); backslashes doubled for StarRocks. */
export const literalSr = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`

/**
 * Reads one entry of `TABLES`: `name`, `schema.name`, or either part in double quotes when it holds a dot or a comma.
 * A bare name is in `public`. Undefined when the entry is not a table name.
 */
export const parseTable = (entry: string): QualifiedName | undefined => {
  const parts = [...entry.matchAll(/"((?:[^"]|"")+)"|([^".\s][^".]*)/g)]
  const rebuilt = parts.map((part) => part[0]).join(".")
  if (rebuilt !== entry) return undefined
  const names = parts.map((part) => part[1] === undefined ? part[2]!.trim() : part[1].replaceAll("\"\"", "\""))
  if (names.length === 1) return { schema: "public", name: names[0]! }
  if (names.length === 2) return { schema: names[0]!, name: names[1]! }
  return undefined
}

/** Splits a `TABLES` value at the commas that are outside double quotes; empty entries are dropped. */
export const splitList = (value: string): ReadonlyArray<string> =>
  (value.match(/(?:"(?:[^"]|"")*"|[^,])+/g) ?? []).map((entry) => entry.trim()).filter((entry) => entry !== "")
