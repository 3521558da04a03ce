/**
 * Which tables a job replicates: `TABLES` and `TABLES_EXCLUDE` against the tables that exist. The set that comes out
 * depends on neither the order of the entries nor that of the catalogue.
 */
import * as Identifier from "./Identifier.ts"
import * as NamePattern from "./NamePattern.ts"

/** The include and exclude lists beside `TABLES`, as they were written, one entry each. */
export interface Lists {
  readonly tablesExclude: ReadonlyArray<string>
  readonly columnsInclude: ReadonlyArray<string>
  readonly columnsExclude: ReadonlyArray<string>
  /** Names in StarRocks that are not the tables' own. */
  readonly targetTables: ReadonlyArray<string>
}

export const NONE: Lists = { tablesExclude: [], columnsInclude: [], columnsExclude: [], targetTables: [] }

/** Our own tables: no pattern stands for them. */
const OWN_PREFIX = "dbmazz_"

/**
 * How many tables the patterns of a job may match. Each has an encoder and its share of a batch, and all of them are
 * read from the catalogue in one answer.
 */
export const MATCHED_MAX = 10_000

/** A table that a pattern may stand for: an ordinary or a partitioned one. */
export interface CatalogueTable {
  readonly name: Identifier.QualifiedName
  /** The partitioned tables that it is a partition of, near and far. */
  readonly ancestors: ReadonlyArray<Identifier.QualifiedName>
}

export interface Resolved {
  /** The tables that are named, whether they exist or not, and those that patterns match, without the excluded ones. */
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
  /** What is wrong with the lists, each with its variable. */
  readonly problems: ReadonlyArray<string>
}

/** A table entry as two patterns. */
export interface TablePattern {
  readonly schema: NamePattern.NamePattern
  readonly name: NamePattern.NamePattern
}

const patternOf = ({ name, schema, wild }: Identifier.TableEntry): TablePattern => ({
  schema: { text: schema, wild: wild?.schema ?? false },
  name: { text: name, wild: wild?.name ?? false }
})

export const matches = (pattern: TablePattern, table: Identifier.QualifiedName): boolean =>
  NamePattern.matches(pattern.schema, table.schema) && NamePattern.matches(pattern.name, table.name)

/** The entries that must be looked up in the catalogue. */
export const patterns = (tables: ReadonlyArray<Identifier.TableEntry>): ReadonlyArray<TablePattern> =>
  tables.filter((entry) => entry.wild !== undefined).map(patternOf)

const readExcludes = (entries: ReadonlyArray<string>, problems: Array<string>): ReadonlyArray<TablePattern> =>
  entries.flatMap((entry) => {
    const table = Identifier.parseTable(entry)
    if (table !== undefined) return [patternOf(table)]
    problems.push(`TABLES_EXCLUDE: '${entry}' is not a table name or pattern; example: TABLES_EXCLUDE=public.tmp_*`)
    return []
  })

/**
 * A partition is left to its partitioned table when that one is among the tables, too; one that is named stays. Nothing is
 * wrong with an exclusion that excludes nothing.
 */
export const resolve = (
  entries: ReadonlyArray<Identifier.TableEntry>,
  exclude: ReadonlyArray<string>,
  catalogue: ReadonlyArray<CatalogueTable>
): Resolved => {
  const problems: Array<string> = []
  const excludes = readExcludes(exclude, problems)
  const isKept = (table: Identifier.QualifiedName): boolean => !excludes.some((pattern) => matches(pattern, table))
  const offered = catalogue.filter(({ name }) => !name.name.startsWith(OWN_PREFIX))
    .toSorted((a, b) => Identifier.show(a.name) < Identifier.show(b.name) ? -1 : 1)
  const named = new Set(entries.filter((entry) => entry.wild === undefined).map(Identifier.show))
  const candidates = new Map<string, CatalogueTable>()
  for (const entry of entries) {
    if (entry.wild === undefined) {
      const name = { schema: entry.schema, name: entry.name }
      candidates.set(Identifier.show(name), { name, ancestors: [] })
      continue
    }
    const found = offered.filter(({ name }) => matches(patternOf(entry), name))
    for (const table of found) {
      const key = Identifier.show(table.name)
      if (!named.has(key)) candidates.set(key, table)
    }
    if (found.length === 0) {
      problems.push(`TABLES: the pattern '${Identifier.show(entry)}' matches no table; correct it or take it out`)
    }
  }
  const kept = new Map([...candidates].filter(([, { name }]) => isKept(name)))
  if (candidates.size > 0 && kept.size === 0) problems.push("TABLES_EXCLUDE: excludes every table of TABLES")
  const tables = [...kept.values()].filter(({ ancestors }) =>
    !ancestors.some((ancestor) => kept.has(Identifier.show(ancestor)))
  )
  return { tables: tables.map((table) => table.name), problems }
}
