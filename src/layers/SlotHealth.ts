/** The state of our replication slot, read from PostgreSQL, once or every minute. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import type * as Domain from "../domain/postgres/SlotHealth.ts"
import { since, warnings } from "../domain/postgres/SlotHealth.ts"
import * as OpenTransactions from "./OpenTransactions.ts"
import { PostgresSql } from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

/** What whoever watches is told. */
export interface Report {
  readonly health: Domain.SlotHealth
  /** Empty while all is well. */
  readonly warnings: ReadonlyArray<string>
}

export interface WatchOptions {
  readonly slot: string
  /** Whether everything received is confirmed at the moment. */
  readonly idle: Effect.Effect<boolean>
  /** Called after each look. */
  readonly tell: (report: Report) => Effect.Effect<void>
  /** In ms; undefined: every minute. */
  readonly everyMs?: number
}

/** Often enough to see a slot fill before it is lost, seldom enough to cost nothing. */
const EVERY_MS = 60_000

/** Columns that a version of the server does not have are absent, so one query serves them all. */
const Row = Schema.Struct({
  walEnd: Lsn.FromText,
  slot: Schema.Struct({
    restart_lsn: Schema.NullOr(Lsn.FromText),
    confirmed_flush_lsn: Schema.NullOr(Lsn.FromText),
    active: Schema.Boolean,
    wal_status: Schema.optionalKey(Schema.NullOr(Schema.String)),
    safe_wal_size: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    invalidation_reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
    conflicting: Schema.optionalKey(Schema.NullOr(Schema.Boolean))
  }),
  inactiveMs: Schema.NullOr(Schema.Finite)
})
const decode = Schema.decodeUnknownSync(Row)

const read = Effect.fnUntraced(function*(
  slot: string
): Effect.fn.Return<Domain.SlotHealth | undefined, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const rows = yield* query(
    `select to_jsonb(s) as slot,
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as "walEnd",
            (extract(epoch from clock_timestamp() - (to_jsonb(s) ->> 'inactive_since')::timestamptz) * 1000)::float8
              as "inactiveMs"
       from pg_replication_slots s where s.slot_name = $1`,
    [slot]
  )
  if (rows.length === 0) return undefined
  const { inactiveMs, slot: found, walEnd } = decode(rows[0])
  const [oldest] = yield* OpenTransactions.read
  const [restart, confirmed] = [found.restart_lsn ?? undefined, found.confirmed_flush_lsn ?? undefined]
  return {
    slot,
    walEnd,
    restart,
    confirmed,
    retainedBytes: restart === undefined ? 0 : Lsn.distance(restart, walEnd),
    unconfirmedBytes: confirmed === undefined ? 0 : Lsn.distance(confirmed, walEnd),
    safeWalBytes: found.safe_wal_size ?? undefined,
    walStatus: found.wal_status ?? undefined,
    active: found.active,
    invalidation: found.invalidation_reason ?? (found.conflicting === true ? "conflict with recovery" : undefined),
    inactiveMs: inactiveMs ?? undefined,
    oldest
  }
})

export class SlotHealth extends Context.Service<SlotHealth, {
  /** The slot's state; undefined when there is none of that name. */
  readonly read: (slot: string) => Effect.Effect<Domain.SlotHealth | undefined, Failure>
  /**
   * Looks for as long as it is not interrupted, at once and then in equal intervals. A look that fails is skipped: whether
   * PostgreSQL is there is others' concern.
   */
  readonly watch: (options: WatchOptions) => Effect.Effect<never>
}>()("dbmazz/layers/SlotHealth") {
  static readonly layer: Layer.Layer<SlotHealth, never, PostgresSql> = Layer.effect(
    SlotHealth,
    Effect.gen(function*() {
      const context = yield* Effect.context<PostgresSql>()
      const readNow = (slot: string) => Effect.provide(read(slot), context)
      return {
        read: readNow,
        watch: Effect.fnUntraced(function*({ everyMs = EVERY_MS, idle, slot, tell }: WatchOptions) {
          let reference: Domain.SlotHealth | undefined = undefined
          // Idle at both ends: what was in flight at the last look may be what has not been confirmed since.
          let wasIdle = false
          while (true) {
            const now: Domain.SlotHealth | undefined = yield* Effect.orElseSucceed(readNow(slot), () => undefined)
            const isIdle: boolean = yield* idle
            if (now !== undefined) {
              reference = since(reference, now, isIdle && wasIdle)
              yield* tell({ health: now, warnings: warnings({ since: reference, now }) })
            }
            wasIdle = isIdle
            yield* Effect.sleep(everyMs)
          }
        })
      }
    })
  )
}
