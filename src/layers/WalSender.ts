/** What PostgreSQL says, over an SQL connection, about the process that sends us WAL, or that reads our slot instead of us. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type * as Liveness from "../domain/postgres/Liveness.ts"
import type * as SlotTakeover from "../domain/postgres/SlotTakeover.ts"
import type { PostgresSql } from "./PostgresSql.ts"

type Query = PostgresSql["Service"]["query"]

const SightRow = Schema.Struct({
  pid: Schema.NullOr(Schema.Int),
  waitEventType: Schema.NullOr(Schema.String),
  waitEvent: Schema.NullOr(Schema.String),
  repliedAtMs: Schema.NullOr(Schema.Finite)
})
const decodeSight = Schema.decodeUnknownSync(SightRow)

/** In these classes of wait events a walsender waits for its client or for WAL, and answers whoever speaks to it. */
const WAITING_FOR_US: ReadonlySet<string> = new Set(["Client", "Activity"])

const unanswered = (error: PgSqlError | TransientError | SetupError): Liveness.Sight => {
  // The server has spoken: it is there, whatever it said.
  const spoke = error._tag !== "TransientError" || error.context["sqlState"] !== undefined
  return { _tag: spoke ? "Unreadable" : "Unreachable", error: error.message }
}

/**
 * Looks at the walsender with this pid, which reads this slot. Never fails: that there is no answer is an answer too. The
 * role sees its own sessions without further rights.
 */
export const look = (
  query: Query,
  slot: string,
  pid: number,
  answerMsMax: number
): Effect.Effect<Liveness.Sight> =>
  query(
    `select s.active_pid as pid, a.wait_event_type as "waitEventType", a.wait_event as "waitEvent",
            (extract(epoch from r.reply_time) * 1000)::float8 as "repliedAtMs"
       from pg_replication_slots s
       left join pg_stat_activity a on a.pid = s.active_pid
       left join pg_stat_replication r on r.pid = s.active_pid
      where s.slot_name = $1`,
    [slot]
  ).pipe(
    Effect.map((rows): Liveness.Sight => {
      if (rows.length === 0) return { _tag: "Gone" }
      const found = decodeSight(rows[0])
      if (found.pid !== pid) return { _tag: "Gone" }
      return found.waitEventType !== null && WAITING_FOR_US.has(found.waitEventType)
        ? { _tag: "Waiting", event: found.waitEvent ?? "", repliedAtMs: found.repliedAtMs ?? undefined }
        : { _tag: "Working" }
    }),
    Effect.catch((error) => Effect.succeed(unanswered(error))),
    Effect.timeoutOrElse({
      duration: answerMsMax,
      orElse: () => Effect.succeed<Liveness.Sight>({ _tag: "Unreachable", error: "no answer in time" })
    })
  )

const HolderRow = Schema.Struct({
  pid: Schema.Int,
  applicationName: Schema.NullOr(Schema.String),
  client: Schema.NullOr(Schema.String),
  state: Schema.NullOr(Schema.String),
  sinceMs: Schema.NullOr(Schema.Finite),
  unheardMs: Schema.NullOr(Schema.Finite)
})
const decodeHolder = Schema.decodeUnknownSync(HolderRow)

/** Who reads the slot at the moment; undefined when nobody does or the server does not answer. Never fails. */
export const holder = (
  query: Query,
  slot: string,
  answerMsMax: number
): Effect.Effect<SlotTakeover.Holder | undefined> =>
  query(
    `select s.active_pid as pid, a.application_name as "applicationName",
            coalesce(host(a.client_addr), 'local') || coalesce(':' || nullif(a.client_port, -1), '') as client,
            r.state, (extract(epoch from clock_timestamp() - a.backend_start) * 1000)::float8 as "sinceMs",
            (extract(epoch from clock_timestamp() - r.reply_time) * 1000)::float8 as "unheardMs"
       from pg_replication_slots s
       left join pg_stat_activity a on a.pid = s.active_pid
       left join pg_stat_replication r on r.pid = s.active_pid
      where s.slot_name = $1 and s.active_pid is not null`,
    [slot]
  ).pipe(
    Effect.map((rows) => {
      if (rows.length === 0) return undefined
      const found = decodeHolder(rows[0])
      return {
        pid: found.pid,
        applicationName: found.applicationName ?? undefined,
        client: found.client ?? undefined,
        state: found.state ?? undefined,
        sinceMs: found.sinceMs ?? undefined,
        unheardMs: found.unheardMs ?? undefined
      }
    }),
    Effect.orElseSucceed(() => undefined),
    Effect.timeoutOrElse({ duration: answerMsMax, orElse: () => Effect.succeed(undefined) })
  )
