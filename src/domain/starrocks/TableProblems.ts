/** What keeps a source table's rows from being loaded into its target, as the catalogues of both sides tell. */
import * as EncodedKey from "../EncodedKey.ts"
import type { SetupReason } from "../errors/SetupReason.ts"
import * as Identifier from "../Identifier.ts"
import type { SchemaChangePolicy } from "../schema/SchemaChangePolicy.ts"
import type { SourceColumn, SourceTable } from "../Table.ts"
import * as TargetNames from "../TargetNames.ts"
import * as TargetTable from "../TargetTable.ts"
import * as ColumnProblems from "./ColumnProblems.ts"
import type { TableFacts } from "./TargetFacts.ts"

const PRIMARY_KEY_MODEL = "PRI_KEYS"

/** The table that a source's rows are loaded into. */
export const targetOf = (source: SourceTable, database: string): Identifier.QualifiedName => ({
  schema: database,
  name: TargetNames.targetName(source)
})

const sameSet = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean =>
  left.length === right.length && left.every((name) => right.includes(name))

const isReason = (reason: SetupReason | undefined): reason is SetupReason => reason !== undefined

/** PostgreSQL computes and keeps the others. */
export const sentColumns = (source: SourceTable): ReadonlyArray<SourceColumn> =>
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

/** What is wrong with the source for any target. */
export const ofSource = (source: SourceTable): ReadonlyArray<SetupReason> => [
  ...source.columns.map((column) => ColumnProblems.sourceProblem(source, column)).filter(isReason),
  ...collisions(source)
]

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
export const ofCreation = (source: SourceTable, definition: TargetTable.Definition): ReadonlyArray<SetupReason> => {
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

/** What keeps a table that exists from being loaded into. */
export const ofTarget = (
  source: SourceTable,
  target: TableFacts,
  policy: SchemaChangePolicy
): ReadonlyArray<SetupReason> => {
  const table = Identifier.show(target.name)
  if (target.model !== PRIMARY_KEY_MODEL) return [{ _tag: "SrTableNotPrimaryKey", table, model: target.model }]
  const isKeyless = source.primaryKey.length === 0
  const key: SetupReason | undefined = isKeyless || sameSet(source.primaryKey, target.key) ? undefined : {
    _tag: "SrKeyMismatch",
    table,
    sourceKey: source.primaryKey.join(", "),
    targetKey: target.key.join(", ")
  }
  const keyColumns = target.columns.filter((column) => target.key.includes(column.name))
  return [
    key ?? keyProblem(source, target.name, keyColumns),
    ...source.columns.map((column) => ColumnProblems.pairProblem(Identifier.show(source.name), column, target, policy)),
    ...target.columns.map((column) => ColumnProblems.targetProblem(source, target, column))
  ].filter(isReason)
}

/** Targets that rows of several tables would meet in. */
export const shared = (sources: ReadonlyArray<SourceTable>, database: string): ReadonlyArray<SetupReason> =>
  [...Map.groupBy(sources, TargetNames.targetName).values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      _tag: "SrTargetShared",
      target: Identifier.show(targetOf(group[0]!, database)),
      sources: group.map((source) => Identifier.show(source.name)).join(", "),
      example: group.slice(1).map((source) => TargetNames.example(source.name)).join(",")
    }))
