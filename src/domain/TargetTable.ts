/** The StarRocks table that is created for a source table: its columns, its key, and the statement. Pure. */
import * as AuditColumns from "./AuditColumns.ts"
import * as Identifier from "./Identifier.ts"
import * as PgType from "./PgType.ts"
import { familyOf, type StarRocksFamily } from "./StarRocksType.ts"
import type { SourceColumn, SourceTable } from "./Table.ts"
import * as TypeMapping from "./TypeMapping.ts"

/** What the cluster and the configuration say about every table that is created. */
export interface Layout {
  /** Undefined: StarRocks chooses. */
  readonly buckets: number | undefined
  /** Copies of each row; undefined: StarRocks chooses. */
  readonly replicas: number | undefined
}

/** A table that is to be created. */
export interface Definition {
  readonly table: Identifier.QualifiedName
  /** The source's name, for the table's comment. */
  readonly source: Identifier.QualifiedName
  /** Key columns first, in the order of the source's index, then the others in the order of the source. */
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string }>
  readonly key: ReadonlyArray<string>
  readonly layout: Layout
}

/** Read by StarRocks as the operation of a row, so a source column of this name would delete rows. */
const OPERATION_MEMBER = "__op"

/** Whether a source column of this name cannot be written; StarRocks compares names of columns without case. */
export const isReserved = (column: string): boolean => {
  const lower = column.toLowerCase()
  return lower === OPERATION_MEMBER || AuditColumns.NAMES.includes(lower)
}

/** More copies than this only cost space; also StarRocks' own default. */
const REPLICAS_MAX = 3

/** The widest text that every supported version holds; STRING is VARCHAR(65533). */
export const LONGEST_TEXT = "VARCHAR(1048576)"
const STRING = "STRING"

/** Decimal digits that every BIGINT and every LARGEINT of so many digits holds. */
const BIGINT_DIGITS_MAX = 18
const LARGEINT_DIGITS_MAX = 38

/** Of the types that we create, those that a primary key column may have. */
const KEY_FAMILIES: ReadonlySet<StarRocksFamily> = new Set(["boolean", "integer", "date", "datetime", "string"])

/** How many copies a table has in a cluster with so many back ends that are alive. */
export const replicasFor = (aliveBackEnds: number): number => Math.min(REPLICAS_MAX, aliveBackEnds)

/**
 * A numeric key: an integer where the declaration has no decimals, otherwise its text, wide enough for every value. DECIMAL
 * is no type of a primary key.
 */
const numericKeyType = (typmod: number): string => {
  if (typmod < PgType.VARHDRSZ) return STRING
  const { precision, scale } = PgType.numericOf(typmod)
  if (scale > 0) {
    // Digits, the point with a digit before it, and the sign.
    return `VARCHAR(${Math.max(precision, scale + 1) + 2})`
  }
  const digits = precision - scale
  return digits <= BIGINT_DIGITS_MAX ? "BIGINT" : digits <= LARGEINT_DIGITS_MAX ? "LARGEINT" : `VARCHAR(${digits + 1})`
}

/**
 * The type of a created column: the mapping's suggestion, except that a key column has a type that a primary key may have
 * (what is none is kept as PostgreSQL's text), and that other text may be as long as StarRocks allows.
 */
export const createType = (column: Pick<SourceColumn, "typeOid" | "typmod">, isKey: boolean): string => {
  const suggested = TypeMapping.suggest(column.typeOid, column.typmod)
  if (!isKey) return suggested === STRING ? LONGEST_TEXT : suggested
  if (column.typeOid === PgType.NUMERIC_OID) return numericKeyType(column.typmod)
  const family = familyOf(suggested)
  return family !== undefined && KEY_FAMILIES.has(family) ? suggested : STRING
}

/** The table for a source that has a primary key. Columns that are left out or that PostgreSQL does not send are not created. */
export const define = (source: SourceTable, table: Identifier.QualifiedName, layout: Layout): Definition => {
  const sent = source.columns.filter((column) => !column.generated)
  const keys = source.primaryKey.flatMap((name) => sent.find((column) => column.name === name) ?? [])
  const others = sent.filter((column) => !source.primaryKey.includes(column.name))
  return {
    table,
    source: source.name,
    columns: [
      ...keys.map((column) => ({ name: column.name, type: createType(column, true) })),
      ...others.map((column) => ({ name: column.name, type: createType(column, false) }))
    ],
    key: keys.map((column) => column.name),
    layout
  }
}

const NAME_RULES: ReadonlyArray<readonly [pattern: RegExp, why: string]> = [
  [/`/, "a backtick"],
  [/[=<>!*]/, "one of = < > ! *"],
  [/^__row$/i, "a name that StarRocks keeps for itself"],
  [/^(?:__starrocks_shadow_|__generated_partition_column_)/, "a prefix that StarRocks keeps for itself"]
]

/** Why StarRocks cannot have a column of this name; undefined when it can. Everything else only needs its quotes. */
export const columnNameProblem = (name: string): string | undefined =>
  NAME_RULES.find(([pattern]) => pattern.test(name))?.[1]

/** Why StarRocks cannot have a table of this name. */
export const tableNameProblem = (name: string): string | undefined => name.includes("`") ? "a backtick" : undefined

/**
 * The statement. Only key columns are NOT NULL: a soft delete, a column that is dropped or a policy that writes NULL must
 * always be possible. A table that exists is left as it is.
 */
export const sql = ({ columns, key, layout, source, table }: Definition): string => {
  const own = columns.map(({ name, type }) =>
    `${Identifier.quoteSr(name)} ${type} ${key.includes(name) ? "NOT NULL" : "NULL"}`
  )
  const audit = AuditColumns.COLUMNS.map(({ ddl, name }) => `${Identifier.quoteSr(name)} ${ddl}`)
  const names = key.map(Identifier.quoteSr).join(", ")
  const properties = [
    ...(layout.replicas === undefined ? [] : [`"replication_num" = "${layout.replicas}"`]),
    `"enable_persistent_index" = "true"`
  ]
  return [
    `CREATE TABLE IF NOT EXISTS ${Identifier.quoteSrTable(table)} (`,
    [...own, ...audit].map((column) => `  ${column}`).join(",\n"),
    ")",
    `PRIMARY KEY (${names})`,
    `COMMENT ${Identifier.literalSr(`replicated from ${Identifier.show(source)} by dbmazz`)}`,
    `DISTRIBUTED BY HASH(${names})${layout.buckets === undefined ? "" : ` BUCKETS ${layout.buckets}`}`,
    `PROPERTIES (${properties.join(", ")})`
  ].join("\n")
}
