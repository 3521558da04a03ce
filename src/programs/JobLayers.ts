/** The live layers of one replication job. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "../domain/config/Settings.ts"
import * as CheckpointStore from "../layers/CheckpointStore.ts"
import { InFlightLoads } from "../layers/InFlightLoads.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as PostgresSql from "../layers/PostgresSql.ts"
import { Progress } from "../layers/Progress.ts"
import { ReplicationSource } from "../layers/ReplicationSource.ts"
import { SlotHealth } from "../layers/SlotHealth.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"
import { StreamLoadClient } from "../layers/StreamLoadClient.ts"
import { StreamLoader } from "../layers/StreamLoader.ts"

const APPLICATION_NAME = "dbmazz"

/** What the job and the control plane share: it reaches out to nobody. */
export const shared = (settings: Settings) => Layer.merge(Progress.layer, JobControl.layer(settings))

/** What reaches out to both sides. */
export const job = (settings: Settings) => {
  const retried = Layer.unwrap(Effect.map(Progress, ({ update }) =>
    StreamLoader.layer(settings.retry, {
      onRetrying: (table, retrying) =>
        Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
          update((state) => {
            const before = state.retrying.get(table)
            if (retrying === undefined && before === undefined) return state
            const others = [...state.retrying].filter(([other]) => other !== table)
            if (retrying === undefined) return { ...state, retrying: new Map(others) }
            const trouble = { ...retrying, sinceMs: before?.sinceMs ?? nowMs }
            return { ...state, retrying: new Map([...others, [table, trouble]]) }
          }))
    })))
  const loader = retried.pipe(
    Layer.provide(InFlightLoads.layer(settings.slot)),
    Layer.provideMerge(StreamLoadClient.layer(settings.sink))
  )
  return Layer.mergeAll(
    ReplicationSource.layer({
      address: settings.source,
      slot: settings.slot,
      publication: settings.publication,
      bufferBytesMax: settings.bufferBytesMax
    }),
    Layer.mergeAll(CheckpointStore.layer, SlotHealth.layer, loader).pipe(
      Layer.provideMerge(PostgresSql.layer(settings.source, APPLICATION_NAME))
    ),
    StarRocksSql.layer(settings.sink)
  )
}

export const layer = (settings: Settings) => Layer.provideMerge(job(settings), shared(settings))
