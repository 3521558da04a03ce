/** The live layers of one replication job. */
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
import * as Told from "../streams/Told.ts"

const APPLICATION_NAME = "dbmazz"

/** What the job and the control plane share: it reaches out to nobody. */
export const shared = (settings: Settings) => Layer.merge(Progress.layer, JobControl.layer(settings))

/** What reaches out to both sides. */
export const job = (settings: Settings) => {
  const loader = Layer.unwrap(
    Effect.map(Told.onRetrying, (onRetrying) => StreamLoader.layer(settings.retry, { onRetrying }))
  ).pipe(
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
