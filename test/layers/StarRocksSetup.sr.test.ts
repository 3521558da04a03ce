import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import * as SetupStep from "../../src/domain/starrocks/SetupStep.ts"
import type { SourceTable } from "../../src/domain/Table.ts"
import * as StarRocksSetup from "../../src/layers/StarRocksSetup.ts"
import { type Row, StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const column = (name: string, typeOid: number, typeName: string, notNull = false) => ({
  name,
  typeOid,
  typeName,
  typmod: -1,
  notNull,
  generated: false
})

const source = (name: string, schema = "public"): SourceTable => ({
  name: { schema, name },
  oid: 1,
  kind: "r",
  replicaIdentity: "f",
  columns: [column("id", 20, "bigint", true), column("name", 25, "text"), column("doc", 3802, "jsonb")],
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true
})

const PROPERTIES = "PROPERTIES (\"replication_num\" = \"1\")"
const create = (
  name: string,
  columns = "id BIGINT NOT NULL, name STRING, doc JSON",
  model = "PRIMARY KEY (id)"
): string => `CREATE TABLE shop.${name} (${columns}) ${model} DISTRIBUTED BY HASH(id) BUCKETS 1 ${PROPERTIES}`

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))

const connected = (sink: SrAddress) =>
  Effect.provide(Layer.mergeAll(StarRocksSql.layer(sink), StreamLoadClient.layer(sink), Logger.layer([])))

const inspect = (...sources: ReadonlyArray<SourceTable>) => StarRocksSetup.inspect(sources, "shop", undefined, "stop")
const setUp = (...sources: ReadonlyArray<SourceTable>) => Effect.flatMap(inspect(...sources), StarRocksSetup.apply)

/** Everything a catalogue shows, to see that nothing changed. */
const catalogue = Effect.gen(function*() {
  const tables = yield* query("SELECT * FROM information_schema.tables ORDER BY TABLE_SCHEMA, TABLE_NAME")
  const columns = yield* query("SELECT * FROM information_schema.columns ORDER BY TABLE_NAME, ORDINAL_POSITION")
  const jobs = yield* query("SHOW ALTER TABLE COLUMN FROM shop")
  return JSON.stringify({ tables, columns, jobs })
})

const columnsOf = (table: string) =>
  Effect.map(
    query(`SELECT COLUMN_NAME FROM information_schema.columns WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = '${table}'`),
    (rows) => rows.map((row) => row["COLUMN_NAME"] ?? "")
  )

/** Counts the answers to ALTER TABLE and SHOW ALTER TABLE that a setup has had. */
const counting = <A, E, R>(asked: { times: number }, effect: Effect.Effect<A, E, R>) =>
  StarRocksSql.use((sql) =>
    Effect.provideService(effect, StarRocksSql, {
      query: (statement) =>
        sql.query(statement).pipe(Effect.ensuring(Effect.sync(() => {
          if (/ALTER TABLE/.test(statement)) asked.times += 1
        })))
    })
  )

/** Waits until the setup has had more answers than it needs before it waits: it looks again and again. */
const askedAgain = (asked: { readonly times: number }) => {
  const before = asked.times
  return HttpStage.until(() => asked.times >= before + 4)
}

const tags = (plan: { readonly problems: ReadonlyArray<{ readonly _tag: string }> }) =>
  plan.problems.map((problem) => problem._tag)

describe("setting up", () => {
  it.live("119 123 adds the audit columns and returns only when they take values", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const [mapping] = yield* setUp(source("orders"))
        assert.includeMembers([...(yield* columnsOf("orders"))], [...AuditColumns.NAMES])
        const [job] = yield* query(
          "SHOW ALTER TABLE COLUMN FROM shop WHERE TableName = 'orders' ORDER BY CreateTime DESC LIMIT 1"
        )
        assert.strictEqual(job?.["State"], "FINISHED")
        assert.deepStrictEqual(mapping?.target, { schema: "shop", name: "orders" })
        assert.deepStrictEqual(mapping?.key, ["id"])
      }).pipe(connected(sink))
    }))

  it.live("a second time changes nothing", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const first = yield* setUp(source("orders"))
        const before = yield* catalogue
        const plan = yield* inspect(source("orders"))
        assert.deepStrictEqual([plan.problems, plan.steps], [[], []])
        const second = yield* StarRocksSetup.apply(plan)
        assert.strictEqual(yield* catalogue, before)
        assert.sameMembers([...second[0]!.targetColumns.keys()], [...first[0]!.targetColumns.keys()])
      }).pipe(connected(sink))
    }))

  it.live("looking changes nothing, whatever it finds", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const before = yield* catalogue
        const plan = yield* inspect(source("orders"), source("missing"))
        assert.deepStrictEqual(plan.steps.map((step) => step._tag === "AddAuditColumns" && step.columns), [
          AuditColumns.NAMES
        ])
        assert.strictEqual(yield* catalogue, before)
      }).pipe(connected(sink))
    }))

  it.live("waits for a schema change that takes its time, and does not load into columns that are not there", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        faults.on("schema-change-running")
        const asked = { times: 0 }
        const fiber = yield* Effect.forkChild(counting(asked, setUp(source("orders"))))
        yield* HttpStage.until(() => faults.held() === 1)
        yield* askedAgain(asked)
        assert.isUndefined(fiber.pollUnsafe())
        faults.off()
        assert.strictEqual((yield* Fiber.join(fiber)).length, 1)
        assert.includeMembers([...(yield* columnsOf("orders"))], [...AuditColumns.NAMES])
      }).pipe(connected(sink))
    }))

  it.live("120 waits while somebody else's schema change of the table runs, then adds its own", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        faults.on("schema-change-running")
        yield* query("ALTER TABLE shop.orders ADD COLUMN note STRING")
        yield* HttpStage.until(() => faults.held() === 1)
        const asked = { times: 0 }
        const fiber = yield* Effect.forkChild(counting(asked, setUp(source("orders"))))
        yield* askedAgain(asked)
        assert.isUndefined(fiber.pollUnsafe())
        faults.off()
        yield* Fiber.join(fiber)
        assert.includeMembers([...(yield* columnsOf("orders"))], ["note", ...AuditColumns.NAMES])
      }).pipe(connected(sink))
    }))
})

describe("what stops the setup", () => {
  it.live("113 a database that does not exist", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const plan = yield* StarRocksSetup.inspect([source("orders")], "nope", undefined, "stop").pipe(connected(sink))
      assert.deepStrictEqual(plan.problems, [{ _tag: "SrDatabaseNotFound", database: "nope" }])
    }))

  it.live("every problem of every table is said at once, and nothing is changed", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("fine"))
        yield* query(create("versions", undefined, "DUPLICATE KEY (id)"))
        yield* query(create("wide", "id BIGINT NOT NULL, name STRING NOT NULL, doc JSON", "PRIMARY KEY (id, name)"))
        yield* query(
          create("narrow", "id BIGINT NOT NULL, name INT, region STRING NOT NULL, zone STRING NOT NULL DEFAULT 'eu'")
        )
        const before = yield* catalogue
        const plan = yield* inspect(
          ...["fine", "versions", "wide", "narrow", "missing"].map((name) => source(name)),
          source("fine", "sales")
        )
        assert.deepStrictEqual(tags(plan), [
          "SrTargetShared",
          "SrTableNotPrimaryKey",
          "SrKeyMismatch",
          "SrColumnTypeUnsupported",
          "SrColumnMissing",
          "SrColumnRequired",
          "SrTableNotFound"
        ])
        const error = yield* Effect.flip(StarRocksSetup.apply(plan))
        assert.isTrue(error._tag === "SetupError" && error.code === "SrTargetShared")
        assert.strictEqual(yield* catalogue, before)
      }).pipe(connected(sink))
    }))

  it.live("a schema change that StarRocks refuses or cancels is told with its words", () =>
    Effect.gen(function*() {
      const { faults, sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const plan = yield* inspect(source("orders"))
        faults.on("schema-change-running")
        const fiber = yield* Effect.forkChild(Effect.flip(StarRocksSetup.apply(plan)))
        yield* HttpStage.until(() => faults.hits("schema-change-running") > 0)
        yield* query("DROP TABLE shop.orders")
        faults.off()
        const cancelled = yield* Fiber.join(fiber)
        assert.isTrue(cancelled._tag === "SetupError" && cancelled.code === "SrAuditColumnsFailed")
        assert.include(cancelled.message, "dropped")
        const refused = yield* Effect.flip(StarRocksSetup.apply(plan))
        assert.isTrue(refused._tag === "SetupError" && refused.code === "SrAuditColumnsFailed")
        assert.include(refused.message, "Unknown table")
      }).pipe(connected(sink))
    }))

  it.live("columns that somebody adds at the same moment are no failure", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const plan = yield* inspect(source("orders"))
        yield* setUp(source("orders"))
        assert.strictEqual((yield* StarRocksSetup.apply(plan)).length, 1)
      }).pipe(connected(sink))
    }))

  it.live("an HTTP address that does not serve, though SQL does", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const url = `http://127.0.0.1:${yield* HttpStage.deadPort}`
      const error = yield* Effect.flip(inspect(source("orders"))).pipe(connected({ ...sink, url }))
      assert.isTrue(error._tag === "TransientError" && error.message.startsWith("StarRocks HTTP connection failed"))
    }))

  it.live("an SQL address that does not answer is tried again, not given up", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const sqlPort = yield* HttpStage.deadPort
      const error = yield* Effect.flip(inspect(source("orders"))).pipe(connected({ ...sink, sqlPort }))
      assert.isTrue(error._tag === "TransientError" && error.code === "SR_UNREACHABLE")
    }))
})

describe("AUTO_CREATE_TABLES", () => {
  const CREATE = { buckets: undefined }
  const plans = (database: string, ...sources: ReadonlyArray<SourceTable>) =>
    StarRocksSetup.inspect(sources, database, CREATE, "stop")

  /** A server that answers one statement otherwise. */
  const answering = <A, E, R>(
    statement: RegExp,
    answer: Effect.Effect<ReadonlyArray<Row>, SrSqlError>,
    effect: Effect.Effect<A, E, R>
  ) =>
    StarRocksSql.use((sql) =>
      Effect.provideService(effect, StarRocksSql, {
        query: (asked) => statement.test(asked) ? answer : sql.query(asked)
      })
    )

  it.live("118 creates what is missing, leaves what exists, and has nothing to do the second time", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        yield* query(create("orders"))
        const before = yield* catalogue
        const plan = yield* plans("shop", source("orders"), source("items"), source("Größe"))
        assert.deepStrictEqual(plan.steps.map((step) => step._tag), ["AddAuditColumns", "CreateTable", "CreateTable"])
        assert.strictEqual(yield* catalogue, before)
        const mappings = yield* StarRocksSetup.apply(plan)
        assert.sameMembers(mappings.map((mapping) => mapping.target.name), ["orders", "items", "Größe"])
        const items = mappings.find((mapping) => mapping.target.name === "items")
        assert.deepStrictEqual([...items!.targetColumns.values()].map(({ nullable, type }) => [type, nullable]), [
          ["bigint", false],
          ["varchar(1048576)", true],
          ["json", true],
          ["tinyint", true],
          ["tinyint(1)", true],
          ["datetime", true],
          ["bigint", true]
        ])
        const [config] = yield* query("SELECT * FROM information_schema.tables_config WHERE TABLE_NAME = 'items'")
        assert.include(config, { TABLE_MODEL: "PRI_KEYS", PRIMARY_KEY: "`id`", DISTRIBUTE_KEY: "`id`" })
        const again = yield* plans("shop", source("orders"), source("items"), source("Größe"))
        assert.deepStrictEqual([again.problems, again.steps, again.mappings.length], [[], [], 3])
      }).pipe(connected(sink))
    }))

  it.live("creates the database, too", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const mappings = yield* Effect.flatMap(plans("fresh", source("orders")), StarRocksSetup.apply)
        assert.deepStrictEqual(mappings.map((mapping) => mapping.target), [{ schema: "fresh", name: "orders" }])
      }).pipe(connected(sink))
    }))

  it.live("two setups at once both end with the same table", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const [one, other] = [yield* plans("fresh", source("orders")), yield* plans("fresh", source("orders"))]
        const both = yield* Effect.all([StarRocksSetup.apply(one), StarRocksSetup.apply(other).pipe(connected(sink))], {
          concurrency: 2
        })
        assert.deepStrictEqual(both[0], both[1])
      }).pipe(connected(sink))
    }))

  it.live("a table that somebody else created meanwhile gets what it lacks, and is refused where it does not fit", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const plan = yield* plans("shop", source("orders"), source("items"))
        yield* query(create("orders"))
        yield* StarRocksSetup.apply(plan)
        assert.includeMembers([...(yield* columnsOf("orders"))], [...AuditColumns.NAMES])
        const other = yield* plans("shop", source("narrow"))
        yield* query(create("narrow", "id BIGINT NOT NULL, name STRING"))
        const error = yield* Effect.flip(StarRocksSetup.apply(other))
        assert.isTrue(error._tag === "SetupError" && error.code === "SrColumnMissing")
        const raced = yield* answering(
          /^CREATE TABLE/,
          Effect.fail(new SrSqlError({ code: 1050, message: "Table 'orders' already exists" })),
          StarRocksSetup.apply(plan)
        )
        assert.strictEqual(raced.length, 2)
      }).pipe(connected(sink))
    }))

  it.live("117 keeps one copy on each of at most three back ends that are alive and stay", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const node = (alive: boolean, leaves = false): Row => ({
        Alive: String(alive),
        SystemDecommissioned: String(leaves)
      })
      const replicas = (backEnds: ReadonlyArray<Row>) =>
        answering(/^SHOW BACKENDS/, Effect.succeed(backEnds), plans("shop", source("orders"))).pipe(
          Effect.map(({ steps }) => /"replication_num" = "(\d+)"/.exec(SetupStep.sql(steps[0]!))?.[1]),
          connected(sink)
        )
      assert.strictEqual(yield* replicas([node(true)]), "1")
      assert.strictEqual(yield* replicas([node(true), node(false), node(true), node(true, true)]), "2")
      assert.strictEqual(yield* replicas(Array.from({ length: 5 }, () => node(true))), "3")
    }))

  it.live("waits for a back end to be alive, and does not look for one when nothing is missing", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const dead = Effect.succeed([{ Alive: "false", SystemDecommissioned: "false" }])
        const error = yield* Effect.flip(answering(/^SHOW BACKENDS/, dead, plans("shop", source("orders"))))
        assert.isTrue(error._tag === "TransientError" && error.code === "SR_UNAVAILABLE")
        const none = yield* Effect.flip(
          answering(/^SHOW BACKENDS/, Effect.succeed([]), plans("shop", source("orders")))
        )
        assert.isTrue(none._tag === "TransientError" && none.code === "SR_UNAVAILABLE")
        const plan = yield* plans("shop", source("orders"))
        yield* StarRocksSetup.apply(plan)
        assert.deepStrictEqual(
          (yield* answering(/^SHOW BACKENDS/, dead, plans("shop", source("orders")))).steps,
          []
        )
      }).pipe(connected(sink))
    }))

  it.live("117 nodes that vanish before the statement are waited for in each version's words", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const plan = yield* plans("shop", source("orders"))
        for (
          const message of [
            "Unexpected exception: Unable to find 3 alive nodes on cluster, insufficient nodes: 1 is alive",
            "Unexpected exception: Failed to find enough host in all backends. need: 3, Current alive backend is [10004]",
            "Table replication num should be less than or equal to the number of available BE nodes."
          ]
        ) {
          const refusal = Effect.fail(new SrSqlError({ code: 1064, message }))
          const error = yield* Effect.flip(answering(/^CREATE TABLE/, refusal, StarRocksSetup.apply(plan)))
          assert.strictEqual(error._tag, "TransientError", message)
        }
      }).pipe(connected(sink))
    }))

  it.live("a user who may not see the nodes leaves the copies to StarRocks; one who may not create is told what to grant", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const denied = Effect.fail(new SrSqlError({ code: 5203, message: "Access denied" }))
        const plan = yield* answering(/^SHOW (BACKENDS|COMPUTE)/, denied, plans("shop", source("orders")))
        assert.notInclude(SetupStep.sql(plan.steps[0]!), "replication_num")
        const error = yield* Effect.flip(answering(/^CREATE TABLE/, denied, StarRocksSetup.apply(plan)))
        assert.isTrue(error._tag === "SetupError" && error.code === "SrCreateFailed")
        assert.include(error.message, "'shop.orders'")
        assert.include(error.remediation, "GRANT CREATE TABLE")
      }).pipe(connected(sink))
    }))

  it.live("a created table that a follower does not show yet is waited for", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      yield* Effect.gen(function*() {
        const plan = yield* plans("shop", source("orders"))
        let hidden = 3
        const asked = StarRocksSql.use((sql) =>
          Effect.provideService(StarRocksSetup.apply(plan), StarRocksSql, {
            query: (statement) => {
              const isHidden = /information_schema.tables /.test(statement) && hidden-- > 0
              return isHidden ? Effect.succeed([]) : sql.query(statement)
            }
          })
        )
        assert.strictEqual((yield* asked).length, 1)
        assert.isBelow(hidden, 0)
      }).pipe(connected(sink))
    }))
})
