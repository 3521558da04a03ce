import { assert, describe, it } from "@effect/vitest"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { PublicationFacts } from "../../src/domain/postgres/Publication.ts"
import * as SetupStep from "../../src/domain/postgres/SetupStep.ts"
import type { SlotFacts } from "../../src/domain/postgres/SlotState.ts"
import type { TableFacts } from "../../src/domain/postgres/SourceFacts.ts"
import * as PostgresSetup from "../../src/domain/PostgresSetup.ts"

const lsn = (value: bigint) => Lsn.Lsn.make(value)

const job: PostgresSetup.Job = {
  slot: "dbmazz_slot",
  publication: "dbmazz_pub",
  tables: [{ schema: "public", name: "orders" }, { schema: "public", name: "order_items" }],
  truncatePolicy: "ignore"
}

const table = (name: string, changes: Partial<TableFacts> = {}): TableFacts => ({
  name: { schema: "public", name },
  oid: 16_384,
  kind: "r",
  persistence: "p",
  replicaIdentity: "d",
  columns: [
    { name: "id", typeOid: 20, typeName: "bigint", typmod: -1, notNull: true, generated: false },
    { name: "note", typeOid: 25, typeName: "text", typmod: -1, notNull: false, generated: false }
  ],
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true,
  owned: true,
  ...changes
})

const publication = (changes: Partial<PublicationFacts> = {}): PublicationFacts => ({
  allTables: false,
  owned: true,
  insert: true,
  update: true,
  delete: true,
  tables: new Map([["public.orders", ["id", "note"]], ["public.order_items", ["id", "note"]]]),
  ...changes
})

const slot = (changes: Partial<SlotFacts> = {}): SlotFacts => ({
  plugin: "pgoutput",
  database: "shop",
  temporary: false,
  activePid: undefined,
  walStatus: "reserved",
  invalidation: undefined,
  confirmed: lsn(1_000n),
  ...changes
})

/** A fresh system that could be set up. */
const facts = (changes: Partial<PostgresSetup.Facts> = {}): PostgresSetup.Facts => ({
  database: "shop",
  role: "cdc",
  mayReplicate: true,
  mayCreateInDatabase: true,
  serverVersion: 180_004,
  walLevel: "logical",
  inRecovery: false,
  walEnd: lsn(5_000n),
  walSenderTimeoutMs: 60_000,
  systemIdentifier: "7",
  timeline: 1,
  tables: [table("orders"), table("order_items")],
  publication: undefined,
  slot: undefined,
  checkpointTable: "missing",
  checkpoint: undefined,
  storedIdentity: undefined,
  checkpointColumns: "addable",
  history: undefined,
  ...changes
})

/** A system where everything is in place. */
const settled = (changes: Partial<PostgresSetup.Facts> = {}) =>
  facts({
    tables: [table("orders", { replicaIdentity: "f" }), table("order_items", { replicaIdentity: "f" })],
    publication: publication(),
    slot: slot(),
    checkpointTable: "usable",
    checkpoint: lsn(1_000n),
    storedIdentity: { systemIdentifier: "7", timeline: 1 },
    checkpointColumns: "present",
    ...changes
  })

const plan = (changes: PostgresSetup.Facts) => PostgresSetup.plan(job, changes)
const steps = (changes: PostgresSetup.Facts) => plan(changes).steps.map((step) => step._tag)
const texts = (changes: PostgresSetup.Facts) => plan(changes).problems.map(SetupError.describe)

describe("steps", () => {
  it("a fresh system gets identity before publication before slot, so the first decoded change has its old row", () => {
    assert.deepStrictEqual(plan(facts()).problems, [])
    assert.deepStrictEqual(steps(facts()), [
      "CreateCheckpointTable",
      "AddCheckpointColumns",
      "SetReplicaIdentityFull",
      "SetReplicaIdentityFull",
      "CreatePublication",
      "CreateSlot",
      "StoreCheckpoint",
      "StoreIdentity"
    ])
  })

  it("the table of rejected rows is created when rows are diverted, and what is in its way is said", () => {
    assert.deepStrictEqual(steps(settled({ rejectedRowTable: "missing" })), ["CreateRejectedRowTable"])
    assert.deepStrictEqual(steps(settled({ rejectedRowTable: "usable" })), [])
    for (const state of ["forbidden", "foreign", "uncreatable"] as const) {
      const [problem] = plan(settled({ rejectedRowTable: state })).problems
      assert.strictEqual(problem?._tag, "PgRejectedRowsFailed")
      assert.include(SetupError.remedy(problem!), "ON_REJECTED_ROW=stop")
    }
  })

  it("a second start has nothing to do", () => {
    assert.deepStrictEqual(plan(settled()).problems, [])
    assert.deepStrictEqual(steps(settled()), [])
  })

  it("a table that is new in TABLES is added to the publication, and none is taken out of it", () => {
    const some = publication({ tables: new Map([["public.orders", undefined], ["public.kept", undefined]]) })
    const [step, ...rest] = plan(settled({ publication: some })).steps
    assert.deepStrictEqual(rest, [])
    assert.deepStrictEqual(step, {
      _tag: "AddTablesToPublication",
      name: "dbmazz_pub",
      tables: [{ schema: "public", name: "order_items" }]
    })
  })

  it("a publication FOR ALL TABLES is used as it is", () => {
    assert.deepStrictEqual(steps(settled({ publication: publication({ allTables: true, owned: false }) })), [])
  })

  it("T46 T55 generated columns are published before an identity holds them, partitions under their root's name after", () => {
    const [id, note] = table("orders").columns
    const orders = table("orders", { columns: [id!, { ...note!, computed: "stored" }] })
    const parted = table("order_items", { kind: "p" })
    const owned = publication({ generated: false, tables: new Map([["public.orders", undefined]]) })
    const altered = plan(settled({ tables: [orders, parted], publication: owned }))
    assert.deepStrictEqual(altered.problems, [])
    assert.deepStrictEqual(altered.steps.map(SetupStep.sql), [
      "alter publication \"dbmazz_pub\" set (publish_generated_columns = stored)",
      "alter table \"public\".\"orders\" replica identity full",
      "alter table \"public\".\"order_items\" replica identity full",
      "alter publication \"dbmazz_pub\" set (publish_via_partition_root = true)",
      "alter publication \"dbmazz_pub\" add table only \"public\".\"order_items\""
    ])
    const created = plan(facts({ tables: [orders, parted] })).steps.find((step) => step._tag === "CreatePublication")
    assert.deepStrictEqual(created?.options, { generated: true, viaRoot: true })
    const old = plan(facts({ serverVersion: 150_000 })).steps.find((step) => step._tag === "CreatePublication")
    assert.deepStrictEqual(old?.options, {}, "a server that does not know the options is not asked for them")
  })

  it("a slot without a checkpoint is adopted where it stands, never recreated", () => {
    const adopted = plan(settled({ checkpoint: undefined }))
    assert.deepStrictEqual(adopted.problems, [])
    assert.deepStrictEqual(adopted.steps, [
      { _tag: "StoreCheckpoint", slot: "dbmazz_slot", lsn: lsn(1_000n) },
      { _tag: "StoreIdentity", slot: "dbmazz_slot", systemIdentifier: "7", timeline: 1 }
    ])
  })

  it("T33 a mixed-case or quoted name reaches the SQL quoted", () => {
    const name = { schema: "Sales", name: "we\"ird" }
    assert.strictEqual(
      SetupStep.sql({ _tag: "SetReplicaIdentityFull", table: name, oid: 1 }),
      "alter table \"Sales\".\"we\"\"ird\" replica identity full"
    )
    assert.strictEqual(
      SetupStep.sql({ _tag: "CreatePublication", name: "Pub", tables: [name, job.tables[0]!] }),
      "create publication \"Pub\" for table only \"Sales\".\"we\"\"ird\", only \"public\".\"orders\""
    )
  })
})

describe("problems", () => {
  it("a version that is not tested is a warning, and stops nothing", () => {
    const { problems, warnings } = plan(settled({ serverVersion: 130_021 }))
    assert.deepStrictEqual(problems, [])
    assert.match(warnings.join(), /^dbmazz is tested on PostgreSQL 14 to 18, and this server is 13: /)
    assert.deepStrictEqual(plan(settled()).warnings, [])
  })

  it("everything that is wrong is said at once, in the order of the setup", () => {
    const wrong = facts({
      walLevel: "replica",
      mayReplicate: false,
      checkpointTable: "uncreatable",
      tables: [table("orders", { primaryKey: [], readable: false })],
      publication: publication({ delete: false }),
      slot: slot({ plugin: "wal2json" })
    })
    assert.deepStrictEqual(plan(wrong).problems.map((problem) => problem._tag), [
      "PgWalLevelNotLogical",
      "PgRoleCannotReplicate",
      "CheckpointFailed",
      "PgPrimaryKeyMissing",
      "PgPrivilegeMissing",
      "PgTableNotFound",
      "PgPublicationFailed",
      "PgSlotNotLogical"
    ])
  })

  it("the texts that v1 clients match on are unchanged", () => {
    assert.deepStrictEqual(texts(facts({ tables: [table("orders")] })), [
      "Table 'public.order_items' not found in PostgreSQL. Verify the table exists and is accessible."
    ])
    const publishesInsertsOnly = publication({ update: false, delete: false })
    assert.match(
      texts(settled({ publication: publishesInsertsOnly })).join(),
      /^Failed to setup publication 'dbmazz_pub': it does not publish update and delete; run: ALTER PUBLICATION/
    )
  })

  it("our own checkpoint table is never replicated", () => {
    const tables = [{ schema: "public", name: "dbmazz_checkpoints" }]
    const { problems } = PostgresSetup.plan({ ...job, tables }, facts({ tables: [table("dbmazz_checkpoints")] }))
    assert.deepStrictEqual(problems.map((problem) => problem._tag), ["ConfigurationInvalid"])
  })

  it.each([
    [{ kind: "v" }, "view"],
    [{ kind: "f" }, "foreign table"],
    [{ persistence: "u" }, "unlogged table"]
  ])("a relation that sends no changes of its own is refused before anything is promised: %j", (changes, kind) => {
    const { problems } = plan(facts({ tables: [table("orders", changes), table("order_items")] }))
    assert.deepStrictEqual(problems, [{ _tag: "PgTableKind", table: "public.orders", kind }])
  })

  it("a role that does not own the tables hears it before anything is half done", () => {
    const tables = [table("orders", { owned: false }), table("order_items")]
    assert.deepStrictEqual(texts(facts({ tables })), [
      "Failed to set REPLICA IDENTITY FULL on 'public.orders': role 'cdc' does not own the table",
      "Failed to setup publication 'dbmazz_pub': role 'cdc' does not own table 'public.orders'"
    ])
    const prepared = settled().tables.map((each) => ({ ...each, owned: false }))
    assert.deepStrictEqual(texts(settled({ tables: prepared })), [], "an owner has prepared them: no right is needed")
  })

  it("what the role may not do to the publication is mended by the statement that is printed, not by making it twice", () => {
    const remedies = (changes: PostgresSetup.Facts) =>
      plan(changes).problems.filter(({ _tag }) => _tag === "PgPublicationFailed").map(SetupError.remedy)
    const see = "See docs/tables-and-columns.md."
    const create =
      "CREATE PUBLICATION \"dbmazz_pub\" for table only \"public\".\"orders\", only \"public\".\"order_items\""
    const [grant = ""] = remedies(facts({ mayCreateInDatabase: false }))
    assert.include(grant, "GRANT CREATE ON DATABASE \"shop\" TO \"cdc\";")
    assert.include(grant, create)
    const foreign = settled().tables.map((each) => ({ ...each, owned: false }))
    for (const remedy of remedies(facts({ tables: foreign }))) assert.include(remedy, create)
    const [withoutView = ""] = remedies(
      facts({ tables: [table("orders", { owned: false }), table("order_items", { kind: "v" })] })
    )
    assert.notInclude(withoutView, "order_items", "no publication takes a view")
    const lacking = publication({ owned: false, tables: new Map([["public.orders", undefined]]) })
    const add = "ALTER PUBLICATION \"dbmazz_pub\" ADD TABLE ONLY \"public\".\"order_items\";"
    for (const tables of [settled().tables, foreign]) {
      const found = remedies(settled({ publication: lacking, tables }))
      assert.isNotEmpty(found)
      for (const remedy of found) assert.include(remedy, add)
    }
    assert.deepStrictEqual(remedies(settled({ publication: publication({ delete: false }) })), [
      `Run as its owner: ALTER PUBLICATION "dbmazz_pub" SET (publish = 'insert, update, delete, truncate'); ${see}`
    ])
    const [gone = ""] = remedies(settled({ publication: undefined }))
    assert.include(gone, `gap is acceptable, run: ${create}`)
  })

  it("a column list is refused: with full identity it would make PostgreSQL refuse the application's updates", () => {
    const listed = publication({ tables: new Map([["public.orders", ["id"]], ["public.order_items", undefined]]) })
    assert.deepStrictEqual(texts(settled({ publication: listed })), [
      "Failed to setup publication 'dbmazz_pub': its column list for 'public.orders' lacks 'note', which REPLICA IDENTITY " +
      "FULL needs: PostgreSQL refuses every UPDATE and DELETE"
    ])
  })

  it("so is one that lacks a column which the job leaves out", () => {
    const listed = publication({ tables: new Map([["public.orders", ["id"]], ["public.order_items", undefined]]) })
    const [orders, items] = settled().tables
    const without = { ...orders!, columns: orders!.columns.slice(0, 1), leftOut: orders!.columns.slice(1) }
    assert.deepStrictEqual(texts(settled({ publication: listed, tables: [without, items!] })), [
      "Failed to setup publication 'dbmazz_pub': its column list for 'public.orders' lacks 'note', which REPLICA IDENTITY " +
      "FULL needs: PostgreSQL refuses every UPDATE and DELETE"
    ])
  })

  it("what is wrong with the lists is told with the rest", () => {
    const broken = PostgresSetup.plan({ ...job, listProblems: ["TABLES: a", "COLUMNS_EXCLUDE: b"] }, settled())
    assert.deepStrictEqual(broken.problems, [
      { _tag: "ConfigurationInvalid", problems: ["TABLES: a", "COLUMNS_EXCLUDE: b"] }
    ])
  })

  it("T55 a FOR ALL TABLES publication that hides a table (publish_via_partition_root) is not trusted", () => {
    const hidden = publication({ allTables: true, tables: new Map([["public.orders", undefined]]) })
    assert.include(texts(settled({ publication: hidden })).join(), "does not publish 'public.order_items'")
  })
})

describe("slot and checkpoint", () => {
  const tag = (changes: Partial<PostgresSetup.Facts>) => plan(settled(changes)).problems.map((problem) => problem._tag)

  it("T13 a missing slot with a checkpoint is a gap to be told, never a new slot", () => {
    assert.deepStrictEqual(tag({ slot: undefined }), ["PgSlotMissing"])
  })

  it("T05 an invalidated slot is one typed error, whichever version says it how", () => {
    assert.deepStrictEqual(tag({ slot: slot({ walStatus: "lost" }) }), ["PgSlotInvalidated"])
    assert.deepStrictEqual(tag({ slot: slot({ invalidation: "wal_removed" }) }), ["PgSlotInvalidated"])
    assert.deepStrictEqual(tag({ slot: slot({ walStatus: "unreserved" }) }), [], "in danger, yet alive")
  })

  it("T08 a slot that was confirmed past the checkpoint is refused, not skipped in silence", () => {
    assert.deepStrictEqual(tag({ slot: slot({ confirmed: lsn(1_001n) }) }), ["PgSlotAhead"])
    assert.deepStrictEqual(tag({ slot: slot({ confirmed: lsn(1_000n) }) }), [])
    assert.deepStrictEqual(tag({ slot: slot({ confirmed: lsn(1n) }) }), [], "confirming lags behind the checkpoint")
  })

  it("T07 a checkpoint past the end of the server's WAL belongs to another server, or to one before a restore", () => {
    assert.deepStrictEqual(tag({ checkpoint: lsn(5_001n) }), ["PgSlotFailed"])
    assert.deepStrictEqual(tag({ checkpoint: lsn(5_000n) }), [])
  })

  it("a temporary slot belongs to another session and is refused", () => {
    assert.deepStrictEqual(tag({ slot: slot({ temporary: true }) }), ["PgSlotTemporary"])
  })

  it("a slot of another plugin, kind or database is refused by name", () => {
    assert.deepStrictEqual(tag({ slot: slot({ plugin: "wal2json" }) }), ["PgSlotNotLogical"])
    assert.deepStrictEqual(tag({ slot: slot({ plugin: undefined, database: undefined }) }), ["PgSlotNotLogical"])
    assert.deepStrictEqual(tag({ slot: slot({ database: "other" }) }), ["PgSlotOtherDatabase"])
  })
})

describe("identity of the source", () => {
  const SWITCH = [{ timeline: 1, at: lsn(2_000n) }]
  const identity = (systemIdentifier: string | undefined, timeline: number | undefined) => ({
    storedIdentity: { systemIdentifier, timeline }
  })
  const tag = (changes: Partial<PostgresSetup.Facts>) => plan(settled(changes)).problems.map((problem) => problem._tag)

  it("T07 T13 a checkpoint of another system is refused before its position is compared with anything", () => {
    const other = { ...identity("8", 1), slot: slot({ confirmed: lsn(4_000n) }) }
    assert.deepStrictEqual(tag(other), ["PgSystemChanged"])
    const [text = ""] = texts(settled(other))
    assert.include(text, "made on the PostgreSQL system 8, this server is system 7")
  })

  it("a checkpoint of v1 has no identity: it is accepted, and given one", () => {
    assert.deepStrictEqual(tag(identity(undefined, undefined)), [])
    assert.deepStrictEqual(steps(settled(identity(undefined, undefined))), ["StoreIdentity"])
    const fixed = settled({ ...identity(undefined, undefined), checkpointColumns: "fixed" })
    assert.deepStrictEqual(steps(fixed), [], "a role that does not own the table goes on without")
    const added = settled({ ...identity(undefined, undefined), checkpointColumns: "addable" })
    assert.deepStrictEqual(steps(added), ["AddCheckpointColumns", "StoreIdentity"])
  })

  it("T13 a promotion that happened after the checkpoint loses nothing: its new timeline is stored", () => {
    const promoted = settled({ timeline: 2, history: SWITCH, checkpoint: lsn(2_000n) })
    assert.deepStrictEqual(promoted.timeline, 2)
    assert.deepStrictEqual(plan(promoted).problems, [])
    assert.deepStrictEqual(plan(promoted).steps, [
      { _tag: "StoreIdentity", slot: "dbmazz_slot", systemIdentifier: "7", timeline: 2 }
    ])
  })

  it("T13 a promotion that happened before the checkpoint is refused, with the statement that goes back to it", () => {
    const lost = settled({ timeline: 2, history: SWITCH, checkpoint: lsn(2_001n) })
    const [problem] = plan(lost).problems
    assert.strictEqual(problem?._tag, "PgTimelineLost")
    const todo = problem === undefined ? "" : SetupError.remedy(problem)
    assert.include(
      todo,
      "UPDATE dbmazz_checkpoints SET lsn = 2000, timeline_id = 2 WHERE slot_name = 'dbmazz_slot';"
    )
  })

  it("T13 what cannot be proved is refused: no history, or one that does not come from the checkpoint's timeline", () => {
    for (const history of [undefined, [], [{ timeline: 4, at: lsn(9_000n) }]]) {
      const [problem] = plan(settled({ timeline: 5, history })).problems
      assert.strictEqual(problem?._tag, "PgTimelineLost")
      assert.include(problem === undefined ? "" : SetupError.remedy(problem), "SET timeline_id = 5 WHERE")
    }
  })

  it("T13 T07 a server that has forgotten the checkpoint this process had stored last is refused", () => {
    const after = (reached: bigint, checkpoint: bigint | undefined) =>
      PostgresSetup.plan(
        { ...job, reached: lsn(reached) },
        settled({ checkpoint: checkpoint === undefined ? undefined : lsn(checkpoint) })
      ).problems.map((problem) => problem._tag)
    assert.deepStrictEqual(after(2_000n, 1_999n), ["PgServerBehind"])
    assert.deepStrictEqual(after(2_000n, 2_000n), [])
    assert.deepStrictEqual(after(2_000n, 2_001n), [])
    assert.deepStrictEqual(after(2_000n, undefined), ["PgServerBehind"], "never a new slot in its place")
  })

  it("a server that does not say who it is is no reason to stop, and nothing false is stored", () => {
    assert.deepStrictEqual(tag({ systemIdentifier: "" }), [])
    assert.deepStrictEqual(steps(settled({ systemIdentifier: "", ...identity(undefined, undefined) })), [])
  })
})
