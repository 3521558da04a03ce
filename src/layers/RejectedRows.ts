/** The table `dbmazz_rejected_rows` in the source database, and the rows that are written to it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { PgAddress } from "../domain/config/Settings.ts"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import type { QualifiedName } from "../domain/Identifier.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as RejectedRow from "../domain/RejectedRow.ts"
import type { RejectedRowValues } from "../domain/RejectedRowPolicy.ts"
import * as RejectedRowTable from "../domain/RejectedRowTable.ts"
import * as Redaction from "../domain/streamload/Redaction.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import * as PostgresSql from "./PostgresSql.ts"

type Failure = PgSqlError | TransientError | SetupError

const APPLICATION_NAME = "dbmazz rejected rows"

/** Somebody may hold a lock on the table; whoever waits for it holds its own table up, in ms. */
const LOCK_MS_MAX = 5_000

/** One insert takes milliseconds, one of a row of tens of megabytes seconds, in ms. */
const ANSWER_MS_MAX = 30_000

const { NAME } = RejectedRowTable

const States = Schema.Literals(
  ["usable", "forbidden", "foreign", "missing", "uncreatable"] satisfies Array<RejectedRowTable.State>
)
const decodeState = Schema.decodeUnknownSync(Schema.Struct({ state: States }))

/** Whether the role can write to the table; changes nothing. */
export const readTable: Effect.Effect<RejectedRowTable.State, Failure, PostgresSql.PostgresSql> = Effect.gen(
  function*() {
    const { query } = yield* PostgresSql.PostgresSql
    const rows = yield* query(
      `select case when to_regclass('${NAME}') is null then
                     case when has_schema_privilege(current_schema(), 'create') then 'missing' else 'uncreatable' end
                   when (select count(*) from pg_attribute a
                          where a.attrelid = to_regclass('${NAME}') and not a.attisdropped and a.attname = any($1)) < $2
                     then 'foreign'
                   when has_table_privilege('${NAME}', 'select') and has_table_privilege('${NAME}', 'insert')
                     then 'usable'
                   else 'forbidden' end as state`,
      [RejectedRowTable.COLUMNS, RejectedRowTable.COLUMNS.length]
    )
    return decodeState(rows[0]).state
  }
)

/** undefined_table and undefined_column, and insufficient_privilege. */
const NOT_OURS: ReadonlySet<string> = new Set(["42P01", "42703", "42501"])

/** Whether rows of this slot are in the table. A table that the role cannot read is another job's. */
export const holdsRows = (
  slot: string
): Effect.Effect<boolean, TransientError | SetupError, PostgresSql.PostgresSql> =>
  PostgresSql.PostgresSql.use(({ query }) => query(`select from ${NAME} where slot_name = $1 limit 1`, [slot])).pipe(
    Effect.map((rows) => rows.length > 0),
    Effect.catchIf((error) => error._tag === "PgSqlError" && NOT_OURS.has(error.sqlState), () => Effect.succeed(false)),
    Effect.mapError(failed)
  )

/** What a refused statement means; a server quotes rows in its details. */
const failed = (error: Failure): TransientError | SetupError =>
  error._tag === "PgSqlError"
    ? PostgresFailure.orReason(error, RejectedRowTable.failed(Redaction.redact(error.message)))
    : error

/** Creates it, with its index. */
export const createTable: Effect.Effect<void, TransientError | SetupError, PostgresSql.PostgresSql> = PostgresSql
  .PostgresSql.use(({ query }) => query(RejectedRowTable.CREATE)).pipe(Effect.mapError(failed), Effect.asVoid)

export interface Place {
  readonly address: PgAddress
  readonly slot: string
}

export interface Options extends Place {
  readonly values: RejectedRowValues
  /** Of one table. */
  readonly perHourMax: number
}

/** `new`: it is in the table now; `known`: it was before; `full`: it is not, and the hour has no room for it. */
const Verdicts = Schema.Literals(["new", "known", "full"])
export type Verdict = typeof Verdicts.Type
const decodeVerdict = Schema.decodeUnknownSync(Schema.Struct({ verdict: Verdicts }))

/** Durable when it returns (committed with synchronous_commit on). The same row again changes nothing. */
export type Put = (row: RejectedRow.RejectedRow) => Effect.Effect<Verdict, TransientError | SetupError>

const unanswered = new TransientError({
  code: "PG_CONNECTION_LOST",
  message: `PostgreSQL did not answer a statement on ${NAME} in time`,
  remediation: "Check that the server is up and reachable; dbmazz tries again.",
  context: { table: NAME }
})

const PUT = `with durable as (select set_config('synchronous_commit', 'on', true) as value),
  known as (select exists (select from ${NAME}
     where slot_name = $1 and source_schema = $2 and source_table = $3 and lsn = $4::pg_lsn and ordinal = $5::bigint
       and operation = $6) as yes),
  recent as (select count(*) as n from (select from ${NAME}
     where slot_name = $1 and source_schema = $2 and source_table = $3 and rejected_at > now() - interval '1 hour'
     limit $14::bigint) as latest),
  put as (insert into ${NAME} (slot_name, source_schema, source_table, lsn, ordinal, operation, row_key, row_values, code,
     column_name, reason, label, committed_at)
   select $1::text, $2::text, $3::text, $4::pg_lsn, $5::bigint, $6::text, $7::jsonb, $8::jsonb, $9::text, $10::text,
     $11::text, $12::text, to_timestamp($13::numeric / 1000000)
     from durable, known, recent where durable.value = 'on' and not known.yes and recent.n < $14::bigint
   on conflict do nothing returning 1)
  select case when known.yes then 'known' when exists (select from put) or recent.n < $14::bigint then 'new' else 'full' end
    as verdict from known, recent`

/** A session of its own, opened with the first statement: whoever locks the table does not hold up the checkpoint. */
const session = Effect.fnUntraced(function*(address: PgAddress) {
  const { query } = yield* PostgresSql.make(address, APPLICATION_NAME, { lock_timeout: String(LOCK_MS_MAX) })
  return (statement: string, parameters: ReadonlyArray<unknown>) =>
    query(statement, parameters).pipe(
      Effect.timeoutOrElse({ duration: ANSWER_MS_MAX, orElse: () => Effect.fail(unanswered) }),
      Effect.mapError(failed)
    )
})

/** Writes on a session of its own. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Put, never, Scope.Scope> {
  const query = yield* session(options.address)
  return (row) =>
    Effect.suspend(() => {
      const { position, refusal, source } = row
      const values = options.values === "keep" ? row.values() : undefined
      return query(PUT, [
        options.slot,
        source.schema,
        source.name,
        Lsn.format(position.commitLsn),
        position.ordinal,
        row.operation,
        JSON.stringify(row.key),
        values === undefined ? null : JSON.stringify(values),
        refusal.code,
        refusal.context["column"] ?? null,
        RejectedRow.reasonOf(row),
        row.label,
        row.commitTime.toString(),
        options.perHourMax
      ])
    }).pipe(Effect.map((rows) => decodeVerdict(rows[0]).verdict))
})

/** A change of a row, of which it is asked whether an earlier one was left out. */
export type Asked = Pick<RejectedRow.RejectedRow, "key" | "position">

/**
 * For each change the commit of the last row of its key that was left out before it; undefined: none. At most some
 * thousands.
 */
export type LastLeftOut = (
  source: QualifiedName,
  changes: ReadonlyArray<Asked>
) => Effect.Effect<ReadonlyArray<bigint | undefined>, TransientError | SetupError>

const LAST = `select asked.n::int as n, (max(r.lsn) - '0/0'::pg_lsn)::text as lsn
  from jsonb_array_elements($4::jsonb) with ordinality as asked(change, n)
  join ${NAME} r on r.slot_name = $1 and r.source_schema = $2 and r.source_table = $3
   and r.row_key = asked.change -> 'key'
   and (r.lsn, r.ordinal) < ((asked.change ->> 'lsn')::pg_lsn, (asked.change ->> 'ordinal')::bigint)
 group by asked.n`
const decodeLast = Schema.decodeUnknownSync(
  Schema.Array(Schema.Struct({ n: Schema.Int, lsn: Schema.BigIntFromString }))
)

/** Reads on a session of its own. */
export const reader = Effect.fnUntraced(function*(place: Place): Effect.fn.Return<LastLeftOut, never, Scope.Scope> {
  const query = yield* session(place.address)
  return (source, changes) =>
    Effect.suspend(() => {
      const asked = changes.map(({ key, position: { commitLsn, ordinal } }) => ({
        key,
        lsn: Lsn.format(commitLsn),
        ordinal
      }))
      return query(LAST, [place.slot, source.schema, source.name, JSON.stringify(asked)])
    }).pipe(
      Effect.map((rows) => {
        const last = new Map(decodeLast(rows).map(({ lsn, n }) => [n - 1, lsn]))
        return changes.map((_, index) => last.get(index))
      })
    )
})
