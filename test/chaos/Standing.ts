/** How far everybody is, for the one who has to find out why a round did not end: asked on connections of its own. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { run } from "../support/PostgresServer.ts"
import { SLOT, type World } from "./World.ts"

/** An answer later than this is one of the things to be known. */
const ANSWER_MS_MAX = 5_000

const ofSource = (world: World) =>
  Effect.map(
    run(
      world.source,
      `select s.active_pid, (s.confirmed_flush_lsn - '0/0')::text as confirmed, c.lsn::text as checkpoint,
         c.updated_at::text as checkpoint_at, (r.sent_lsn - '0/0')::text as sent, now()::text as now
       from pg_replication_slots s left join dbmazz_checkpoints c using (slot_name)
         left join pg_stat_replication r on r.pid = s.active_pid where s.slot_name = $1`,
      [SLOT]
    ),
    (rows) => rows[0]
  )

const ofSink = (world: World, session: number) =>
  Effect.gen(function*() {
    const limits = { connectMs: ANSWER_MS_MAX, statementMs: ANSWER_MS_MAX }
    const sql = Context.get(yield* Layer.build(StarRocksSql.layer(world.sink, limits)), StarRocksSql)
    const rows = yield* sql.query(
      `SELECT dbmazz_cdc_version AS marker FROM ${world.sink.database}.ledger WHERE session = ${session} AND seq = 0`
    )
    return rows[0]
  }).pipe(Effect.scoped, Effect.catch((error) => Effect.succeed({ marker: error.message })))

/** One line; `session` is the one of the transaction that is awaited. */
export const show = Effect.fnUntraced(function*(world: World, session: number) {
  const [source, sink] = [yield* ofSource(world), yield* ofSink(world, session)]
  const wires = Object.entries(world.wires).map(([name, wire]) => `${name} ${JSON.stringify(wire.statistics())}`)
  return [JSON.stringify(source), JSON.stringify(sink), ...wires].join("; ")
})
