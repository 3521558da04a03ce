/** The program under test: the real streams and layers, on the models' side of each wire. */
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as SettingsModule from "../../src/domain/config/Settings.ts"
import type { Settings } from "../../src/domain/config/Settings.ts"
import type { StoppedTable } from "../../src/domain/StoppedTable.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import { HttpTransport } from "../../src/layers/HttpTransport.ts"
import { InFlightLoads } from "../../src/layers/InFlightLoads.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import { PostgresSql } from "../../src/layers/PostgresSql.ts"
import { Progress } from "../../src/layers/Progress.ts"
import type { ReplicationSession } from "../../src/layers/ReplicationSession.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import { ReplicationWire } from "../../src/layers/ReplicationWire.ts"
import { SlotHealth } from "../../src/layers/SlotHealth.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Replication from "../../src/streams/Replication.ts"
import type { Incarnation } from "./Incarnation.ts"
import { DATABASE, FRONT_END } from "./ModelHttp.ts"
import * as ModelMySql from "./ModelMySql.ts"
import type { Models } from "./Models.ts"
import { PUBLICATION, SLOT } from "./ModelSql.ts"
import * as ModelWire from "./ModelWire.ts"
import type { Plan } from "./Plan.ts"
import { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { WalSender } from "./WalSender.ts"

/** Of a table that has stopped because not all of it was sent: what was is loaded all the same. */
export const UNPUBLISHED = "PG_TABLE_UNPUBLISHED"

/** What is seen of a program from outside: its last session, at both ends. */
export interface Watch {
  sender: WalSender | undefined
  /** The number of its last session, counted over all programs. */
  number: number
  session: ReplicationSession | undefined
  /** Tells it to go on in spite of what has stopped; undefined: it has not come so far. */
  resume: (() => void) | undefined
  /** Its stopped tables, as it says. */
  stopped: ReadonlyArray<StoppedTable>
}

/** The configuration of the program in this run. */
export const settingsOf = (plan: Plan): Settings => {
  const settings = Result.getOrThrow(SettingsModule.fromEnv({
    DATABASE_URL: "postgres://dbmazz:secret@pg.example:5432/shop",
    SLOT_NAME: SLOT,
    PUBLICATION_NAME: PUBLICATION,
    TABLES: SourceTables.WANTED.map((table) => `${table.schema}.${table.name}`).join(","),
    STARROCKS_URL: `http://${FRONT_END}`,
    STARROCKS_DB: DATABASE,
    STARROCKS_USER: "root",
    TRUNCATE_POLICY: plan.truncatePolicy,
    SCHEMA_CHANGE_POLICY: plan.schemaChangePolicy,
    STREAM_LOAD_FORMAT: plan.loadFormat,
    FLUSH_SIZE: String(plan.flush.rows),
    FLUSH_INTERVAL_MS: String(plan.flush.everyMs),
    RETRY_BASE_MS: "50",
    RETRY_MAX_MS: "2000"
  }))
  // Smaller than a person may set them: what happens at the limits is what is of interest.
  const partialBytesMin = SourceTables.TOAST_CHARACTERS_MIN
  return { ...settings, flush: plan.flush, bufferBytesMax: plan.bufferBytesMax, partialBytesMin }
}

/** The real source, and a way to look at its sessions. */
const source = (models: Models, watch: Watch): Layer.Layer<ReplicationSource> => {
  const live = ReplicationSource.layer({
    address: models.settings.source,
    slot: SLOT,
    publication: PUBLICATION,
    bufferBytesMax: models.settings.bufferBytesMax
  })
  const watched = Layer.effect(
    ReplicationSource,
    Effect.map(ReplicationSource, ({ open }) => ({
      open: (...parameters: Parameters<typeof open>) =>
        Effect.tap(open(...parameters), (session) =>
          Effect.sync(() => {
            watch.session = session
          }))
    }))
  )
  return Layer.provide(watched, live)
}

/** The real progress, which is read as it changes. */
const progress = (watch: Watch): Layer.Layer<Progress> =>
  Layer.effect(
    Progress,
    Effect.map(Progress, ({ get, update }) => ({
      get,
      update: (change) =>
        update((state) => {
          const next = change(state)
          watch.stopped = next.stopped
          return next
        })
    }))
  ).pipe(Layer.provide(Progress.layer))

/** The real control, which a person steers. */
const control = (models: Models, incarnation: Incarnation, watch: Watch): Layer.Layer<JobControl> =>
  Layer.effect(
    JobControl,
    Effect.map(JobControl, (live) => {
      watch.resume = () => void Effect.runForkWith(incarnation.context)(live.command({ _tag: "Resume" }))
      return live
    })
  ).pipe(Layer.provide(JobControl.layer(models.settings)))

const wire = (models: Models, incarnation: Incarnation, watch: Watch) =>
  ModelWire.make({
    incarnation,
    postgres: models.postgres,
    time: models.time,
    network: models.network,
    ledger: models.ledger,
    faults: models.faults,
    trace: models.trace,
    prng: new Prng(models.plan.seed, `wire ${incarnation.number}`),
    style: models.plan,
    opened: (sender) => {
      models.sessions += 1
      models.trace.add(`session ${models.sessions} starts at ${sender.start.toString(16)}`)
      watch.sender = sender
      watch.number = models.sessions
    }
  })

const layers = (models: Models, incarnation: Incarnation, watch: Watch) => {
  const { settings, sql } = models
  const sender = () => ({
    session: watch.number,
    stopped: watch.stopped.flatMap(({ error, table }) => error.code === UNPUBLISHED ? [] : [table])
  })
  const transport = models.http.transport(incarnation, sender)
  return Layer.mergeAll(
    progress(watch),
    control(models, incarnation, watch),
    source(models, watch),
    // It only tells people how the slot is doing.
    Layer.succeed(SlotHealth, { read: () => Effect.succeed(undefined), watch: () => Effect.never }),
    CheckpointStore.layer,
    Layer.succeed(StarRocksSql, ModelMySql.service(models, incarnation, sender)),
    StreamLoader.layer(settings.retry).pipe(
      Layer.provide(InFlightLoads.layer(settings.slot)),
      Layer.provideMerge(StreamLoadClient.layer(settings.sink))
    )
  ).pipe(
    Layer.provideMerge(Layer.succeed(PostgresSql, sql.service(incarnation))),
    Layer.provideMerge(Layer.succeed(ReplicationWire, wire(models, incarnation, watch))),
    Layer.provideMerge(Layer.succeed(HttpTransport, transport))
  )
}

/** Starts the program; it runs when its incarnation settles. */
export const start = (
  models: Models,
  incarnation: Incarnation,
  stop: Deferred.Deferred<void>,
  watch: Watch
): Fiber.Fiber<void, unknown> =>
  Effect.runForkWith(incarnation.context)(
    Effect.provide(Replication.run(models.settings, stop), layers(models, incarnation, watch))
  )
