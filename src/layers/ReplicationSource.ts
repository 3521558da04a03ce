/**
 * The replication connection: frames of one slot from one position on, and the confirmations that flow back.
 *
 * Delivery: frames arrive in the order the server sends them, each once per session; after a reconnect the server sends
 * everything after the slot's confirmed position again. Nothing is confirmed but what `confirm` is given.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SetupError } from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as Liveness from "../domain/postgres/Liveness.ts"
import * as SlotTakeover from "../domain/postgres/SlotTakeover.ts"
import * as Log from "./Log.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { ReplicationConnection, type SourceOptions } from "./ReplicationConnection.ts"
import * as ReplicationFailure from "./ReplicationFailure.ts"
import type { ReplicationSession } from "./ReplicationSession.ts"
import * as ReplicationWatch from "./ReplicationWatch.ts"
import { ReplicationWire } from "./ReplicationWire.ts"
import * as WalSender from "./WalSender.ts"

const log = Log.module("ReplicationSource")

/** How long the end of a session waits for the server to take the last confirmation. */
const FLUSH_WAIT = "2 seconds"

export class ReplicationSource extends Context.Service<ReplicationSource, {
  /**
   * Starts replication at `start` (the checkpoint; the server itself never goes back behind its confirmed position).
   * `walSenderTimeoutMs` as the server has it, 0 when it is off. Fails with a `TransientError` when the server cannot be
   * reached or the slot is in use, with a `SetupError` when the server refuses for good.
   */
  readonly open: (
    start: Lsn.Lsn,
    walSenderTimeoutMs: number
  ) => Effect.Effect<ReplicationSession, TransientError | SetupError, Scope.Scope>
}>()("dbmazz/layers/ReplicationSource") {
  static readonly layer = (options: SourceOptions): Layer.Layer<ReplicationSource> =>
    Layer.succeed(ReplicationSource, {
      open: Effect.fn("ReplicationSource.open")(function*(start: Lsn.Lsn, walSenderTimeoutMs: number) {
        const wire = yield* ReplicationWire
        const place = { host: PostgresFailure.place(options.address), slot: options.slot }
        const limits = { ...Liveness.limits(walSenderTimeoutMs), ...options.liveness }
        const sql = wire.sql === undefined ? undefined : yield* wire.sql(options.address)
        const connection = yield* Effect.acquireRelease(
          Effect.sync(() => new ReplicationConnection(options, start, wire)),
          (connection) => Effect.promise(() => connection.close())
        )
        yield* Effect.tryPromise({
          try: () => connection.start(),
          catch: (cause) => connection.classify(cause)
        }).pipe(
          Effect.timeoutOrElse({
            duration: limits.startMsMax,
            orElse: () => Effect.fail(ReplicationFailure.unanswered(place))
          }),
          Effect.catchIf(isBusy, (error) =>
            Effect.flatMap(
              sql === undefined
                ? Effect.succeed(undefined)
                : WalSender.holder(sql.query, options.slot, limits.answerMsMax),
              (holder) =>
                Effect.fail(
                  SlotTakeover.busy(place.slot, place.host, error.context["pid"] ?? "", holder, walSenderTimeoutMs)
                )
            ))
        )
        yield* log.debug("replication connection stands", () => ({
          ...place,
          start: Lsn.format(start),
          walSenderPid: connection.pid()
        }))
        yield* Effect.sync(() => connection.sendStatus(limits.statusEveryMs)).pipe(
          Effect.repeat(Schedule.spaced(limits.statusEveryMs)),
          Effect.forkScoped
        )
        if (sql !== undefined) {
          const look = (pid: number) => WalSender.look(sql.query, options.slot, pid, limits.answerMsMax)
          yield* Effect.forkScoped(ReplicationWatch.watch(watched(connection), look, limits, place))
        }
        return session(connection)
      })
    })
}

const isBusy = (error: TransientError | SetupError): error is TransientError =>
  error._tag === "TransientError" && error.code === "PG_SLOT_BUSY"

const watched = (connection: ReplicationConnection): ReplicationWatch.Watched => ({
  pid: () => connection.pid(),
  hearing: (nowMs) => connection.hearing(nowMs),
  abandon: (error) => connection.abandon(error)
})

const session = (connection: ReplicationConnection): ReplicationSession => ({
  pull: connection.pull,
  lost: connection.lost,
  confirm: (position) => Effect.sync(() => connection.confirm(position)),
  release: (bytes) => Effect.sync(() => connection.release(bytes)),
  drain: Effect.sync(() => connection.drain()),
  flushConfirmations: Effect.gen(function*() {
    const answered = yield* Deferred.make<void>()
    connection.ping(() => Deferred.doneUnsafe(answered, Effect.void))
    yield* Deferred.await(answered)
    return true
  }).pipe(Effect.timeoutOrElse({ duration: FLUSH_WAIT, orElse: () => Effect.succeed(false) })),
  state: Effect.sync(() => connection.state())
})
