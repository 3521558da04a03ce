import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Reshape } from "../../src/domain/Change.ts"
import { ChangeDecoder } from "../../src/domain/ChangeDecoder.ts"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import type { Origin } from "../../src/domain/Label.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import { STANDSTILL_MS } from "../../src/layers/Heartbeat.ts"
import { InFlightLoads } from "../../src/layers/InFlightLoads.ts"
import { BEGIN_MS } from "../../src/layers/LoadFence.ts"
import { PostgresSql } from "../../src/layers/PostgresSql.ts"
import * as SchemaEvolution from "../../src/layers/SchemaEvolution.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import * as Mappings from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const MAPPING = {
  ...Mappings.mapping("orders", ["id"], { id: "bigint(20)", n: "int(11)" }),
  target: { schema: "shop", name: "orders" }
}
const ORIGIN: Origin = { systemIdentifier: "7", timeline: 1, database: "shop", slot: "s", run: "r" }

/** The table's rows get these columns besides `id`. */
const reshape = (...columns: ReadonlyArray<Bytes.ColumnSpec>): Reshape => {
  const decoder = new ChangeDecoder([{ ...MAPPING, isChanging: true }], "soft-delete", "evolve")
  const messages = [Bytes.begin(0x1_0000_0042n), Bytes.relation(1, "orders", [{ name: "id", oid: 20 }, ...columns])]
  const { changes } = Result.getOrThrow(decoder.decode(messages.map((message) => Bytes.frame(message))))
  return changes.find((change) => change._tag === "Reshape")!
}
const WIDER = { name: "n", oid: 20 }
const SAME = { name: "n", oid: 23 }
const ADDED = { name: "a", oid: 25 }

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))
const columns = Effect.map(
  query("DESC shop.orders"),
  (found) => found.map((row) => `${row["Field"]} ${String(row["Type"]).toLowerCase()}`)
)
const changes = Effect.map(query("SHOW ALTER TABLE COLUMN FROM shop"), (jobs) => jobs.length)
const evolve = (change: Reshape) =>
  Effect.flatMap(SchemaEvolution.make(ORIGIN, "evolve", Lsn.ZERO), (evolution) => evolution.evolve(change))

/** A catalogue that is newer than the WAL and does not know the table any more. */
const catalogue = Layer.succeed(PostgresSql, { query: () => Effect.succeed([]) })

const sourceColumn = (name: string, typeOid: number, generation = "") => ({
  name,
  typeOid,
  typeName: "",
  typmod: -1,
  notNull: false,
  generation
})
/** One that has the table with these columns. */
const catalogueOf = (...found: ReadonlyArray<ReturnType<typeof sourceColumn>>) =>
  Layer.succeed(PostgresSql, {
    query: (statement) =>
      Effect.succeed(
        /pg_locks/.test(statement) ? [] : [{
          schema: "public",
          name: "orders",
          oid: "1",
          kind: "r",
          replicaIdentity: "f",
          persistence: "p",
          readable: true,
          owned: true,
          columns: found,
          primaryKey: ["id"],
          primaryKeyDeferrable: false,
          uniqueIndexes: [],
          identityColumns: [],
          partitions: [],
          ancestors: []
        }]
      )
  })

const world = <A, E>(
  body: (
    endpoint: StarRocksEndpoint.StarRocksEndpoint
  ) => Effect.Effect<A, E, StarRocksSql | StreamLoader | PostgresSql | Scope.Scope>,
  inFlight: Layer.Layer<InFlightLoads> = LoadsInFlight.layer(),
  user: Partial<SrAddress> = {},
  postgres: Layer.Layer<PostgresSql> = catalogue
) =>
  Effect.gen(function*() {
    const endpoint = yield* StarRocksEndpoint.start
    const sink = { ...endpoint.sink, ...user }
    const admin = StarRocksSql.layer(endpoint.sink)
    yield* Effect.provide(
      query(
        "CREATE TABLE shop.orders (id BIGINT NOT NULL, n INT NULL) PRIMARY KEY (id) " +
          "DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
      ).pipe(
        Effect.andThen(query("CREATE USER loader IDENTIFIED BY ''")),
        Effect.andThen(query("GRANT SELECT, INSERT ON TABLE shop.orders TO USER loader"))
      ),
      admin
    )
    const loader = StreamLoader.layer({ baseMs: 1, maxMs: 20, maxElapsedMs: 0 }).pipe(
      Layer.provide([StreamLoadClient.layer(sink), inFlight])
    )
    return yield* Effect.provide(body(endpoint), Layer.mergeAll(StarRocksSql.layer(sink), loader, postgres))
  }).pipe(Effect.scoped)

describe("A shape carried over to StarRocks", () => {
  it.live("what is missing is added and what is narrow widened, once, and the rows' route is settled", () =>
    world(() =>
      Effect.gen(function*() {
        const change = reshape(WIDER, ADDED)
        yield* evolve(change)
        assert.deepStrictEqual(yield* columns, ["id bigint", "n bigint", "a varchar(1048576)"])
        assert.isFalse(change.route.encoder.whole.partial)
        const again = reshape(WIDER, ADDED)
        yield* evolve(again)
        assert.isDefined(again.route.encoder)
        assert.strictEqual(yield* changes, 2)
      })
    ))

  it.live("columns are looked at as they are shown: one that will be nullable is not yet, and what is not answered is no answer", () =>
    world(({ faults, sink }) =>
      Effect.gen(function*() {
        const evolution = yield* SchemaEvolution.make(ORIGIN, "evolve", Lsn.ZERO)
        const n = { name: "n", type: "int(11)", nullable: false }
        const mapping = { ...MAPPING, targetColumns: new Map([...MAPPING.targetColumns, ["n", n]]) }
        yield* query("DROP TABLE shop.orders")
        yield* query(
          "CREATE TABLE shop.orders (id BIGINT NOT NULL, n INT NOT NULL) PRIMARY KEY (id) " +
            "DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
        )
        faults.on("schema-change-running")
        yield* query("ALTER TABLE shop.orders MODIFY COLUMN n BIGINT NULL")
        yield* HttpStage.until(() => faults.held() === 1)
        assert.isFalse((yield* evolution.look(mapping)).get("n")?.nullable)
        faults.off()
        yield* query("SHOW ALTER TABLE COLUMN FROM shop").pipe(
          Effect.repeat({ until: (jobs) => jobs.every((job) => job["State"] === "FINISHED") })
        )
        yield* query("ALTER TABLE shop.orders ADD COLUMN more INT NULL")
        const lost = yield* Effect.provide(
          SchemaEvolution.make(ORIGIN, "evolve", Lsn.ZERO),
          StarRocksSql.layer({ ...sink, sqlPort: 1 })
        )
        assert.strictEqual((yield* Effect.flip(lost.look(mapping)))._tag, "TransientError")
        assert.strictEqual(lost.current(mapping), mapping)
        const found = yield* evolution.look(mapping)
        assert.deepStrictEqual(found.get("n"), { name: "n", type: "bigint", nullable: true })
        assert.deepStrictEqual([...found.keys()], [...mapping.targetColumns.keys()])
        assert.deepStrictEqual(evolution.current(mapping), { ...mapping, targetColumns: found })
      })
    ))

  it.live("a statement whose answer is lost, and a change that somebody else makes, are waited for and not made again", () =>
    world(({ faults }) =>
      Effect.gen(function*() {
        faults.on("mysql-reset-after", { count: 1 })
        yield* evolve(reshape(SAME, ADDED))
        assert.strictEqual(faults.hits("mysql-reset-after"), 1)
        assert.strictEqual(yield* changes, 1)
        faults.on("schema-change-running")
        yield* query("ALTER TABLE shop.orders ADD COLUMN b INT NULL DEFAULT '7'")
        yield* HttpStage.until(() => faults.held() === 1)
        const change = reshape(SAME, ADDED)
        const waiting = yield* Effect.forkChild(evolve(change))
        yield* Effect.repeat(Effect.as(query("SELECT 1"), waiting.pollUnsafe()), { times: 20 })
        assert.isUndefined(waiting.pollUnsafe())
        faults.off()
        yield* Fiber.join(waiting)
        assert.strictEqual(yield* changes, 2)
        // Rows that lack the column of somebody else leave it as it is.
        assert.isTrue(change.route.encoder.whole.partial)
        assert.match(change.route.encoder.whole.header ?? "", /^`id`,`n`,`a`,dbmazz_op_type,/)
      })
    ))

  it.live("T46 a generated column that is published is left out, as at the start, and keeps no other one from coming", () =>
    world(
      () =>
        Effect.gen(function*() {
          const change = reshape(SAME, { name: "twice", oid: 23 }, ADDED)
          yield* evolve(change)
          assert.deepStrictEqual(yield* columns, ["id bigint", "n int", "a varchar(1048576)"])
          assert.isFalse(change.route.encoder.whole.partial)
        }),
      LoadsInFlight.layer(),
      {},
      catalogueOf(sourceColumn("id", 20), sourceColumn("n", 23), sourceColumn("twice", 23, "s"), sourceColumn("a", 25))
    ))

  it.live("a type whose change may still begin is not changed again, so that a later type is not taken back", () =>
    world(({ faults }) =>
      Effect.gen(function*() {
        const waits: Array<number> = []
        const logger = Logger.make(({ message }) => {
          const [text, details] = Array.isArray(message) ? message : [message]
          if (text === "statement will be sent again") waits.push(details.waitMs)
        })
        faults.on("mysql-reset-after", { count: 1 })
        const fiber = yield* Effect.forkChild(Effect.provide(evolve(reshape(WIDER)), Logger.layer([logger])))
        yield* HttpStage.until(() => waits.length > 0)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(faults.hits("mysql-reset-after"), 1)
        assert.isAtLeast(waits[0] ?? 0, BEGIN_MS)
      })
    ))

  it.live("T09 a program that stood still asks again whether it may, before a type is changed", () => {
    let asked = 0
    const inFlight = LoadsInFlight.layer(new Map(), () =>
      Effect.sync(() => {
        asked += 1
        if (asked === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS + 100)
      }))
    return world(() =>
      Effect.gen(function*() {
        yield* evolve(reshape(WIDER))
        assert.strictEqual(asked, 2)
        assert.deepStrictEqual(yield* columns, ["id bigint", "n bigint"])
      }), inFlight)
  })

  it.live("T09 a program whose slot another has taken changes no type", () =>
    world(
      () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(evolve(reshape(WIDER)))
          assert.include(error.message, "has taken replication slot")
          assert.deepStrictEqual(yield* columns, ["id bigint", "n int"])
        }),
      Layer.succeed(InFlightLoads, {
        remember: () => Effect.fail(CheckpointStore.superseded("s")),
        left: Effect.succeed(new Map())
      })
    ))

  it.live("T80 a user who may not alter the table is told what to grant", () =>
    world(
      () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(evolve(reshape(SAME, ADDED)))
          assert.isTrue(error._tag === "PermanentError" && error.code === "SR_ACCESS_DENIED")
          assert.include(error.remediation, "GRANT SELECT, INSERT, ALTER ON TABLE `shop`.`orders`")
        }),
      LoadsInFlight.layer(),
      { user: "loader" }
    ))

  it.live("a change that StarRocks cancels again and again stops the table with its words and the statement", () =>
    world(() =>
      Effect.gen(function*() {
        yield* query("INSERT INTO shop.orders WITH LABEL long_value (id, n) SELECT 1, 1000000")
        const error = yield* Effect.flip(evolve(reshape({ name: "n", oid: 1043, typmod: 5 })))
        assert.isTrue(error._tag === "PermanentError" && error.code === "SCHEMA_CHANGED")
        assert.include(error.message, "the schema change was cancelled")
        assert.include(
          error.remediation,
          "Run in StarRocks: ALTER TABLE `shop`.`orders` MODIFY COLUMN `n` VARCHAR(4) NULL;"
        )
        assert.strictEqual(yield* changes, 3)
        assert.deepStrictEqual(yield* columns, ["id bigint", "n int"])
      })
    ))
})
