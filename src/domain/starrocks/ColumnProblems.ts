/** What keeps a column's values from reaching the target, or the target's column from being filled. */
import type { SetupReason } from "../errors/SetupReason.ts"
import * as GeneratedTargets from "../GeneratedTargets.ts"
import * as Identifier from "../Identifier.ts"
import * as PgType from "../PgType.ts"
import type { SchemaChangePolicy } from "../schema/SchemaChangePolicy.ts"
import * as ShapeChange from "../schema/ShapeChange.ts"
import * as Widening from "../schema/Widening.ts"
import { familyOf, type StarRocksFamily } from "../StarRocksType.ts"
import type { SourceColumn, SourceTable } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as TypeMapping from "../TypeMapping.ts"
import type { ColumnFacts, TableFacts } from "./TargetFacts.ts"

/** What the audit columns' values may be loaded into; the first is what we add. */
const AUDIT_FAMILIES: ReadonlyMap<string, ReadonlyArray<StarRocksFamily>> = new Map([
  ["dbmazz_op_type", ["integer"]],
  ["dbmazz_is_deleted", ["boolean", "integer"]],
  ["dbmazz_synced_at", ["datetime", "string"]],
  ["dbmazz_cdc_version", ["integer"]]
])

/** Whether a source column's values can travel at all. */
export const sourceProblem = (source: SourceTable, column: SourceColumn): SetupReason | undefined => {
  const unsupported = (type: string): SetupReason => ({
    _tag: "PgColumnTypeUnsupported",
    table: Identifier.show(source.name),
    column: column.name,
    type
  })
  if (column.generated) {
    return source.primaryKey.includes(column.name)
      ? unsupported(`${column.typeName} GENERATED ALWAYS (not sent by PostgreSQL, yet part of the key)`)
      : undefined
  }
  return TargetTable.isReserved(column.name)
    ? unsupported(`${column.typeName} under a name that is reserved`)
    : undefined
}

/** Whether a source column's values fit the target; names must agree to the letter, as JSON members do. */
export const pairProblem = (
  table: string,
  source: SourceColumn,
  target: TableFacts,
  policy: SchemaChangePolicy
): SetupReason | undefined => {
  if (source.generated || TargetTable.isReserved(source.name)) return undefined
  const where = Identifier.show(target.name)
  const column = target.columns.find((candidate) => candidate.name === source.name)
  if (GeneratedTargets.isLeftOut(source, target)) return undefined
  if (column === undefined) {
    const other = target.columns.find((candidate) => candidate.name.toLowerCase() === source.name.toLowerCase())
    if (other !== undefined) return { _tag: "SrColumnCase", table: where, column: source.name, found: other.name }
    if (policy !== "stop") {
      const why = ShapeChange.additionProblem(source.name, target.columns.map(({ name }) => name))
      return why === undefined ? undefined : { _tag: "PgNameUnsupported", table, name: source.name, why }
    }
    const type = TypeMapping.suggest(source.typeOid, source.typmod)
    return { _tag: "SrColumnMissing", table: where, column: source.name, type }
  }
  const isValue = !target.key.includes(column.name)
  if (policy === "evolve" && isValue && Widening.fit(source, column, false)._tag === "Widen") return undefined
  const family = familyOf(column.type)
  return family === undefined || TypeMapping.literalFor(PgType.kindOf(source.typeOid), family) === undefined
    ? { _tag: "SrColumnTypeUnsupported", table: where, column: column.name, type: column.type }
    : undefined
}

/**
 * Target columns that no row of ours fills well: NOT NULL without a source or a default, or an audit column of another type.
 */
export const targetProblem = (source: SourceTable, table: TableFacts, column: ColumnFacts): SetupReason | undefined => {
  const where = { table: Identifier.show(table.name), column: column.name, type: column.type }
  const audit = AUDIT_FAMILIES.get(column.name)
  if (audit !== undefined) {
    const family = familyOf(column.type)
    return family !== undefined && audit.includes(family) ? undefined : { _tag: "SrColumnTypeUnsupported", ...where }
  }
  const sent = source.columns.some((candidate) => candidate.name === column.name && !candidate.generated)
  const isLeft = column.nullable || column.generated || column.default !== undefined
  return sent || isLeft ? undefined : { _tag: "SrColumnRequired", ...where }
}
