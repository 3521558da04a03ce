/**
 * The publication of a job against what its tables need, and other publications that the job would make PostgreSQL refuse
 * changes for. Pure.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import * as Generated from "./GeneratedColumns.ts"
import * as Publication from "./Publication.ts"
import * as ReplicaIdentity from "./ReplicaIdentity.ts"
import { allColumns, FULL, key, PARTITIONED_TABLE, publishedNames, type TableFacts } from "./SourceFacts.ts"

const alter = (name: string): string => `ALTER PUBLICATION ${Identifier.quotePg(name)}`

const KEEP = "set REPLICA_IDENTITY=keep"

interface Problem {
  readonly error: string
  readonly remedy?: string
}

/** The statement that makes what the setup would make. */
const create = (context: Publication.Context, tables: ReadonlyArray<TableFacts>): string =>
  Publication.createSql(
    context.name,
    tables.map((table) => table.name),
    Publication.initialOptions(context, tables)
  ).replace(/^create publication/, "CREATE PUBLICATION")

const goneProblem = (
  context: Publication.Context,
  tables: ReadonlyArray<TableFacts>,
  checkpoint: Lsn.Lsn
): Problem => ({
  // Changes since the checkpoint were made while nothing was published: they would be skipped without a word.
  error: `it does not exist any more: changes since ${Lsn.format(checkpoint)} would be skipped`,
  remedy: `If the tables were reloaded or the gap is acceptable, run: ${create(context, tables)};`
})

const operationProblems = (
  name: string,
  publication: Publication.PublicationFacts,
  truncates: boolean,
  isResumed: boolean
): ReadonlyArray<Problem> => {
  const unpublished: Array<string> = (["insert", "update", "delete"] as const).filter((operation) =>
    !publication[operation]
  )
  const untruncated = truncates && publication.truncate === false
  if (untruncated) unpublished.push("truncate")
  if (unpublished.length === 0) return []
  const set = `${alter(name)} SET (publish = 'insert, update, delete, truncate');` +
    (untruncated ? " or set TRUNCATE_POLICY=ignore" : "")
  return [{
    error: `it does not publish ${unpublished.join(" and ")}; run: ${set}` +
      (isResumed ? ". Rows that changed meanwhile are missing: dbmazz verify names them" : ""),
    remedy: `Run as its owner: ${set}${untruncated ? "." : ""}`
  }]
}

const optionProblems = (
  context: Publication.Context,
  publication: Publication.PublicationFacts,
  tables: ReadonlyArray<TableFacts>
): ReadonlyArray<Problem> => {
  if (publication.owned) return []
  const { name, role } = context
  const { generated, viaRoot } = Publication.unsetOptions(context, tables)
  const refused = `role '${role}' does not own it and cannot set`
  const problems: Array<Problem> = []
  if (generated) {
    const names = tables.filter((table) => Generated.needsPublishing(table, context.policy)).map(key).join("', '")
    problems.push({
      error: `it does not publish the generated columns of '${names}', and PostgreSQL then refuses every UPDATE and ` +
        `DELETE of a table with REPLICA IDENTITY FULL; ${refused} publish_generated_columns`,
      remedy: `Run as its owner: ${alter(name)} SET (publish_generated_columns = stored); or ${KEEP}.`
    })
  }
  if (viaRoot) {
    const names = tables.filter((table) => table.kind === PARTITIONED_TABLE).map(key).join("', '")
    problems.push({
      error: `it publishes rows of '${names}' under the names of the partitions; ${refused} publish_via_partition_root`,
      remedy: `Run as its owner: ${
        alter(name)
      } SET (publish_via_partition_root = true); or name the partitions in TABLES.`
    })
  }
  return problems
}

/** A partition of its own in the job, whose rows arrive under the name of a partitioned table above it. */
const hiddenProblems = (
  context: Publication.Context,
  publication: Publication.PublicationFacts,
  tables: ReadonlyArray<TableFacts>
): ReadonlyArray<Problem> => {
  const viaRoot = publication.viaRoot === true || Publication.unsetOptions(context, tables).viaRoot
  if (!viaRoot) return []
  return tables.flatMap((table) => {
    const roots = (table.ancestors ?? []).filter((name) =>
      publication.allTables || publication.tables.has(Identifier.show(name)) ||
      publication.members?.has(Identifier.show(name))
    )
    return roots.length === 0 ? [] : [{
      error: `it publishes the rows of '${key(table)}' under the name of '${Identifier.show(roots[0]!)}' ` +
        `(publish_via_partition_root)`,
      remedy: `Name '${Identifier.show(roots[0]!)}' in TABLES in place of its partition, or choose another ` +
        `PUBLICATION_NAME for this job.`
    }]
  })
}

const listProblem = (
  { name, policy }: Publication.Context,
  publication: Publication.PublicationFacts,
  table: TableFacts
): ReadonlyArray<Problem> => {
  const names = publication.tables.get(key(table))
  const listed = publication.columnLists?.has(key(table)) ?? false
  const quoted = Identifier.quotePgTable(table.name)
  const whole = `Run in one transaction: ${alter(name)} DROP TABLE ONLY ${quoted}; ${
    alter(name)
  } ADD TABLE ONLY ${quoted};`
  if (ReplicaIdentity.isFull(table, policy)) {
    const hidden = names === undefined ?
      [] :
      allColumns(table).filter((column) =>
        column.computed === undefined && !column.generated && !names.includes(column.name)
      )
    if (hidden.length === 0 && !listed) return []
    const lacks = hidden.map((column) => `'${column.name}'`).join(", ")
    return [{
      error: `its column list for '${key(table)}' ${lacks === "" ? "stands against" : `lacks ${lacks}, which`} ` +
        `REPLICA IDENTITY FULL${lacks === "" ? "" : " needs"}: PostgreSQL refuses every UPDATE and DELETE`,
      remedy: `${whole} To leave columns out, use COLUMNS_EXCLUDE, or ${KEEP}.`
    }]
  }
  if (!listed || names === undefined) return []
  const hidden = (table.identityColumns ?? []).filter((column) => !names.includes(column))
  return hidden.length === 0 ? [] : [{
    error: `its column list for '${key(table)}' lacks ${
      hidden.map((column) => `'${column}'`).join(", ")
    } of the replica ` +
      `identity: PostgreSQL refuses every UPDATE and DELETE`,
    remedy: whole
  }]
}

const filterProblem = (
  { name, policy }: Publication.Context,
  publication: Publication.PublicationFacts,
  table: TableFacts
): ReadonlyArray<Problem> => {
  const filter = publication.rowFilters?.get(key(table))
  if (filter === undefined || ReplicaIdentity.isFull(table, policy)) return []
  const foreign = filter.columns.filter((column) => !(table.identityColumns ?? []).includes(column))
  const quoted = Identifier.quotePgTable(table.name)
  return foreign.length === 0 ? [] : [{
    error: `its row filter for '${key(table)}' reads ${
      foreign.map((column) => `'${column}'`).join(", ")
    }, which is not in ` +
      `the replica identity: PostgreSQL refuses every UPDATE and DELETE`,
    remedy: `Run: ALTER TABLE ${quoted} REPLICA IDENTITY FULL; or in one transaction: ${alter(name)} DROP TABLE ` +
      `ONLY ${quoted}; ${alter(name)} ADD TABLE ONLY ${quoted};`
  }]
}

/** Everything that is wrong with the publication. `lost`: the checkpoint of a job that had one, and has it no more. */
const ownProblems = (
  context: Publication.Context,
  tables: ReadonlyArray<TableFacts>,
  mayCreateIn: string | undefined,
  truncates: boolean,
  lost: Lsn.Lsn | undefined
): ReadonlyArray<Problem> => {
  const { name, publication, role } = context
  const notOwned = (some: ReadonlyArray<TableFacts>, remedy: string): ReadonlyArray<Problem> =>
    some.filter((table) => !table.owned).map((table) => ({
      error: `role '${role}' does not own table '${key(table)}'`,
      remedy
    }))
  if (publication === undefined && lost !== undefined) return [goneProblem(context, tables, lost)]
  if (publication === undefined) {
    const byOwner = `Run as a superuser, or as the tables' owner: ${create(context, tables)};`
    const lacking = mayCreateIn === undefined ? [] : [{
      error: `role '${role}' lacks CREATE on database '${mayCreateIn}'`,
      remedy: `Run as its owner: GRANT CREATE ON DATABASE ${Identifier.quotePg(mayCreateIn)} TO ` +
        `${Identifier.quotePg(role)}; or make the publication yourself. ${byOwner}`
    }]
    return [...lacking, ...notOwned(tables, byOwner)]
  }
  const absent = Publication.missing(publication, tables)
  const add = `Run as a superuser, or as the owner of publication and tables: ${alter(name)} ADD TABLE ` +
    `${absent.map((table) => `ONLY ${Identifier.quotePgTable(table.name)}`).join(", ")};`
  const hidden = hiddenProblems(context, publication, tables)
  return [
    ...operationProblems(context.name, publication, truncates, lost !== undefined),
    ...(absent.length > 0 && !publication.owned
      ? [{ error: `role '${role}' does not own it and cannot add '${absent.map(key).join("', '")}'`, remedy: add }]
      : []),
    ...notOwned(absent, add),
    ...optionProblems(context, publication, tables),
    ...hidden,
    ...(publication.allTables && hidden.length === 0 ? unseen(publication, tables) : []),
    ...tables.flatMap((table) => [
      ...listProblem(context, publication, table),
      ...filterProblem(context, publication, table)
    ])
  ]
}

const unseen = (publication: Publication.PublicationFacts, tables: ReadonlyArray<TableFacts>): ReadonlyArray<Problem> =>
  tables.filter((table) => table.kind !== PARTITIONED_TABLE && !publication.tables.has(key(table))).map((table) => ({
    error: `it is FOR ALL TABLES, yet does not publish '${
      key(table)
    }' under its own name (publish_via_partition_root?)`,
    remedy: "Name the partitioned table above it in TABLES, or choose another PUBLICATION_NAME for this job."
  }))

/** What the job does to its tables that another publication would answer with refused changes. */
const otherProblems = (context: Publication.Context, tables: ReadonlyArray<TableFacts>): ReadonlyArray<SetupReason> =>
  context.others.filter((other) => other.update || other.delete).flatMap((other) =>
    tables.flatMap((table): ReadonlyArray<SetupReason> => {
      const names = publishedNames(table).filter((name) => other.tables.has(name))
      if (names.length === 0 || !ReplicaIdentity.isFull(table, context.policy)) return []
      const refuses =
        `publishes '${key(table)}', and under REPLICA IDENTITY FULL PostgreSQL then refuses every UPDATE and ` +
        `DELETE of the table`
      const keep = table.replicaIdentity === FULL ? "" : ` or ${KEEP}`
      const problems: Array<Problem> = []
      if (names.some((name) => other.columnLists?.has(name))) {
        problems.push({
          error: `it has a column list where it ${refuses}`,
          remedy: `Run in one transaction for each of ${names.join(", ")}: ${alter(other.name)} DROP TABLE …; and ` +
            `${alter(other.name)} ADD TABLE …;${keep}.`
        })
      }
      if (other.generated === false && Generated.stored(table).length > 0) {
        problems.push({
          error: `it leaves out generated columns where it ${refuses}`,
          remedy: `Run: ${alter(other.name)} SET (publish_generated_columns = stored);${keep}.`
        })
      }
      return problems.map((problem) => ({ _tag: "PgPublicationFailed", name: other.name, ...problem }))
    })
  )

/** Everything that is wrong with publications, each with what to run. */
export const find = (
  context: Publication.Context,
  tables: ReadonlyArray<TableFacts>,
  rights: { readonly mayCreateIn: string | undefined; readonly truncates: boolean; readonly lost: Lsn.Lsn | undefined }
): ReadonlyArray<SetupReason> => [
  ...ownProblems(context, tables, rights.mayCreateIn, rights.truncates, rights.lost).map((problem): SetupReason => ({
    _tag: "PgPublicationFailed",
    name: context.name,
    ...problem
  })),
  ...otherProblems(context, tables)
]
