/** Carries a source's TRUNCATE over to StarRocks, in its place among the table's loads and under the same fences. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Truncation } from "../domain/Change.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { SrSqlError } from "../domain/errors/SrSqlError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Label from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { Outcome } from "../domain/streamload/Outcome.ts"
import * as Target from "../domain/streamload/Target.ts"
import * as TargetTruncation from "../domain/TargetTruncation.ts"
import type { TruncatePolicy } from "../domain/TruncatePolicy.ts"
import * as Heartbeat from "./Heartbeat.ts"
import { BEGIN_MS } from "./LoadFence.ts"
import * as Log from "./Log.ts"
import { type Row, StarRocksSql } from "./StarRocksSql.ts"
import { StreamLoader } from "./StreamLoader.ts"

const log = Log.module("TargetTruncate")

/** Until StarRocks gives a statement up by itself, and a minute more, in ms. */
const STATEMENT_MS_MAX = (Target.LOAD_TIMEOUT_SECONDS + 60) * 1000

/** The statement was acknowledged. Whoever reads what it replaced finds rows that are to be marked again, and no other. */
const DONE: Outcome = { _tag: "Loaded", loadedRows: 0, visible: true }

/**
 * Succeeds when StarRocks has acknowledged it; what time can mend is tried again below. `syncedAt` is the value of
 * `dbmazz_synced_at`. Fails with a `PermanentError` of the table when StarRocks will never do it.
 */
export type Truncate = (truncation: Truncation, syncedAt: string) => Effect.Effect<void, Failure>

/**
 * For one run of the pipeline. A statement begins within the time of its permit or not at all, after the store has said that
 * the run still holds the slot: whoever takes the slot over waits that time, and truncates again before newer rows.
 */
export const make = Effect.fnUntraced(function*(
  origin: Label.Origin,
  policy: TruncatePolicy
): Effect.fn.Return<Truncate, never, StarRocksSql | StreamLoader | Scope.Scope> {
  const { query } = yield* StarRocksSql
  const loader = yield* StreamLoader
  const heartbeat = yield* Heartbeat.make
  // There is one connection; whoever waits for it would wait with a permit that runs out.
  const turn = yield* Semaphore.make(1)
  const ignored = new Set<string>()

  /** Sends the statement once; `lost` is what an answer that did not come means. */
  const send = Effect.fnUntraced(function*(
    statement: string,
    permit: Heartbeat.Permit,
    lost: (error: TransientError) => Outcome
  ) {
    let begun = false
    const mayBegin = (): boolean => {
      begun = !heartbeat.isStale(permit, false)
      return begun
    }
    return yield* query(statement, { withinMs: STATEMENT_MS_MAX, mayBegin }).pipe(
      Effect.as(DONE),
      Effect.catchTags({
        SrSqlError: (error: SrSqlError) => Effect.succeed(TargetTruncation.refused(error)),
        TransientError: (error: TransientError) =>
          Effect.succeed<Outcome>(
            begun ? lost(error) : { _tag: "Transient", code: error.code, why: error.message }
          )
      })
    )
  })

  const truncate = ({ mapping }: Truncation, permit: Heartbeat.Permit) =>
    send(TargetTruncation.truncate(mapping), permit, ({ message }) => ({
      _tag: "Transient",
      code: "SR_REPLY_LOST",
      why: message,
      // It may still begin; two that have begun cannot both be done, since each replaces the partitions it has seen.
      retryAfterMs: BEGIN_MS
    }))

  /** The answer to a question, or what it means that there is none. */
  const ask = (question: string): Effect.Effect<ReadonlyArray<Row> | Outcome, SetupError> =>
    query(question).pipe(
      Effect.catchTags({
        SrSqlError: (error: SrSqlError) => Effect.succeed<Outcome>(TargetTruncation.refused(error)),
        TransientError: ({ code, message }: TransientError) =>
          Effect.succeed<Outcome>({ _tag: "Transient", code, why: message })
      })
    )

  const softDelete = Effect.fnUntraced(function*(
    truncation: Truncation,
    label: string,
    syncedAt: string,
    permit: Heartbeat.Permit
  ) {
    const live = yield* ask(TargetTruncation.anyLive(truncation.mapping))
    if ("_tag" in live) return live
    if (live.length === 0) return DONE
    const limits = yield* ask(TargetTruncation.insertLimit)
    if ("_tag" in limits) return limits
    const statement = TargetTruncation.softDelete(truncation, label, syncedAt, limits.length > 0)
    return yield* send(statement, permit, ({ message }) => ({ _tag: "Uncertain", code: "SR_REPLY_LOST", why: message }))
  })

  const ignore = Effect.fnUntraced(function*({ mapping, transaction }: Truncation) {
    const table = Identifier.show(mapping.source)
    if (ignored.has(table)) return
    ignored.add(table)
    yield* log.warn("the table was truncated, and keeps its rows in StarRocks (TRUNCATE_POLICY=ignore)", {
      table,
      lsn: Lsn.format(transaction.commitLsn)
    })
  })

  return Effect.fn("TargetTruncate.truncate")(function*(truncation: Truncation, syncedAt: string) {
    if (policy === "ignore") return yield* ignore(truncation)
    const { mapping, ordinal, transaction } = truncation
    const at: Label.RowPosition = { commitLsn: transaction.commitLsn, ordinal }
    const label = Label.make(Label.scope(origin, mapping.source, mapping.target), {
      first: at,
      last: at,
      from: 0,
      to: 0
    })
    const operation = {
      target: mapping.target,
      label,
      run: origin.run,
      lastCommitLsn: transaction.commitLsn,
      readsRows: policy === "soft-delete"
    }
    const startedMs = yield* Clock.currentTimeMillis
    const { attempts } = yield* loader.operate(operation, (remember) =>
      turn.withPermit(Effect.gen(function*() {
        // Taken before the store is asked, as for a load.
        const permit = heartbeat.permit()
        yield* remember
        return yield* policy === "truncate"
          ? truncate(truncation, permit)
          : softDelete(truncation, label, syncedAt, permit)
      }))).pipe(
        Effect.catchTag("PermanentError", (error) => Effect.fail(TargetTruncation.failed(truncation, error)))
      )
    const endedMs = yield* Clock.currentTimeMillis
    yield* log.info("the table was truncated at the source", {
      table: Identifier.show(mapping.source),
      policy,
      lsn: Lsn.format(transaction.commitLsn),
      attempts,
      ms: endedMs - startedMs
    })
  })
})
