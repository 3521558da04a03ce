import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ControlledJob from "../support/ControlledJob.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const KEEP = { flush_size: 0n, flush_interval_ms: 0n, tables: [] }

const until = <E>(look: Effect.Effect<boolean, E>) =>
  Effect.repeat(look, { schedule: PostgresServer.pollEvery, until: (is) => is })

const start = (replica: Replica.Replica, extra: Readonly<Record<string, string>>) =>
  ControlledJob.start(replica.environment({ RETRY_BASE_MS: "50", RETRY_MAX_MS: "500", ...extra }))

/** Runs a job until it has loaded a row, and drains it. */
const runOnce = Effect.fnUntraced(function*(replica: Replica.Replica, extra: Readonly<Record<string, string>>) {
  const job = yield* start(replica, extra)
  yield* job.replicating
  yield* run(replica.source, "insert into items values (1, 'x')")
  yield* replica.caughtUp
  yield* job.client.DrainAndStop()
  assert.strictEqual(yield* job.ended, "drained")
})

const create = Effect.fnUntraced(function*(replica: Replica.Replica, name: string, columns = "") {
  yield* run(replica.source, `create table ${name} (id bigint primary key${columns})`)
  yield* replica.query(
    `CREATE TABLE ${replica.sink.database}.${name} (id BIGINT NOT NULL)
     PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
  )
})

const idsIn = (replica: Replica.Replica, table: string) =>
  Effect.map(
    replica.query(`SELECT id FROM ${replica.sink.database}.${table} WHERE dbmazz_is_deleted = false ORDER BY id`),
    (rows) => rows.map(({ id }) => id).join()
  )

/** Ends the replication connection. */
const cut = (replica: Replica.Replica) =>
  run(
    replica.source,
    "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
    [replica.slot]
  )

/** The same, and waits until there is another one. */
const cutOff = Effect.fnUntraced(function*(replica: Replica.Replica) {
  const pid = Effect.map(
    run(replica.source, "select active_pid from pg_replication_slots where slot_name = $1", [replica.slot]),
    (rows) => rows[0]?.["active_pid"]
  )
  const before = yield* pid
  yield* cut(replica)
  yield* until(Effect.map(pid, (now) => typeof now === "number" && now !== before))
})

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "What others do to a job while it runs",
  (it) => {
    it.effect("T79 a rule for the columns of a table that was left out keeps no other from being reloaded or read", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* create(replica, "people", ", email text, phone text")
        const { client, replicating } = yield* start(replica, {
          TABLES: "items,people",
          COLUMNS_EXCLUDE: "people.email,people.phone"
        })
        yield* replicating
        yield* run(replica.source, "alter table people drop column phone")
        yield* cutOff(replica)
        yield* replicating
        const left = yield* client.ReloadConfig({ ...KEEP, tables: ["items"] })
        assert.deepInclude(left, {
          success: true,
          message:
            "Configuration reloaded: tables=[\"items\"] (removed [\"public.people\"]; until the next start, which goes by TABLES)"
        })
        yield* cutOff(replica)
        yield* run(replica.source, "insert into items values (1, 'x')")
        yield* replica.caughtUp
        assert.isTrue((yield* client.ReloadConfig({ ...KEEP, tables: ["items", "people"] })).success)
        yield* run(replica.source, "insert into people values (7, 'secret@example.org')")
        yield* until(Effect.map(idsIn(replica, "people"), (ids) => ids === "7"))
      }))

    it.effect("T04 a job that cannot begin again shows what it is behind, and from which position", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* runOnce(replica, {})
        yield* run(replica.source, "update dbmazz_checkpoints set updated_at = updated_at - interval '1 hour'")
        yield* run(replica.source, "insert into items select n, repeat('y', 100) from generate_series(2, 1000) n")

        const { client, until: untilHealth } = yield* start(replica, { TABLES: "items,nowhere" })
        yield* untilHealth(({ status }) => status === "NOT_SERVING")
        const early = yield* client.StreamMetrics({ interval_ms: 10 }).pipe(Stream.take(5), Stream.runCollect)
        assert.isTrue(
          early.at(-1)!.replication_lag_ms > 0n,
          "before the checkpoint is read its age counts from the start"
        )
        const [sample] = yield* client.StreamMetrics({ interval_ms: 50 }).pipe(
          Stream.filter(({ lag_bytes }) => lag_bytes > 100_000n),
          Stream.take(1),
          Stream.runCollect
        )
        assert.isTrue(sample!.replication_lag_ms > 3_600_000n)
        const { checkpoint } = yield* replica.positions
        const [high = "", low = ""] = (checkpoint ?? "").split("/")
        const { confirmed_lsn } = yield* client.GetStatus()
        assert.strictEqual(confirmed_lsn, (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`))
      }))

    it.effect("T55 a table that others took out of the publication stops with its window, and is not put back unasked", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* create(replica, "other")
        const { client, replicating, until: untilHealth } = yield* start(replica, { TABLES: "items,other" })
        yield* replicating
        yield* run(replica.source, "alter publication dbmazz_pub drop table items")
        yield* run(replica.source, "insert into items values (1, 'missing')")
        yield* cutOff(replica)
        const { error_detail } = yield* untilHealth(({ error_detail }) => error_detail.includes("is stopped since"))
        assert.match(
          error_detail,
          /Table 'public\.items': it is not in publication 'dbmazz_pub' any more, .* since [0-9A-F]+\/[0-9A-F]+ \(20\d\d-.*Z\) may be missing/
        )
        assert.include(error_detail, "ALTER PUBLICATION \"dbmazz_pub\" ADD TABLE ONLY \"public\".\"items\";")
        yield* run(replica.source, "insert into other values (1)")
        yield* until(Effect.map(idsIn(replica, "other"), (ids) => ids === "1"))
        // Nor when the connection is lost once more.
        yield* cutOff(replica)
        yield* untilHealth(({ error_detail }) => error_detail.includes("'public.items' is stopped since"))
        const published = Effect.map(
          run(replica.source, "select tablename from pg_publication_tables where pubname = 'dbmazz_pub' order by 1"),
          (rows) => rows.map(({ tablename }) => tablename).join()
        )
        assert.strictEqual(yield* published, "other")
        assert.isTrue((yield* client.Resume()).success)
        yield* replicating
        assert.strictEqual(yield* published, "items,other")
        yield* run(replica.source, "insert into items values (2, 'there'); update items set id = id")
        yield* replica.caughtUp
        assert.strictEqual((yield* client.Check()).status, "SERVING")
      }))

    it.effect("T55 options that the setup sets stop nothing; rows that came under a partition's name for a moment are told", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* create(replica, "parted")
        yield* run(
          replica.source,
          `drop table parted; create table parted (id bigint primary key) partition by range (id);
           create table part partition of parted for values from (0) to (10)`
        )
        yield* runOnce(replica, {})
        // What was seen before the setup has set the option.
        const { client, replicating, until: untilHealth } = yield* start(replica, { TABLES: "items,parted" })
        yield* replicating
        yield* run(replica.source, "insert into parted values (1)")
        yield* until(Effect.map(idsIn(replica, "parted"), (ids) => ids === "1"))
        yield* cutOff(replica)
        yield* replicating
        assert.strictEqual((yield* client.Check()).status, "SERVING")
        yield* run(replica.source, "alter publication dbmazz_pub set (publish_via_partition_root = false)")
        yield* run(replica.source, "insert into parted values (2)")
        yield* run(replica.source, "alter publication dbmazz_pub set (publish_via_partition_root = true)")
        // It stops every table, after which there is no connection to wait for.
        yield* cut(replica)
        const { error_detail } = yield* untilHealth(({ error_detail }) => error_detail.includes("were set in between"))
        assert.match(error_detail, /since [0-9A-F]+\/[0-9A-F]+ \(20\d\d-.*Z\) may be missing/)
        assert.isTrue((yield* client.Resume()).success)
        yield* replicating
        yield* run(replica.source, "insert into parted values (3)")
        yield* until(Effect.map(idsIn(replica, "parted"), (ids) => ids === "1,3"))
      }))

    it.effect("T55 what a table gets under another name arrives when its name is back; while it runs it stops, though it was idle since the start", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* runOnce(replica, {})
        yield* run(replica.source, "alter table items rename to others; update others set name = 'y'")
        yield* run(replica.source, "insert into others values (2, 'x'); alter table others rename to items")
        const first = yield* start(replica, {})
        yield* replica.caughtUp
        yield* first.client.DrainAndStop()
        assert.strictEqual(yield* first.ended, "drained")

        const { client, replicating, until: untilHealth } = yield* start(replica, {})
        yield* replicating
        yield* run(
          replica.source,
          `begin; create schema other; alter table items set schema other; insert into other.items values (3, 'x');
           alter table other.items set schema public; insert into items values (4, 'x'); commit`
        )
        yield* untilHealth(({ error_detail }) => error_detail.includes("table public.items is now called other.items"))
        assert.strictEqual(yield* idsIn(replica, "items"), "1,2")
        assert.isTrue((yield* client.Resume()).success)
        yield* replica.caughtUp
        assert.strictEqual((yield* client.Check()).status, "SERVING")
      }))

    it.effect("T56 a key that was made again while no program ran stops its table, until that is accepted", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        yield* create(replica, "other")
        yield* runOnce(replica, { TABLES: "items,other" })
        yield* run(replica.source, "alter table items drop id, add id bigserial primary key")
        const { client, replicating, until: untilHealth } = yield* start(replica, { TABLES: "items,other" })
        const { error_detail } = yield* untilHealth(({ error_detail }) => error_detail.includes("is stopped since"))
        assert.include(error_detail, "the key of public.items is not the one with which its rows were loaded")
        assert.include(error_detail, "run dbmazz resume")
        yield* run(replica.source, "insert into items (id, name) values (7, 'x'); insert into other values (1)")
        yield* until(Effect.map(idsIn(replica, "other"), (ids) => ids === "1"))
        assert.strictEqual(yield* idsIn(replica, "items"), "1")
        assert.isTrue((yield* client.Resume()).success)
        yield* replicating
        yield* replica.caughtUp
        assert.strictEqual(yield* idsIn(replica, "items"), "1,7")
        // What was accepted stays so.
        yield* cutOff(replica)
        yield* run(replica.source, "insert into items (id, name) values (8, 'x')")
        yield* replica.caughtUp
        assert.strictEqual((yield* client.Check()).status, "SERVING")
      }))

    for (const isLeftOut of [false, true]) {
      it.effect(`T55 a table that was taken out of the publication ${isLeftOut ? "" : "and put back "}while no program ran stops, until that is accepted`, () =>
        Effect.gen(function*() {
          const replica = yield* Replica.start
          yield* create(replica, "other")
          yield* runOnce(replica, { TABLES: "items,other" })
          yield* run(replica.source, "alter publication dbmazz_pub drop table items")
          yield* run(replica.source, "insert into items values (2, 'missing')")
          if (!isLeftOut) yield* run(replica.source, "alter publication dbmazz_pub add table items")

          // However often it starts.
          for (const _ of [1, 2]) {
            const again = yield* start(replica, { TABLES: "items,other" })
            const { error_detail } = yield* again.until(({ error_detail }) => error_detail.includes("is stopped since"))
            assert.match(
              error_detail,
              isLeftOut
                ? /'public\.items': it is not in publication .* since [0-9A-F]+\/[0-9A-F]+ \(20\d\d-.*Z\) may be missing/
                : /'public\.items': it was taken out of .* since [0-9A-F]+\/[0-9A-F]+ \(20\d\d-.*Z\) may be missing/
            )
            yield* again.client.Stop({ skip_slot_cleanup: true })
            yield* again.ended
          }
          const last = yield* start(replica, { TABLES: "items,other" })
          yield* last.until(({ error_detail }) => error_detail.includes("is stopped since"))
          assert.isTrue((yield* last.client.Resume()).success)
          yield* last.replicating
          yield* run(replica.source, "update items set id = id")
          yield* replica.caughtUp
          yield* last.client.DrainAndStop()
          assert.strictEqual(yield* last.ended, "drained")
          const healed = yield* start(replica, { TABLES: "items,other" })
          yield* healed.replicating
          yield* run(replica.source, "insert into items values (3, 'x')")
          yield* replica.caughtUp
          assert.strictEqual((yield* healed.client.Check()).status, "SERVING")
          yield* healed.client.Stop({ skip_slot_cleanup: true })
          yield* healed.ended
        }))
    }
  }
)
