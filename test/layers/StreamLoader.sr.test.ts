import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { FaultKind } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const ROWS = 50

const request = (label: string, version: number): LoadRequest => ({
  target: { schema: "shop", name: "orders" },
  label,
  columns: undefined,
  body: Buffer.from(Array.from({ length: ROWS }, (_, id) => `{"id":${id},"version":${version}}\n`).join("")),
  rowCount: ROWS,
  run: "r",
  lastCommitLsn: Lsn.Lsn.make(1n)
})

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))
const load = (label: string, version: number) => StreamLoader.use((loader) => loader.load(request(label, version)))

const versions = Effect.map(
  query("SELECT version, count(*) AS n FROM shop.orders GROUP BY version ORDER BY version"),
  (rows) => rows.map((row) => `${row["n"]} x ${row["version"]}`)
)

/** Runs a test on an endpoint with an empty table `orders`. */
const onEndpoint = <A, E>(
  body: (endpoint: StarRocksEndpoint.StarRocksEndpoint) => Effect.Effect<A, E, StarRocksSql | StreamLoader>
) =>
  Effect.gen(function*() {
    const endpoint = yield* StarRocksEndpoint.start
    const loader = StreamLoader.layer({ baseMs: 1, maxMs: 20, maxElapsedMs: 0 }).pipe(
      Layer.provide(StreamLoadClient.layer(endpoint.sink)),
      Layer.provide(LoadsInFlight.layer())
    )
    const world = Layer.mergeAll(StarRocksSql.layer(endpoint.sink), loader, Logger.layer([]))
    return yield* Effect.provide(
      query(
        "CREATE TABLE shop.orders (id BIGINT NOT NULL, version BIGINT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) " +
          "BUCKETS 1 PROPERTIES (\"replication_num\" = \"1\")"
      ).pipe(Effect.andThen(body(endpoint))),
      world
    )
  })

/** What each fault must have done to the load in the end: attempts, and whether an earlier one had committed. */
const FAULTS: ReadonlyArray<readonly [fault: FaultKind, attempts: number, alreadyLoaded: boolean]> = [
  ["fe-error", 2, false],
  ["fe-reset", 2, false],
  ["no-backend", 2, false],
  ["redirect-to-dead-port", 2, false],
  ["be-reset", 2, false],
  ["reset-before-commit", 2, false],
  ["reset-after-commit", 1, true],
  ["publish-timeout", 1, false],
  ["memory", 2, false],
  ["status-unknown", 2, false],
  ["status-unknown-committed", 1, true]
]

describe("through front end and back end, once each row, whatever breaks on the way", () => {
  it.live("nothing breaks", () =>
    onEndpoint(() =>
      Effect.gen(function*() {
        const result = yield* load("l_1", 1)
        assert.deepStrictEqual(result, {
          label: "l_1",
          loadedRows: ROWS,
          visible: true,
          alreadyLoaded: false,
          attempts: 1
        })
        assert.deepStrictEqual(yield* versions, [`${ROWS} x 1`])
      })
    ))

  for (const [fault, attempts, alreadyLoaded] of FAULTS) {
    it.live(`45 46 48 ${fault}`, () =>
      onEndpoint(({ faults }) =>
        Effect.gen(function*() {
          faults.on(fault, { count: 1 })
          const first = yield* load("l_1", 1)
          assert.strictEqual(faults.hits(fault), 1)
          assert.deepStrictEqual([first.attempts, first.alreadyLoaded, first.loadedRows], [
            attempts,
            alreadyLoaded,
            ROWS
          ])
          // A load that came through late, after its successor, would bring the old version back.
          yield* load("l_2", 2)
          assert.deepStrictEqual(yield* versions, [`${ROWS} x 2`])
        })
      ))
  }

  for (const mode of ["classic", "fail-message"] as const) {
    it.live(`36 38 T64 a restart that sends a batch again changes nothing, with duplicates answered as ${mode}`, () =>
      onEndpoint(({ faults }) =>
        Effect.gen(function*() {
          faults.duplicateLabels(mode)
          yield* load("l_1", 1)
          yield* load("l_2", 2)
          const again = yield* load("l_1", 1)
          assert.deepStrictEqual([again.alreadyLoaded, again.attempts], [true, 1])
          assert.deepStrictEqual(yield* versions, [`${ROWS} x 2`])
        })
      ))
  }

  it.live("39 T63 a label whose load was refused can be used again", () =>
    onEndpoint(() =>
      Effect.gen(function*() {
        const wrong = { ...request("l_1", 1), body: Buffer.from(`{"id":1,"version":"many"}\n`), rowCount: 1 }
        const error = yield* LoadsInFlight.refusalOf(StreamLoader.use((loader) => loader.load(wrong)))
        assert.strictEqual(error.code, "SR_REJECTED_ROWS")
        assert.include(error.remediation, "/api/_load_error_log?file=")
        assert.deepStrictEqual(yield* versions, [])
        assert.isFalse((yield* load("l_1", 1)).alreadyLoaded)
      })
    ))

  it.live("9 a table that is gone stops the load, and says which", () =>
    onEndpoint(() =>
      Effect.gen(function*() {
        const gone = { ...request("l_1", 1), target: { schema: "shop", name: "gone" } }
        const error = yield* LoadsInFlight.refusalOf(StreamLoader.use((loader) => loader.load(gone)))
        assert.strictEqual(error.code, "SR_REJECTED_LOAD")
        assert.include(error.message, "shop.gone")
        assert.strictEqual(error.context["attempts"], "1")
      })
    ))
})
