/** The PostgreSQL types that have a mapping, by the OIDs that `pg_type.dat` fixes for ever. */

/** What kind of text PostgreSQL's output function gives for a type; decides how the value is written. */
export type PgKind =
  | "boolean"
  | "integer"
  | "float"
  | "double"
  | "numeric"
  | "text"
  | "date"
  | "time"
  | "timestamp"
  | "timestamptz"
  | "json"
  | "bytea"

interface PgTypeEntry {
  readonly name: string
  readonly kind: PgKind
}

const TYPES: ReadonlyMap<number, PgTypeEntry> = new Map<number, PgTypeEntry>([
  [16, { name: "boolean", kind: "boolean" }],
  [17, { name: "bytea", kind: "bytea" }],
  [20, { name: "bigint", kind: "integer" }],
  [21, { name: "smallint", kind: "integer" }],
  [23, { name: "integer", kind: "integer" }],
  [25, { name: "text", kind: "text" }],
  [114, { name: "json", kind: "json" }],
  [700, { name: "real", kind: "float" }],
  [701, { name: "double precision", kind: "double" }],
  [1042, { name: "character", kind: "text" }],
  [1043, { name: "character varying", kind: "text" }],
  [1082, { name: "date", kind: "date" }],
  [1083, { name: "time", kind: "time" }],
  [1114, { name: "timestamp", kind: "timestamp" }],
  [1184, { name: "timestamptz", kind: "timestamptz" }],
  [1700, { name: "numeric", kind: "numeric" }],
  [2950, { name: "uuid", kind: "text" }],
  [3802, { name: "jsonb", kind: "json" }]
])

/** The kind of a type; undefined for a type that has no mapping. */
export const kindOf = (oid: number): PgKind | undefined => TYPES.get(oid)?.kind

/** The SQL name of a mapped type, or its OID for a person to look up in `pg_type`. */
export const nameOf = (oid: number): string => TYPES.get(oid)?.name ?? `type with OID ${oid}`
