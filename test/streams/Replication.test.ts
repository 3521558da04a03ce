import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as Settings from "../../src/domain/config/Settings.ts"
import { CheckpointStore } from "../../src/layers/CheckpointStore.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import * as PostgresFailure from "../../src/layers/PostgresFailure.ts"
import { PostgresSql } from "../../src/layers/PostgresSql.ts"
import { Progress } from "../../src/layers/Progress.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import { SlotHealth } from "../../src/layers/SlotHealth.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Replication from "../../src/streams/Replication.ts"

/** A connection attempt that nobody answers takes longer than the longest wait between two. */
const UNANSWERED_MS = 10_000

const settings = Result.getOrThrow(Settings.fromEnv({
  DATABASE_URL: "postgres://dbmazz:secret@pg.example:5432/shop",
  TABLES: "public.orders",
  STARROCKS_URL: "http://fe.example:8030",
  STARROCKS_DB: "dw",
  STARROCKS_USER: "root",
  RETRY_MAX_MS: "2000",
  RETRY_MAX_ELAPSED_MS: "60000"
}))

const unreachable = Layer.succeed(PostgresSql, {
  query: () =>
    Effect.andThen(
      Effect.sleep(UNANSWERED_MS),
      Effect.fail(PostgresFailure.lost(settings.source, "connecting", "timeout expired"))
    )
})

const world = Layer.mergeAll(
  unreachable,
  Progress.layer,
  JobControl.layer(settings),
  Layer.mock(CheckpointStore)({}),
  Layer.mock(ReplicationSource)({}),
  Layer.mock(SlotHealth)({}),
  Layer.mock(StarRocksSql)({}),
  Layer.mock(StreamLoadClient)({ probe: Effect.void }),
  Layer.mock(StreamLoader)({})
)

describe("Replication", () => {
  it.effect("T80 a setup that takes long to fail is not taken for a run that went well: retries come to their end", () =>
    Effect.gen(function*() {
      const stop = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.result(Replication.run(settings, stop)).pipe(
          Effect.provide(world),
          Effect.provideService(References.MinimumLogLevel, "None")
        )
      )
      yield* TestClock.adjust("5 minutes")
      const ended = fiber.pollUnsafe()
      yield* Fiber.interrupt(fiber)
      assert.isDefined(ended)
    }))
})
