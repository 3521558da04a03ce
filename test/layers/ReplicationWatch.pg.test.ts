import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Decoder from "../../src/domain/pgoutput/Decoder.ts"
import * as Envelope from "../../src/domain/pgoutput/Envelope.ts"
import type { Limits } from "../../src/domain/postgres/Liveness.ts"
import type { ReplicationSession } from "../../src/layers/ReplicationSession.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import * as Wal from "../../src/streams/Wal.ts"
import * as LinkProxy from "../support/LinkProxy.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const MIB = 1024 * 1024

/** Seconds where production has half a minute. */
const LIMITS: Limits = {
  startMsMax: 2_000,
  answerMsMax: 500,
  statusEveryMs: 200,
  silenceMsMax: 1_000,
  lookEveryMs: 300,
  unreachableMsMax: 2_000
}

const open = Effect.fnUntraced(function*(source: PgAddress, start: Lsn.Lsn, bufferBytesMax = 64 * MIB) {
  const built = yield* Layer.build(
    ReplicationSource.layer({
      address: source,
      slot: slotOf(source),
      publication: "p",
      bufferBytesMax,
      liveness: LIMITS
    })
  )
  return yield* Context.get(built, ReplicationSource).open(start, 0)
})

const slotOf = (source: PgAddress): string => `s_${source.database}`

/** A published table `t`, another one, and a slot; a session on it through a proxy. */
const prepare = Effect.gen(function*() {
  const source = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  yield* run(source, "create table t (id bigint primary key, v text); create publication p for table t")
  yield* run(source, "create table noise (id bigint, v text)")
  const [row] = yield* run(source, "select lsn::text as lsn from pg_create_logical_replication_slot($1, 'pgoutput')", [
    slotOf(source)
  ])
  const proxy = yield* LinkProxy.start(source)
  const start = Result.getOrThrow(Lsn.fromText(String(row?.["lsn"])))
  return { source, proxy, start, through: { ...source, host: proxy.host, port: proxy.port } }
})

const walSender = (source: PgAddress) =>
  Effect.map(
    run(
      source,
      `select s.active_pid as pid, a.wait_event_type as waits from pg_replication_slots s
         left join pg_stat_activity a on a.pid = s.active_pid where slot_name = $1`,
      [slotOf(source)]
    ),
    (rows) => rows[0] ?? {}
  )

/** What the session is lost with, and after how many ms. */
const lossOf = (session: ReplicationSession) =>
  Effect.gen(function*() {
    const before = Date.now()
    const error = yield* Effect.flip(session.lost)
    return {
      message: error.message,
      code: error._tag === "TransientError" ? error.code : error._tag,
      afterMs: Date.now() - before
    }
  })

const insertedIds = (session: ReplicationSession, count: number) =>
  Wal.frames(session).pipe(
    Stream.chunks,
    Stream.tap((frames) => session.release(frames.reduce((sum, frame) => sum + frame.end - frame.start, 0))),
    Stream.flattenIterable,
    Stream.filter((frame) =>
      frame.bytes[frame.start] === Envelope.XLOG_DATA &&
      Decoder.decode(frame.bytes, frame.start + Envelope.XLOG_DATA_HEADER_BYTES, frame.end)._tag === "Insert"
    ),
    Stream.take(count),
    Stream.runCount
  )

/** Fills the buffer, so that reading pauses; nobody takes anything from it. */
const pauseReading = Effect.fnUntraced(function*(source: PgAddress, session: ReplicationSession) {
  yield* run(source, "insert into t select n, repeat('x', 1000) from generate_series(1, 30000) n")
  yield* session.state.pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: (state) => state.paused }))
})

layer(PostgresServer.layer({ wal_sender_timeout: "0" }), { excludeTestServices: true })("ReplicationWatch", (it) => {
  it.effect("T16 T15 a half-open connection is given up, though the server never would", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start)
      yield* Effect.sleep("500 millis")
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      const loss = yield* lossOf(session)
      assert.strictEqual(loss.code, "PG_CONNECTION_LOST")
      assert.include(loss.message, "half-open")
      assert.isBelow(loss.afterMs, 5_000)
      assert.isNotNull((yield* walSender(source))["pid"], "the server still believes in it")
    }))

  it.effect("T16 a walsender that ended while the network was away is noticed, though no FIN ever comes", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start)
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      yield* run(source, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1", [
        slotOf(source)
      ])
      const loss = yield* lossOf(session)
      assert.include(loss.message, "no walsender")
    }))

  it.effect("T16 a walsender that is busy with other tables' WAL is alive for many times the limit", () =>
    Effect.gen(function*() {
      const { source, start, through } = yield* prepare
      const session = yield* open(through, start)
      const { pid } = yield* walSender(source)
      const lost = yield* Effect.forkChild(session.lost, { startImmediately: true })
      yield* run(source, "insert into noise select n, repeat(md5(n::text), 4) from generate_series(1, 400000) n")
      // Decoding a filtered transaction takes seconds or minutes; a stopped process stands for minutes.
      const stopped = yield* Effect.acquireRelease(
        stopWhileWorking(source, Number(pid)),
        (stopped) =>
          Effect.sync(() => {
            if (stopped) process.kill(Number(pid), "SIGCONT")
          })
      )
      assert.isTrue(stopped, "it was caught at work")
      yield* Effect.sleep(3 * LIMITS.silenceMsMax)
      assert.isUndefined(lost.pollUnsafe())
      process.kill(Number(pid), "SIGCONT")
      yield* run(source, "insert into t values (1, 'after the noise')")
      assert.strictEqual(yield* insertedIds(session, 1), 1)
      assert.strictEqual((yield* walSender(source))["pid"], pid)
    }))

  it.effect("T16 T15 backpressure many times longer than the limit is not silence, and everything arrives afterwards", () =>
    Effect.gen(function*() {
      const { source, start, through } = yield* prepare
      const session = yield* open(through, start, MIB)
      const lost = yield* Effect.forkChild(session.lost, { startImmediately: true })
      yield* pauseReading(source, session)
      const { pid } = yield* walSender(source)
      yield* Effect.sleep(3 * LIMITS.silenceMsMax)
      assert.isUndefined(lost.pollUnsafe())
      assert.strictEqual(yield* insertedIds(session, 30_000), 30_000)
      assert.strictEqual((yield* walSender(source))["pid"], pid)
    }))

  it.effect("T17 a source that dies while the pipeline is blocked in backpressure is noticed although nobody reads", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start, MIB)
      yield* pauseReading(source, session)
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      yield* run(source, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1", [
        slotOf(source)
      ])
      const loss = yield* lossOf(session)
      // A walsender that is blocked in sending takes its time to end: until then it is the silence that is noticed.
      assert.match(loss.message, /no walsender|our status messages do not arrive/)
    }))

  it.effect("T17 T16 a network that dies under backpressure is noticed by our status messages that do not arrive", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start, MIB)
      yield* pauseReading(source, session)
      yield* proxy.setModeOfOpen({ _tag: "blackhole" })
      const loss = yield* lossOf(session)
      assert.include(loss.message, "our status messages do not arrive")
    }))

  it.effect("T16 when SQL is as unreachable as the walsender, the connection is given up after its own bound", () =>
    Effect.gen(function*() {
      const { proxy, start, through } = yield* prepare
      const session = yield* open(through, start)
      yield* proxy.setMode({ _tag: "blackhole" })
      const loss = yield* lossOf(session).pipe(Effect.timeout("30 seconds"))
      assert.include(loss.message, "PostgreSQL has answered nothing")
      assert.isAbove(loss.afterMs, LIMITS.silenceMsMax + LIMITS.unreachableMsMax)
    }))

  it.effect("T16 an idle source that answers is left alone: no reconnect storm", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start)
      const lost = yield* Effect.forkChild(session.lost, { startImmediately: true })
      const { pid } = yield* walSender(source)
      yield* Effect.sleep(3 * LIMITS.silenceMsMax)
      assert.isUndefined(lost.pollUnsafe())
      assert.strictEqual((yield* walSender(source))["pid"], pid)
      assert.strictEqual(proxy.openCount(), 1, "and nobody had to be asked")
    }))

  it.effect("T16 a row that arrives slowly is not silence", () =>
    Effect.gen(function*() {
      const { proxy, source, start, through } = yield* prepare
      const session = yield* open(through, start)
      yield* proxy.setModeOfOpen({ _tag: "throttle", bytesPerSecond: MIB })
      yield* run(source, "insert into t values (1, repeat('x', 2500000))")
      assert.strictEqual(yield* insertedIds(session, 1), 1)
    }))

  it.effect("T75 a server that falls silent between login and START_REPLICATION does not hang the start", () =>
    Effect.gen(function*() {
      const { proxy, start, through } = yield* prepare
      yield* Effect.scoped(open(through, start))
      const loginBytes = proxy.bytesToClient()
      yield* proxy.setMode({ _tag: "blackholeAfter", bytesToClient: Math.floor(loginBytes * 0.7) })
      const error = yield* Effect.flip(Effect.scoped(open(through, start))).pipe(Effect.timeout("10 seconds"))
      assert.strictEqual(error._tag === "TransientError" ? error.code : error._tag, "PG_CONNECTION_LOST")
      assert.include(error.message, "START_REPLICATION")
    }))

  it.effect("T75 closing a session over a dead network does not hang", () =>
    Effect.gen(function*() {
      const { proxy, start, through } = yield* prepare
      const closed = yield* Effect.scoped(
        Effect.andThen(open(through, start), proxy.setMode({ _tag: "blackhole" }))
      ).pipe(Effect.timeoutOption("10 seconds"))
      assert.isTrue(Option.isSome(closed))
    }))

  it.effect("T09 a slot in use says who has it: pid, application, address, state", () =>
    Effect.gen(function*() {
      const { source, start, through } = yield* prepare
      yield* open(source, start)
      const { pid } = yield* walSender(source)
      const error = yield* Effect.flip(Effect.scoped(open(through, start)))
      assert.strictEqual(error._tag === "TransientError" ? error.code : error._tag, "PG_SLOT_BUSY")
      assert.match(
        error.message,
        new RegExp(`active for PID ${String(pid)} \\(dbmazz, from 127\\.0\\.0\\.1:\\d+, \\w+, connected`)
      )
    }))
})

/** Stops the process (SIGSTOP) at a moment when it neither waits for WAL nor for its client. */
const stopWhileWorking = (source: PgAddress, pid: number) =>
  Effect.gen(function*() {
    for (let attempt = 0; attempt < 2_000; attempt++) {
      process.kill(pid, "SIGSTOP")
      const { waits } = yield* walSender(source)
      if (waits === null || waits === "IO" || waits === "LWLock") return true
      process.kill(pid, "SIGCONT")
      yield* Effect.sleep("2 millis")
    }
    return false
  })
