import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { CheckpointStore } from "../../src/layers/CheckpointStore.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as TableCatalogue from "../../src/layers/TableCatalogue.ts"
import * as JobLayers from "../../src/programs/JobLayers.ts"
import * as Pipeline from "../../src/streams/Pipeline.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import { mapping } from "../support/Mappings.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const UPDATES = 1_000
const MB = 1_000_000
const AUDIT = { dbmazz_op_type: "tinyint", dbmazz_is_deleted: "boolean", dbmazz_synced_at: "datetime" }
let counter = 0

/** A table `docs` under this replica identity, replicated by the real pipeline, with what is sent of it. */
const replicate = Effect.fnUntraced(function*(identity: "full" | "keep") {
  const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  const endpoint = yield* Effect.orDie(StarRocksEndpoint.start)
  const slot = `toast_${process.pid}_${++counter}`
  yield* run(
    source,
    `create table docs (id int primary key, n int not null, doc jsonb, raw bytea);
     alter table docs alter doc set storage external, alter raw set storage external,
       replica identity ${identity === "full" ? "full" : "default"};
     create publication toast_pub for table docs`
  )
  const [created] = yield* run(source, "select lsn from pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  const env = DbmazzProcess.jobEnvironment(source, endpoint.sink, {
    TABLES: "docs",
    SLOT_NAME: slot,
    PUBLICATION_NAME: "toast_pub"
  })
  const services = yield* Layer.build(
    Layer.merge(JobLayers.layer(Result.getOrThrow(Settings.fromEnv(env))), Logger.layer([]))
  )
  const query = (statement: string) => Effect.orDie(Context.get(services, StarRocksSql).query(statement))
  yield* query(
    `CREATE TABLE shop.docs (id INT NOT NULL, n INT, doc JSON, raw VARBINARY, remark VARCHAR(99), dbmazz_op_type TINYINT,
       dbmazz_is_deleted BOOLEAN, dbmazz_synced_at DATETIME, dbmazz_cdc_version BIGINT)
     PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
  )
  const [facts] = yield* Effect.provide(TableCatalogue.readTables([{ schema: "public", name: "docs" }]), services)
  const table: TableMapping = {
    sourceColumns: new Map(facts!.columns.map((column) => [column.name, column])),
    lookedAt: facts!.lookedAt!,
    ...mapping("docs", ["id"], { id: "int", n: "int", doc: "json", raw: "varbinary", remark: "varchar(99)", ...AUDIT }),
    target: { schema: "shop", name: "docs" },
    identity
  }
  const sent = { bytes: 0, rows: 0, stopped: "" }
  const loader = Context.get(services, StreamLoader)
  const counted = StreamLoader.of({
    ...loader,
    load: (request) =>
      Effect.suspend(() => {
        sent.bytes += request.body.length
        sent.rows += request.rowCount
        return loader.load(request)
      })
  })
  const stop = yield* Deferred.make<void>()
  const start = Result.getOrThrow(Lsn.fromText(String(created?.["lsn"])))
  const job: Pipeline.Job = {
    start,
    tables: [table],
    origin: { systemIdentifier: "7", timeline: 1, database: source.database, slot, run: "r" },
    loadBytesMax: 16 * MB,
    walSenderTimeoutMs: 60_000,
    truncatePolicy: "fail",
    schemaChangePolicy: "stop",
    publication: "toast_pub"
  }
  const fiber = yield* Effect.gen(function*() {
    const store = yield* CheckpointStore
    yield* store.prepare
    yield* store.save(slot, start)
    yield* Pipeline.run(job, stop)
  }).pipe(
    Effect.provideService(StreamLoader, counted),
    Effect.provide(services),
    Effect.tapError((error) => Effect.sync(() => void (sent.stopped = error.message))),
    Effect.forkScoped
  )
  /** Waits until StarRocks answers so, or the replication has ended. */
  const arrived = (statement: string, expected: string) =>
    query(statement).pipe(
      Effect.repeat({
        schedule: Schedule.spaced("50 millis"),
        until: (rows) => JSON.stringify(rows.map((row) => Object.values(row))) === expected || sent.stopped !== ""
      }),
      Effect.map((rows) =>
        assert.strictEqual(sent.stopped || JSON.stringify(rows.map((row) => Object.values(row))), expected)
      )
    )
  const drained = Deferred.succeed(stop, undefined).pipe(Effect.andThen(Fiber.join(fiber)))
  return { source, query, sent, arrived, drained }
})

/** JSON of about so many bytes that is stored out of line, and 100 kB of binary data. */
const insert = (id: number, bytes: number) =>
  `insert into docs select ${id}, 0, jsonb_build_object('text', string_agg(md5(${id} || n::text), ' ')),
     decode(string_agg(md5(n::text), '') filter (where n <= 6250), 'hex') from generate_series(1, ${
    Math.ceil(bytes / 33)
  }) n`

const sameDocuments = (source: Effect.Success<ReturnType<typeof replicate>>) =>
  Effect.gen(function*() {
    const here = yield* run(
      source.source,
      "select id::text, n::text, doc->>'text' as text, encode(raw, 'hex') as raw from docs order by docs.id"
    )
    const there = yield* source.query(
      "SELECT id, n, get_json_string(doc, '$.text') AS text, lower(hex(raw)) AS raw FROM shop.docs " +
        "WHERE dbmazz_is_deleted = false ORDER BY id"
    )
    assert.strictEqual(JSON.stringify(there) === JSON.stringify(here), true, "the documents are the source's")
  })

layer(PostgresServer.layer(), { excludeTestServices: true })("Large documents", (it) => {
  it.effect(
    "T37 of 10 MB survive 1,000 updates of another column and are sent once; deletes and swaps tell keys only",
    () =>
      Effect.gen(function*() {
        const replica = yield* replicate("keep")
        const { arrived, drained, query, sent, source } = replica
        yield* run(source, insert(1, 10 * MB))
        yield* arrived("SELECT id, n FROM shop.docs", `[["1","0"]]`)
        const once = sent.bytes
        assert.isAbove(once, 10 * MB)
        const columns = ["id", "n", "doc", "raw", ...AuditColumns.NAMES].join(", ")
        yield* query(`INSERT INTO shop.docs (${columns}, remark) SELECT ${columns}, 'mine' FROM shop.docs`)
        yield* run(
          source,
          `do $$ begin for i in 1..${UPDATES} loop update docs set n = i where id = 1; commit; end loop; end $$`
        )
        yield* arrived("SELECT n, remark FROM shop.docs", `[["${UPDATES}","mine"]]`)
        assert.isBelow(sent.bytes - once, UPDATES * 250)
        yield* sameDocuments(replica)

        yield* run(
          source,
          "insert into docs values (2, 2, '{\"text\": \"two\"}', '\\x02'), (3, 3, '{\"text\": \"three\"}', null)"
        )
        yield* run(
          source,
          "begin; update docs set id = -1 where id = 2; update docs set id = 2 where id = 3; update docs set id = 3 where id = -1; commit"
        )
        yield* run(source, "delete from docs where id = 1")
        yield* arrived(
          "SELECT id, n, length(hex(raw)) AS bytes FROM shop.docs WHERE id > 0 AND dbmazz_is_deleted = (id = 1) ORDER BY id",
          `[["1","${UPDATES}","200000"],["2","3",null],["3","2","2"]]`
        )
        yield* sameDocuments(replica)
        yield* drained
      }),
    90_000
  )

  it.effect(
    "T37 T39 under FULL they are not sent again either, but for rows older than the slot and rows that get another key",
    () =>
      Effect.gen(function*() {
        const replica = yield* replicate("full")
        const { arrived, drained, sent, source } = replica
        yield* run(source, insert(1, MB))
        yield* arrived("SELECT id, n FROM shop.docs", `[["1","0"]]`)
        const once = sent.bytes
        // Statistics have the table announced again, as an ALTER has.
        for (let n = 1; n <= 20; n++) {
          yield* run(source, `update docs set n = ${n} where id = 1`)
          if (n === 10) yield* run(source, "vacuum analyze docs")
        }
        yield* arrived("SELECT id, n FROM shop.docs", `[["1","20"]]`)
        assert.isBelow(sent.bytes - once, 20 * 250)
        yield* sameDocuments(replica)
        yield* run(source, "update docs set id = 2 where id = 1")
        yield* arrived("SELECT id FROM shop.docs WHERE dbmazz_is_deleted = false", `[["2"]]`)
        yield* sameDocuments(replica)
        // As if the row were older than the slot.
        yield* replica.query("TRUNCATE TABLE shop.docs")
        yield* run(source, "update docs set n = 99 where id = 2")
        yield* arrived("SELECT id, n FROM shop.docs", `[["2","99"]]`)
        yield* sameDocuments(replica)
        yield* drained
      }),
    60_000
  )
})
