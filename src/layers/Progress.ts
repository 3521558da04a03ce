/** What the running job has done so far, for those who show it. Updated once a batch, never per row. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Lsn } from "../domain/Lsn.ts"
import type { StoppedTable } from "../domain/StoppedTable.ts"
import type { Report } from "./SlotHealth.ts"
import type { Retrying } from "./StreamLoader.ts"

/** `setup`: preparing both sides; `replicating`: the pipeline runs; `waiting`: a transient failure is being waited out. */
export type Phase = "setup" | "replicating" | "waiting"

export interface ProgressState {
  readonly phase: Phase
  /** Why it waits, in one line; undefined otherwise. */
  readonly reason: string | undefined
  /** Row changes that StarRocks has acknowledged since the program started. */
  readonly rows: number
  readonly batches: number
  /** The durable checkpoint; undefined before the first setup. */
  readonly position: Lsn | undefined
  /** Commit time of the last transaction that was acknowledged, in microseconds since 1970. */
  readonly commitTime: bigint | undefined
  /** Tables that are left out since something of theirs cannot be carried over; the position stands still meanwhile. */
  readonly stopped: ReadonlyArray<StoppedTable>
  /** By target table, the load that is being sent again and why; without those that go well. */
  readonly retrying: ReadonlyMap<string, Retrying>
  /** The slot as PostgreSQL sees it, looked at every minute; undefined before the first look. */
  readonly slot: Report | undefined
}

const INITIAL: ProgressState = {
  phase: "setup",
  reason: undefined,
  rows: 0,
  batches: 0,
  position: undefined,
  commitTime: undefined,
  stopped: [],
  retrying: new Map(),
  slot: undefined
}

export class Progress extends Context.Service<Progress, {
  readonly update: (change: (state: ProgressState) => ProgressState) => Effect.Effect<void>
  readonly get: Effect.Effect<ProgressState>
}>()("dbmazz/layers/Progress") {
  static readonly layer: Layer.Layer<Progress> = Layer.effect(
    Progress,
    Effect.map(SubscriptionRef.make(INITIAL), (ref) => ({
      update: (change) => SubscriptionRef.update(ref, change),
      get: SubscriptionRef.get(ref)
    }))
  )
}
