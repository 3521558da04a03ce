/**
 * What is to be done to a StarRocks table so that it holds the rows of a shape that a Relation message announces: pure, and the
 * same however often it is asked, since it compares the shape with what the target has and not with what was done before.
 */
import type { Transaction } from "../Change.ts"
import * as ColumnLists from "../ColumnLists.ts"
import * as Identifier from "../Identifier.ts"
import type { Relation, RelationColumn } from "../pgoutput/Message.ts"
import * as PgType from "../PgType.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import type { SourceColumn, TableMapping, TargetColumn } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as ColumnDefault from "./ColumnDefault.ts"
import type { SchemaChangePolicy } from "./SchemaChangePolicy.ts"
import * as Widening from "./Widening.ts"

/** One ALTER TABLE; StarRocks takes all columns of a kind at once. */
export interface Statement {
  readonly kind: "add" | "widen"
  readonly sql: string
  readonly columns: ReadonlyArray<string>
}

export interface Plan {
  /** Empty: the statements make the target fit, or it fits already. */
  readonly problems: ReadonlyArray<ShapeProblem>
  /** In the order in which they are run, each after the one before is finished. */
  readonly statements: ReadonlyArray<Statement>
}

/** The shape, and the target as it is now. */
export interface Shape {
  readonly relation: Relation
  readonly before: Relation | undefined
  /** The relation's columns, in its order, with the types that they really have. */
  readonly columns: ReadonlyArray<SourceColumn>
  readonly mapping: TableMapping
  /** What announced it; undefined: it was outside of one. */
  readonly transaction?: Transaction | undefined
}

/** Declared alike. */
export const sameType = (a: RelationColumn, b: RelationColumn): boolean =>
  a.typeOid === b.typeOid && a.typmod === b.typmod

/** Whether the column has just got its type, as far as anybody can tell. */
export const isNew = (
  column: RelationColumn,
  before: Relation | undefined,
  { retyped, sourceColumns }: TableMapping
): boolean => {
  if (before !== undefined) {
    const earlier = before.columns.find(({ name }) => name === column.name)
    return earlier === undefined || !sameType(earlier, column)
  }
  if (retyped?.has(column.name) === true) return true
  const found = sourceColumns?.get(column.name)
  if (found === undefined) return false
  // Of a type of the database's own the catalogue's typmod is that of the type below.
  return (found.declaredOid ?? found.typeOid) !== column.typeOid ||
    (PgType.isBuiltIn(column.typeOid) && found.typmod !== column.typmod)
}

/**
 * Whether rows of a relation that has had no other shape in the session can be written without a look at either catalogue. With
 * the policy `stop` always: what cannot be written then is found when they are compiled.
 */
export const isSettled = (
  relation: Relation,
  mapping: TableMapping,
  policy: SchemaChangePolicy
): boolean => {
  if (policy === "stop") return true
  if (mapping.isChanging === true) return false
  return relation.columns.every((column) => {
    if (!ColumnLists.keeps(mapping.selection, column.name)) return true
    const target = mapping.targetColumns.get(column.name)
    if (target === undefined || TargetTable.isReserved(column.name)) return false
    const typeOid = mapping.types?.get(column.typeOid) ?? column.typeOid
    if (!PgType.isBuiltIn(typeOid)) return mapping.types === undefined
    if (policy === "add" || mapping.key.includes(column.name)) return true
    const changed = isNew(column, undefined, mapping)
    return Widening.fit({ typeOid, typmod: column.typmod }, target, changed, mapping.policies)._tag === "Fits"
  })
}

/** `name type NULL DEFAULT '…'` of a column that is added: always nullable, since rows that were there may have no value. */
const definition = (column: SourceColumn): string => {
  const type = TargetTable.createType(column, false)
  const fallback = ColumnDefault.of(column, type)
  return `${Identifier.quoteSr(column.name)} ${type} NULL${
    fallback === undefined ? "" : ` DEFAULT ${Identifier.literalSr(fallback)}`
  }`
}

/** ALTER TABLE that adds these columns. */
export const add = (table: Identifier.QualifiedName, columns: ReadonlyArray<SourceColumn>): Statement => ({
  kind: "add",
  sql: `ALTER TABLE ${Identifier.quoteSrTable(table)} ${
    columns.map((column) => `ADD COLUMN ${definition(column)}`).join(", ")
  }`,
  columns: columns.map(({ name }) => name)
})

/** A column's definition with another type and everything else as it is: StarRocks refuses to change a default with it. */
export const modified = ({ default: fallback, name, nullable }: TargetColumn, type: string): string => {
  const value = fallback === undefined
    ? ""
    : ` DEFAULT ${/^current_timestamp/i.test(fallback) ? fallback : Identifier.literalSr(fallback)}`
  return `MODIFY COLUMN ${Identifier.quoteSr(name)} ${type} ${nullable ? "NULL" : "NOT NULL"}${value}`
}

/** Why the column cannot be added to a table with these columns. */
export const additionProblem = (name: string, targetColumns: Iterable<string>): string | undefined => {
  if (TargetTable.isReserved(name)) return "its name is reserved"
  const why = TargetTable.columnNameProblem(name)
  if (why !== undefined) return `StarRocks takes no column of this name (${why})`
  const lower = name.toLowerCase()
  const other = [...targetColumns].find((each) => each.toLowerCase() === lower)
  return other === undefined ? undefined : `to StarRocks it is the column '${other}', which differs only by case`
}

/** The column that had its number: the name that it had. */
export const nameBefore = (column: SourceColumn, { before, mapping }: Shape): string | undefined => {
  if (column.attnum === undefined) return undefined
  const names = before?.columns.map(({ name }) => name) ?? [...(mapping.sourceColumns?.keys() ?? [])]
  return names.find((name) => name !== column.name && mapping.sourceColumns?.get(name)?.attnum === column.attnum)
}

/**
 * Whether it may be a column that had another name: one is gone of which the catalogue, newer than the WAL, did not know any
 * more which it was.
 */
export const mayBeRenamed = ({ name }: SourceColumn, { before, mapping, relation }: Shape): boolean =>
  before !== undefined && !before.columns.some((column) => column.name === name) &&
  before.columns.some((column) =>
    !relation.columns.some((now) => now.name === column.name) &&
    mapping.sourceColumns?.get(column.name)?.attnum === undefined
  )

/**
 * What PostgreSQL has put beside rows that were there when a column was added says nothing once it has another name: rows have
 * got values since. NULL says that none is known, and lets them be filled from the old column.
 */
const asAdded = (column: SourceColumn, shape: Shape): SourceColumn =>
  nameBefore(column, shape) === undefined && !mayBeRenamed(column, shape) ? column : { ...column, missing: null }

/** What StarRocks would take a column of this name for: columns that it has, and those that come before it in the relation. */
export const namesBefore = (name: string, { columns }: Relation, mapping: TableMapping): ReadonlyArray<string> => [
  ...mapping.targetColumns.keys(),
  ...columns.slice(0, columns.findIndex((column) => column.name === name)).map((column) => column.name)
    .filter((other) => ColumnLists.keeps(mapping.selection, other))
]

/** What is to be done, with a policy other than `stop`. Columns that the job leaves out do not matter. */
export const plan = (shape: Shape, policy: SchemaChangePolicy): Plan => {
  const { before, columns, mapping, relation } = shape
  const problems: Array<ShapeProblem> = []
  const added: Array<SourceColumn> = []
  const widened: Array<readonly [target: TargetColumn, type: string]> = []
  relation.columns.forEach((announced, index) => {
    const { name } = announced
    const column = columns[index]!
    if (!ColumnLists.keeps(mapping.selection, name)) return
    const target = mapping.targetColumns.get(name)
    if (target === undefined || TargetTable.isReserved(name)) {
      const problem = additionProblem(name, namesBefore(name, relation, mapping))
      if (problem === undefined) added.push(asAdded(column, shape))
      else problems.push({ column: name, problem })
      return
    }
    if (policy !== "evolve" || mapping.key.includes(name)) return
    const fit = Widening.fit(column, target, isNew(announced, before, mapping), mapping.policies)
    if (fit._tag === "Widen") widened.push([target, fit.type])
  })
  const statements: Array<Statement> = []
  if (added.length > 0) statements.push(add(mapping.target, added))
  if (widened.length > 0) {
    statements.push({
      kind: "widen",
      sql: `ALTER TABLE ${Identifier.quoteSrTable(mapping.target)} ${
        widened.map(([target, type]) => modified(target, type)).join(", ")
      }`,
      columns: widened.map(([{ name }]) => name)
    })
  }
  return { problems, statements }
}
