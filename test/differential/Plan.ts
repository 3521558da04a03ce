/**
 * What a seed stands for: settings of the job, tables, and one global order of statements over several sessions. Plain data,
 * so that a failing one can be made smaller and shown.
 */
import type { LoadFormat } from "../../src/domain/LoadFormat.ts"
import type { ReplicaIdentity } from "../../src/domain/postgres/ReplicaIdentity.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import type { Column } from "./Columns.ts"
import type { KeyName } from "./Keys.ts"

/**
 * A unique index over the key's columns: none but the primary key's; `beside` it, one with the columns in another order;
 * `alone`, without a primary key.
 */
export type Unique = "none" | "beside" | "alone"

export interface Table {
  readonly name: string
  readonly key: KeyName
  readonly unique: Unique
  readonly columns: ReadonlyArray<Column>
  /** Partitions by hash of the key; 0: an ordinary table. */
  readonly partitions: number
}

/** By column, SQL expressions. */
export type Values = Readonly<Record<string, string>>

/** Keys by their numbers. None of them blocks on another open transaction, and none fails. */
export type Operation =
  | {
    readonly op: "insert"
    readonly table: string
    readonly rows: ReadonlyArray<{ readonly key: number; readonly values: Values }>
    /** What becomes of a row whose key is there. */
    readonly conflict: "nothing" | "update"
  }
  | {
    readonly op: "update"
    readonly table: string
    readonly keys: ReadonlyArray<number> | "all"
    readonly values: Values
  }
  | {
    readonly op: "move"
    readonly table: string
    readonly from: number
    readonly to: number
    readonly values: Values
  }
  | { readonly op: "delete"; readonly table: string; readonly keys: ReadonlyArray<number> | "all" }
  | { readonly op: "truncate"; readonly tables: ReadonlyArray<string> }
  | {
    readonly op: "add column"
    readonly table: string
    readonly column: Column
    readonly fallback: string | undefined
  }
  | { readonly op: "drop column"; readonly table: string; readonly column: string }
  /** And every row is updated: StarRocks has NULL in a new column of the rows that were there before. */
  | { readonly op: "rename column"; readonly table: string; readonly column: string; readonly to: string }
  | { readonly op: "widen column"; readonly table: string; readonly column: string; readonly type: string }

/** What a session runs. */
export type SessionStep =
  | { readonly step: "begin" | "commit" | "rollback"; readonly session: number; readonly transaction: number }
  | {
    readonly step: "savepoint" | "release" | "rollback to"
    readonly session: number
    readonly transaction: number
    readonly name: string
  }
  | {
    readonly step: "do"
    readonly session: number
    readonly transaction: number
    readonly operation: Operation
  }

/** The program ends, with what it has received loaded or in the middle of it, or begins again. */
export interface RestartStep {
  readonly step: "drain" | "kill" | "start"
  readonly restart: number
}

export type Step = SessionStep | RestartStep

export const isRestart = (step: Step): step is RestartStep => "restart" in step

export interface Plan {
  readonly seed: number
  readonly flush: { readonly rows: number; readonly bytes: number; readonly everyMs: number }
  readonly truncatePolicy: TruncatePolicy
  /** With `keep` the identity of a table is its unique index, and its primary key where there is none. */
  readonly identity: ReplicaIdentity
  readonly format: LoadFormat
  readonly createTables: boolean
  readonly tables: ReadonlyArray<Table>
  readonly steps: ReadonlyArray<Step>
}
