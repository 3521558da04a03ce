/** The steps that PostgreSQL's setup takes, and their SQL. */
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import * as RejectedRowTable from "../RejectedRowTable.ts"
import type * as Identity from "./Identity.ts"
import * as Publication from "./Publication.ts"
import * as SlotState from "./SlotState.ts"

export const CHECKPOINT_TABLE = "dbmazz_checkpoints"

/** What is to be done, in the order it is done. */
export type Step =
  | { readonly _tag: "CreateCheckpointTable" }
  | { readonly _tag: "AddCheckpointColumns" }
  | { readonly _tag: "CreateRejectedRowTable" }
  | { readonly _tag: "SetReplicaIdentityFull"; readonly table: Identifier.QualifiedName; readonly oid: number }
  | {
    readonly _tag: "CreatePublication"
    readonly name: string
    readonly tables: ReadonlyArray<Identifier.QualifiedName>
    readonly options?: Publication.Options
  }
  | {
    readonly _tag: "AddTablesToPublication"
    readonly name: string
    readonly tables: ReadonlyArray<Identifier.QualifiedName>
  }
  /** `tables`: those whose rows are published, or under their own names, only from here on. */
  | {
    readonly _tag: "SetPublicationOptions"
    readonly name: string
    readonly options: Publication.Options
    readonly tables: ReadonlyArray<Identifier.QualifiedName>
  }
  | { readonly _tag: "CreateSlot"; readonly name: string }
  /** `lsn` undefined: the consistent point of the slot created in the step before. */
  | { readonly _tag: "StoreCheckpoint"; readonly slot: string; readonly lsn: Lsn.Lsn | undefined }
  | ({ readonly _tag: "StoreIdentity"; readonly slot: string } & Identity.Identity)

/** The SQL of a step, as it is run (without its timeouts) and as `check` shows it. */
export const sql = (step: Step): string => {
  switch (step._tag) {
    case "CreateCheckpointTable":
      return `create table ${CHECKPOINT_TABLE} (slot_name text primary key, lsn bigint not null, ` +
        `updated_at timestamp with time zone default now())`
    case "AddCheckpointColumns":
      return `alter table ${CHECKPOINT_TABLE} add column if not exists system_identifier text, ` +
        `add column if not exists timeline_id integer, add column if not exists run text, ` +
        `add column if not exists loads_in_flight jsonb, add column if not exists published jsonb`
    case "CreateRejectedRowTable":
      return RejectedRowTable.CREATE
    case "StoreIdentity":
      return `update ${CHECKPOINT_TABLE} set system_identifier = '${step.systemIdentifier}', ` +
        `timeline_id = ${step.timeline} where slot_name = '${step.slot}'`
    case "SetReplicaIdentityFull":
      return `alter table ${Identifier.quotePgTable(step.table)} replica identity full`
    case "CreatePublication":
      return Publication.createSql(step.name, step.tables, step.options ?? {})
    case "AddTablesToPublication":
      return `alter publication ${Identifier.quotePg(step.name)} add table ${Publication.tableList(step.tables)}`
    case "SetPublicationOptions":
      return `alter publication ${Identifier.quotePg(step.name)} set (${Publication.optionsSql(step.options)})`
    case "CreateSlot":
      return `select lsn from pg_create_logical_replication_slot('${step.name}', '${SlotState.PLUGIN}')`
    case "StoreCheckpoint":
      return `insert into ${CHECKPOINT_TABLE} (slot_name, lsn) values ('${step.slot}', ` +
        `${step.lsn === undefined ? "the new slot's position" : Lsn.toBigint(step.lsn)})`
  }
}
