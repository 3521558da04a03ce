/**
 * What must be true of PostgreSQL before replication starts, and what is still to be done: pure, from the facts that
 * the catalogue gave to every problem at once and to the steps that a first start, or a start after a change, takes.
 */
import type { SetupReason } from "./errors/SetupError.ts"
import * as Identifier from "./Identifier.ts"
import * as Lsn from "./Lsn.ts"
import * as Identity from "./postgres/Identity.ts"
import * as SlotState from "./postgres/SlotState.ts"
import type { Switch } from "./postgres/Timeline.ts"
import * as RejectedRowTable from "./RejectedRowTable.ts"
import type { SourceTable } from "./Table.ts"
import type { TruncatePolicy } from "./TruncatePolicy.ts"

/** The part of the settings that the setup of PostgreSQL follows. */
export interface Job {
  readonly slot: string
  readonly publication: string
  /** Patterns resolved, exclusions taken away. */
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
  /** What is wrong with the lists of tables and columns, each with its variable. */
  readonly listProblems?: ReadonlyArray<string>
  /** Undefined: whether truncations are published does not matter. */
  readonly truncatePolicy?: TruncatePolicy
  /** The checkpoint that this process has stored last; undefined at its first setup. */
  readonly reached?: Lsn.Lsn | undefined
}

export interface TableFacts extends SourceTable {
  /** The role owns it, is a member of its owner, or is a superuser. */
  readonly owned: boolean
  /** `relpersistence`: `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string
}

export interface PublicationFacts {
  readonly allTables: boolean
  readonly owned: boolean
  readonly insert: boolean
  readonly update: boolean
  readonly delete: boolean
  /** Absent: it does. */
  readonly truncate?: boolean
  /** The job's published tables by `schema.name`, with their columns where the server tells (15 and later). */
  readonly tables: ReadonlyMap<string, ReadonlyArray<string> | undefined>
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

/** What is to be done, in the order it is done. */
export type Step =
  | { readonly _tag: "CreateCheckpointTable" }
  | { readonly _tag: "AddCheckpointColumns" }
  | { readonly _tag: "CreateRejectedRowTable" }
  | { readonly _tag: "SetReplicaIdentityFull"; readonly table: Identifier.QualifiedName; readonly oid: number }
  | {
    readonly _tag: "CreatePublication" | "AddTablesToPublication"
    readonly name: string
    readonly tables: ReadonlyArray<Identifier.QualifiedName>
  }
  | { readonly _tag: "CreateSlot"; readonly name: string }
  /** `lsn` undefined: the consistent point of the slot created in the step before. */
  | { readonly _tag: "StoreCheckpoint"; readonly slot: string; readonly lsn: Lsn.Lsn | undefined }
  | ({ readonly _tag: "StoreIdentity"; readonly slot: string } & Identity.Identity)

export interface Plan {
  readonly job: Job
  readonly facts: Facts
  /** Empty: the steps can be taken. Otherwise everything that is wrong, in the order of the setup. */
  readonly problems: ReadonlyArray<SetupReason>
  readonly steps: ReadonlyArray<Step>
}

const ORDINARY_TABLE = "r"
const FULL = "f"
const CHECKPOINT_TABLE = "dbmazz_checkpoints"

const KINDS: ReadonlyMap<string, string> = new Map([
  ["p", "partitioned table"],
  ["v", "view"],
  ["m", "materialized view"],
  ["f", "foreign table"],
  ["i", "index"],
  ["I", "partitioned index"],
  ["S", "sequence"],
  ["c", "composite type"]
])
const PERSISTENCES: ReadonlyMap<string, string> = new Map([["u", "unlogged table"], ["t", "temporary table"]])

const key = (table: { readonly name: Identifier.QualifiedName }): string => Identifier.show(table.name)

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

const tableProblems = (facts: Facts, table: TableFacts): Array<SetupReason> => {
  const name = key(table)
  const kind = table.kind === ORDINARY_TABLE
    ? PERSISTENCES.get(table.persistence)
    : KINDS.get(table.kind) ?? `relation of kind '${table.kind}'`
  if (kind !== undefined) return [{ _tag: "PgTableKind", table: name, kind }]
  const problems: Array<SetupReason> = []
  if (table.primaryKey.length === 0) problems.push({ _tag: "PgPrimaryKeyMissing", table: name })
  else if (table.primaryKeyDeferrable) problems.push({ _tag: "PgPrimaryKeyDeferrable", table: name })
  if (!table.readable) {
    problems.push({ _tag: "PgPrivilegeMissing", table: name, role: facts.role, privilege: "SELECT" })
  }
  if (table.replicaIdentity !== FULL && !table.owned) {
    problems.push({
      _tag: "PgReplicaIdentityFailed",
      table: name,
      error: `role '${facts.role}' does not own the table`
    })
  }
  return problems
}

const missingFrom = (publication: PublicationFacts, tables: ReadonlyArray<TableFacts>): ReadonlyArray<TableFacts> =>
  tables.filter((table) => !publication.tables.has(key(table)))

const publicationErrors = (job: Job, facts: Facts, tables: ReadonlyArray<TableFacts>): Array<string> => {
  const { publication, role } = facts
  const notOwned = (some: ReadonlyArray<TableFacts>): Array<string> =>
    some.filter((table) => !table.owned).map((table) => `role '${role}' does not own table '${key(table)}'`)
  if (publication === undefined && facts.slot !== undefined && facts.checkpoint !== undefined) {
    // Changes since the checkpoint were made while nothing was published: they would be skipped without a word.
    return [
      `it does not exist any more: changes since ${
        Lsn.format(facts.checkpoint)
      } would be skipped. If the tables were ` +
      `reloaded or the gap is acceptable, run: CREATE PUBLICATION ${Identifier.quotePg(job.publication)} ` +
      `FOR TABLE ${tableList(tables.map((table) => table.name))};`
    ]
  }
  if (publication === undefined) {
    const create = facts.mayCreateInDatabase ? [] : [`role '${role}' lacks CREATE on database '${facts.database}'`]
    return [...create, ...notOwned(tables)]
  }
  const errors: Array<string> = []
  const unpublished: Array<string> = (["insert", "update", "delete"] as const).filter((operation) =>
    !publication[operation]
  )
  const { truncatePolicy = "ignore" } = job
  const untruncated = truncatePolicy !== "ignore" && publication.truncate === false
  if (untruncated) unpublished.push("truncate")
  if (unpublished.length > 0) {
    const name = Identifier.quotePg(job.publication)
    errors.push(
      `it does not publish ${unpublished.join(" and ")}; ` +
        `run: ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');` +
        (untruncated ? " or set TRUNCATE_POLICY=ignore" : "")
    )
  }
  const missing = missingFrom(publication, tables)
  if (publication.allTables) {
    errors.push(
      ...missing.map((table) =>
        `it is FOR ALL TABLES, yet does not publish '${key(table)}' under its own name (publish_via_partition_root?)`
      )
    )
  } else if (missing.length > 0) {
    if (!publication.owned) {
      errors.push(`role '${role}' does not own it and cannot add '${missing.map(key).join("', '")}'`)
    }
    errors.push(...notOwned(missing))
  }
  for (const table of tables) {
    const published = publication.tables.get(key(table))
    if (published === undefined) continue
    const hidden = [...table.columns, ...(table.leftOut ?? [])].filter((column) =>
      !column.generated && !published.includes(column.name)
    )
    if (hidden.length > 0) {
      // With FULL as identity, PostgreSQL would refuse every UPDATE and DELETE of such a table.
      errors.push(`its column list for '${key(table)}' lacks ${hidden.map((column) => `'${column.name}'`).join(", ")}`)
    }
  }
  return errors
}

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
    else problems.push(...tableProblems(facts, table))
  }
  const tables = job.tables.flatMap((name) => found.get(Identifier.show(name)) ?? [])
  for (const error of publicationErrors(job, facts, tables)) {
    problems.push({ _tag: "PgPublicationFailed", name: job.publication, error })
  }
  problems.push(...startProblems(job, facts))

  const steps: Array<Step> = []
  if (facts.checkpointTable === "missing") steps.push({ _tag: "CreateCheckpointTable" })
  if (facts.checkpointColumns === "addable") steps.push({ _tag: "AddCheckpointColumns" })
  if (facts.rejectedRowTable === "missing") steps.push({ _tag: "CreateRejectedRowTable" })
  for (const table of tables) {
    if (table.replicaIdentity !== FULL) {
      steps.push({ _tag: "SetReplicaIdentityFull", table: table.name, oid: table.oid })
    }
  }
  const { publication } = facts
  const unpublished = publication === undefined ? tables : publication.allTables ? [] : missingFrom(publication, tables)
  if (unpublished.length > 0) {
    const _tag = publication === undefined ? "CreatePublication" : "AddTablesToPublication"
    steps.push({ _tag, name: job.publication, tables: unpublished.map((table) => table.name) })
  }
  steps.push(...slotSteps(job, facts))
  const { systemIdentifier, timeline } = facts
  const known = systemIdentifier !== "" && timeline !== 0
  if (known && facts.checkpointColumns !== "fixed" && identityVerdict(job, facts)._tag === "Store") {
    steps.push({ _tag: "StoreIdentity", slot: job.slot, systemIdentifier, timeline })
  }
  return { job, facts, problems, steps }
}

const tableList = (tables: ReadonlyArray<Identifier.QualifiedName>): string =>
  tables.map(Identifier.quotePgTable).join(", ")

/** The SQL of a step, as it is run (without its timeouts) and as `check` shows it. */
export const sql = (step: Step): string => {
  switch (step._tag) {
    case "CreateCheckpointTable":
      return `create table ${CHECKPOINT_TABLE} (slot_name text primary key, lsn bigint not null, ` +
        `updated_at timestamp with time zone default now())`
    case "AddCheckpointColumns":
      return `alter table ${CHECKPOINT_TABLE} add column if not exists system_identifier text, ` +
        `add column if not exists timeline_id integer, add column if not exists run text, ` +
        `add column if not exists loads_in_flight jsonb`
    case "CreateRejectedRowTable":
      return RejectedRowTable.CREATE
    case "StoreIdentity":
      return `update ${CHECKPOINT_TABLE} set system_identifier = '${step.systemIdentifier}', ` +
        `timeline_id = ${step.timeline} where slot_name = '${step.slot}'`
    case "SetReplicaIdentityFull":
      return `alter table ${Identifier.quotePgTable(step.table)} replica identity full`
    case "CreatePublication":
      return `create publication ${Identifier.quotePg(step.name)} for table ${tableList(step.tables)}`
    case "AddTablesToPublication":
      return `alter publication ${Identifier.quotePg(step.name)} add table ${tableList(step.tables)}`
    case "CreateSlot":
      return `select lsn from pg_create_logical_replication_slot('${step.name}', '${SlotState.PLUGIN}')`
    case "StoreCheckpoint":
      return `insert into ${CHECKPOINT_TABLE} (slot_name, lsn) values ('${step.slot}', ` +
        `${step.lsn === undefined ? "the new slot's position" : Lsn.toBigint(step.lsn)})`
  }
}
