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
    return { source, store, inFlight: Context.get(services, InFlightLoads) }
  })

layer(PostgresServer.layer(), { excludeTestServices: true })(
  "Labels in flight: forgotten, a killed program's load puts older rows back",
  (it) => {
    it.effect("T70 the last of each target is given back, until a checkpoint says that all before it is over", () =>
      Effect.gen(function*() {
        const { inFlight, store } = yield* world("loads_in_flight jsonb")
        assert.strictEqual((yield* inFlight.left).size, 0)
        yield* inFlight.remember("shop.a", "a1", 1)
        yield* inFlight.remember("shop.a", "a2", 2)
        yield* inFlight.remember("shop.b", "b1", 3)
        const left = yield* inFlight.left
        assert.deepStrictEqual([...left].map(([target, load]) => [target, load.label, load.sinceMs]), [
          ["shop.a", "a2", 2],
          ["shop.b", "b1", 3]
        ])
        yield* store.save(SLOT, at(200n))
        assert.strictEqual((yield* inFlight.left).size, 0)
        yield* inFlight.remember("shop.b", "b2", 4)
        assert.deepStrictEqual([...(yield* inFlight.left).keys()], ["shop.b"])
      }))

    it.effect("a table without the column is gone on with, and the log says what to run", () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
        const { inFlight } = yield* world("")
        yield* Effect.andThen(inFlight.remember("t", "l1", 1), inFlight.remember("t", "l2", 2)).pipe(
          Effect.provide(logger)
        )
        assert.strictEqual((yield* inFlight.left).size, 0)
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], "ADD COLUMN loads_in_flight")
      }))
  }
)
