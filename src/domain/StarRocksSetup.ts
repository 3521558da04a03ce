/**
 * What must be true of StarRocks before replication starts, and what is still to be done: pure, from the facts that the
 * catalogue gave to every problem at once, to the steps, and to the way each table's rows will take.
 */
import * as AuditColumns from "./AuditColumns.ts"
import type { SetupReason } from "./errors/SetupReason.ts"
import * as GeneratedTargets from "./GeneratedTargets.ts"
import * as Identifier from "./Identifier.ts"
import { PARTITIONED_TABLE } from "./postgres/SourceFacts.ts"
import type { SchemaChangePolicy } from "./schema/SchemaChangePolicy.ts"
import type { Step } from "./starrocks/SetupStep.ts"
import * as TableProblems from "./starrocks/TableProblems.ts"
import { columnsByName, type Facts, type TableFacts } from "./starrocks/TargetFacts.ts"
import type { SourceColumn, SourceTable, TableMapping } from "./Table.ts"
import { targetName } from "./TargetNames.ts"
import * as TargetTable from "./TargetTable.ts"

export interface Plan {
  /** Empty: the steps can be taken. Otherwise everything that is wrong, in the order of the tables. */
  readonly problems: ReadonlyArray<SetupReason>
  readonly steps: ReadonlyArray<Step>
  /** The tables that exist and have no problem. */
  readonly mappings: ReadonlyArray<TableMapping>
}

/** The mapping as it will be after the step: a column still to be added is listed with the type it will get. */
const mappingOf = (source: SourceTable, target: TableFacts, isChanging: boolean): TableMapping => {
  const columns = columnsByName(target)
  for (const { ddl, name } of AuditColumns.COLUMNS) {
    if (!columns.has(name)) columns.set(name, { name, type: ddl.split(" ", 1)[0]!.toLowerCase(), nullable: true })
  }
  return {
    source: source.name,
    oid: source.oid,
    target: target.name,
    key: source.primaryKey,
    targetColumns: columns,
    types: new Map(source.columns.map((column) => [column.declaredOid ?? column.typeOid, column.typeOid])),
    sourceColumns: new Map(source.columns.map((column) => [column.name, column])),
    hiddenColumns: new Set((source.leftOut ?? []).flatMap(({ attnum }) => attnum ?? [])),
    ...(isChanging ? { isChanging } : {}),
    ...(source.lookedAt === undefined ? {} : { lookedAt: source.lookedAt }),
    selection: GeneratedTargets.selection(source, target),
    ...(source.kind === PARTITIONED_TABLE ? { partitioned: true, attached: source.attached ?? {} } : {})
  }
}

/** The columns that are to be added now: none while the table is being changed, perhaps by our own statement. */
const missingColumns = (source: SourceTable, target: TableFacts, isChanging: boolean): ReadonlyArray<SourceColumn> =>
  isChanging
    ? []
    : TableProblems.sentColumns(source).filter((column) =>
      !GeneratedTargets.isLeftOut(column, target) && !target.columns.some(({ name }) => name === column.name)
    )

/**
 * Derives everything that is wrong and everything that is to be done. With `create`, a database and tables that are missing
 * are created; those tables then have to be looked at again. With a policy other than `stop` columns that are missing are
 * added; a mapping lists only those that are there.
 */
export const plan = (
  sources: ReadonlyArray<SourceTable>,
  facts: Facts,
  create: TargetTable.Layout | undefined,
  policy: SchemaChangePolicy
): Plan => {
  const problems = [...TableProblems.shared(sources, facts.database)]
  const steps: Array<Step> = []
  const mappings: Array<TableMapping> = []
  if (!facts.databaseExists) {
    if (create === undefined) problems.push({ _tag: "SrDatabaseNotFound", database: facts.database })
    else steps.push({ _tag: "CreateDatabase", database: facts.database })
  }
  for (const source of sources) {
    const before = problems.length
    problems.push(...TableProblems.ofSource(source))
    const target = facts.tables.get(targetName(source))
    if (target === undefined && create === undefined) {
      const table = Identifier.show(TableProblems.targetOf(source, facts.database))
      if (facts.databaseExists) problems.push({ _tag: "SrTableNotFound", table })
      continue
    }
    if (target === undefined) {
      const definition = TargetTable.define(source, TableProblems.targetOf(source, facts.database), create!)
      problems.push(...TableProblems.ofCreation(source, definition))
      // A source without a key is PostgreSQL's problem, and told there.
      if (problems.length > before || definition.key.length === 0) continue
      steps.push({ _tag: "CreateTable", table: definition.table, source, definition })
      continue
    }
    problems.push(...TableProblems.ofTarget(source, target, policy))
    if (problems.length > before) continue
    const isChanging = facts.changing?.has(target.name.name) === true
    const missing = missingColumns(source, target, isChanging)
    if (missing.length > 0) steps.push({ _tag: "AddColumns", table: target.name, source, columns: missing })
    const columns = AuditColumns.NAMES.filter((name) => !target.columns.some((column) => column.name === name))
    if (columns.length > 0) steps.push({ _tag: "AddAuditColumns", table: target.name, columns })
    mappings.push(mappingOf(source, target, isChanging))
  }
  return { problems, steps, mappings }
}

/** Whether something is missing that could be created. */
export const isIncomplete = (sources: ReadonlyArray<SourceTable>, facts: Facts): boolean =>
  !facts.databaseExists || sources.some((source) => !facts.tables.has(targetName(source)))
