import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type { Truncation } from "../../src/domain/Change.ts"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import type { Origin } from "../../src/domain/Label.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import { STANDSTILL_MS } from "../../src/layers/Heartbeat.ts"
import { InFlightLoads } from "../../src/layers/InFlightLoads.ts"
import { BEGIN_MS } from "../../src/layers/LoadFence.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as TargetTruncate from "../../src/layers/TargetTruncate.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import * as Mappings from "../support/Mappings.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const AUDIT = {
  dbmazz_op_type: "tinyint",
  dbmazz_is_deleted: "boolean",
  dbmazz_synced_at: "datetime",
  dbmazz_cdc_version: "bigint"
}
const MAPPING = {
  ...Mappings.mapping("orders", ["id"], { id: "bigint", note: "varchar(20)", ...AUDIT }),
  target: { schema: "shop", name: "orders" }
}
const ORIGIN: Origin = { systemIdentifier: "7", timeline: 1, database: "shop", slot: "s", run: "r" }
const LSN = 0x1_0000_0042n
const SYNCED_AT = "2026-01-02 03:04:05"

const truncation = (ordinal = 0): Truncation => ({
  _tag: "Truncate",
  mapping: MAPPING,
  transaction: { commitLsn: Lsn.Lsn.make(LSN), commitTime: 0n },
  ordinal,
  weight: 0
})

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))

/** Three rows: live, deleted earlier, and one that other hands loaded. */
const rows: LoadRequest = {
  target: MAPPING.target,
  label: "rows",
  columns: undefined,
  body: Buffer.from(
    `{"id":1,"note":"a","dbmazz_op_type":0,"dbmazz_is_deleted":false,"dbmazz_synced_at":"${SYNCED_AT}","dbmazz_cdc_version":1}\n` +
      `{"id":2,"note":"b","dbmazz_op_type":2,"dbmazz_is_deleted":true,"dbmazz_synced_at":"${SYNCED_AT}","dbmazz_cdc_version":2}\n` +
      `{"id":3,"note":"c"}\n`
  ),
  rowCount: 3,
  run: "r",
  lastCommitLsn: Lsn.Lsn.make(1n)
}

const load = StreamLoader.use((loader) => loader.load(rows))
const truncate = (policy: TruncatePolicy, ordinal = 0) =>
  Effect.flatMap(TargetTruncate.make(ORIGIN, policy), (run) => run(truncation(ordinal), SYNCED_AT))

const stored = Effect.map(
  query(
    "SELECT id, note, dbmazz_op_type AS op, dbmazz_is_deleted AS gone, dbmazz_cdc_version AS version FROM shop.orders ORDER BY id"
  ),
  (found) => found.map((row) => `${row["id"]} ${row["note"]} ${row["op"]} ${row["gone"]} ${row["version"]}`)
)
const ALL_DELETED = [`1 a 2 1 ${LSN}`, "2 b 2 1 2", `3 c 2 1 ${LSN}`]
const UNTOUCHED = ["1 a 0 0 1", "2 b 2 1 2", "3 c null null null"]

interface Told {
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** An endpoint with the table and its three rows, and what is logged. */
const world = <A, E>(
  body: (
    endpoint: StarRocksEndpoint.StarRocksEndpoint,
    told: ReadonlyArray<Told>
  ) => Effect.Effect<A, E, StarRocksSql | StreamLoader | Scope.Scope>,
  inFlight: Layer.Layer<InFlightLoads> = LoadsInFlight.layer(),
  user: Partial<SrAddress> = {}
) =>
  Effect.gen(function*() {
    const endpoint = yield* StarRocksEndpoint.start
    const sink = { ...endpoint.sink, ...user }
    yield* Effect.provide(
      Effect.andThen(
        query(
          "CREATE TABLE shop.orders (id BIGINT NOT NULL, note VARCHAR(20) NULL, dbmazz_op_type TINYINT, " +
            "dbmazz_is_deleted BOOLEAN, dbmazz_synced_at DATETIME, dbmazz_cdc_version BIGINT) PRIMARY KEY (id) " +
            "DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
        ),
        Effect.andThen(
          query("CREATE USER loader IDENTIFIED BY ''"),
          query("GRANT SELECT, INSERT ON TABLE shop.orders TO USER loader")
        )
      ),
      StarRocksSql.layer(endpoint.sink)
    )
    const told: Array<Told> = []
    const logger = Logger.make(({ message }) => {
      const [text, details] = Array.isArray(message) ? message : [message]
      told.push({ message: String(text), details: typeof details === "object" ? details : {} })
    })
    const loader = StreamLoader.layer({ baseMs: 1, maxMs: 20, maxElapsedMs: 0 }).pipe(
      Layer.provide([StreamLoadClient.layer(sink), inFlight])
    )
    return yield* Effect.provide(
      body(endpoint, told),
      Layer.mergeAll(StarRocksSql.layer(sink), loader, Logger.layer([logger]))
    )
  }).pipe(Effect.scoped)

/** The program stands still while it holds the first permit: stopped, or its machine asleep. */
const standsStillOnce = () => {
  let asked = 0
  const inFlight = LoadsInFlight.layer(new Map(), (label) =>
    Effect.sync(() => {
      if (label === rows.label) return
      asked += 1
      if (asked === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS + 100)
    }))
  return { inFlight, asked: () => asked }
}

describe("A source's TRUNCATE in StarRocks", () => {
  it.live("soft-delete marks what is live, with the transaction's version, and leaves everything else as it is", () =>
    world(() =>
      Effect.gen(function*() {
        yield* load
        yield* truncate("soft-delete")
        assert.deepStrictEqual(yield* stored, ALL_DELETED)
        // Again, as after a restart: nothing is left to mark.
        yield* truncate("soft-delete", 1)
        assert.deepStrictEqual(yield* stored, ALL_DELETED)
      })
    ))

  it.live("T70 soft-delete is ended by StarRocks when a load would be: whoever comes later waits no longer", () =>
    world(() =>
      Effect.gen(function*() {
        yield* load
        const sql = yield* StarRocksSql
        const sent: Array<string> = []
        const recorded: StarRocksSql["Service"] = {
          query: (statement, sending) => {
            sent.push(statement)
            return sql.query(statement, sending)
          }
        }
        yield* truncate("soft-delete").pipe(Effect.provideService(StarRocksSql, recorded))
        assert.match(sent.at(-1) ?? "", /^INSERT INTO .* SELECT \/\*\+ SET_VAR\(insert_timeout = 600\) \*\//)
        assert.deepStrictEqual(yield* stored, ALL_DELETED)
      })
    ))

  it.live("truncate empties the table, also one that is empty", () =>
    world(() =>
      Effect.gen(function*() {
        yield* load
        yield* truncate("truncate")
        assert.deepStrictEqual(yield* stored, [])
        yield* truncate("truncate", 1)
      })
    ))

  it.live("ignore leaves the rows, and says so once a table", () =>
    world((_, told) =>
      Effect.gen(function*() {
        yield* load
        const run = yield* TargetTruncate.make(ORIGIN, "ignore")
        yield* run(truncation(0), SYNCED_AT)
        yield* run(truncation(1), SYNCED_AT)
        assert.deepStrictEqual(yield* stored, UNTOUCHED)
        assert.lengthOf(told.filter(({ message }) => message.includes("TRUNCATE_POLICY=ignore")), 1)
      })
    ))

  it.live("T63 soft-delete whose answer is lost is settled by its label, and not done twice", () =>
    world(({ faults }, told) =>
      Effect.gen(function*() {
        yield* load
        faults.on("mysql-reset-after", { count: 1 })
        yield* truncate("soft-delete")
        assert.strictEqual(faults.hits("mysql-reset-after"), 1)
        assert.deepStrictEqual(yield* stored, ALL_DELETED)
        assert.lengthOf(told.filter(({ message }) => message === "statement will be sent again"), 0)
        const [count] = yield* query("SELECT count(*) AS n FROM information_schema.loads WHERE STATE = 'FINISHED'")
        assert.strictEqual(count?.["n"], "2")
      })
    ))

  it.live("truncate whose answer is lost is tried again only when the first can no longer begin", () =>
    world(({ faults }, told) =>
      Effect.gen(function*() {
        yield* load
        faults.on("mysql-reset-after", { count: 1 })
        const fiber = yield* Effect.forkChild(truncate("truncate"))
        const retry = () => told.find(({ message }) => message === "statement will be sent again")
        yield* HttpStage.until(() => retry() !== undefined)
        yield* Fiber.interrupt(fiber)
        assert.isAtLeast(Number(retry()?.details["waitMs"]), BEGIN_MS)
        assert.strictEqual(retry()?.details["code"], "SR_REPLY_LOST")
      })
    ))

  for (const policy of ["truncate", "soft-delete"] as const) {
    it.live(`T09 ${policy}: a program that stood still asks again whether it may, before a statement goes`, () => {
      const { asked, inFlight } = standsStillOnce()
      return world(({ faults }, told) =>
        Effect.gen(function*() {
          yield* load
          // Would carry out, and not answer, a statement that went with the stale permit.
          faults.on("mysql-reset-after", { count: 1 })
          const fiber = yield* Effect.forkChild(truncate(policy))
          yield* HttpStage.until(() => told.some(({ message }) => message === "statement will be sent again"))
          assert.strictEqual(faults.hits("mysql-reset-after"), 0)
          faults.off()
          yield* Fiber.join(fiber)
          assert.strictEqual(asked(), 2)
          assert.deepStrictEqual(yield* stored, policy === "truncate" ? [] : ALL_DELETED)
        }), inFlight)
    })

    it.live(`T09 ${policy}: a program whose slot another has taken truncates nothing`, () =>
      world(
        () =>
          Effect.gen(function*() {
            yield* load
            const error = yield* Effect.flip(truncate(policy))
            assert.include(error.message, "has taken replication slot")
            assert.deepStrictEqual(yield* stored, UNTOUCHED)
          }),
        Layer.succeed(InFlightLoads, {
          remember: (_, { label }) => label === rows.label ? Effect.void : Effect.fail(CheckpointStore.superseded("s")),
          left: Effect.succeed(new Map())
        })
      ))
  }

  it.live("T80 a user who may not truncate is told what to grant, the table and the place in the WAL", () =>
    world(
      () =>
        Effect.gen(function*() {
          yield* load
          const error = yield* Effect.flip(truncate("truncate"))
          assert.strictEqual(error.code, "SR_ACCESS_DENIED")
          assert.include(error.message, "table public.orders was truncated by the transaction committed at 1/42")
          assert.include(error.remediation, "GRANT SELECT, INSERT, DELETE ON TABLE `shop`.`orders`")
          assert.deepStrictEqual(yield* stored, UNTOUCHED)
        }),
      LoadsInFlight.layer(),
      { user: "loader" }
    ))

  it.live("T70 a load or a truncation that a killed program left is waited for first", () => {
    const sinceMs = Date.now() - BEGIN_MS + 1_500
    const left = new Map([["shop.orders", { label: "left", sinceMs }]])
    return world(() =>
      Effect.gen(function*() {
        yield* truncate("truncate")
        assert.isAtLeast(Date.now(), sinceMs + BEGIN_MS)
      }), LoadsInFlight.layer(left))
  })
})
