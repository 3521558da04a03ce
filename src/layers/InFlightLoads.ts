/**
 * The labels of loads that may be on their way, beside the checkpoint: a program that was killed leaves loads behind that
 * StarRocks may still commit, and the next one must not load newer rows before that has happened or can no longer happen.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type { LoadRequest } from "../domain/Load.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as CheckpointStore from "./CheckpointStore.ts"
import * as Log from "./Log.ts"
import { PostgresSql } from "./PostgresSql.ts"

const log = Log.module("InFlightLoads")

type Failure = SetupError | TransientError

/** What is remembered of a load. */
export type InFlightLoad = Pick<LoadRequest, "label" | "run" | "lastCommitLsn">

/** A load that a program before this one may have left on its way. */
export interface LeftLoad {
  readonly label: string
  /** When it was about to be sent, in ms of this program's clock. */
  readonly sinceMs: number
  /** The checkpoint is behind its rows: StarRocks has committed it. Whether a statement sees it yet is not known. */
  readonly isLoaded?: boolean
}

export class InFlightLoads extends Context.Service<InFlightLoads, {
  /**
   * To be called before a load is sent, each time, one at a time a target; durable when it returns. Fails when another run
   * has taken the slot over: then nothing may be sent any more.
   */
  readonly remember: (target: string, load: InFlightLoad) => Effect.Effect<void, Failure>
  /** By target, the last load that was remembered. */
  readonly left: Effect.Effect<ReadonlyMap<string, LeftLoad>, Failure>
}>()("dbmazz/layers/InFlightLoads") {
  /** In the slot's row of `dbmazz_checkpoints`; without the column, which a role may be unable to add, nothing is kept. */
  static readonly layer = (slot: string): Layer.Layer<InFlightLoads, never, PostgresSql> =>
    Layer.effect(InFlightLoads, make(slot))
}

/** undefined_column and undefined_table. */
const ABSENT: ReadonlySet<string> = new Set(["42703", "42P01"])

const Left = Schema.Record(
  Schema.String,
  Schema.Struct({ label: Schema.String, sinceMs: Schema.Finite, lastCommit: Lsn.FromText })
)
const decodeRow = Schema.decodeUnknownSync(Schema.Struct({
  lsn: Schema.String,
  left: Schema.NullOr(Left),
  nowMs: Schema.Finite
}))

const isAbsent = (error: PgSqlError | Failure): boolean => error._tag === "PgSqlError" && ABSENT.has(error.sqlState)

const make = Effect.fnUntraced(function*(slot: string): Effect.fn.Return<
  InFlightLoads["Service"],
  never,
  PostgresSql
> {
  const { query } = yield* PostgresSql
  const warned = yield* Ref.make(false)

  const warn = Effect.gen(function*() {
    if (yield* Ref.getAndSet(warned, true)) return
    yield* log.warn(
      "labels in flight cannot be stored: a load that outlives a killed dbmazz would put older rows back; " +
        "run as the table's owner: ALTER TABLE dbmazz_checkpoints ADD COLUMN run text, ADD COLUMN loads_in_flight jsonb;"
    )
  })

  return {
    // A standby that lacks the label was promoted within the time of one load, and this program died with the primary: a
    // synchronous standby is not worth waiting for here.
    remember: (target, load) =>
      query(
        `with durable as (select set_config('synchronous_commit', 'local', true) as value)
         update dbmazz_checkpoints c
            set loads_in_flight = coalesce(c.loads_in_flight, '{}'::jsonb) || jsonb_build_object($2::text,
                  jsonb_build_object('label', $3::text, 'lastCommit', $4::text,
                    'sinceMs', (extract(epoch from clock_timestamp()) * 1000)::bigint))
           from durable where c.slot_name = $1 and c.run = $5 and durable.value = 'local'
         returning 1`,
        [slot, target, load.label, Lsn.format(load.lastCommitLsn), load.run]
      ).pipe(
        Effect.flatMap((rows) => rows.length === 0 ? Effect.fail(CheckpointStore.superseded(slot)) : Effect.void),
        Effect.catchIf(isAbsent, () => warn),
        Effect.mapError(CheckpointStore.failed)
      ),
    left: query(
      `select lsn::text as lsn, loads_in_flight as left, (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"
         from dbmazz_checkpoints where slot_name = $1`,
      [slot]
    ).pipe(
      Effect.catchIf(isAbsent, () => Effect.succeed([])),
      Effect.mapError(CheckpointStore.failed),
      Effect.flatMap((rows) =>
        Effect.map(Clock.currentTimeMillis, (hereMs) => {
          if (rows[0] === undefined) return new Map<string, LeftLoad>()
          const { left, lsn, nowMs } = decodeRow(rows[0])
          const checkpoint = Lsn.fromBigint(BigInt(lsn))
          // Its age is PostgreSQL's to tell: the program that left it may have run on another clock.
          return new Map(
            Object.entries(left ?? {}).map(([target, { label, lastCommit, sinceMs }]) => [
              target,
              { label, sinceMs: hereMs - (nowMs - sinceMs), isLoaded: checkpoint > lastCommit }
            ])
          )
        })
      )
    )
  }
})
