/**
 * What tables are called in StarRocks: their bare names, or what `TARGET_TABLES` says. Pure; what comes out does not depend on
 * the order of the entries.
 */
import * as Identifier from "./Identifier.ts"
import * as NamePattern from "./NamePattern.ts"
import type { SourceTable } from "./Table.ts"
import * as TableLists from "./TableLists.ts"

interface Entry {
  readonly text: string
  readonly source: TableLists.TablePattern
  /** `*` in it stands for the table's name. */
  readonly target: NamePattern.NamePattern
}

/** What stands for the table's name in the name of the target. */
const NAME = "*"

const isWild = ({ source }: Entry): boolean => source.schema.wild || source.name.wild

const parse = (text: string): Entry | string => {
  const [, left = "", right = ""] = /^((?:"(?:[^"]|"")*"|[^"=])+)=(.+)$/.exec(text) ?? []
  const source = Identifier.parseTable(left.trim())
  const [target, ...others] = NamePattern.parseParts(right.trim()) ?? []
  if (source === undefined || target === undefined) return `'${text}' is not table=target or schema.table=target`
  if (others.length > 0) {
    return `'${text}' names a target with a dot in it: targets are tables of STARROCKS_DB; put a name with a dot in quotes`
  }
  const entry: Entry = {
    text,
    source: {
      schema: { text: source.schema, wild: source.wild?.schema ?? false },
      name: { text: source.name, wild: source.wild?.name ?? false }
    },
    target
  }
  const isOne = !target.wild || target.text.indexOf(NAME) === target.text.lastIndexOf(NAME)
  return isOne ? entry : `'${text}' has more than one * in its target`
}

const nameFor = ({ target }: Entry, table: Identifier.QualifiedName): string =>
  target.wild ? target.text.split(NAME).join(table.name) : target.text

/** The name of a table's target. */
export const targetName = (table: Pick<SourceTable, "name" | "target">): string => table.target ?? table.name.name

/** An entry that gives a table a target of its own, for people: `sales.orders=sales_orders`. */
export const example = ({ name, schema }: Identifier.QualifiedName): string => {
  const part = (text: string): string => /^[\w$-]+$/u.test(text) ? text : `"${text.replaceAll("\"", "\"\"")}"`
  return `${part(schema)}.${part(name)}=${part(`${schema}_${name}`)}`
}

const isUsed = (entry: Entry, tables: ReadonlyArray<SourceTable>): boolean =>
  tables.some((table) => TableLists.matches(entry.source, table.name))

/** What the entries that fit no table of the job ask for: it may be in the database, and join the job later. */
export const idle = (
  entries: ReadonlyArray<string>,
  tables: ReadonlyArray<SourceTable>
): ReadonlyArray<TableLists.TablePattern> =>
  entries.flatMap((text) => {
    const entry = parse(text)
    return typeof entry === "string" || isUsed(entry, tables) ? [] : [entry.source]
  })

/**
 * The tables with their targets' names. An entry that names its table wins over patterns. `problems` says what is wrong with
 * the list: entries that cannot be read, that match neither a table of the job nor one of `others`, or that give one table two
 * names.
 */
export const apply = <T extends SourceTable>(
  entries: ReadonlyArray<string>,
  tables: ReadonlyArray<T>,
  others: ReadonlyArray<Identifier.QualifiedName> = []
): { readonly tables: ReadonlyArray<T>; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  const parsed = entries.flatMap((text) => {
    const entry = parse(text)
    if (typeof entry !== "string") return [entry]
    problems.push(`TARGET_TABLES: ${entry}; example: TARGET_TABLES=sales.orders=sales_orders`)
    return []
  })
  for (const entry of parsed) {
    if (isUsed(entry, tables) || others.some((name) => TableLists.matches(entry.source, name))) continue
    problems.push(`TARGET_TABLES: '${entry.text}' matches no table of the database; correct it or take it out`)
  }
  const named = tables.map((table): T => {
    const own = parsed.filter((entry) => TableLists.matches(entry.source, table.name))
    const exact = own.filter((entry) => !isWild(entry))
    const deciding = exact.length > 0 ? exact : own
    const targets = [...new Set(deciding.map((entry) => nameFor(entry, table.name)))]
    if (targets.length > 1) {
      const texts = deciding.map((entry) => `'${entry.text}'`).toSorted().join(" and ")
      problems.push(`TARGET_TABLES: ${texts} give '${Identifier.show(table.name)}' two names; take one out`)
    }
    return targets[0] === undefined ? table : { ...table, target: targets[0] }
  })
  return { tables: named, problems }
}
