/**
 * What must be true of PostgreSQL before replication starts, and what is still to be done: pure, from the facts that
 * the catalogue gave to every problem at once and to the steps that a first start, or a start after a change, takes.
 */
import type { SetupReason } from "./errors/SetupReason.ts"
import * as Identifier from "./Identifier.ts"
import * as Lsn from "./Lsn.ts"
import * as GeneratedColumns from "./postgres/GeneratedColumns.ts"
import * as Identity from "./postgres/Identity.ts"
import * as Publication from "./postgres/Publication.ts"
import type { OtherPublication, PublicationFacts } from "./postgres/Publication.ts"
import * as PublicationProblems from "./postgres/PublicationProblems.ts"
import * as RelationKind from "./postgres/RelationKind.ts"
import * as ReplicaIdentity from "./postgres/ReplicaIdentity.ts"
import * as ServerVersion from "./postgres/ServerVersion.ts"
import { CHECKPOINT_TABLE, type Step } from "./postgres/SetupStep.ts"
import * as SlotState from "./postgres/SlotState.ts"
import { key, PARTITIONED_TABLE, type TableFacts } from "./postgres/SourceFacts.ts"
import type { Switch } from "./postgres/Timeline.ts"
import * as RejectedRowTable from "./RejectedRowTable.ts"
import type { TruncatePolicy } from "./TruncatePolicy.ts"

/** The part of the settings that the setup of PostgreSQL follows. */
export interface Job {
  readonly slot: string
  readonly publication: string
  /** Patterns resolved, exclusions taken away. */
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
  /** What is wrong with the lists of tables and columns, each with its variable. */
  readonly listProblems?: ReadonlyArray<string>
  /** With `ignore` it does not matter whether truncations are published. */
  readonly truncatePolicy: TruncatePolicy
  /** Undefined: `full`. */
  readonly replicaIdentity?: ReplicaIdentity.ReplicaIdentity
  /** The checkpoint that this process has stored last; undefined at its first setup. */
  readonly reached?: Lsn.Lsn | undefined
}

/** What the role may do with `dbmazz_checkpoints`. */
export type CheckpointTable = "usable" | "forbidden" | "missing" | "uncreatable"

export interface Facts {
  readonly database: string
  readonly role: string
  readonly mayReplicate: boolean
  readonly mayCreateInDatabase: boolean
  readonly serverVersion: number
  readonly walLevel: string
  /** A hot standby: nothing can be written here. */
  readonly inRecovery: boolean
  /** The end of the server's WAL. */
  readonly walEnd: Lsn.Lsn
  readonly walSenderTimeoutMs: number
  readonly systemIdentifier: string
  readonly timeline: number
  /** The job's tables that exist. */
  readonly tables: ReadonlyArray<TableFacts>
  readonly publication: PublicationFacts | undefined
  /** Others that publish tables of the job. */
  readonly otherPublications?: ReadonlyArray<OtherPublication>
  readonly slot: SlotState.SlotFacts | undefined
  readonly checkpointTable: CheckpointTable
  /** Undefined: rows are not diverted. */
  readonly rejectedRowTable?: RejectedRowTable.State | undefined
  readonly checkpoint: Lsn.Lsn | undefined
  /** Whose checkpoint it is, as its row says; undefined without a row. */
  readonly storedIdentity: Identity.Stored | undefined
  readonly checkpointColumns: Identity.Columns
  /** Of the server's timeline, when the checkpoint was made on another one. */
  readonly history: ReadonlyArray<Switch> | undefined
}

export interface Plan {
  readonly job: Job
  readonly facts: Facts
  /** Empty: the steps can be taken. Otherwise everything that is wrong, in the order of the setup. */
  readonly problems: ReadonlyArray<SetupReason>
  readonly steps: ReadonlyArray<Step>
  /** What a person should know, one sentence each. */
  readonly notes: ReadonlyArray<string>
  /** What a person should do something about, and need not at once. */
  readonly warnings: ReadonlyArray<string>
}

const serverProblems = (facts: Facts): Array<SetupReason> => {
  const problems: Array<SetupReason> = []
  if (facts.walLevel !== "logical") problems.push({ _tag: "PgWalLevelNotLogical", walLevel: facts.walLevel })
  if (!facts.mayReplicate) problems.push({ _tag: "PgRoleCannotReplicate", role: facts.role })
  const checkpointError = facts.inRecovery
    ? "the server is a hot standby, where nothing can be written; connect to the primary"
    : facts.checkpointTable === "forbidden"
    ? `role '${facts.role}' may not select, insert and update in ${CHECKPOINT_TABLE}`
    : facts.checkpointTable === "uncreatable"
    ? `role '${facts.role}' may not create ${CHECKPOINT_TABLE} in the first schema of its search_path`
    : undefined
  if (checkpointError !== undefined) problems.push({ _tag: "CheckpointFailed", error: checkpointError })
  const { rejectedRowTable } = facts
  const unkept = rejectedRowTable === undefined ? undefined : RejectedRowTable.problem(rejectedRowTable, facts.role)
  if (unkept !== undefined) problems.push(unkept)
  return problems
}

const tableProblems = (job: Job, facts: Facts, table: TableFacts): ReadonlyArray<SetupReason> => {
  const name = key(table)
  const kind = RelationKind.problems(table)
  if (kind.length > 0) return kind
  const problems: Array<SetupReason> = []
  if (table.primaryKey.length === 0) problems.push({ _tag: "PgPrimaryKeyMissing", table: name })
  else if (table.primaryKeyDeferrable) problems.push({ _tag: "PgPrimaryKeyDeferrable", table: name })
  if (!table.readable) {
    problems.push({ _tag: "PgPrivilegeMissing", table: name, role: facts.role, privilege: "SELECT" })
  }
  const policy = policyOf(job)
  problems.push(...GeneratedColumns.problems(table, policy))
  problems.push(...ReplicaIdentity.problems(table, policy, facts.role))
  return problems
}

/** Tables whose rows would arrive under the name of another one of the job. */
const nestedProblems = (tables: ReadonlyArray<TableFacts>): ReadonlyArray<SetupReason> => {
  const names = new Set(tables.map(key))
  const problems = tables.flatMap((table) =>
    (table.ancestors ?? []).map(Identifier.show).filter((ancestor) => names.has(ancestor)).slice(0, 1).map((ancestor) =>
      `TABLES: '${key(table)}' is a partition of '${ancestor}', whose rows hold those of the partition; take one of ` +
      `the two out`
    )
  )
  return problems.length === 0 ? [] : [{ _tag: "ConfigurationInvalid", problems }]
}

const policyOf = (job: Job): ReplicaIdentity.ReplicaIdentity => job.replicaIdentity ?? "full"

const contextOf = (job: Job, facts: Facts): Publication.Context => ({
  name: job.publication,
  policy: policyOf(job),
  role: facts.role,
  serverVersion: facts.serverVersion,
  publication: facts.publication,
  others: facts.otherPublications ?? []
})

const publicationProblems = (job: Job, facts: Facts, tables: ReadonlyArray<TableFacts>): ReadonlyArray<SetupReason> =>
  PublicationProblems.find(contextOf(job, facts), tables, {
    mayCreateIn: facts.mayCreateInDatabase ? undefined : facts.database,
    truncates: job.truncatePolicy !== "ignore",
    lost: facts.slot === undefined ? undefined : facts.checkpoint
  })

/** What is wrong with where replication would start: the server's identity first, positions of another mean nothing. */
const startProblems = (job: Job, facts: Facts): ReadonlyArray<SetupReason> => {
  const verdict = identityVerdict(job, facts)
  if (verdict._tag === "Refused") return [verdict.reason]
  const { checkpoint, database, slot, walEnd } = facts
  // An older one, or none, is the work of a server that has forgotten it: nothing of ours goes back while it runs.
  if (job.reached !== undefined && (checkpoint === undefined || checkpoint < job.reached)) {
    const known = checkpoint === undefined ? "none" : Lsn.format(checkpoint)
    return [{ _tag: "PgServerBehind", name: job.slot, checkpoint: known, reached: Lsn.format(job.reached) }]
  }
  const problem = SlotState.problem({ name: job.slot, database, slot, checkpoint, walEnd })
  return problem === undefined ? [] : [problem]
}

const identityVerdict = (job: Job, facts: Facts): Identity.Verdict => {
  const { checkpoint, history, storedIdentity } = facts
  if (checkpoint === undefined || storedIdentity === undefined) return { _tag: "Store" }
  return Identity.judge({ slot: job.slot, checkpoint, stored: storedIdentity, server: facts, history })
}

const slotSteps = (job: Job, facts: Facts): ReadonlyArray<Step> => {
  if (facts.slot === undefined) {
    return [{ _tag: "CreateSlot", name: job.slot }, { _tag: "StoreCheckpoint", slot: job.slot, lsn: undefined }]
  }
  // Adopted: a slot that somebody made for us, or that we made in the moment before we died.
  return facts.checkpoint === undefined
    ? [{ _tag: "StoreCheckpoint", slot: job.slot, lsn: facts.slot.confirmed }]
    : []
}

/**
 * Generated columns are published before an identity holds them, or changes of the application would be refused in between;
 * what is published under a new name comes last, when its old rows are whole.
 */
const tableSteps = (context: Publication.Context, tables: ReadonlyArray<TableFacts>): ReadonlyArray<Step> => {
  const { name, policy, publication } = context
  const { generated, viaRoot } = Publication.unsetOptions(context, tables)
  const names = (some: ReadonlyArray<TableFacts>) => some.map((table) => table.name)
  const steps: Array<Step> = []
  if (generated) {
    const some = tables.filter((table) => GeneratedColumns.stored(table).length > 0)
    steps.push({ _tag: "SetPublicationOptions", name, options: { generated }, tables: names(some) })
  }
  for (const { name: table, oid } of policy === "full" ? tables.flatMap(ReplicaIdentity.unset) : []) {
    steps.push({ _tag: "SetReplicaIdentityFull", table, oid })
  }
  if (publication === undefined) {
    const options = Publication.initialOptions(context, tables)
    if (tables.length > 0) steps.push({ _tag: "CreatePublication", name, tables: names(tables), options })
    return steps
  }
  if (viaRoot) {
    const some = tables.filter((table) => table.kind === PARTITIONED_TABLE)
    steps.push({ _tag: "SetPublicationOptions", name, options: { viaRoot }, tables: names(some) })
  }
  const missing = Publication.missing(publication, tables)
  if (missing.length > 0) steps.push({ _tag: "AddTablesToPublication", name, tables: names(missing) })
  return steps
}

/** What a person should know, and need do nothing about. */
const notesOf = (tables: ReadonlyArray<TableFacts>): ReadonlyArray<string> =>
  tables.flatMap((table) => [
    ...(table.keyIndex === undefined
      ? []
      : [
        `'${key(table)}' has no primary key: its unique index '${table.keyIndex}' (${
          table.primaryKey.join(", ")
        }) is the key`
      ]),
    ...(table.rowFilter === undefined
      ? []
      : [
        `only rows of '${key(table)}' that fit the publication's row filter are replicated: one that no longer fits ` +
        `is marked as deleted`
      ])
  ])

/**
 * Compares the job with the facts. On a fresh system the order is: identity of the tables, publication, slot, so that
 * every change the slot ever decodes carries its old row.
 */
export const plan = (job: Job, facts: Facts): Plan => {
  const found = new Map(facts.tables.map((table) => [key(table), table]))
  const problems = serverProblems(facts)
  const { listProblems = [] } = job
  if (listProblems.length > 0) problems.push({ _tag: "ConfigurationInvalid", problems: listProblems })
  for (const name of job.tables) {
    const table = found.get(Identifier.show(name))
    if (name.name === CHECKPOINT_TABLE || name.name === RejectedRowTable.NAME) {
      const problem = `TABLES: ${Identifier.show(name)} is dbmazz's own table and is never replicated; take it out`
      problems.push({ _tag: "ConfigurationInvalid", problems: [problem] })
    } else if (table === undefined) problems.push({ _tag: "PgTableNotFound", table: Identifier.show(name) })
    else problems.push(...tableProblems(job, facts, table))
  }
  const tables = job.tables.flatMap((name) => found.get(Identifier.show(name)) ?? [])
  // The others are refused above, and no publication takes them.
  const publishable = tables.filter((table) => RelationKind.problems(table).length === 0)
  problems.push(...nestedProblems(tables), ...publicationProblems(job, facts, publishable))
  problems.push(...startProblems(job, facts))

  const steps: Array<Step> = []
  if (facts.checkpointTable === "missing") steps.push({ _tag: "CreateCheckpointTable" })
  if (facts.checkpointColumns === "addable") steps.push({ _tag: "AddCheckpointColumns" })
  if (facts.rejectedRowTable === "missing") steps.push({ _tag: "CreateRejectedRowTable" })
  steps.push(...tableSteps(contextOf(job, facts), tables))
  steps.push(...slotSteps(job, facts))
  const { systemIdentifier, timeline } = facts
  const known = systemIdentifier !== "" && timeline !== 0
  if (known && facts.checkpointColumns !== "fixed" && identityVerdict(job, facts)._tag === "Store") {
    steps.push({ _tag: "StoreIdentity", slot: job.slot, systemIdentifier, timeline })
  }
  const warning = ServerVersion.warning(facts.serverVersion)
  return { job, facts, problems, steps, notes: notesOf(tables), warnings: warning === undefined ? [] : [warning] }
}

/**
 * The plan without putting back tables that others have taken out of the publication: what was made meanwhile is missing,
 * and who adds them is to know that.
 */
export const leaveUnpublished = (plan: Plan, isLeft: (table: Identifier.QualifiedName) => boolean): Plan => ({
  ...plan,
  steps: plan.steps.flatMap((step): ReadonlyArray<Step> => {
    if (step._tag !== "AddTablesToPublication") return [step]
    const tables = step.tables.filter((table) => !isLeft(table))
    return tables.length === 0 ? [] : [{ ...step, tables }]
  })
})
