/** The model server's answers to the statements of the setup and of the checkpoint store; it refuses all others. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import { PgSqlError } from "../../src/domain/errors/PgSqlError.ts"
import type { TransientError } from "../../src/domain/errors/TransientError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as PostgresFailure from "../../src/layers/PostgresFailure.ts"
import { PostgresSql, type Row } from "../../src/layers/PostgresSql.ts"
import type { Verdict } from "./Broken.ts"
import type { FaultSource } from "./Faults.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { Ledger } from "./Ledger.ts"
import type { ModelPostgres } from "./ModelPostgres.ts"
import type { Network } from "./Network.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export const SLOT = "sim_slot"
export const PUBLICATION = "sim_pub"
const SYSTEM_IDENTIFIER = "7300000000000000001"
const SERVER_VERSION = "150008"
/** As the live connection has them, in ms. */
const CONNECT_MS_MAX = 10_000
const ANSWER_MS_MAX = 180_000
/** Stores the label that is to be sent next. */
const REMEMBERS = /loads_in_flight = /
/** How long a statement that was given up goes on, in ms, at most. */
const LATE_MS = 3_000

export interface SqlWorld {
  readonly address: PgAddress
  readonly postgres: ModelPostgres
  readonly ledger: Ledger
  readonly verdict: Verdict
  readonly faults: FaultSource
  readonly network: Network
  readonly time: VirtualTime
  readonly trace: Trace
  readonly walSenderTimeoutMs: number
  /** Whether the tables that have partitions are published as such. */
  readonly partitions: boolean
  /** Whether a statement that was given up may take effect after the next one was answered. */
  readonly statementsOutlive: boolean
}

/** What the server stores for the program. */
export class ModelSql {
  readonly #world: SqlWorld
  readonly #lateStatements = new Set<() => unknown>()
  readonly #checkpoints = new Map<string, bigint>()
  #checkpointColumns = false
  #identity: Row = { system_identifier: null, timeline_id: null }
  /** Labels in flight by target, each with the checkpoint it was stored behind. */
  #inFlight: Record<string, Row> = {}
  /** The run that has claimed the slot. */
  #run: unknown = null

  constructor(world: SqlWorld) {
    this.#world = world
  }

  /** Whether it is stored that the table was published as it is now. */
  remembers(table: SourceTables.Table): boolean {
    const published = this.#identity["published"] as
      | { tables: Record<string, { membership?: string }> }
      | null
      | undefined
    return published?.tables[SourceTables.nameOf(table)]?.membership === Object.values(membershipOf(table)).join(" ")
  }

  /** A person has it forgotten how the tables were published. */
  forgetPublished(): void {
    this.#identity = { ...this.#identity, published: null }
  }

  /** The service of one run of the program. */
  service(incarnation: Incarnation): PostgresSql["Service"] {
    const { address, faults, network, postgres, time } = this.#world
    const { toPostgres } = incarnation
    // A session that was given up is gone; what it had sent is not.
    let stands = true
    return {
      query: (statement, parameters = []) =>
        Effect.callback<ReadonlyArray<Row>, TransientError | PgSqlError>((resume) => {
          if (REMEMBERS.test(statement)) {
            const [, target, , lastCommit] = parameters
            incarnation.announced.set(String(target), Result.getOrThrow(Lsn.fromText(String(lastCommit))))
          }
          const connects = !toPostgres.isCut || stands
          stands = connects
          const forget = incarnation.after(connects ? ANSWER_MS_MAX : CONNECT_MS_MAX, () => {
            stands = false
            fail(connects ? "connected" : "connecting", "timeout expired")
          })
          const fail = (phase: "connecting" | "connected", why: string): void => {
            forget()
            resume(Effect.fail(PostgresFailure.lost(address, phase, why)))
          }
          const interrupt = Effect.sync(() => {
            forget()
            stands = false
          })
          if (!connects) return interrupt
          // What is on its way goes on, whoever waits for it.
          time.after(network.wait(), () =>
            toPostgres.pass(() => {
              const answer = (act: () => void): void => {
                time.after(network.wait(), () => toPostgres.pass(() => incarnation.deliver(act)))
              }
              if (!postgres.up) return answer(() => fail("connecting", "refused"))
              if (faults.happens("sql: lost before the statement")) return answer(() => fail("connected", "reset"))
              if (incarnation.alive && faults.happens("sql: statement late")) {
                this.#late(() => this.#execute(statement, parameters))
                return answer(() => fail("connected", "timeout expired"))
              }
              if (!this.#world.statementsOutlive) this.#latestNow()
              const rows = this.#execute(statement, parameters)
              if (faults.happens("sql: lost after the statement")) return answer(() => fail("connected", "reset"))
              answer(() => {
                forget()
                resume(rows instanceof PgSqlError ? Effect.fail(rows) : Effect.succeed(rows))
              })
            }))
          return interrupt
        })
    }
  }

  /** A statement whose client has given it up goes on: it waits for a lock, or for a standby. */
  #late(execute: () => unknown): void {
    this.#lateStatements.add(execute)
    this.#world.time.after(LATE_MS, () => {
      if (this.#lateStatements.delete(execute) && this.#world.postgres.up) execute()
    })
  }

  #latestNow(): void {
    for (const execute of this.#lateStatements) {
      this.#lateStatements.delete(execute)
      execute()
    }
  }

  #execute(statement: string, parameters: ReadonlyArray<unknown>): ReadonlyArray<Row> | PgSqlError {
    const { ledger, postgres, trace, verdict } = this.#world
    if (REMEMBERS.test(statement)) return this.#remember(statement, parameters)
    if (/loads_in_flight as left/.test(statement)) {
      const stored = this.#checkpoints.get(String(parameters[0]))
      return stored === undefined
        ? []
        : [{ lsn: signed(stored), left: { ...this.#inFlight }, nowMs: this.#world.time.nowMs }]
    }
    if (statement.startsWith("update dbmazz_checkpoints set run = ")) return this.#claim(statement, parameters)
    if (/as stored set lsn = /.test(statement)) return this.#advance(statement, parameters)
    if (/pg_replication_slot_advance/.test(statement)) return this.#confirm(parameters)
    if (statement.startsWith("with durable")) return this.#save(statement, parameters)
    if (statement.startsWith("select lsn::text as lsn from dbmazz_checkpoints")) {
      const stored = this.#checkpoints.get(String(parameters[0]))
      return stored === undefined ? [] : [{ lsn: signed(stored) }]
    }
    if (statement.startsWith("select case when pg_is_in_recovery()")) {
      return [{ walEnd: Lsn.format(Lsn.fromBigint(postgres.wal.end)) }]
    }
    if (statement.startsWith("select current_database()")) return [this.#serverRow()]
    if (/from pg_control_system\(\)/.test(statement)) return [{ identifier: SYSTEM_IDENTIFIER }]
    if (statement.startsWith("select current_setting('server_version_num')")) return [{ version: SERVER_VERSION }]
    if (/relreplident as "replicaIdentity"/.test(statement)) {
      return postgres.tables.filter(({ wanted }) => wanted).map((table) => ({
        ...tableRow(table, this.#world.partitions, {
          // The statement itself must look how the table is published, and at its partitions.
          membership: /from pg_publication_rel /.test(statement),
          parted: / tree\.stamp\b/.test(statement)
        }),
        lookedAt: Lsn.format(Lsn.fromBigint(postgres.wal.end))
      }))
    }
    if (/where c\.oid = \$1::oid/.test(statement)) {
      return postgres.tables.filter(({ relationId }) => String(relationId) === parameters[0])
        .map(({ name, schema }) => ({ name, schema }))
    }
    if (/p\.pubtruncate as truncate,\s+\(select/.test(statement)) {
      return postgres.publication ? [publishedRow(postgres.tables)] : []
    }
    if (/from pg_publication p/.test(statement)) return postgres.publication ? [publicationRow(postgres.tables)] : []
    if (/transactionid = \$1::text::xid/.test(statement)) return []
    const added = /alter publication "\w+" add table (.*)$/i.exec(statement)
    if (added !== null) return this.#publish(added[1] ?? "")
    if (/from pg_replication_slots s/.test(statement)) return this.#slotRow()
    // Nothing is diverted here.
    if (statement.startsWith("select from dbmazz_rejected_rows")) return []
    if (statement.startsWith("select to_regclass")) return [{ exists: postgres.checkpointTable }]
    if (statement.startsWith("select pg_has_role(c.relowner")) {
      return postgres.checkpointTable
        ? [{ owned: true, count: this.#checkpointColumns ? 4 : 0, isNewest: this.#checkpointColumns }]
        : []
    }
    if (/alter table dbmazz_checkpoints/i.test(statement)) {
      this.#checkpointColumns = true
      return []
    }
    if (statement.startsWith("select to_jsonb(c) as stored from dbmazz_checkpoints")) {
      return this.#checkpoints.has(String(parameters[0])) ? [{ stored: this.#identity }] : []
    }
    if (statement.startsWith("update dbmazz_checkpoints set system_identifier")) {
      this.#identity = { ...this.#identity, system_identifier: parameters[1], timeline_id: parameters[2] }
      return []
    }
    if (statement.startsWith("update dbmazz_checkpoints set published")) {
      if (parameters[1] === this.#run) {
        this.#identity = { ...this.#identity, published: JSON.parse(String(parameters[2])) }
      }
      return []
    }
    if (statement.startsWith("create table if not exists dbmazz_checkpoints")) {
      postgres.checkpointTable = true
      return []
    }
    if (/create publication/i.test(statement)) {
      postgres.publication = true
      return []
    }
    if (/pg_create_logical_replication_slot/.test(statement)) {
      if (postgres.slot !== undefined) return new PgSqlError({ sqlState: "42710", message: "slot already exists" })
      const position = postgres.createSlot()
      ledger.boundary(position)
      trace.add(`slot created at ${position.toString(16)}`)
      return [{ lsn: Lsn.format(Lsn.fromBigint(position)) }]
    }
    return verdict.broken("the model is used as it was meant to be", `unknown statement: ${statement}`)
  }

  /** The program puts tables back that it has not seen in the publication. */
  #publish(names: string): ReadonlyArray<Row> | PgSqlError {
    const { postgres } = this.#world
    const transaction = postgres.begin()
    for (const table of transaction.tables) {
      if (!table.wanted || !names.includes(`"${table.schema}"."${table.name}"`)) continue
      if (table.isOut === undefined) {
        postgres.rollback(transaction)
        return new PgSqlError({ sqlState: "42710", message: "relation is already member of publication" })
      }
      if (!transaction.publish(SourceTables.whole(table))) {
        postgres.rollback(transaction)
        return new PgSqlError({ sqlState: "55P03", message: "canceling statement due to lock timeout" })
      }
    }
    postgres.commit(transaction)
    return []
  }

  #save(statement: string, parameters: ReadonlyArray<unknown>): ReadonlyArray<Row> {
    const { ledger, postgres, trace } = this.#world
    const slot = String(parameters[0])
    const position = BigInt.asUintN(64, BigInt(String(parameters[1])))
    const stored = this.#checkpoints.get(slot)
    // The statement itself must keep the later position: an earlier one may arrive after it.
    const guarded = /on conflict[\s\S]*where \(excluded\.lsn #/.test(statement)
    if (stored !== undefined && guarded && position <= stored) return []
    this.#checkpoints.set(slot, position)
    trace.add(`checkpoint stored: ${position.toString(16)}`)
    ledger.stored(position)
    postgres.commitUnpublished()
    return []
  }

  #remember(statement: string, [, target, label, lastCommit, run]: ReadonlyArray<unknown>): ReadonlyArray<Row> {
    if (/c\.run = \$5/.test(statement) && run !== this.#run) return []
    this.#inFlight = { ...this.#inFlight, [String(target)]: { label, sinceMs: this.#world.time.nowMs, lastCommit } }
    return [{ one: 1 }]
  }

  #claim(statement: string, [slot, start, , run]: ReadonlyArray<unknown>): ReadonlyArray<Row> {
    const { postgres } = this.#world
    const stored = this.#checkpoints.get(String(slot))
    if (stored === undefined) return []
    if (/ lsn = \$2::bigint/.test(statement) && signed(stored) !== String(start)) return []
    if (
      /confirmed_flush_lsn > \$3/.test(statement) && postgres.slot !== undefined && postgres.slot.confirmed > stored
    ) {
      return []
    }
    this.#run = run
    return [{ one: 1 }]
  }

  #advance(statement: string, [slot, position, run]: ReadonlyArray<unknown>): ReadonlyArray<Row> {
    if (/stored\.run = \$3/.test(statement) && run !== this.#run) return []
    const before = this.#checkpoints.get(String(slot))
    this.#save("on conflict where (excluded.lsn #", [slot, position])
    const isMoved = before !== this.#checkpoints.get(String(slot))
    if (isMoved && run !== this.#run) {
      this.#world.ledger.verdict.broken("a checkpoint is stored by the run that has claimed its slot", String(run))
    }
    return before === this.#checkpoints.get(String(slot)) ? [] : [{ one: 1 }]
  }

  #confirm([, position]: ReadonlyArray<unknown>): ReadonlyArray<Row> | PgSqlError {
    const { postgres } = this.#world
    if (postgres.slot?.active === true) return new PgSqlError({ sqlState: "55006", message: "ERROR: slot is active" })
    const to = Result.getOrThrow(Lsn.fromText(String(position)))
    postgres.confirm(to)
    return [{ pg_replication_slot_advance: null }]
  }

  #serverRow(): Row {
    const { postgres, walSenderTimeoutMs } = this.#world
    return {
      database: "shop",
      role: "dbmazz",
      mayReplicate: true,
      mayCreateInDatabase: true,
      serverVersion: SERVER_VERSION,
      encoding: "UTF8",
      walLevel: "logical",
      inRecovery: false,
      walEnd: Lsn.format(Lsn.fromBigint(postgres.wal.end)),
      walSenderTimeoutMs: String(walSenderTimeoutMs),
      timeline: 1,
      checkpointTable: postgres.checkpointTable ? "usable" : "missing"
    }
  }

  #slotRow(): ReadonlyArray<Row> {
    const slot = this.#world.postgres.slot
    if (slot === undefined) return []
    return [{
      slot: {
        plugin: "pgoutput",
        database: "shop",
        temporary: false,
        active_pid: slot.active ? 42 : null,
        wal_status: "reserved",
        confirmed_flush_lsn: Lsn.format(Lsn.fromBigint(slot.confirmed))
      }
    }]
  }
}

/** A position as the table's bigint shows it. */
const signed = (position: bigint): string => Lsn.toBigint(Lsn.fromBigint(position)).toString()

const tableRow = (
  table: SourceTables.Table,
  partitions: boolean,
  asked: { readonly membership: boolean; readonly parted: boolean }
): Row => ({
  schema: table.schema,
  name: table.name,
  oid: String(table.relationId),
  kind: partitions && table.relationId === SourceTables.PARTITIONED.relationId ? "p" : "r",
  replicaIdentity: "f",
  persistence: "p",
  readable: true,
  owned: true,
  columns: table.columns.map((column) => ({
    name: column.name,
    typeOid: column.oid,
    typeName: column.typeName,
    typmod: -1,
    notNull: column.notNull,
    generation: "",
    version: [
      column.name,
      column.oid,
      asked.parted ? table.parted ?? 0 : "",
      asked.membership ? table.membership ?? 0 : ""
    ].join(" ")
  })),
  primaryKey: table.key.map((index) => table.columns[index]?.name ?? ""),
  primaryKeyDeferrable: false,
  uniqueIndexes: [],
  identityColumns: [],
  partitions: [],
  ancestors: []
})

const membershipOf = ({ membership = 0, relationId }: SourceTables.Table) => ({
  place: `${relationId}/${membership}`,
  written: "1",
  options: "all"
})

/** As the running job looks at it. */
const publishedRow = (tables: ReadonlyArray<SourceTables.Table>): Row => ({
  insert: true,
  update: true,
  delete: true,
  truncate: true,
  tables: tables.filter(({ isOut }) => isOut === undefined).map((table) => ({
    schemaname: table.schema,
    tablename: table.name,
    rowfilter: null,
    membership: membershipOf(table)
  })),
  gone: []
})

const publicationRow = (tables: ReadonlyArray<SourceTables.Table>): Row => ({
  name: PUBLICATION,
  allTables: false,
  owned: true,
  insert: true,
  update: true,
  delete: true,
  truncate: true,
  viaRoot: true,
  generated: null,
  tables: tables.filter(({ isOut }) => isOut === undefined).map((table) => ({
    schema: table.schema,
    name: table.name,
    columns: SourceTables.sentColumns(table).map((column) => column.name),
    filter: null
  })),
  members: tables.filter(({ isOut }) => isOut === undefined).map(({ listed, name, schema }) => ({
    schema,
    name,
    listed: listed !== undefined,
    filterColumns: []
  }))
})
