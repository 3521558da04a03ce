/** The model source is held to a real PostgreSQL: the same script on both, and what a walsender then sends. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Envelope from "../../src/domain/pgoutput/Envelope.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import * as Wal from "../../src/streams/Wal.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect, run } from "../support/PostgresServer.ts"
import { Verdict } from "./Broken.ts"
import { Ledger } from "./Ledger.ts"
import { ModelPostgres } from "./ModelPostgres.ts"
import { Network } from "./Network.ts"
import type { OpenTransaction } from "./OpenTransaction.ts"
import { Prng } from "./Prng.ts"
import { readFrame, type Sent } from "./Sent.ts"
import * as SourceTables from "./SourceTables.ts"
import { Trace } from "./Trace.ts"
import { VirtualTime } from "./VirtualTime.ts"
import { WalSender } from "./WalSender.ts"

const WAL_SENDER_TIMEOUT_MS = 60_000
const BUFFER_BYTES_MAX = 64 * 1024 * 1024
/** Rounds until the server happens to write two commit records without a gap. */
const ROUNDS_MAX = 50
/** Large enough to be stored out of line. */
const LARGE = "large ".repeat(600)
const [ITEMS] = SourceTables.ALL
/** What the model's chance makes of the column's type. */
const QTY_TYPE = SourceTables.retyped(ITEMS, new Prng(1, "type"))?.columns[3]?.typeName ?? ""
const INSERT = "Insert tttnt"
const UPDATE = "Update full tttnt tttnt"

/** A world without chance: nothing that the script does not say. */
class NoChance extends Prng {
  override chance(): boolean {
    return false
  }
}

const rowOf = (id: number, body: string): SourceTables.Row => [String(id), "n", body, null, "t"]

/** The second part of the script: changes of columns and of the publication, within a transaction and by themselves, and truncations. */
const changeTable = (postgres: ModelPostgres, hasLists: boolean): void => {
  const transaction = (act: (open: OpenTransaction) => void): void => {
    const open = postgres.begin()
    act(open)
    postgres.commit(open)
  }
  const now = (open: OpenTransaction) => open.tables[0] ?? ITEMS
  const insert = (open: OpenTransaction, id: number): void => {
    const table = now(open)
    open.change({ kind: "insert", table, after: SourceTables.fitted(table, rowOf(id, "small")), lsn: 0n })
  }
  transaction((open) => {
    insert(open, 5)
    open.alter(SourceTables.widened(now(open)))
    insert(open, 6)
  })
  transaction((open) => {
    const table = now(open)
    const before = open.row(table, ["5"]) ?? []
    open.change({ kind: "update", table, before, after: before.with(1, "other"), lsn: 0n })
  })
  transaction((open) => void open.alter(SourceTables.widened(now(open))))
  transaction((open) => insert(open, 7))
  transaction((open) => {
    insert(open, 8)
    open.truncate(now(open))
    insert(open, 9)
  })
  transaction((open) => insert(open, 10))
  transaction((open) => {
    insert(open, 11)
    open.alter(SourceTables.renamed(now(open)) ?? ITEMS)
    insert(open, 12)
  })
  transaction((open) => void open.alter(SourceTables.retyped(now(open), new Prng(1, "type")) ?? ITEMS))
  transaction((open) => insert(open, 13))
  const rename = (open: OpenTransaction, id: string, name: string): void => {
    const table = now(open)
    const before = open.row(table, [id]) ?? []
    open.change({ kind: "update", table, before, after: before.with(1, name), lsn: 0n })
  }
  transaction((open) => void open.publish(SourceTables.out(now(open))))
  transaction((open) => rename(open, "13", "unsent"))
  transaction((open) => void open.publish((hasLists ? SourceTables.narrowed : SourceTables.whole)(now(open)) ?? ITEMS))
  transaction((open) => insert(open, 14))
  const across = postgres.begin()
  insert(across, 15)
  transaction((open) => void open.publish(SourceTables.whole(now(open))))
  insert(across, 16)
  postgres.commit(across)
  transaction((open) => rename(open, "13", "sent"))
  transaction((open) => rename(open, "14", "sent"))
  transaction((open) => void open.truncate(now(open)))
}

/** From this version on a server sends no transaction in which there is nothing to send. */
const SENDS_NO_EMPTY_SINCE = 15
/** From this version on a publication may list columns; before, the script publishes all of them. */
const HAS_LISTS_SINCE = 15

/** The model after the script, and a way to read it from any position. Two commits race: the caller says which won. */
const model = (updateFirst: boolean, major: number) => {
  const verdict = new Verdict()
  const time = new VirtualTime()
  const trace = new Trace()
  const prng = new NoChance(1, "model")
  const ledger = new Ledger(new Map(), verdict)
  const postgres = new ModelPostgres(prng, time, ledger, trace)
  const origin = postgres.createSlot()
  const first = postgres.begin()
  const second = postgres.begin()
  first.change({ kind: "insert", table: ITEMS, after: rowOf(1, LARGE), lsn: 0n })
  second.change({ kind: "insert", table: ITEMS, after: rowOf(2, "small"), lsn: 0n })
  first.change({ kind: "insert", table: ITEMS, after: rowOf(3, LARGE), lsn: 0n })
  postgres.commit(second)
  const third = postgres.begin()
  third.change({
    kind: "update",
    table: ITEMS,
    before: rowOf(2, "small"),
    after: ["2", "other", "small", null, "t"],
    lsn: 0n
  })
  for (const transaction of updateFirst ? [third, first] : [first, third]) postgres.commit(transaction)
  postgres.commitUnpublished()
  const rolledBack = postgres.begin()
  rolledBack.change({ kind: "delete", table: ITEMS, before: rowOf(1, LARGE), lsn: 0n })
  postgres.rollback(rolledBack)
  const last = postgres.begin()
  last.change({ kind: "update", table: ITEMS, before: rowOf(1, LARGE), after: rowOf(4, LARGE), lsn: 0n })
  last.change({ kind: "delete", table: ITEMS, before: rowOf(3, LARGE), lsn: 0n })
  postgres.commit(last)
  changeTable(postgres, major >= HAS_LISTS_SINCE)
  const read = (start: bigint): ReadonlyArray<Sent> => {
    const sent: Array<Sent> = []
    const sender = new WalSender(
      {
        postgres,
        time,
        network: new Network(prng, 0),
        ledger,
        faults: { happens: () => false },
        trace,
        prng,
        style: { sendsEmpty: major < SENDS_NO_EMPTY_SINCE, walSenderTimeoutMs: WAL_SENDER_TIMEOUT_MS }
      },
      start,
      postgres.slot?.confirmed ?? 0n,
      {
        receive: (message, taken) => {
          taken()
          const each = readFrame({ bytes: message, start: 0, end: message.length })
          if (each !== undefined) sent.push(each)
        },
        paused: () => false,
        outOfReachSince: () => false,
        lost: () => {},
        closed: () => {}
      }
    )
    while (commitsOf(sent).at(-1)?.commitLsn !== commitOf(postgres) && time.next()) { /* one step */ }
    sender.end(undefined)
    return sent
  }
  return { origin, read, confirm: (position: bigint) => postgres.confirm(position) }
}

const commitOf = (postgres: ModelPostgres): bigint | undefined =>
  postgres.wal.records.findLast((record) => record.commit !== undefined)?.commit?.commitLsn

const commitsOf = (sent: ReadonlyArray<Sent>) => sent.flatMap(({ commit }) => (commit === undefined ? [] : [commit]))

/** The same script on a real server. Rounds until its two commits touch, as those of the model do. */
const server = Effect.fnUntraced(function*(source: PgAddress, major: number) {
  const [one, two] = [yield* connect(source), yield* connect(source)]
  const go = (session: typeof one, statement: string) => Effect.promise(() => session.query(statement))
  const insert = (id: number, body: string) => `insert into items values (${id}, 'n', '${body}', null, true)`
  const [row] = yield* run(source, "select lsn::text as lsn from pg_create_logical_replication_slot('s', 'pgoutput')")
  const origin = Result.getOrThrow(Lsn.fromText(String(row?.["lsn"])))
  yield* go(one, "begin")
  yield* go(two, "begin")
  yield* go(one, insert(1, LARGE))
  yield* go(two, insert(2, "small"))
  yield* go(one, insert(3, LARGE))
  yield* go(two, "commit")
  yield* go(two, "begin")
  yield* go(two, "update items set name = 'other' where id = 2")
  yield* Effect.promise(() => Promise.all([one.query("commit"), two.query("commit")]))
  yield* go(one, "insert into unpublished values (1)")
  yield* go(one, "begin")
  yield* go(one, "delete from items where id = 1")
  yield* go(one, "rollback")
  yield* go(one, "begin")
  yield* go(one, "update items set id = 4 where id = 1")
  yield* go(one, "delete from items where id = 3")
  yield* go(one, "commit")
  yield* go(one, "begin")
  yield* go(one, insert(5, "small"))
  yield* go(one, "alter table items add column added_5 text")
  yield* go(one, insert(6, "small"))
  yield* go(one, "commit")
  yield* go(one, "update items set name = 'other' where id = 5")
  yield* go(one, "alter table items add column added_6 text")
  yield* go(one, insert(7, "small"))
  yield* go(one, "begin")
  yield* go(one, insert(8, "small"))
  yield* go(one, "truncate items")
  yield* go(one, insert(9, "small"))
  yield* go(one, "commit")
  yield* go(one, insert(10, "small"))
  yield* go(one, "begin")
  yield* go(one, insert(11, "small"))
  yield* go(one, "alter table items rename body to body1")
  yield* go(one, insert(12, "small"))
  yield* go(one, "commit")
  yield* go(one, `alter table items alter qty type ${QTY_TYPE}`)
  yield* go(one, insert(13, "small"))
  yield* go(one, "alter publication p drop table items")
  yield* go(one, "update items set name = 'unsent' where id = 13")
  const list = major >= HAS_LISTS_SINCE ? " (id, name, qty, ok, added_5, added_6)" : ""
  yield* go(one, `alter publication p add table items${list}`)
  yield* go(one, insert(14, "small"))
  yield* go(two, "begin")
  yield* go(two, insert(15, "small"))
  yield* go(one, "begin; alter publication p drop table items; alter publication p add table items; commit")
  yield* go(two, insert(16, "small"))
  yield* go(two, "commit")
  yield* go(one, "update items set name = 'sent' where id = 13")
  yield* go(one, "update items set name = 'sent' where id = 14")
  yield* go(one, "truncate items")
  const [end] = yield* run(source, "select pg_current_wal_insert_lsn()::text as lsn")
  const target = Result.getOrThrow(Lsn.fromText(String(end?.["lsn"])))
  const session = (start: bigint) =>
    Effect.gen(function*() {
      const built = yield* Layer.build(
        ReplicationSource.layer({ address: source, slot: "s", publication: "p", bufferBytesMax: BUFFER_BYTES_MAX })
      )
      // The server takes a moment to notice that the session before has ended.
      return yield* Context.get(built, ReplicationSource).open(Lsn.fromBigint(start), WAL_SENDER_TIMEOUT_MS).pipe(
        Effect.retry({ schedule: PostgresServer.pollEvery, while: (error) => error._tag === "TransientError" })
      )
    })
  /** Reads until the server says that it has sent everything. */
  const read = (start: bigint) =>
    Effect.scoped(Effect.gen(function*() {
      const opened = yield* session(start)
      const frames = yield* Wal.frames(opened).pipe(
        Stream.takeUntil((frame) => isAtEnd(frame, target)),
        Stream.runCollect
      )
      return frames.flatMap((frame) => readFrame(frame) ?? [])
    }))
  const confirm = (position: bigint) =>
    Effect.scoped(Effect.gen(function*() {
      const opened = yield* session(origin)
      yield* opened.confirm(Lsn.fromBigint(position))
      yield* opened.flushConfirmations
    }))
  return { origin, read, confirm }
})

/** A keepalive at or past the end, or the commit that ends there. */
const isAtEnd = (frame: Envelope.WalFrame, target: bigint): boolean => {
  const commit = readFrame(frame)?.commit
  return commit === undefined
    ? frame.bytes[frame.start] === Envelope.KEEPALIVE && Envelope.keepaliveEnd(frame) >= target
    : commit.endLsn >= target
}

const describeSent = (sent: ReadonlyArray<Sent>): ReadonlyArray<string> => sent.map(({ what }) => what)

/** What holds among the positions of one reading, whoever wrote them. */
const assertPositions = (sent: ReadonlyArray<Sent>): void => {
  let begin: bigint | undefined = undefined
  let end = 0n
  for (const message of sent) {
    if (message.begin !== undefined) begin = message.begin
    if (message.what.startsWith("Relation")) assert.strictEqual(message.walStart, 0n)
    else if (message.commit === undefined) assert.isTrue(message.walStart < (begin ?? 0n))
    if (message.commit === undefined) continue
    assert.strictEqual(message.commit.commitLsn, begin)
    assert.isTrue(message.commit.commitLsn >= end, "commits follow each other without overlap")
    assert.isTrue(message.commit.endLsn > message.commit.commitLsn)
    assert.strictEqual(message.walStart, message.commit.endLsn)
    end = message.commit.endLsn
  }
}

/** Positions to start from, by what they are: before, at and after each commit record. */
const starts = (origin: bigint, sent: ReadonlyArray<Sent>): ReadonlyArray<readonly [string, bigint]> => [
  ["the slot's origin", origin],
  ...commitsOf(sent).slice(0, -1).flatMap(({ commitLsn, endLsn }, index) =>
    [
      [`the start of commit ${index}`, commitLsn],
      [`one past the start of commit ${index}`, commitLsn + 1n],
      [`the end of commit ${index}`, endLsn]
    ] as const
  )
]

layer(PostgresServer.layer(), { excludeTestServices: true })("the model source and a real PostgreSQL", (it) => {
  it.effect("send the same messages, and the same ones again from every position and after a confirmation", () =>
    Effect.gen(function*() {
      const { freshDatabase } = yield* PostgresServer.PostgresServer
      const prepared = Effect.gen(function*() {
        const source = yield* freshDatabase
        yield* run(
          source,
          `create table items (id bigint primary key, name text, body text, qty smallint, ok boolean);
           alter table items alter body set storage external;
           alter table items replica identity full;
           create table unpublished (n int);
           create publication p for table items`
        )
        const major = yield* PostgresServer.majorOf(source)
        const real = yield* server(source, major)
        return { real, sent: yield* real.read(real.origin), major }
      })
      // The two commits that end the first transactions touch most of the time.
      let { major, real, sent } = yield* prepared
      for (let round = 0; round < ROUNDS_MAX && commitsOf(sent)[1]?.endLsn !== commitsOf(sent)[2]?.commitLsn; round++) {
        ;({ major, real, sent } = yield* prepared)
      }
      const inserts = describeSent(sent).indexOf(INSERT)
      const modelled = model(
        describeSent(sent).indexOf(UPDATE) < describeSent(sent).indexOf(INSERT, inserts + 1),
        major
      )
      const modelSent = modelled.read(modelled.origin)
      assert.deepStrictEqual(describeSent(modelSent), describeSent(sent))
      assertPositions(sent)
      assertPositions(modelSent)
      assert.strictEqual(commitsOf(sent)[1]?.endLsn, commitsOf(sent)[2]?.commitLsn)
      assert.strictEqual(commitsOf(modelSent)[1]?.endLsn, commitsOf(modelSent)[2]?.commitLsn)

      const places = starts(real.origin, sent)
      const modelPlaces = starts(modelled.origin, modelSent)
      for (const [index, [where, position]] of places.entries()) {
        const modelPosition = modelPlaces[index]?.[1] ?? 0n
        const again = yield* real.read(position)
        assert.deepStrictEqual(describeSent(modelled.read(modelPosition)), describeSent(again), where)
      }

      // The server never goes back behind what was confirmed, whatever it is asked for. (A session confirms its start.)
      yield* real.confirm(places.at(-1)?.[1] ?? 0n)
      modelled.confirm(modelPlaces.at(-1)?.[1] ?? 0n)
      const after = yield* real.read(real.origin)
      assert.deepStrictEqual(describeSent(modelled.read(modelled.origin)), describeSent(after))
      assert.lengthOf(commitsOf(after), 1)
    }))
})
