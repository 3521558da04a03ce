/** Runs the whole pipeline, with its real layers, from the slot into the discarding server. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { CheckpointStore } from "../../src/layers/CheckpointStore.ts"
import { PostgresSql } from "../../src/layers/PostgresSql.ts"
import { Progress } from "../../src/layers/Progress.ts"
import * as JobLayers from "../../src/programs/JobLayers.ts"
import * as Pipeline from "../../src/streams/Pipeline.ts"
import { address, report, task } from "./Child.ts"
import { MAPPING } from "./Orders.ts"

const given = task()
const source = address(given)
const env = {
  DATABASE_URL: `postgres://${source.user}:${
    Redacted.value(source.password)
  }@${source.host}:${source.port}/${source.database}`,
  SLOT_NAME: given.slot,
  PUBLICATION_NAME: "bench_pub",
  TABLES: "orders",
  STARROCKS_URL: `http://127.0.0.1:${given.sinkPort}`,
  STARROCKS_DB: "bench",
  ...process.env
}
const settings = Result.getOrThrow(Settings.fromEnv(env))

const program = Effect.gen(function*() {
  const store = yield* CheckpointStore
  yield* store.prepare
  yield* (yield* PostgresSql).query(
    "alter table dbmazz_checkpoints add column if not exists run text, add column if not exists loads_in_flight jsonb"
  )
  const progress = yield* Progress
  const start = Result.getOrThrow(Lsn.fromText(given.start))
  yield* store.save(given.slot, start)
  const stop = yield* Deferred.make<void>()
  const startedAt = performance.now()
  const job: Pipeline.Job = {
    start,
    tables: [MAPPING],
    origin: { systemIdentifier: "bench", timeline: 1, database: source.database, slot: given.slot, run: "1" },
    publication: settings.publication,
    loadBytesMax: settings.flush.bytes,
    walSenderTimeoutMs: 60_000,
    truncatePolicy: settings.truncatePolicy,
    schemaChangePolicy: settings.schemaChangePolicy
  }
  yield* Effect.raceFirst(
    Pipeline.run(job, stop),
    progress.get.pipe(
      Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (state) => state.rows >= given.rows })
    )
  )
  report(startedAt)
})

await Effect.runPromise(program.pipe(Effect.provide(JobLayers.layer(settings).pipe(Layer.orDie))))
