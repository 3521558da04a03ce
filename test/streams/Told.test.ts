import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { Change } from "../../src/domain/Change.ts"
import * as Settings from "../../src/domain/config/Settings.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { Tally } from "../../src/domain/Tally.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import { Progress } from "../../src/layers/Progress.ts"
import type { ReplicationSession } from "../../src/layers/ReplicationSession.ts"
import * as Told from "../../src/streams/Told.ts"

const SETTINGS = Result.getOrThrow(Settings.fromEnv({
  DATABASE_URL: "postgres://dbmazz@pg.example/shop",
  STARROCKS_URL: "http://fe.example:8030",
  STARROCKS_DB: "dw"
}))

const at = (value: bigint): Lsn.Lsn => Lsn.Lsn.make(value)
const row = (commitMs: number): Change => ({
  _tag: "Truncate",
  mapping: undefined as never,
  transaction: { commitLsn: at(1n), commitTime: BigInt(commitMs) * 1000n },
  ordinal: 0,
  weight: 0
})
const END: Change = { _tag: "Boundary", position: at(2n), commitTime: 5n, weight: 0 }

/** A session that has received everything up to `whole`. */
const sessionOf = (received: { whole: bigint }): ReplicationSession => ({
  pull: Effect.never,
  lost: Effect.never,
  confirm: () => Effect.void,
  release: () => Effect.void,
  drain: Effect.void,
  flushConfirmations: Effect.succeed(true),
  state: Effect.sync(() => ({
    received: at(received.whole),
    server: at(received.whole),
    whole: at(received.whole),
    confirmed: at(0n),
    bufferedBytes: 0,
    paused: false
  }))
})

describe("Told", () => {
  it.effect("T04 up to which moment everything is there follows what has come, and stands still while something is left out", () =>
    Effect.gen(function*() {
      const { get, update } = yield* Progress
      const received = { whole: 10n }
      const tally = new Tally()
      const told = yield* Told.onWalEnd(sessionOf(received), tally)
      const upToDate = Effect.map(get, ({ upToDateMs }) => upToDateMs)
      yield* TestClock.setTime(1_000)
      yield* told(at(10n))
      assert.strictEqual(yield* upToDate, 1_000)
      // The server has more than it sends.
      yield* TestClock.setTime(2_000)
      yield* told(at(20n))
      yield* TestClock.setTime(3_000)
      yield* told(at(30n))
      assert.strictEqual(yield* upToDate, 1_000)
      received.whole = 20n
      yield* TestClock.setTime(4_000)
      yield* told(at(40n))
      assert.strictEqual(yield* upToDate, 2_000, "when its WAL ended there")
      // There is always something on its way.
      tally.decoded([row(4_500), END])
      yield* TestClock.setTime(5_000)
      yield* told(at(50n))
      assert.strictEqual(yield* upToDate, 4_500)
      tally.decoded([row(6_000), END])
      tally.acknowledged(1)
      yield* TestClock.setTime(5_500)
      yield* told(at(60n))
      assert.strictEqual(yield* upToDate, 5_500, "clocks differ")
      tally.acknowledged(1)
      yield* update((state) => ({ ...state, waiting: [{ table: "public.a", sinceMs: 5_000 }] }))
      received.whole = 70n
      yield* TestClock.setTime(7_000)
      yield* told(at(70n))
      assert.strictEqual(yield* upToDate, 5_500)
    }).pipe(Effect.provide(Progress.layer)))
  it.effect("a table that stops does not wait any more, and one that has stopped does not begin to", () =>
    Effect.gen(function*() {
      const { get } = yield* Progress
      const onStopped = yield* Told.onStopped
      const onWaiting = yield* Told.onWaiting
      const waiting = Effect.map(get, (state) => state.waiting.map(({ table }) => table))
      const error = new PermanentError({ code: "SCHEMA_CHANGED", message: "m", remediation: "r", context: {} })
      yield* onWaiting("public.a")
      yield* onWaiting("public.b")
      yield* onStopped([{ table: "public.a", error, sinceMs: 0 }])
      assert.deepStrictEqual(yield* waiting, ["public.b"])
      yield* onWaiting("public.a")
      assert.deepStrictEqual(yield* waiting, ["public.b"])
    }).pipe(Effect.provide([Progress.layer, JobControl.layer(SETTINGS)])))
})
