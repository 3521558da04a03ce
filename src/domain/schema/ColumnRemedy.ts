/** The one maker of remedies for a column that does not hold what its source has: complete statements for either side. Pure. */
import * as Identifier from "../Identifier.ts"
import { familyOf } from "../StarRocksType.ts"
import type { SourceColumn, TableMapping, TargetColumn } from "../Table.ts"
import * as ShapeChange from "./ShapeChange.ts"
import { resend } from "./ShapeNews.ts"
import * as Widening from "./Widening.ts"

/** What is done to one column. */
export interface Change {
  /** Each an ALTER TABLE of its own: StarRocks mixes no renaming with anything else. */
  readonly clauses: ReadonlyArray<string>
  /** The column that rows which were there have no values in. */
  readonly added?: string
  /** The name that the column keeps its old values under. */
  readonly before?: string
}

/** The column's type stays, and it may be NULL. */
export const nullable = (target: TargetColumn): Change => ({
  clauses: [ShapeChange.modified({ ...target, nullable: true }, Widening.ddlOf(target.type))]
})

/** A column of this type that the target does not have. */
export const added = (name: string, type: string): Change => ({
  clauses: [`ADD COLUMN ${Identifier.quoteSr(name)} ${type} NULL`],
  added: name
})

/** A name that no column has: StarRocks compares them without case. */
const unusedName = (name: string, { sourceColumns, targetColumns }: TableMapping): string => {
  const taken = new Set([...targetColumns.keys(), ...(sourceColumns?.keys() ?? [])].map((each) => each.toLowerCase()))
  for (let number = 1;; number++) {
    const found = `${name}_before${number === 1 ? "" : number}`
    if (!taken.has(found.toLowerCase())) return found
  }
}

/** A column of this type takes the place of one that is not of the key, which keeps its values under another name. */
export const replaced = (mapping: TableMapping, target: TargetColumn, type: string): Change => {
  const before = unusedName(target.name, mapping)
  const renaming = `RENAME COLUMN ${Identifier.quoteSr(target.name)} TO ${Identifier.quoteSr(before)}`
  // Rows that come have no value for it.
  const optional = target.nullable || target.default !== undefined ? [] : nullable(target).clauses
  const beside = added(target.name, type)
  return { ...beside, clauses: [...optional, renaming, ...beside.clauses], before }
}

/**
 * Gives a column that is not of the key a type that holds more. It is modified only where StarRocks can, and its values then read
 * as PostgreSQL's: as text a DECIMAL would show `1.500` for 1.5, and so would an integer where `hasPoint`, PostgreSQL may write
 * whole numbers with a point.
 */
export const retyped = (mapping: TableMapping, target: TargetColumn, type: string, hasPoint = false): Change => {
  const from = familyOf(target.type)
  const to = familyOf(type)
  const readsOtherwise = to === "string" && (from === "decimal" || hasPoint)
  return from === to || (Widening.converts(from, to) && !readsOtherwise)
    ? { clauses: [ShapeChange.modified(target, type)] }
    : replaced(mapping, target, type)
}

/** `isFull`: PostgreSQL sends the large values that an UPDATE leaves as they are. */
const refill = (
  names: ReadonlyArray<string>,
  { key, source, sourceColumns }: TableMapping,
  isFull: boolean
): string => {
  const known = names.flatMap((name) => sourceColumns?.get(name) ?? [])
  const keys = key.map((name): Pick<SourceColumn, "name" | "always" | "computed"> =>
    sourceColumns?.get(name) ?? { name }
  )
  const table = { name: source, columns: [...known, ...keys, ...(sourceColumns?.values() ?? [])] }
  return resend(names, table, isFull)
}

/** What to run for these changes; nothing where they are none. */
export const sentences = (
  mapping: TableMapping,
  changes: ReadonlyArray<Change>,
  isFull: boolean
): ReadonlyArray<string> => {
  const target = Identifier.quoteSrTable(mapping.target)
  const clauses = changes.flatMap((change) => change.clauses)
  const names = changes.flatMap((change) => change.added ?? [])
  const kept = changes.flatMap(({ before }) => before === undefined ? [] : Identifier.quoteSr(before))
  const found: Array<string> = []
  if (clauses.length > 0) {
    const statements = clauses.map((clause) => `ALTER TABLE ${target} ${clause};`)
    found.push(`Run in StarRocks, one after the other is finished: ${statements.join(" ")}`)
  }
  if (kept.length > 0) {
    found.push(
      `StarRocks before 3.3.2 renames no column: DROP COLUMN there instead. Drop ${
        kept.join(", ")
      } when nobody reads it.`
    )
  }
  if (names.length > 0) {
    found.push(
      `Rows that were there before lack what PostgreSQL has in an added column; to send it, after the start ` +
        refill(names, mapping, isFull)
    )
  }
  return found
}

/** Of a key: StarRocks changes no column of it. `what` comes again; `wanted`: what the table is to be made with. */
export const newKey = ({ target }: TableMapping, what: string, wanted: string): string =>
  `Take the table out with TABLES_EXCLUDE, and start again: the other tables go on where they stopped. ${what} To ` +
  `replicate it, make ${
    Identifier.quoteSrTable(target)
  } anew with ${wanted}, take it off TABLES_EXCLUDE, and reload it.`
