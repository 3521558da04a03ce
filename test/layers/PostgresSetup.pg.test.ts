import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Plan from "../../src/domain/PostgresSetup.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import * as PostgresSetup from "../../src/layers/PostgresSetup.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as SlotCreation from "../../src/layers/SlotCreation.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

const on = (address: PgAddress) =>
  Effect.provide(CheckpointStore.layer.pipe(Layer.provideMerge(PostgresSql.layer(address, "dbmazz setup"))))

const ORDERS = { schema: "public", name: "orders" }

const jobOf = (source: PgAddress, changes: Partial<PostgresSetup.Job> = {}): PostgresSetup.Job => ({
  truncatePolicy: "ignore",
  source,
  slot: `slot_of_${source.database}`,
  publication: "dbmazz_pub",
  tables: [ORDERS],
  ...changes
})

/** Seconds where production has minutes. */
const SLOT_LIMITS = { lockMs: 500, waitMsMax: 2_000 }

const setUp = (job: PostgresSetup.Job) =>
  PostgresSetup.inspect(job).pipe(
    Effect.flatMap((plan) => PostgresSetup.apply(plan, SLOT_LIMITS)),
    on(job.source),
    Effect.provideService(References.MinimumLogLevel, "Fatal")
  )
const problemsOf = (job: PostgresSetup.Job) =>
  PostgresSetup.inspect(job).pipe(Effect.map((plan) => plan.problems), on(job.source))

const freshShop = Effect.gen(function*() {
  const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  yield* PostgresServer.run(address, "create table orders (id bigint primary key, note text)")
  return address
})

/** Everything the setup could touch. */
const catalogue = (address: PgAddress) =>
  PostgresServer.run(
    address,
    `select (select json_agg(row_to_json(c) order by c.oid) from
              (select oid, relname, relreplident, relnatts from pg_class where oid >= 16384) c) as classes,
            (select json_agg(row_to_json(p)) from pg_publication p) as publications,
            (select json_agg(row_to_json(r)) from pg_publication_rel r) as published,
            (select json_agg(s.slot_name) from pg_replication_slots s where s.database = current_database()) as slots`
  )

const slotOf = (job: PostgresSetup.Job) =>
  PostgresServer.run(
    job.source,
    "select confirmed_flush_lsn::text as confirmed, plugin from pg_replication_slots where slot_name = $1",
    [job.slot]
  ).pipe(Effect.map((rows) => rows[0]))

const storedCheckpoint = (job: PostgresSetup.Job) =>
  PostgresServer.run(job.source, "select lsn::text as lsn from dbmazz_checkpoints where slot_name = $1", [job.slot])
    .pipe(
      Effect.map((rows) => rows[0]?.["lsn"])
    )

layer(PostgresServer.layer({ max_prepared_transactions: "5", wal_sender_timeout: "7s" }), {
  excludeTestServices: true
})("PostgresSetup", (it) => {
  it.effect("a server that is too old is refused before it is asked for what it has not", () =>
    Effect.gen(function*() {
      const job = jobOf(yield* freshShop)
      const asked: Array<string> = []
      const old = Layer.effect(
        PostgresSql.PostgresSql,
        PostgresSql.PostgresSql.use(({ query }) =>
          Effect.succeed({
            query: (statement: string, parameters?: ReadonlyArray<unknown>) => {
              asked.push(statement)
              return query(statement.replace("current_setting('server_version_num')", "'120022'"), parameters)
            }
          })
        )
      )
      const error = yield* Effect.flip(PostgresSetup.inspect(job)).pipe(
        Effect.provide(CheckpointStore.layer.pipe(
          Layer.provideMerge(old),
          Layer.provide(PostgresSql.layer(job.source, "dbmazz setup"))
        ))
      )
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgVersionUnsupported")
      assert.include(error.message, "PostgreSQL 12 is too old")
      assert.deepStrictEqual(asked.filter((statement) => statement.includes("pg_publication")), [])
    }))

  it.effect("a version that nobody has tested is warned of at the start, and replicated from", () =>
    Effect.gen(function*() {
      const job = jobOf(yield* freshShop)
      const warned: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warned.push(String(message))
      })
      const { slotCreated } = yield* PostgresSetup.inspect(job).pipe(
        Effect.flatMap(({ facts, job: planned }) =>
          PostgresSetup.apply(Plan.plan(planned, { ...facts, serverVersion: 130_023 }))
        ),
        on(job.source),
        Effect.provide(Logger.layer([logger]))
      )
      assert.isTrue(slotCreated)
      assert.match(warned.join("\n"), /is tested on PostgreSQL 14 to 18, and this server is 13/)
    }))

  it.effect("a program that another one overtakes while it looks does not take the publication for a lost one", () =>
    Effect.gen(function*() {
      const job = jobOf(yield* freshShop)
      yield* CheckpointStore.CheckpointStore.use(({ prepare }) => prepare).pipe(on(job.source))
      let overtaken = false
      const overtaking = Layer.effect(
        PostgresSql.PostgresSql,
        PostgresSql.PostgresSql.use(({ query }) =>
          Effect.succeed({
            query: (statement: string, parameters?: ReadonlyArray<unknown>) => {
              if (overtaken || !statement.includes("pg_replication_slots s")) return query(statement, parameters)
              overtaken = true
              return Effect.andThen(Effect.orDie(setUp(job)), query(statement, parameters))
            }
          })
        )
      )
      const { problems } = yield* PostgresSetup.inspect(job).pipe(
        Effect.provide(CheckpointStore.layer.pipe(
          Layer.provideMerge(overtaking),
          Layer.provide(PostgresSql.layer(job.source, "dbmazz setup"))
        ))
      )
      assert.isTrue(overtaken)
      assert.deepStrictEqual(problems, [])
    }))

  it.effect("a stranger's database is ready after one start: identity, publication, slot, checkpoint", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      const ready = yield* setUp(job)
      assert.isTrue(ready.slotCreated)
      assert.strictEqual(ready.walSenderTimeoutMs, 7_000)
      assert.strictEqual(ready.timeline, 1)
      const identity = yield* PostgresServer.run(
        address,
        "select relreplident as i from pg_class where relname = 'orders'"
      )
      assert.deepStrictEqual(identity, [{ i: "f" }])
      const published = yield* PostgresServer.run(address, "select tablename from pg_publication_tables")
      assert.deepStrictEqual(published, [{ tablename: "orders" }])
      const slot = yield* slotOf(job)
      assert.strictEqual(slot?.["plugin"], "pgoutput")
      assert.strictEqual(
        slot?.["confirmed"],
        Lsn.format(ready.start),
        "a later start can tell that the slot is this one"
      )
      assert.strictEqual(yield* storedCheckpoint(job), String(ready.start))
      const [control] = yield* PostgresServer.run(
        address,
        "select system_identifier::text as id from pg_control_system()"
      )
      assert.strictEqual(ready.systemIdentifier, control?.["id"])
      assert.deepStrictEqual(ready.tables.map((table) => [table.replicaIdentity, table.primaryKey]), [["f", ["id"]]])
    }))

  it.effect("a second start changes nothing and goes on at the checkpoint: what exists is recovery, not an error", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      const first = yield* setUp(job)
      const before = yield* catalogue(address)
      yield* PostgresServer.run(address, "insert into orders values (1, 'x')")
      const plan = yield* PostgresSetup.inspect(job).pipe(on(address))
      assert.deepStrictEqual(plan.steps, [])
      assert.deepStrictEqual(plan.problems, [])
      const second = yield* setUp(job)
      assert.isFalse(second.slotCreated)
      assert.strictEqual(second.start, first.start, "the change made meanwhile is still to come")
      assert.deepStrictEqual(yield* catalogue(address), before)
    }))

  it.effect("check changes nothing, neither on a fresh database nor with problems", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const before = yield* catalogue(address)
      const plan = yield* PostgresSetup.inspect(jobOf(address)).pipe(on(address))
      assert.isNotEmpty(plan.steps)
      const broken = yield* PostgresSetup.inspect(jobOf(address, { tables: [{ schema: "public", name: "absent" }] }))
        .pipe(
          on(address)
        )
      const refused = yield* Effect.flip(PostgresSetup.apply(broken)).pipe(on(address))
      assert.strictEqual(refused._tag === "SetupError" && refused.code, "PgTableNotFound")
      assert.deepStrictEqual(yield* catalogue(address), before)
    }))

  it.effect("T27 a name with _ or % is that table, not a pattern that matches another", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        "create table order_items (id int primary key); create table \"orderXitems\" ()"
      )
      const tables = [{ schema: "public", name: "order%" }, { schema: "public", name: "order_item_" }]
      const plan = yield* PostgresSetup.inspect(jobOf(address, { tables })).pipe(on(address))
      assert.deepStrictEqual(plan.facts.tables, [])
      assert.deepStrictEqual(plan.problems.map((problem) => problem._tag), ["PgTableNotFound", "PgTableNotFound"])
    }))

  it.effect("T27 a slot or publication whose name fits ours as a pattern is another one", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address, { publication: "dbmazz%pub", slot: `a_b_${address.database}` })
      yield* PostgresServer.run(address, "create publication dbmazz_x_pub for table orders")
      yield* PostgresServer.run(address, "select pg_create_logical_replication_slot($1, 'pgoutput')", [
        `axb_${address.database}`
      ])
      const plan = yield* PostgresSetup.inspect(job).pipe(on(address))
      assert.isUndefined(plan.facts.publication)
      assert.isUndefined(plan.facts.slot)
      assert.isTrue((yield* setUp(job)).slotCreated)
      assert.isFalse((yield* setUp(job)).slotCreated)
    }))

  it.effect("T47 T33 mixed-case names with quotes, dots and spaces are set up like any other", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        "create schema \"Sales Q1\"; create table \"Sales Q1\".\"We\"\"ird.Näme\" (\"Id\" int primary key, \"id\" text)"
      )
      const name = { schema: "Sales Q1", name: "We\"ird.Näme" }
      const ready = yield* setUp(jobOf(address, { tables: [name], publication: "My \"Pub\"" }))
      assert.deepStrictEqual(ready.tables.map((table) => [table.name, table.primaryKey]), [[name, ["Id"]]])
      assert.deepStrictEqual(
        (yield* setUp(jobOf(address, { tables: [name], publication: "My \"Pub\"" }))).slotCreated,
        false
      )
    }))

  it.effect("T49 T46 the key is the primary index's in order; dropped, included, generated are told apart", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        `create table keyed (a int, gone int, b int not null, c int not null, extra int,
           doubled int generated always as (a * 2) stored, amount numeric(12, 2));
         alter table keyed add primary key (c, b) include (extra);
         create unique index on keyed (a);
         alter table keyed drop column gone`
      )
      const ready = yield* setUp(jobOf(address, { tables: [{ schema: "public", name: "keyed" }] }))
      const [table] = ready.tables
      const isSent =
        Number((yield* PostgresServer.run(address, "show server_version_num"))[0]?.["server_version_num"]) >=
          180_000
      assert.deepStrictEqual(table?.primaryKey, ["c", "b"])
      assert.deepStrictEqual(
        table?.columns.map((column) => [column.name, column.typeName, column.notNull, column.generated]),
        [
          ["a", "integer", false, false],
          ["b", "integer", true, false],
          ["c", "integer", true, false],
          ["extra", "integer", false, false],
          ["doubled", "integer", false, !isSent],
          ["amount", "numeric(12,2)", false, false]
        ]
      )
    }))

  it.effect("a publication somebody made is extended by what is missing and never reduced", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        "create table theirs (id int primary key); create publication dbmazz_pub for table theirs"
      )
      yield* setUp(jobOf(address))
      const published = yield* PostgresServer.run(address, "select tablename from pg_publication_tables order by 1")
      assert.deepStrictEqual(published, [{ tablename: "orders" }, { tablename: "theirs" }])
    }))

  it.effect("a publication FOR ALL TABLES is used as it is, though it also publishes our checkpoints", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(address, "create publication dbmazz_pub for all tables")
      const ready = yield* setUp(jobOf(address))
      assert.isTrue(ready.slotCreated)
      assert.deepStrictEqual((yield* PostgresSetup.inspect(jobOf(address)).pipe(on(address))).steps, [])
    }))

  it.effect("a publication without deletes would keep deleted rows alive: refused with the statement to run", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        "create publication dbmazz_pub for table orders with (publish = 'insert, update')"
      )
      const error = yield* Effect.flip(setUp(jobOf(address)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgPublicationFailed")
      assert.include(error.message, "does not publish delete")
    }))

  it.effect("a column list is refused before FULL identity makes the application's own updates fail", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const list = "create publication dbmazz_pub for table orders (id)"
      const client = yield* PostgresServer.connect(address)
      const refusal = yield* Effect.promise(() => client.query(list).then(() => "", (error) => String(error)))
      if ((yield* PostgresServer.majorOf(address)) < 15) {
        // Nothing to refuse: the server does not know such lists.
        assert.include(refusal, "syntax error")
        return
      }
      assert.strictEqual(refusal, "")
      const error = yield* Effect.flip(setUp(jobOf(address)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgPublicationFailed")
      yield* PostgresServer.run(address, "insert into orders values (1, 'a'); update orders set note = 'b'")
    }))

  it.effect("T05 a slot whose WAL was removed is told as such, not recreated", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      yield* setUp(job)
      yield* PostgresServer.run(address, "alter system set max_slot_wal_keep_size = '1MB'")
      yield* PostgresServer.run(address, "select pg_reload_conf()")
      yield* PostgresServer.until(address, "current_setting('max_slot_wal_keep_size') = '1MB'")
      for (let segment = 0; segment < 4; segment++) {
        yield* PostgresServer.run(address, "insert into orders values (-1, ''); delete from orders where id = -1")
        yield* PostgresServer.run(address, "select pg_switch_wal()")
      }
      yield* PostgresServer.run(address, "checkpoint")
      yield* PostgresServer.run(address, "alter system reset max_slot_wal_keep_size")
      yield* PostgresServer.run(address, "select pg_reload_conf()")
      yield* PostgresServer.until(address, "current_setting('max_slot_wal_keep_size') = '-1'")
      const problems = yield* problemsOf(job)
      assert.deepStrictEqual(problems.map((problem) => problem._tag), ["PgSlotInvalidated"])
    }))

  it.effect("T13 a slot that vanished (failover) stops the start; deleting the checkpoint is the way to go on", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      yield* setUp(job)
      yield* PostgresServer.run(address, "select pg_drop_replication_slot($1)", [job.slot])
      const error = yield* Effect.flip(setUp(job))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgSlotMissing")
      yield* PostgresServer.run(address, `delete from dbmazz_checkpoints where slot_name = '${job.slot}'`)
      assert.isTrue((yield* setUp(job)).slotCreated)
    }))

  it.effect("T08 a slot moved past the checkpoint is refused: the changes between would be lost in silence", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      yield* setUp(job)
      yield* PostgresServer.run(address, "insert into orders values (1, 'skipped')")
      yield* PostgresServer.run(address, "select pg_replication_slot_advance($1, pg_current_wal_lsn())", [job.slot])
      const error = yield* Effect.flip(setUp(job))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgSlotAhead")
    }))

  it.effect("T09 a checkpoint that another dbmazz stores while the setup looks is not one of another server", () =>
    Effect.gen(function*() {
      const source = yield* freshShop
      const job = jobOf(source)
      yield* setUp(job)
      const store = PostgresServer.run(
        source,
        `select pg_logical_emit_message(true, 'x', repeat('x', 10000));
         update dbmazz_checkpoints set lsn = (pg_current_wal_insert_lsn() - '0/0')::bigint`
      )
      const problems = yield* Effect.gen(function*() {
        const { query } = yield* PostgresSql.PostgresSql
        let looks = 0
        return yield* PostgresSetup.inspect(job).pipe(
          Effect.provideService(PostgresSql.PostgresSql, {
            query: (statement, parameters) =>
              query(statement, parameters).pipe(Effect.tap(() => looks++ === 0 ? store : Effect.void))
          }),
          Effect.map((plan) => plan.problems)
        )
      }).pipe(on(source))
      assert.deepStrictEqual(problems, [])
    }))

  it.effect("a slot made by hand is adopted where it stands, with its position stored at once", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      yield* PostgresServer.run(address, "select pg_create_logical_replication_slot($1, 'pgoutput')", [job.slot])
      const ready = yield* setUp(job)
      assert.isFalse(ready.slotCreated)
      assert.strictEqual((yield* slotOf(job))?.["confirmed"], Lsn.format(ready.start))
      assert.strictEqual(yield* storedCheckpoint(job), String(ready.start))
    }))

  it.effect("a slot of another database or without pgoutput is refused by name", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const other = yield* freshShop
      const job = jobOf(address)
      yield* PostgresServer.run(other, "select pg_create_logical_replication_slot($1, 'pgoutput')", [job.slot])
      assert.deepStrictEqual((yield* problemsOf(job)).map((problem) => problem._tag), ["PgSlotOtherDatabase"])
      const physical = jobOf(address, { slot: "physical_slot" })
      yield* Effect.acquireRelease(
        PostgresServer.run(address, "select pg_create_physical_replication_slot('physical_slot')"),
        () => PostgresServer.run(address, "select pg_drop_replication_slot('physical_slot')")
      )
      assert.deepStrictEqual((yield* problemsOf(physical)).map((problem) => problem._tag), ["PgSlotNotLogical"])
    }))

  it.effect("a slot for two-phase commit and failover is used as it is; a temporary one belongs to another session", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const job = jobOf(address)
      const failover = (yield* PostgresServer.majorOf(address)) < 17 ? "" : ", failover => true"
      yield* PostgresServer.run(
        address,
        `select pg_create_logical_replication_slot($1, 'pgoutput', twophase => true${failover})`,
        [job.slot]
      )
      assert.isFalse((yield* setUp(job)).slotCreated)
      const owner = yield* PostgresServer.connect(address)
      const temporary = jobOf(address, { slot: `temporary_${address.database}` })
      yield* Effect.promise(() =>
        owner.query("select pg_create_logical_replication_slot($1, 'pgoutput', temporary => true)", [temporary.slot])
      )
      assert.deepStrictEqual((yield* problemsOf(temporary)).map((problem) => problem._tag), ["PgSlotTemporary"])
    }))

  it.effect("a table that is in use blocks nobody for long, and the error names who holds it", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const reader = yield* PostgresServer.connect(address)
      const pid = yield* Effect.promise(async () => {
        await reader.query("begin")
        await reader.query("select * from orders")
        return (await reader.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid
      })
      const error = yield* Effect.flip(setUp(jobOf(address)))
      assert.strictEqual(error._tag === "TransientError" && error.code, "PG_LOCK_TIMEOUT")
      assert.include(error.message, "'public.orders'")
      assert.include(error.message, `pid ${pid} `)
      yield* Effect.promise(() => reader.query("commit"))
      assert.isTrue((yield* setUp(jobOf(address))).slotCreated)
    }))

  it.effect("T10 a new slot does not hang on an old transaction: it gives up in time and names the pid", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(address, "alter table orders replica identity full")
      const writer = yield* PostgresServer.connect(address)
      const pid = yield* Effect.promise(async () => {
        await writer.query("begin")
        await writer.query("select pg_current_xact_id()")
        return (await writer.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid
      })
      yield* PostgresServer.run(
        address,
        "begin; create table prepared (); prepare transaction 'left over'"
      )
      const error = yield* Effect.flip(setUp(jobOf(address)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgSlotBlocked")
      assert.include(error.message, `pid ${pid} (no application name, idle in transaction, open for`)
      assert.include(error.message, "prepared transaction 'left over'")
      const remediation = error._tag === "SetupError" ? error.remediation : ""
      assert.include(remediation, `SELECT pg_terminate_backend(${pid});`)
      assert.include(remediation, `ROLLBACK PREPARED 'left over'; -- in database ${address.database}`)
      assert.isUndefined(yield* slotOf(jobOf(address)), "no half-made slot is left to keep WAL (T12)")
      yield* Effect.promise(() => writer.query("rollback"))
      yield* PostgresServer.run(address, "rollback prepared 'left over'")
      assert.isTrue((yield* setUp(jobOf(address))).slotCreated)
    }))

  it.effect("T12 a creation that is given up leaves no slot, even when the transaction it waited for ends later", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const writer = yield* PostgresServer.connect(address)
      yield* Effect.promise(() => writer.query("begin; select pg_current_xact_id()"))
      const creating = yield* Effect.forkChild(
        SlotCreation.create("given_up", { lockMs: 30_000, waitMsMax: 60_000 }).pipe(on(address))
      )
      const waits = "exists (select from pg_stat_activity where query ~ 'given_up' and wait_event = 'transactionid')"
      yield* PostgresServer.until(address, waits)
      yield* Fiber.interrupt(creating)
      yield* PostgresServer.until(address, `not ${waits}`)
      yield* Effect.promise(() => writer.query("rollback"))
      yield* Effect.sleep("500 millis")
      const slots = yield* PostgresServer.run(address, "select from pg_replication_slots where slot_name = 'given_up'")
      assert.deepStrictEqual(slots, [])
    }).pipe(Effect.timeout("15 seconds")))

  it.effect("T10 a slot whose transactions end in time is created, and each wait is told with their pid", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const writer = yield* PostgresServer.connect(address)
      yield* Effect.promise(() => writer.query("begin; select pg_current_xact_id()"))
      const name = `patient_${address.database}`
      const creating = yield* Effect.forkChild(
        SlotCreation.create(name, { lockMs: 300, waitMsMax: 20_000 }).pipe(on(address))
      )
      yield* Effect.sleep("2 seconds")
      yield* Effect.promise(() => writer.query("rollback"))
      const point = yield* Fiber.join(creating)
      const found = yield* PostgresServer.run(
        address,
        "select confirmed_flush_lsn::text as confirmed from pg_replication_slots where slot_name = $1",
        [name]
      )
      assert.deepStrictEqual(found, [{ confirmed: Lsn.format(point) }])
    }))

  it.effect("T80 a role without rights hears all that is missing at once", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const role = yield* PostgresServer.freshRole(address)
      // As it is from version 15 on.
      yield* PostgresServer.run(address, "revoke create on schema public from public")
      const problems = yield* problemsOf(jobOf(role))
      assert.deepStrictEqual(problems.map((problem) => problem._tag), [
        "PgRoleCannotReplicate",
        "CheckpointFailed",
        "PgPrivilegeMissing",
        "PgReplicaIdentityFailed",
        "PgPublicationFailed",
        "PgPublicationFailed"
      ])
    }))

  it.effect("a role that is no superuser, owns its tables and may replicate is enough", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      const role = yield* PostgresServer.freshRole(address, "replication")
      yield* PostgresServer.run(
        address,
        `grant create on database ${address.database} to ${role.user};
         grant create on schema public to ${role.user};
         alter table orders owner to ${role.user};
         revoke execute on function pg_control_system() from public`
      )
      const ready = yield* setUp(jobOf(role))
      assert.isTrue(ready.slotCreated)
      assert.match(ready.systemIdentifier, /^\d+$/, "asked over the replication protocol when SQL is not allowed to")
    }))

  it.effect("a table without a key, a view and what is not logged are refused, each by name", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        `create table keyless (id int); create view seen as select 1 as id;
         create table parted (id int primary key) partition by range (id);
         create unlogged table parted_1 partition of parted for values from (0) to (9);
         create unlogged table fast (id int primary key)`
      )
      const tables = ["keyless", "seen", "parted", "fast"].map((name) => ({ schema: "public", name }))
      assert.deepStrictEqual(yield* problemsOf(jobOf(address, { tables })), [
        { _tag: "PgPrimaryKeyMissing", table: "public.keyless" },
        { _tag: "PgTableKind", table: "public.seen", kind: "view" },
        {
          _tag: "PgTableKind",
          table: "public.parted",
          kind: "partitioned table with the unlogged table 'public.parted_1' in it"
        },
        { _tag: "PgTableKind", table: "public.fast", kind: "unlogged table" }
      ])
    }))

  it.effect("all slots in use is told with PostgreSQL's own hint, once", () =>
    Effect.gen(function*() {
      const address = yield* freshShop
      yield* PostgresServer.run(
        address,
        `select pg_create_logical_replication_slot(format('full_%s_%s', current_database(), i), 'pgoutput')
           from generate_series(1, current_setting('max_replication_slots')::int
                                   - (select count(*)::int from pg_replication_slots)) i`
      )
      const error = yield* Effect.flip(setUp(jobOf(address)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgSlotFailed")
      assert.include(error.message, "all replication slots are in use HINT:")
    }))
})

layer(PostgresServer.layer({ wal_level: "replica" }), { excludeTestServices: true })("wal_level", (it) => {
  it.effect("a server without logical WAL is told what to run", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(setUp(jobOf(yield* freshShop)))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgWalLevelNotLogical")
      assert.include(error._tag === "SetupError" ? error.remediation : "", "ALTER SYSTEM SET wal_level = 'logical'")
    }))
})
