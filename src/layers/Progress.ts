/** What the running job has done so far, for those who show it. Updated once a batch, never per row. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Rejected, Trouble, Waiting } from "../domain/control/Health.ts"
import type { QualifiedName } from "../domain/Identifier.ts"
import type { Attempt } from "../domain/Lifecycle.ts"
import { type Lsn, ZERO } from "../domain/Lsn.ts"
import type { SeenTables } from "../domain/postgres/PublicationChange.ts"
import type { SeenColumns } from "../domain/schema/SeenColumns.ts"
import type { SeenKeys } from "../domain/schema/SeenKeys.ts"
import type { StoppedTable } from "../domain/StoppedTable.ts"
import type { Retrying } from "./LoadAttempts.ts"
import type { Report } from "./SlotHealth.ts"
import type { StoredStanding } from "./StoredStanding.ts"

/** What a running pipeline holds at the moment. */
export interface Observation {
  /** WAL position of the last frame or keepalive received. */
  readonly received: Lsn
  /** Bytes received and not acknowledged. */
  readonly bufferedBytes: number
  /** Reading is paused because the buffer is full. */
  readonly full: boolean
  /** Rows decoded and not acknowledged. */
  readonly pending: number
  /**
   * Commit time of the oldest transaction that is not acknowledged whole, in microseconds since 1970; undefined: there is
   * none.
   */
  readonly oldest: bigint | undefined
}

/** What was replicated, and by which configuration. */
export interface Begun {
  readonly attempt: Attempt
  /** The source tables, patterns resolved. */
  readonly tables: ReadonlyArray<QualifiedName>
}

export interface ProgressState {
  /** When the program started, in ms since 1970. */
  readonly startedMs: number
  /** The last attempt that came as far as a replication connection; undefined before the first. */
  readonly begun: Begun | undefined
  /** Row changes that StarRocks has acknowledged since the program started. */
  readonly rows: number
  readonly batches: number
  /** The durable checkpoint; undefined before this process has replicated. */
  readonly position: Lsn | undefined
  /** What was found stored while nothing was replicated; undefined before it was first looked at. */
  readonly found: StoredStanding | undefined
  /** Up to here earlier runs of the pipeline had received and left something unacknowledged: a drain owes it. 0: nothing. */
  readonly owed: Lsn
  /** Commit time of the last transaction that was acknowledged, in microseconds since 1970. */
  readonly commitTime: bigint | undefined
  /** Looks at the running pipeline; undefined while there is none. */
  readonly observe: Effect.Effect<Observation> | undefined
  /** The end of the server's WAL, asked for every second while the pipeline runs, and now and then while it does not. */
  readonly walEnd: Lsn | undefined
  /** Up to this moment everything is known to be there, in ms since 1970: what has happened since may be missing. */
  readonly upToDateMs: number | undefined
  /** Tables that are left out since something of theirs cannot be carried over; the position stands still meanwhile. */
  readonly stopped: ReadonlyArray<StoppedTable>
  /** Tables that wait for their columns to be changed; the position stands still meanwhile. */
  readonly waiting: ReadonlyArray<Waiting>
  /** By target table, the load that is being sent again and why; without those that go well. */
  readonly retrying: ReadonlyMap<string, Retrying & Trouble>
  /** By source table, the rows that were diverted since the program started. */
  readonly rejected: ReadonlyMap<string, Rejected>
  /** The slot as PostgreSQL sees it, looked at every minute; undefined before the first look. */
  readonly slot: Report | undefined
  /** How the tables were published when they were looked at last. */
  readonly published: SeenTables
  /** The keys that the tables had when their rows were loaded. */
  readonly keys: SeenKeys
  /** The columns that the tables were known to have. */
  readonly columns: SeenColumns
}

const initial = (startedMs: number): ProgressState => ({
  startedMs,
  begun: undefined,
  rows: 0,
  batches: 0,
  position: undefined,
  found: undefined,
  owed: ZERO,
  commitTime: undefined,
  observe: undefined,
  walEnd: undefined,
  upToDateMs: undefined,
  stopped: [],
  waiting: [],
  retrying: new Map(),
  rejected: new Map(),
  slot: undefined,
  published: new Map(),
  keys: new Map(),
  columns: new Map()
})

export class Progress extends Context.Service<Progress, {
  readonly update: (change: (state: ProgressState) => ProgressState) => Effect.Effect<void>
  readonly get: Effect.Effect<ProgressState>
}>()("dbmazz/layers/Progress") {
  static readonly layer: Layer.Layer<Progress> = Layer.effect(
    Progress,
    Effect.gen(function*() {
      const ref = yield* SubscriptionRef.make(initial(yield* Clock.currentTimeMillis))
      return {
        update: (change) => SubscriptionRef.update(ref, change),
        get: SubscriptionRef.get(ref)
      }
    })
  )
}
