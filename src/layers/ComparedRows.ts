/** The rows of both sides of a comparison, with every value in its canonical form. */
import * as Effect from "effect/Effect"
import * as CanonicalValue from "../domain/CanonicalValue.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as PgType from "../domain/PgType.ts"
import { PARTITIONED_TABLE, type TableFacts } from "../domain/postgres/SourceFacts.ts"
import { familyOf } from "../domain/StarRocksType.ts"
import type { SourceColumn } from "../domain/Table.ts"
import * as TargetNames from "../domain/TargetNames.ts"
import * as TypeMapping from "../domain/TypeMapping.ts"
import { PostgresSql } from "./PostgresSql.ts"
import * as SourceTables from "./SourceTables.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import { StarRocksSql } from "./StarRocksSql.ts"

/** A column that both sides have, and how each is asked for it. */
export interface ComparedColumn {
  readonly name: string
  readonly sourceType: string
  readonly sourceSql: string
  /** What the source sorts a key column by, so that its order is the target's. */
  readonly sourceOrderSql: string
  readonly targetSql: string
  /** The target takes literals of this column without quotes. */
  readonly bare: boolean
  readonly canonical: (text: string) => string
  readonly compare: (a: string, b: string) => number
}

/** A source table and its target. */
export interface Pair {
  readonly source: Identifier.QualifiedName
  readonly target: Identifier.QualifiedName
  /** Its rows are those of partitions; of another table, rows of tables that inherit from it are not its own. */
  readonly partitioned: boolean
  /** The publication's row filter, SQL; undefined: every row is replicated. */
  readonly rowFilter?: string | undefined
  readonly key: ReadonlyArray<ComparedColumn>
  /** All columns, the key's among them. */
  readonly columns: ReadonlyArray<ComparedColumn>
  readonly compareKeys: (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => number
}

export interface ComparedRow {
  readonly key: ReadonlyArray<string>
  readonly values: ReadonlyArray<string | null>
  readonly deleted: boolean
}

/** Rows of a page: documents of 16 kB make it 32 MB a side. */
const PAGE_ROWS = 2_000
/** Keys in one condition. */
const KEYS_MAX = 200
/** Types of text whose cast to text gives the same as their output function. */
const CAST_OIDS: ReadonlySet<number> = new Set([PgType.TEXT_OID, PgType.VARCHAR_OID])
const TEXT_OIDS: ReadonlySet<number> = new Set([25, 1042, 1043])
const CURSOR = "dbmazz_comparison"
const DELETED = "dbmazz_is_deleted"
/** Sorting a big table by its key may take its time, in ms. */
const STATEMENT_MS_MAX = 170_000

/** The session that compares; for `PostgresSql.layer`. Its texts are those that pgoutput sends, as in all our sessions. */
export const SESSION: Readonly<Record<string, string>> = {
  // A policy is an error then, instead of rows that are not there.
  row_security: "off"
}

/** The first of these tables of which the role sees only what row level security shows it, and the role. */
const hiddenTable = Effect.fnUntraced(function*(sources: ReadonlyArray<TableFacts>) {
  const { query } = yield* PostgresSql
  const [row] = yield* query(
    `select position::int as at, current_user::text as role from unnest($1::oid[]) with ordinality as t (oid, position)
      where row_security_active(t.oid) order by position limit 1`,
    [sources.map((source) => source.oid)]
  )
  const source = sources[Number(row?.["at"]) - 1]
  return source === undefined ? undefined : { table: Identifier.show(source.name), role: String(row?.["role"]) }
})

const comparedColumn = (column: SourceColumn, targetType: string): ComparedColumn | undefined => {
  const { elements, kind } = PgType.of(column.typeOid)
  const family = familyOf(targetType)
  if (family === undefined) return undefined
  const name = Identifier.quotePg(column.name)
  // A cast to text is not the output function: it drops the padding of char(n), and adds /32 to an inet; and pgoutput
  // sends booleans as t and f. A composite of NULLs counts as NULL for IS NULL, but is none.
  const text = kind === "text" && !(CAST_OIDS.has(column.typeOid) && column.declaredOid === column.typeOid)
    ? `case when num_nulls(${name}) = 0 then format('%s', ${name}) end`
    : kind === "boolean" && family === "string"
    ? `left(${name}::text, 1)`
    : kind === "money"
    ? `${name}::numeric::text`
    : kind === "bytea" && family === "binary"
    ? `encode(${name}, 'hex')`
    : `${name}::text`
  const sortsAsText = TEXT_OIDS.has(column.typeOid) || (family === "string" && column.typeName !== "uuid")
  return {
    name: column.name,
    sourceType: column.typeName,
    sourceSql: text,
    sourceOrderSql: sortsAsText ? `(${text}) collate "C"` : name,
    targetSql: family === "binary" ? `hex(${Identifier.quoteSr(column.name)})` : Identifier.quoteSr(column.name),
    bare: family === "integer" || family === "decimal" || family === "boolean",
    canonical: CanonicalValue.of(kind, family, targetType, elements),
    compare: CanonicalValue.order(kind, family)
  }
}

/**
 * Pairs the tables with the targets of their names, as replication does: patterns are resolved, and columns that are left
 * out or generated are not compared.
 */
export const pairTables = Effect.fnUntraced(
  function*(job: SourceTables.Selected, database: string) {
    const read = yield* SourceTables.read(job)
    const { names, tables: sources } = read
    const problems = [...read.problems, ...read.unmatched]
    if (problems.length > 0) return yield* SetupError.make({ _tag: "ConfigurationInvalid", problems })
    const hidden = yield* hiddenTable(sources)
    if (hidden !== undefined) return yield* SetupError.make({ _tag: "PgRowsHidden", ...hidden })
    const targets = yield* StarRocksCatalog.readFacts(database, [
      ...new Set(sources.map((source) => TargetNames.targetName(source)))
    ])
    const pairs: Array<Pair> = []
    for (const name of names) {
      const source = sources.find((table) => Identifier.show(table.name) === Identifier.show(name))
      if (source === undefined) {
        return yield* SetupError.make({ _tag: "PgTableNotFound", table: Identifier.show(name) })
      }
      const targetName = { schema: database, name: TargetNames.targetName(source) }
      const target = targets.tables.get(targetName.name)
      const table = Identifier.show(targetName)
      if (target === undefined) return yield* SetupError.make({ _tag: "SrTableNotFound", table })
      const columns: Array<ComparedColumn> = []
      for (const column of source.columns.filter((each) => !each.generated)) {
        const found = target.columns.find((each) => each.name === column.name)
        if (column.computed !== undefined && found?.generated !== false) continue
        const type = found?.type
        if (type === undefined) {
          const suggested = TypeMapping.suggest(column.typeOid, column.typmod)
          return yield* SetupError.make({ _tag: "SrColumnMissing", table, column: column.name, type: suggested })
        }
        const compared = comparedColumn(column, type)
        if (compared === undefined) {
          return yield* SetupError.make({ _tag: "SrColumnTypeUnsupported", table, column: column.name, type })
        }
        columns.push(compared)
      }
      const key = source.primaryKey.flatMap((part) => columns.find((column) => column.name === part) ?? [])
      if (key.length === 0) return yield* SetupError.make({ _tag: "PgPrimaryKeyMissing", table: Identifier.show(name) })
      const compareKeys = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
        for (const [index, column] of key.entries()) {
          const order = column.compare(a[index] ?? "", b[index] ?? "")
          if (order !== 0) return order
        }
        return 0
      }
      const partitioned = source.kind === PARTITIONED_TABLE
      const rows = { source: source.name, target: targetName, partitioned, rowFilter: source.rowFilter }
      pairs.push({ ...rows, key, columns, compareKeys })
    }
    return pairs
  }
)

const decodeRow = (pair: Pair, row: Readonly<Record<string, unknown>>): ComparedRow => {
  const values = pair.columns.map((column, index) => {
    const text = row[`c${index}`]
    return typeof text === "string" ? column.canonical(text) : null
  })
  const key = pair.key.map((column) => values[pair.columns.indexOf(column)] ?? "")
  return { key, values, deleted: row["deleted"] === "1" || row["deleted"] === "true" }
}

/** One text for a key, for maps. */
export const keyId = (key: ReadonlyArray<string>): string => JSON.stringify(key)

const byKey = (rows: ReadonlyArray<ComparedRow>): ReadonlyMap<string, ComparedRow> =>
  new Map(rows.map((row) => [keyId(row.key), row]))

/** The source's rows that are replicated, as a relation. */
const sourceRows = ({ partitioned, rowFilter, source }: Pair): string => {
  const table = `${partitioned ? "" : "only "}${Identifier.quotePgTable(source)}`
  return rowFilter === undefined ? table : `(select * from ${table} where ${rowFilter}) as replicated`
}

const sourceList = (pair: Pair): string =>
  pair.columns.map((column, index) => `${column.sourceSql} as c${index}`).join(", ")

const targetList = (pair: Pair): string =>
  [...pair.columns.map((column, index) => `${column.targetSql} AS c${index}`), `${DELETED} AS deleted`].join(", ")

/** Opens a snapshot and a cursor over the source's rows in the target's order; `rollback` closes both. */
export const openSource = (pair: Pair): string =>
  `begin isolation level repeatable read read only; set local statement_timeout = ${STATEMENT_MS_MAX};
   declare ${CURSOR} no scroll cursor for select ${sourceList(pair)}
      from ${sourceRows(pair)}
     order by ${pair.key.map((column) => column.sourceOrderSql).join(", ")}`

/** The next page; empty at the end. */
export const fetchSource = Effect.fnUntraced(function*(pair: Pair) {
  const { query } = yield* PostgresSql
  return (yield* query(`fetch ${PAGE_ROWS} from ${CURSOR}`)).map((row) => decodeRow(pair, row))
})

const literal = (column: ComparedColumn, value: string): string => column.bare ? value : Identifier.literalSr(value)

/** `(a > x OR (a = x AND (b > y OR …)))` */
const after = (pair: Pair, key: ReadonlyArray<string>): string =>
  pair.key.reduceRight((rest, column, index) => {
    const [name, value] = [Identifier.quoteSr(column.name), literal(column, key[index] ?? "")]
    return rest === "" ? `${name} > ${value}` : `(${name} > ${value} OR (${name} = ${value} AND ${rest}))`
  }, "")

/** The page that follows this key, or the first; empty at the end. */
export const fetchTarget = Effect.fnUntraced(function*(pair: Pair, key: ReadonlyArray<string> | undefined) {
  const { query } = yield* StarRocksSql
  const where = key === undefined ? "" : ` WHERE ${after(pair, key)}`
  const order = pair.key.map((column) => Identifier.quoteSr(column.name)).join(", ")
  const rows = yield* query(
    `SELECT ${targetList(pair)} FROM ${
      Identifier.quoteSrTable(pair.target)
    }${where} ORDER BY ${order} LIMIT ${PAGE_ROWS}`
  )
  return rows.map((row) => decodeRow(pair, row))
})

const chunks = <A>(values: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from(
    { length: Math.ceil(values.length / KEYS_MAX) },
    (_, at) => values.slice(at * KEYS_MAX, (at + 1) * KEYS_MAX)
  )

/** The source's rows of these keys. */
export const readSource = Effect.fnUntraced(function*(pair: Pair, keys: ReadonlyArray<ReadonlyArray<string>>) {
  const { query } = yield* PostgresSql
  const columns = pair.key.map((column) => Identifier.quotePg(column.name)).join(", ")
  const arrays = pair.key.map((_, index) => `$${index + 1}::text[]`).join(", ")
  const casts = pair.key.map((column, index) => `k${index}::${column.sourceType}`).join(", ")
  const names = pair.key.map((_, index) => `k${index}`).join(", ")
  const rows = yield* Effect.forEach(chunks(keys), (chunk) =>
    query(
      `select ${sourceList(pair)} from ${sourceRows(pair)}
        where (${columns}) in (select ${casts} from unnest(${arrays}) as wanted (${names}))`,
      pair.key.map((_, index) => chunk.map((key) => key[index]))
    ))
  return byKey(rows.flat().map((row) => decodeRow(pair, row)))
})

/** The target's rows of these keys. */
export const readTarget = Effect.fnUntraced(function*(pair: Pair, keys: ReadonlyArray<ReadonlyArray<string>>) {
  const { query } = yield* StarRocksSql
  const condition = (key: ReadonlyArray<string>): string =>
    pair.key.map((column, index) => `${Identifier.quoteSr(column.name)} = ${literal(column, key[index] ?? "")}`).join(
      " AND "
    )
  const rows = yield* Effect.forEach(chunks(keys), (chunk) =>
    query(
      `SELECT ${targetList(pair)} FROM ${Identifier.quoteSrTable(pair.target)} WHERE ` +
        chunk.map((key) => `(${condition(key)})`).join(" OR ")
    ))
  return byKey(rows.flat().map((row) => decodeRow(pair, row)))
})

/** Rows of the source, live and soft-deleted rows of the target. */
export const countRows = Effect.fnUntraced(function*(pair: Pair) {
  const sourceCount = yield* (yield* PostgresSql).query(
    `select count(*)::text as count from ${sourceRows(pair)}`
  )
  const targetRows = yield* (yield* StarRocksSql).query(
    `SELECT ${DELETED} AS deleted, COUNT(*) AS rows_found FROM ${
      Identifier.quoteSrTable(pair.target)
    } GROUP BY ${DELETED}`
  )
  const count = { source: Number(sourceCount[0]?.["count"]), sink: 0, deleted: 0 }
  for (const row of targetRows) {
    const deleted = row["deleted"] === "1" || row["deleted"] === "true"
    count[deleted ? "deleted" : "sink"] += Number(row["rows_found"])
  }
  return count
})
