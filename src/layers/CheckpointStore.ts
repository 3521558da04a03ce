/** The durable checkpoint: the end LSN of the last commit whose every row StarRocks has acknowledged. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"

export class CheckpointStore extends Context.Service<CheckpointStore, {
  /** Creates `dbmazz_checkpoints` when it is missing. */
  readonly prepare: Effect.Effect<void, SetupError.SetupError | TransientError>
  /** The stored position of this slot; none before the first start. Does not need `prepare` and creates nothing. */
  readonly load: (slot: string) => Effect.Effect<Option.Option<Lsn.Lsn>, SetupError.SetupError | TransientError>
  /** Durable when it returns (committed with synchronous_commit on). Never moves a stored position backwards. */
  readonly save: (slot: string, lsn: Lsn.Lsn) => Effect.Effect<void, SetupError.SetupError | TransientError>
  /**
   * Makes the run the only one that may move the slot's position; whoever had it before is refused from now on. To be called
   * when the slot is held. Fails when the position is no longer the one that the run was started at: a save of an earlier
   * run came late, and what it covers would not be read again.
   */
  readonly claim: (
    slot: string,
    run: string,
    start: Lsn.Lsn
  ) => Effect.Effect<void, SetupError.SetupError | TransientError>
  /** As `save`, for the run that has claimed the slot; fails for every other. */
  readonly advance: (
    slot: string,
    run: string,
    lsn: Lsn.Lsn
  ) => Effect.Effect<void, SetupError.SetupError | TransientError>
  /** Where the server's WAL ends, asked on the store's own connection: an answer means that it could still be written to. */
  readonly walEnd: Effect.Effect<Lsn.Lsn, SetupError.SetupError | TransientError>
  /** Confirms the position to the slot without a replication connection; fails while somebody reads from the slot. */
  readonly confirm: (slot: string, lsn: Lsn.Lsn) => Effect.Effect<void, SetupError.SetupError | TransientError>
}>()("dbmazz/layers/CheckpointStore") {}

/** The table's name; it is found and created by search_path, as dbmazz v1 did. */
const TABLE = "dbmazz_checkpoints"

const UNDEFINED_TABLE = "42P01"
/** unique_violation in the catalogue, and duplicate_table: another job has just created it; IF NOT EXISTS does not see that. */
const CREATED_MEANWHILE: ReadonlySet<string> = new Set(["23505", "42P07"])
const UNDEFINED_COLUMN = "42703"

/**
 * Reading or writing one row takes milliseconds; what is not answered within this was sent over a connection that is gone,
 * in ms. A statement that takes effect later all the same does no harm: it never moves a position back.
 */
const ANSWER_MS_MAX = 30_000

const unanswered = new TransientError({
  code: "PG_CONNECTION_LOST",
  message: `PostgreSQL did not answer a statement on ${TABLE} in time`,
  remediation: "Check that the server is up and reachable, and that no session holds a lock on the table; dbmazz " +
    "tries again.",
  context: { table: TABLE }
})

/** What a run is told whose slot another run has claimed. */
export const superseded = (slot: string): TransientError =>
  new TransientError({
    code: "PG_SLOT_BUSY",
    message: `another dbmazz has taken replication slot '${slot}' over`,
    remediation: "Stop one of the two: one slot serves one job.",
    context: { slot }
  })

const moved = (slot: string): TransientError =>
  new TransientError({
    code: "PG_CONNECTION_LOST",
    message: `slot '${slot}' or its checkpoint has moved since this run looked at them`,
    remediation: "Nothing: dbmazz looks again, and says so when rows are missing.",
    context: { slot }
  })

/** An older dbmazz has made the table, and the role may not add what it lacks. */
export const isUndefinedColumn = (error: { readonly _tag: string; readonly sqlState?: string }): boolean =>
  error._tag === "PgSqlError" && error.sqlState === UNDEFINED_COLUMN

const isCreatedMeanwhile = (error: { readonly _tag: string; readonly sqlState?: string }): boolean =>
  error._tag === "PgSqlError" && CREATED_MEANWHILE.has(error.sqlState ?? "")

/** What a refused statement on the checkpoint's table means for the job. */
export const failed = (
  error: PgSqlError | TransientError | SetupError.SetupError
): TransientError | SetupError.SetupError =>
  error._tag === "PgSqlError"
    ? PostgresFailure.orReason(error, { _tag: "CheckpointFailed", error: error.message })
    : error

const storedLsn = (value: unknown): Effect.Effect<Lsn.Lsn, SetupError.SetupError> =>
  typeof value === "string" && /^-?\d+$/.test(value)
    ? Effect.succeed(Lsn.fromBigint(BigInt(value)))
    : Effect.fail(SetupError.make({ _tag: "CheckpointFailed", error: `column lsn of ${TABLE} is not a bigint` }))

const decodeWalEnd = Schema.decodeUnknownSync(Schema.Struct({ walEnd: Lsn.FromText }))

/** The store; `answerMsMax` is how long one statement may take. */
export const make = Effect.fnUntraced(function*(answerMsMax: number): Effect.fn.Return<
  CheckpointStore["Service"],
  never,
  PostgresSql
> {
  const sql = yield* PostgresSql
  const query: typeof sql.query = (statement, parameters) =>
    Effect.timeoutOrElse(sql.query(statement, parameters), {
      duration: answerMsMax,
      orElse: () => Effect.fail(unanswered)
    })

  // CREATE TABLE IF NOT EXISTS asks for the right to create before it looks, which a role may lack by then.
  const prepare = query(`select to_regclass('${TABLE}') is not null as exists`).pipe(
    Effect.flatMap((rows) =>
      rows[0]?.["exists"] === true ? Effect.void : query(
        `create table if not exists ${TABLE} (
           slot_name text primary key,
           lsn bigint not null,
           updated_at timestamp with time zone default now()
         )`
      ).pipe(Effect.catchIf(isCreatedMeanwhile, () => Effect.succeed([])))
    ),
    Effect.mapError(failed),
    Effect.asVoid
  )

  const load = Effect.fnUntraced(function*(slot: string) {
    const rows = yield* query(`select lsn::text as lsn from ${TABLE} where slot_name = $1`, [slot]).pipe(
      Effect.catchIf(
        (error) => error._tag === "PgSqlError" && error.sqlState === UNDEFINED_TABLE,
        () => Effect.succeed([])
      ),
      Effect.mapError(failed)
    )
    const row = rows[0]
    return row === undefined ? Option.none() : Option.some(yield* storedLsn(row["lsn"]))
  })

  // The comparison is unsigned, as positions are: XOR with the sign bit maps their order to the signed one. The setting
  // is made inside the statement, so it holds on whichever connection and whatever the role's default is.
  const save = (slot: string, lsn: Lsn.Lsn) =>
    query(
      `with durable as (select set_config('synchronous_commit', 'on', true) as value)
       insert into ${TABLE} as stored (slot_name, lsn, updated_at)
       select $1::text, $2::bigint, now() from durable where durable.value = 'on'
       on conflict (slot_name) do update set lsn = excluded.lsn, updated_at = now()
       where (excluded.lsn # '-9223372036854775808'::bigint) > (stored.lsn # '-9223372036854775808'::bigint)`,
      [slot, Lsn.toBigint(lsn).toString()]
    ).pipe(Effect.mapError(failed), Effect.asVoid)

  const claim = Effect.fnUntraced(function*(slot: string, run: string, start: Lsn.Lsn) {
    // Nobody else can move the slot while we read from it: what it says now held when the server chose where to begin.
    const unmoved = `slot_name = $1 and lsn = $2::bigint and not exists (
      select from pg_replication_slots s where s.slot_name = $1::name and s.confirmed_flush_lsn > $3::pg_lsn)`
    const expected = [slot, Lsn.toBigint(start).toString(), Lsn.format(start)]
    const rows = yield* query(`update ${TABLE} set run = $4 where ${unmoved} returning 1`, [...expected, run]).pipe(
      // A role that may not add the column goes on without the protection against another run.
      Effect.catchIf(isUndefinedColumn, () => query(`select 1 from ${TABLE} where ${unmoved}`, expected)),
      Effect.mapError(failed)
    )
    if (rows.length === 0) return yield* moved(slot)
  })

  // The row is locked before the condition is looked at, so a claim that came first is seen.
  const advance = (slot: string, run: string, lsn: Lsn.Lsn) =>
    query(
      `with durable as (select set_config('synchronous_commit', 'on', true) as value)
       update ${TABLE} as stored set lsn = $2::bigint, updated_at = now() from durable
        where stored.slot_name = $1 and stored.run = $3 and durable.value = 'on'
          and ($2::bigint # '-9223372036854775808'::bigint) > (stored.lsn # '-9223372036854775808'::bigint)
       returning 1`,
      [slot, Lsn.toBigint(lsn).toString(), run]
    ).pipe(
      Effect.flatMap((rows) => rows.length === 0 ? Effect.fail(superseded(slot)) : Effect.void),
      Effect.catchIf(isUndefinedColumn, () => save(slot, lsn)),
      Effect.mapError(failed)
    )

  const walEnd = query(
    `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as "walEnd"`
  ).pipe(
    Effect.mapError(failed),
    Effect.map((rows) => decodeWalEnd(rows[0]).walEnd)
  )

  const confirm = (slot: string, lsn: Lsn.Lsn) =>
    query("select pg_replication_slot_advance($1::name, $2::pg_lsn)", [slot, Lsn.format(lsn)]).pipe(
      Effect.mapError((error) =>
        error._tag === "PgSqlError"
          ? new TransientError({
            code: "PG_SQL_FAILED",
            message: `slot '${slot}' could not be confirmed to ${Lsn.format(lsn)}: ${error.message}`,
            remediation: "Nothing: the checkpoint is stored, and the slot follows at the next start.",
            context: { slot, sqlState: error.sqlState }
          })
          : error
      ),
      Effect.asVoid
    )

  return CheckpointStore.of({ prepare, load, save, claim, advance, walEnd, confirm })
})

/** The store in the source database, on the connection of `PostgresSql`. */
export const layer: Layer.Layer<CheckpointStore, never, PostgresSql> = Layer.effect(
  CheckpointStore,
  make(ANSWER_MS_MAX)
)
