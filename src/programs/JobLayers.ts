/** The live layers of one replication job. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "../domain/config/Settings.ts"
import * as CheckpointStore from "../layers/CheckpointStore.ts"
import { InFlightLoads } from "../layers/InFlightLoads.ts"
import * as PostgresSql from "../layers/PostgresSql.ts"
import { Progress } from "../layers/Progress.ts"
import { ReplicationSource } from "../layers/ReplicationSource.ts"
import { SlotHealth } from "../layers/SlotHealth.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"
import { StreamLoadClient } from "../layers/StreamLoadClient.ts"
import { StreamLoader } from "../layers/StreamLoader.ts"

const APPLICATION_NAME = "dbmazz"

export const layer = (settings: Settings) => {
  const retried = Layer.unwrap(Effect.map(Progress, ({ update }) =>
    StreamLoader.layer(settings.retry, {
      onRetrying: (table, retrying) =>
        update((state) => {
          if (retrying === undefined && !state.retrying.has(table)) return state
          const others = [...state.retrying].filter(([other]) => other !== table)
          return { ...state, retrying: new Map(retrying === undefined ? others : [...others, [table, retrying]]) }
        })
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
  ).pipe(Layer.provideMerge(Progress.layer))
}
