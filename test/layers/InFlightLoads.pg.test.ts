import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import { InFlightLoads } from "../../src/layers/InFlightLoads.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const at = (lsn: bigint) => Lsn.Lsn.make(lsn)
const SLOT = "s"

/** A load of run r whose last row was committed here. */
const sent = (label: string, lastCommit = 150n, run = "r") => ({ label, run, lastCommitLsn: at(lastCommit) })

/** Both services on a fresh database whose checkpoint table has these columns beside v1's. */
const world = (columns: string) =>
  Effect.gen(function*() {
    const { freshDatabase } = yield* PostgresServer.PostgresServer
    const source: PgAddress = yield* freshDatabase
    const services = yield* Layer.build(
      Layer.mergeAll(CheckpointStore.layer, InFlightLoads.layer(SLOT)).pipe(
        Layer.provide(PostgresSql.layer(source, "test"))
      )
    )
    const store = Context.get(services, CheckpointStore.CheckpointStore)
    yield* store.prepare
    if (columns !== "") yield* run(source, `alter table dbmazz_checkpoints add column ${columns}`)
    yield* store.save(SLOT, at(100n))
    yield* store.claim(SLOT, "r", at(100n))
    return { source, store, inFlight: Context.get(services, InFlightLoads) }
  })

const FENCED = "run text, add column loads_in_flight jsonb"

layer(PostgresServer.layer(), { excludeTestServices: true })("Labels in flight, and the run that may send", (it) => {
  it.effect("T70 the last load of each target is given back, and whether the checkpoint is behind its rows", () =>
    Effect.gen(function*() {
      const { inFlight, store } = yield* world(FENCED)
      assert.strictEqual((yield* inFlight.left).size, 0)
      yield* inFlight.remember("shop.a", sent("a1"))
      yield* inFlight.remember("shop.a", sent("a2"))
      yield* inFlight.remember("shop.b", sent("b1", 300n))
      const left = yield* inFlight.left
      assert.deepStrictEqual([...left].map(([target, load]) => [target, load.label]), [["shop.a", "a2"], [
        "shop.b",
        "b1"
      ]])
      for (const { sinceMs } of left.values()) assert.isBelow(Math.abs(Date.now() - sinceMs), 60_000)
      const loaded = Effect.map(inFlight.left, (known) => [...known.values()].map(({ isLoaded }) => isLoaded))
      yield* store.advance(SLOT, "r", at(150n))
      assert.deepStrictEqual(yield* loaded, [false, false])
      yield* store.advance(SLOT, "r", at(200n))
      assert.deepStrictEqual(yield* loaded, [true, false])
    }))

  it.effect("T09 a run whose slot another has claimed may neither send nor store any more", () =>
    Effect.gen(function*() {
      const { inFlight, store } = yield* world(FENCED)
      yield* store.claim(SLOT, "later", at(100n))
      const sending = yield* Effect.flip(inFlight.remember("t", sent("l")))
      const storing = yield* Effect.flip(store.advance(SLOT, "r", at(200n)))
      assert.include(sending.message, "has taken replication slot")
      assert.include(storing.message, "has taken replication slot")
      assert.strictEqual((yield* inFlight.left).size, 0)
      yield* inFlight.remember("t", sent("l", 150n, "later"))
      yield* store.advance(SLOT, "later", at(200n))
    }))

  it.effect("T23 a run that was started before the checkpoint moved starts again", () =>
    Effect.gen(function*() {
      const { store } = yield* world(FENCED)
      yield* store.advance(SLOT, "r", at(200n))
      const error = yield* Effect.flip(store.claim(SLOT, "later", at(100n)))
      assert.strictEqual(error._tag, "TransientError")
      assert.include(error.message, "has moved")
      // Refused, it has not taken the slot from the one that has it.
      yield* store.advance(SLOT, "r", at(300n))
    }))

  it.effect("T55 a run whose slot was moved after the setup had looked starts again, with and without the columns", () =>
    Effect.gen(function*() {
      for (const columns of [FENCED, ""]) {
        const { source, store } = yield* world(columns)
        yield* Effect.acquireUseRelease(
          run(source, `select pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`),
          () =>
            Effect.gen(function*() {
              const error = yield* Effect.flip(store.claim(SLOT, "later", at(100n)))
              assert.strictEqual(error._tag, "TransientError")
              assert.include(error.message, "has moved")
              const [slot] = yield* run(
                source,
                `select (confirmed_flush_lsn - '0/0')::text as lsn from pg_replication_slots where slot_name = '${SLOT}'`
              )
              const confirmed = at(BigInt(String(slot?.["lsn"])))
              yield* store.save(SLOT, confirmed)
              yield* store.claim(SLOT, "later", confirmed)
            }),
          () => run(source, `select pg_drop_replication_slot('${SLOT}')`)
        )
      }
    }))

  it.effect("a table without the columns is gone on with, and the log says what to run", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const { inFlight, store } = yield* world("")
      yield* Effect.andThen(inFlight.remember("t", sent("l1")), inFlight.remember("t", sent("l2"))).pipe(
        Effect.provide(logger)
      )
      assert.strictEqual((yield* inFlight.left).size, 0)
      yield* store.advance(SLOT, "r", at(200n))
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "ADD COLUMN run text")
    }))
})
