import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Decoder from "../../src/domain/pgoutput/Decoder.ts"
import * as Envelope from "../../src/domain/pgoutput/Envelope.ts"
import type { Commit } from "../../src/domain/pgoutput/Message.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import * as Wal from "../../src/streams/Wal.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { connect, run } from "../support/PostgresServer.ts"

const WAL_SENDER_TIMEOUT_MS = 3_000
const MIB = 1024 * 1024

const open = Effect.fnUntraced(function*(source: PgAddress, start: Lsn.Lsn, bufferBytesMax = 64 * MIB) {
  const built = yield* Layer.build(
    ReplicationSource.layer({ address: source, slot: "s", publication: "p", bufferBytesMax })
  )
  return yield* Context.get(built, ReplicationSource).open(start, WAL_SENDER_TIMEOUT_MS)
})

/** As soon as the walsender before this one has noticed that its client is gone. */
const openNext = (source: PgAddress, start: Lsn.Lsn) =>
  Effect.retry(open(source, start), {
    schedule: PostgresServer.pollEvery,
    while: ({ code }) => code === "PG_SLOT_BUSY"
  })

/** A published table `t` and a slot; gives the slot's position. */
const prepare = Effect.fnUntraced(function*(source: PgAddress) {
  yield* run(source, "create table t (id bigint primary key, v text); create publication p for table t")
  const [row] = yield* run(source, "select lsn::text as lsn from pg_create_logical_replication_slot('s', 'pgoutput')")
  return Result.getOrThrow(Lsn.fromText(String(row?.["lsn"])))
})

const message = (frame: Envelope.WalFrame) =>
  frame.bytes[frame.start] === Envelope.XLOG_DATA
    ? Decoder.decode(frame.bytes, frame.start + Envelope.XLOG_DATA_HEADER_BYTES, frame.end)
    : undefined

const isCommit = (found: ReturnType<typeof message>): found is Commit => found?._tag === "Commit"

const slotPosition = (source: PgAddress) =>
  Effect.map(
    run(source, "select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = 's'"),
    (rows) => Result.getOrThrow(Lsn.fromText(String(rows[0]?.["lsn"])))
  )

/** When the slot is let go of, the server has read all that its reader sent. */
const finalPosition = (source: PgAddress) =>
  Effect.andThen(
    PostgresServer.until(source, "select not active from pg_replication_slots where slot_name = 's'"),
    slotPosition(source)
  )

const walSenderPid = (source: PgAddress) =>
  Effect.map(
    run(source, "select active_pid from pg_replication_slots where slot_name = 's'"),
    (rows) => rows[0]?.["active_pid"]
  )

layer(PostgresServer.layer({ wal_sender_timeout: "3s" }), { excludeTestServices: true })("ReplicationSource", (it) => {
  it.effect("a frame kept while the whole of the WAL goes by is unchanged: otherwise rows hold other rows' bytes", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      yield* run(source, "insert into t select n, repeat(md5(n::text), 1 + n % 20) from generate_series(1, 60000) n")
      const session = yield* open(source, start)
      const digest = (frame: Envelope.WalFrame) =>
        createHash("sha1").update(frame.bytes.subarray(frame.start, frame.end)).digest("hex")
      const kept = yield* Wal.frames(session).pipe(
        Stream.mapArray((frames) => {
          const seen = frames.map((frame) => ({ frame, digest: digest(frame) }))
          return [seen[0]!, ...seen.slice(1)] as const
        }),
        Stream.takeUntil(({ frame }) => isCommit(message(frame))),
        Stream.runCollect
      )
      assert.isAtLeast(kept.length, 60_000)
      assert.strictEqual(kept.filter(({ digest: then, frame }) => digest(frame) !== then).length, 0)
      // What was digested on arrival was right too: every id once, in order, with its own value.
      const ids = kept.flatMap(({ frame }) => {
        const insert = message(frame)
        if (insert?._tag !== "Insert") return []
        const length = insert.bytes.readInt32BE(insert.newTuple + 3)
        return [Number(insert.bytes.toString("latin1", insert.newTuple + 7, insert.newTuple + 7 + length))]
      })
      assert.deepStrictEqual(ids, Array.from({ length: 60_000 }, (_, index) => index + 1))
    }))

  it.effect("T21 two transactions whose commit records touch: confirming the first's end does not skip the second", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      let start = yield* prepare(source)
      const [first, second] = [yield* connect(source), yield* connect(source)]

      /** Commits two open transactions back to back and gives their commits, in order. */
      const twoCommits = (round: number) =>
        Effect.promise(async () => {
          await first.query("begin")
          await second.query("begin")
          await first.query("insert into t values ($1, 'first')", [2 * round])
          await second.query("insert into t values ($1, 'second')", [2 * round + 1])
          await Promise.all([first.query("commit"), second.query("commit")])
        }).pipe(
          Effect.andThen(Effect.scoped(Effect.gen(function*() {
            const session = yield* openNext(source, start)
            return yield* Wal.frames(session).pipe(
              Stream.map(message),
              Stream.filter(isCommit),
              Stream.take(2),
              Stream.runCollect
            )
          })))
        )

      let touching: ReadonlyArray<Commit> = []
      for (let round = 0; touching.length === 0; round++) {
        const commits = yield* twoCommits(round)
        if (commits[1]!.commitLsn === commits[0]!.endLsn) touching = commits
        else {
          yield* run(source, `select pg_replication_slot_advance('s', '${Lsn.format(commits[1]!.endLsn)}')`)
          start = commits[1]!.endLsn
        }
      }
      const [one, two] = touching as readonly [Commit, Commit]
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* openNext(source, start)
        yield* session.confirm(one.endLsn)
        yield* session.flushConfirmations
      }))
      assert.strictEqual(yield* slotPosition(source), one.endLsn)
      const session = yield* openNext(source, one.endLsn)
      const next = yield* Wal.frames(session).pipe(Stream.map(message), Stream.filter(isCommit), Stream.runHead)
      assert.strictEqual(next._tag === "Some" ? next.value.commitLsn : undefined, two.commitLsn)
    }))

  it.effect("T14 T02 a paused reader keeps its connection past wal_sender_timeout, its memory, and confirms nothing", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      const session = yield* open(source, start, MIB)
      yield* run(source, "insert into t select n, repeat('x', 1000) from generate_series(1, 30000) n")
      const pid = yield* walSenderPid(source)
      yield* session.state.pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: (state) => state.paused }))
      const full = yield* session.state
      yield* Effect.sleep(2.5 * WAL_SENDER_TIMEOUT_MS)
      const later = yield* session.state
      assert.strictEqual(yield* walSenderPid(source), pid)
      assert.strictEqual(later.bufferedBytes, full.bufferedBytes)
      assert.isAtMost(later.bufferedBytes, 2 * MIB)
      assert.strictEqual(yield* slotPosition(source), start)
      // Given back piece by piece, everything arrives.
      const rows = yield* Wal.frames(session).pipe(
        Stream.chunks,
        Stream.tap((frames) => session.release(frames.reduce((sum, frame) => sum + frame.end - frame.start, 0))),
        Stream.flattenIterable,
        Stream.map(message),
        Stream.takeUntil(isCommit),
        Stream.filter((found) => found?._tag === "Insert"),
        Stream.runCount
      )
      assert.strictEqual(rows, 30_000)
    }))

  it.effect("T09 a slot that another process reads is a transient error that names it", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      yield* open(source, start)
      const error = yield* Effect.flip(Effect.scoped(open(source, start)))
      assert.strictEqual(error._tag, "TransientError")
      assert.include(error.message, "is active for PID")
    }))

  it.effect("T17 losing the server ends a stream that is waiting, with a typed error and without the password", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const session = yield* open(source, yield* prepare(source))
      const pid = yield* walSenderPid(source)
      const ended = yield* Effect.forkChild(Effect.flip(Stream.runDrain(Wal.frames(session))), {
        startImmediately: true
      })
      yield* run(source, `select pg_terminate_backend(${String(pid)})`)
      const error = yield* Fiber.join(ended)
      assert.strictEqual(error._tag === "TransientError" ? error.code : error._tag, "PG_CONNECTION_LOST")
    }))

  it.effect("T80 T05 what only a person can mend is said at once, with what to run: rights, slot, publication", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      const codeOf = (address: PgAddress) =>
        Effect.flip(Effect.scoped(open(address, start))).pipe(
          Effect.map((error) => error.code)
        )
      const role = yield* PostgresServer.freshRole(source)
      assert.strictEqual(yield* codeOf(role), "PgRoleCannotReplicate")
      assert.strictEqual(yield* codeOf({ ...role, database: "absent" }), "PgRoleCannotReplicate")
      assert.strictEqual(yield* codeOf({ ...source, database: "absent" }), "PgConnectionFailed")
      assert.strictEqual(yield* codeOf({ ...source, database: "postgres" }), "PgSlotFailed")
      yield* run(source, "select pg_drop_replication_slot('s')")
      // The setup looks again, and knows the checkpoint.
      assert.strictEqual(yield* codeOf(source), "PG_CONNECTION_LOST")
    }))

  it.effect("T26 a confirmation that comes late never takes the slot back, in this session and in the next", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      yield* run(source, "insert into t values (1, 'first')")
      const [row] = yield* run(source, "insert into t values (2, 'second') returning pg_current_wal_lsn()::text as lsn")
      const early = Result.getOrThrow(Lsn.fromText(String(row?.["lsn"])))
      yield* run(source, "insert into t values (3, 'third')")
      const [last] = yield* run(source, "select pg_current_wal_lsn()::text as lsn")
      const late = Result.getOrThrow(Lsn.fromText(String(last?.["lsn"])))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* open(source, start)
        yield* session.confirm(late)
        yield* session.confirm(early)
        assert.strictEqual((yield* session.state).confirmed, late)
        yield* session.flushConfirmations
      }))
      assert.strictEqual(yield* finalPosition(source), late)
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* open(source, late)
        yield* session.flushConfirmations
      }))
      assert.strictEqual(yield* finalPosition(source), late)
    }))

  it.effect("T25 a start on an idle source is ready at once, wherever the checkpoint lies, and the first row arrives", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const start = yield* prepare(source)
      yield* run(source, "create table other (id int)")
      const [row] = yield* run(source, "select pg_current_wal_lsn()::text as lsn")
      const end = Result.getOrThrow(Lsn.fromText(String(row?.["lsn"])))
      // Before, amid and after what is in the WAL; no position is a record's own.
      const middle = Lsn.fromBigint((start + end) / 2n)
      for (const [index, position] of [start, middle, end].entries()) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* open(source, position)
          yield* session.flushConfirmations
          yield* run(source, "insert into t values ($1, 'x')", [index])
          const first = yield* Wal.frames(session).pipe(
            Stream.map(message),
            Stream.filter((found) => found?._tag === "Insert"),
            Stream.runHead,
            Effect.timeout("5 seconds")
          )
          assert.strictEqual(first._tag, "Some")
        }))
      }
    }))

  it.effect("the server hears our clock: reply_time tells which of our status messages has arrived", () =>
    Effect.gen(function*() {
      const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const session = yield* open(source, yield* prepare(source))
      yield* session.flushConfirmations
      const before = Date.now()
      yield* session.flushConfirmations
      const [row] = yield* run(
        source,
        `select (extract(epoch from r.reply_time) * 1000)::float8 as at from pg_stat_replication r
           join pg_replication_slots s on s.active_pid = r.pid where s.slot_name = 's'`
      )
      assert.approximately(Number(row?.["at"]), before, 1_000)
    }))
})
