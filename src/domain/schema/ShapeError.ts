/** The error of a table whose rows no longer fit its target, with the statements that mend it. */
import { type PermanentCode, PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import type { Relation } from "../pgoutput/Message.ts"
import { FULL } from "../postgres/SourceFacts.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import type { TableMapping } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as ColumnRemedy from "./ColumnRemedy.ts"
import * as ShapeChange from "./ShapeChange.ts"
import * as Widening from "./Widening.ts"

/** Undefined: nothing that is done to the column helps. */
const changeOf = (relation: Relation, mapping: TableMapping, name: string): ColumnRemedy.Change | undefined => {
  const column = relation.columns.find((each) => each.name === name)
  const target = mapping.targetColumns.get(name)
  if (mapping.key.includes(name) || TargetTable.isReserved(name)) return undefined
  if (column === undefined) return target === undefined ? undefined : ColumnRemedy.nullable(target)
  const { typmod } = column
  const typeOid = mapping.types?.get(column.typeOid) ?? column.typeOid
  const type = TargetTable.createType({ typeOid, typmod }, false)
  if (target === undefined) {
    return ShapeChange.additionProblem(name, ShapeChange.namesBefore(name, relation, mapping)) === undefined
      ? ColumnRemedy.added(name, type)
      : undefined
  }
  const fit = Widening.fit({ typeOid, typmod }, target, true)
  return fit._tag === "Widen"
    ? ColumnRemedy.retyped(mapping, target, fit.type)
    : ColumnRemedy.replaced(mapping, target, type)
}

/** Codes that say more than that the shape has changed. */
const KEPT: ReadonlySet<PermanentCode> = new Set(["SR_ACCESS_DENIED", "SR_RETRIES_EXHAUSTED"])

/** With every column that cannot be written. `mapping` holds the target's columns as they are now. */
export const make = (
  relation: Relation,
  mapping: TableMapping,
  problems: ReadonlyArray<ShapeProblem>
): PermanentError => {
  const table = Identifier.show(mapping.source)
  const changes = problems.map(({ column }) => changeOf(relation, mapping, column))
  const hasKey = problems.some(({ column }) => mapping.key.includes(column))
  return new PermanentError({
    code: "SCHEMA_CHANGED",
    message: `rows of ${table} no longer fit ${Identifier.show(mapping.target)}: ` +
      problems.map((each) => `column '${each.column}': ${each.problem}`).join("; "),
    remediation: hasKey
      ? ColumnRemedy.newKey(
        mapping,
        `Its rows from here on come again as they are, also when the key (${
          mapping.key.join(", ")
        }) is given back its ` +
          `names and types.`,
        "the key that it has by then"
      )
      : [
        ...ColumnRemedy.sentences(
          mapping,
          changes.filter((each) => each !== undefined),
          relation.replicaIdentity === FULL
        ),
        ...(changes.includes(undefined)
          ? ["Add the column to COLUMNS_EXCLUDE: its rows come again as they are, also when it is renamed."]
          : []),
        "Then start again: replication goes on where it stopped."
      ].join(" "),
    context: { table, columns: problems.map((each) => each.column).join(", ") }
  })
}

/** Rows that are several in the source would be one in the target. */
export const keyNotUnique = ({ key, source, target }: TableMapping): PermanentError => {
  const table = Identifier.show(source)
  const columns = key.map(Identifier.quotePg).join(", ")
  return new PermanentError({
    code: "SCHEMA_CHANGED",
    message: `the key (${
      key.join(", ")
    }) of ${table} is not its key any more: rows that are equal in it would become one`,
    remediation:
      `Run in PostgreSQL: ALTER TABLE ${Identifier.quotePgTable(source)} ADD UNIQUE (${columns}); (or make it ` +
      `the primary key again), then start again: replication goes on where it stopped. To replicate the table with ` +
      `another key, drop ${Identifier.quoteSrTable(target)} in StarRocks, give it that key, and reload it.`,
    context: { table }
  })
}

/** StarRocks has refused the statement, or will never carry it out: `why`, and the error of the last attempt. */
export const refused = (
  mapping: TableMapping,
  statement: ShapeChange.Statement | undefined,
  why: string,
  error: PermanentError
): PermanentError => {
  const table = Identifier.show(mapping.source)
  const target = Identifier.quoteSrTable(mapping.target)
  const mends = statement === undefined ? "Mend what the message says," : `Run in StarRocks: ${statement.sql};`
  return new PermanentError({
    code: KEPT.has(error.code) ? error.code : "SCHEMA_CHANGED",
    message: `the columns of ${table} have changed, which could not be carried over to StarRocks: ${why}`,
    remediation: error.code === "SR_ACCESS_DENIED"
      ? `Run in StarRocks: GRANT SELECT, INSERT, ALTER ON TABLE ${target} TO USER …; then start again: replication goes ` +
        `on where it stopped.`
      : `${mends} then start again: replication goes on where it stopped.`,
    context: { table }
  })
}
