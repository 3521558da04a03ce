/**
 * What must be true of StarRocks before replication starts, and what is still to be done: pure, from the facts that the
 * catalogue gave to every problem at once, to the steps, and to the way each table's rows will take.
 */
import * as AuditColumns from "./AuditColumns.ts"
import * as EncodedKey from "./EncodedKey.ts"
import type { SetupReason } from "./errors/SetupError.ts"
import * as GeneratedTargets from "./GeneratedTargets.ts"
import * as Identifier from "./Identifier.ts"
import * as PgType from "./PgType.ts"
import { PARTITIONED_TABLE } from "./postgres/SourceFacts.ts"
import type { SchemaChangePolicy } from "./schema/SchemaChangePolicy.ts"
import * as ShapeChange from "./schema/ShapeChange.ts"
import * as Widening from "./schema/Widening.ts"
import { familyOf, type StarRocksFamily } from "./StarRocksType.ts"
import type * as Table from "./Table.ts"
import type { SourceColumn, SourceTable, TableMapping } from "./Table.ts"
import * as TargetNames from "./TargetNames.ts"
import { targetName } from "./TargetNames.ts"
import * as TargetTable from "./TargetTable.ts"
import * as TypeMapping from "./TypeMapping.ts"

/** A column with what decides whether a row may leave it out. */
export interface ColumnFacts extends Table.TargetColumn {
  /** Computed by StarRocks from other columns. */
  readonly generated: boolean
}

export interface TableFacts extends Table.TargetTable {
  readonly columns: ReadonlyArray<ColumnFacts>
}

export interface Facts {
  readonly database: string
  readonly databaseExists: boolean
  /** The job's target tables that exist, by name. */
  readonly tables: ReadonlyMap<string, TableFacts>
  /** Of these, those that a schema change is at work on; undefined: none. */
  readonly changing?: ReadonlySet<string>
}

/** What is to be done, in the order it is done. */
export type Step =
  | { readonly _tag: "CreateDatabase"; readonly database: string }
  | CreateTable
  | AddAuditColumns
  | AddColumns

export interface CreateTable {
  readonly _tag: "CreateTable"
  readonly table: Identifier.QualifiedName
  readonly source: SourceTable
  readonly definition: TargetTable.Definition
}

export interface AddAuditColumns {
  readonly _tag: "AddAuditColumns"
  readonly table: Identifier.QualifiedName
  readonly columns: ReadonlyArray<string>
}

/** Columns that the source has and the target lacks. What does not succeed is done before the first row that needs it. */
export interface AddColumns {
  readonly _tag: "AddColumns"
  readonly table: Identifier.QualifiedName
  readonly source: SourceTable
  readonly columns: ReadonlyArray<SourceColumn>
}

export interface Plan {
  /** Empty: the steps can be taken. Otherwise everything that is wrong, in the order of the tables. */
  readonly problems: ReadonlyArray<SetupReason>
  readonly steps: ReadonlyArray<Step>
  /** The tables that exist and have no problem. */
  readonly mappings: ReadonlyArray<TableMapping>
}

const PRIMARY_KEY_MODEL = "PRI_KEYS"

/** Read by StarRocks as the operation of a row, so a source column of this name would delete rows. */
const OPERATION_MEMBER = "__op"

/** What the audit columns' values may be loaded into; the first is what we add. */
const AUDIT_FAMILIES: ReadonlyMap<string, ReadonlyArray<StarRocksFamily>> = new Map([
  ["dbmazz_op_type", ["integer"]],
  ["dbmazz_is_deleted", ["boolean", "integer"]],
  ["dbmazz_synced_at", ["datetime", "string"]],
  ["dbmazz_cdc_version", ["integer"]]
])

/** The statement of a step. StarRocks takes all columns at once, and refuses IF NOT EXISTS here. */
export const sql = (step: Step): string => {
  if (step._tag === "CreateDatabase") return `CREATE DATABASE IF NOT EXISTS ${Identifier.quoteSr(step.database)}`
  if (step._tag === "CreateTable") return TargetTable.sql(step.definition)
  if (step._tag === "AddColumns") return ShapeChange.add(step.table, step.columns).sql
  const added = AuditColumns.COLUMNS.filter((column) => step.columns.includes(column.name))
  const clauses = added.map((column) => `ADD COLUMN ${Identifier.quoteSr(column.name)} ${column.ddl}`)
  return `ALTER TABLE ${Identifier.quoteSrTable(step.table)} ${clauses.join(", ")}`
}

const targetOf = (source: SourceTable, database: string): Identifier.QualifiedName => ({
  schema: database,
  name: targetName(source)
})

const sameSet = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean =>
  left.length === right.length && left.every((name) => right.includes(name))

/** StarRocks compares names of columns without case. */
const isReserved = (column: string): boolean => {
  const lower = column.toLowerCase()
  return lower === OPERATION_MEMBER || AuditColumns.NAMES.includes(lower)
}

/** Whether a source column's values can travel at all. */
const sourceProblem = (source: SourceTable, column: SourceColumn): SetupReason | undefined => {
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
  return isReserved(column.name) ? unsupported(`${column.typeName} under a name that is reserved`) : undefined
}

/** Whether a source column's values fit the target; names must agree to the letter, as JSON members do. */
const pairProblem = (
  table: string,
  source: SourceColumn,
  target: TableFacts,
  policy: SchemaChangePolicy
): SetupReason | undefined => {
  if (source.generated || isReserved(source.name)) return undefined
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

/** Target columns that no row of ours fills well: NOT NULL without a source or a default, or an audit column of another type. */
const targetProblem = (source: SourceTable, table: TableFacts, column: ColumnFacts): SetupReason | undefined => {
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

const sentColumns = (source: SourceTable): ReadonlyArray<SourceColumn> =>
  source.columns.filter((column) => !column.generated)

/** Columns that StarRocks would take for one, of those that are sent. */
const collisions = (source: SourceTable): ReadonlyArray<SetupReason> =>
  [...Map.groupBy(sentColumns(source), (column) => column.name.toLowerCase()).values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      _tag: "PgColumnsDifferByCase",
      table: Identifier.show(source.name),
      columns: group.map((column) => column.name).join(", ")
    }))

/** A key that no row can have: the shortest one is too long. */
const keyProblem = (
  source: SourceTable,
  target: Identifier.QualifiedName,
  key: ReadonlyArray<{ readonly name: string; readonly type: string }>
): SetupReason | undefined => {
  const parts = key.flatMap(({ name, type }) => {
    const column = source.columns.find((candidate) => candidate.name === name)
    return column === undefined ? [] : [{ column, type }]
  })
  const bytes = EncodedKey.leastBytes(parts)
  return bytes <= EncodedKey.BYTES_MAX ? undefined : {
    _tag: "SrKeyTooLong",
    table: Identifier.show(target),
    key: source.primaryKey.join(", "),
    bytes: String(bytes),
    bytesMax: String(EncodedKey.BYTES_MAX)
  }
}

/** What keeps a table from being created; that its columns have a mapping is checked elsewhere. */
const creationProblems = (source: SourceTable, definition: TargetTable.Definition): ReadonlyArray<SetupReason> => {
  const table = Identifier.show(source.name)
  const problem = TargetTable.tableNameProblem(definition.table.name)
  const names = sentColumns(source).map((column): SetupReason | undefined => {
    const why = TargetTable.columnNameProblem(column.name)
    return why === undefined ? undefined : { _tag: "PgNameUnsupported", table, name: column.name, why }
  })
  const key = definition.columns.slice(0, definition.key.length)
  return [
    problem === undefined
      ? undefined
      : { _tag: "PgNameUnsupported" as const, table, name: definition.table.name, why: problem },
    ...names,
    keyProblem(source, definition.table, key)
  ].filter(isReason)
}

const isReason = (reason: SetupReason | undefined): reason is SetupReason => reason !== undefined

const tableProblems = (
  source: SourceTable,
  target: TableFacts,
  policy: SchemaChangePolicy
): ReadonlyArray<SetupReason> => {
  const table = Identifier.show(target.name)
  if (target.model !== PRIMARY_KEY_MODEL) return [{ _tag: "SrTableNotPrimaryKey", table, model: target.model }]
  const key: SetupReason | undefined = sameSet(source.primaryKey, target.key) ? undefined : {
    _tag: "SrKeyMismatch",
    table,
    sourceKey: source.primaryKey.join(", "),
    targetKey: target.key.join(", ")
  }
  const keyColumns = target.columns.filter((column) => target.key.includes(column.name))
  return [
    key ?? keyProblem(source, target.name, keyColumns),
    ...source.columns.map((column) => pairProblem(Identifier.show(source.name), column, target, policy)),
    ...target.columns.map((column) => targetProblem(source, target, column))
  ].filter(isReason)
}

/** The mapping as it will be after the step: a column still to be added is listed with the type it will get. */
const mappingOf = (source: SourceTable, target: TableFacts, isChanging: boolean): TableMapping => {
  const columns = new Map<string, Table.TargetColumn>(
    target.columns.map(({ generated, ...column }) => [column.name, generated ? { ...column, generated } : column])
  )
  for (const { ddl, name } of AuditColumns.COLUMNS) {
    if (!columns.has(name)) columns.set(name, { name, type: ddl.split(" ", 1)[0]!.toLowerCase(), nullable: true })
  }
  return {
    source: source.name,
    target: target.name,
    key: source.primaryKey,
    targetColumns: columns,
    types: new Map(source.columns.map((column) => [column.declaredOid ?? column.typeOid, column.typeOid])),
    sourceColumns: new Map(source.columns.map((column) => [column.name, column])),
    hiddenColumns: new Set((source.leftOut ?? []).flatMap(({ attnum }) => attnum ?? [])),
    ...(isChanging ? { isChanging } : {}),
    selection: GeneratedTargets.selection(source, target),
    ...(source.kind === PARTITIONED_TABLE ? { partitioned: true } : {})
  }
}

const sharedTargets = (sources: ReadonlyArray<SourceTable>, database: string): ReadonlyArray<SetupReason> =>
  [...Map.groupBy(sources, targetName).values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      _tag: "SrTargetShared",
      target: Identifier.show(targetOf(group[0]!, database)),
      sources: group.map((source) => Identifier.show(source.name)).join(", "),
      example: group.slice(1).map((source) => TargetNames.example(source.name)).join(",")
    }))

/** The columns that are to be added now: none while the table is being changed, perhaps by our own statement. */
const missingColumns = (source: SourceTable, target: TableFacts, isChanging: boolean): ReadonlyArray<SourceColumn> =>
  isChanging
    ? []
    : sentColumns(source).filter((column) =>
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
  create?: TargetTable.Layout,
  policy: SchemaChangePolicy = "stop"
): Plan => {
  const problems = [...sharedTargets(sources, facts.database)]
  const steps: Array<Step> = []
  const mappings: Array<TableMapping> = []
  if (!facts.databaseExists) {
    if (create === undefined) problems.push({ _tag: "SrDatabaseNotFound", database: facts.database })
    else steps.push({ _tag: "CreateDatabase", database: facts.database })
  }
  for (const source of sources) {
    const before = problems.length
    problems.push(...source.columns.map((column) => sourceProblem(source, column)).filter(isReason))
    problems.push(...collisions(source))
    const target = facts.tables.get(targetName(source))
    if (target === undefined && create === undefined) {
      const table = Identifier.show(targetOf(source, facts.database))
      if (facts.databaseExists) problems.push({ _tag: "SrTableNotFound", table })
      continue
    }
    if (target === undefined) {
      const definition = TargetTable.define(source, targetOf(source, facts.database), create!)
      problems.push(...creationProblems(source, definition))
      // A source without a key is PostgreSQL's problem, and told there.
      if (problems.length > before || definition.key.length === 0) continue
      steps.push({ _tag: "CreateTable", table: definition.table, source, definition })
      continue
    }
    problems.push(...tableProblems(source, target, policy))
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
