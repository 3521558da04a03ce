import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as References from "effect/References"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
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
import * as Supervisor from "../../src/streams/Supervisor.ts"

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

/** Nothing is tried again by itself while a test looks. */
const slow = { ...settings, retry: { baseMs: 60_000, maxMs: 60_000, maxElapsedMs: 0 } }

const unreachable = Layer.succeed(PostgresSql, {
  query: () =>
    Effect.andThen(
      Effect.sleep(UNANSWERED_MS),
      Effect.fail(PostgresFailure.lost(settings.source, "connecting", "timeout expired"))
    )
})

const world = Layer.mergeAll(
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
          Effect.provide([world, unreachable]),
          Effect.provideService(References.MinimumLogLevel, "None")
        )
      )
      yield* TestClock.adjust("5 minutes")
      const ended = fiber.pollUnsafe()
      yield* Fiber.interrupt(fiber)
      assert.isDefined(ended)
    }))
  const failing = [
    [
      "time can mend",
      PostgresFailure.lost(settings.source, "connecting", "refused"),
      (stop: Deferred.Deferred<void>) => Replication.run(slow, stop)
    ],
    ["needs a person", SetupError.make({ _tag: "PgSlotTemporary", name: "s" }), () => Supervisor.run(slow, true)]
  ] as const
  for (const [what, failure, job] of failing) {
    it.effect(`a burst of resumes is one new beginning every 250 ms, also when an attempt fails at once for what ${what}`, () =>
      Effect.gen(function*() {
        const stop = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        const refusing = Layer.succeed(PostgresSql, {
          query: () => Effect.andThen(Ref.update(attempts, (count) => count + 1), Effect.fail(failure))
        })
        yield* Effect.gen(function*() {
          const { command } = yield* JobControl
          const fiber = yield* Effect.forkChild(job(stop), { startImmediately: true })
          for (let call = 0; call < 90; call++) {
            yield* TestClock.adjust("10 millis")
            assert.isTrue((yield* command({ _tag: "Resume" })).success)
          }
          yield* TestClock.adjust("10 millis")
          yield* Fiber.interrupt(fiber)
        }).pipe(Effect.provide([world, refusing]), Effect.provideService(References.MinimumLogLevel, "None"))
        // In 910 ms, the first one at once.
        assert.strictEqual(yield* Ref.get(attempts), 4)
      }))
  }
})
