/** The demo's live view: one line a second on standard error. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Settings } from "../domain/config/Settings.ts"
import * as Identifier from "../domain/Identifier.ts"
import { JobControl } from "../layers/JobControl.ts"
import { PostgresSql } from "../layers/PostgresSql.ts"
import { Progress } from "../layers/Progress.ts"
import { StarRocksSql } from "../layers/StarRocksSql.ts"

const EVERY_MS = 1_000

/** Rows of both sides by table: source, live rows of the sink. */
const counts = Effect.fnUntraced(function*(settings: Settings, tables: ReadonlyArray<string>) {
  const postgres = yield* PostgresSql
  const starrocks = yield* StarRocksSql
  return yield* Effect.forEach(tables, (table) =>
    Effect.gen(function*() {
      const target = Identifier.quoteSrTable({ schema: settings.sink.database, name: table })
      const here = yield* postgres.query(`select count(*)::text as n from ${Identifier.quotePg(table)}`)
      const there = yield* starrocks.query(`SELECT count(*) AS n FROM ${target} WHERE dbmazz_is_deleted = false`)
      return { table, source: String(here[0]?.["n"]), sink: String(there[0]?.["n"]) }
    }))
})

/**
 * Shows counts, events a second and lag (now minus the commit time of the last acknowledged transaction) until it is
 * interrupted.
 */
export const show = Effect.fnUntraced(function*(settings: Settings, tables: ReadonlyArray<string>) {
  const progress = yield* Progress
  const { lifecycle } = yield* JobControl
  const startedAt = performance.now()
  let before = (yield* progress.get).rows
  let lookedAt = startedAt
  while (true) {
    yield* Effect.sleep(EVERY_MS)
    const rows = yield* counts(settings, tables)
    const state = yield* progress.get
    const { failure } = yield* SubscriptionRef.get(lifecycle)
    const now = performance.now()
    const rate = (state.rows - before) / ((now - lookedAt) / 1000)
    const lag = state.commitTime === undefined ? Number.NaN : Date.now() - Number(state.commitTime / 1000n)
    yield* Console.error([
      `${((now - startedAt) / 1000).toFixed(0).padStart(4)} s`,
      ...rows.map(({ sink, source, table }) => `${table} ${sink}/${source}`),
      `${rate.toFixed(0)} events/s`,
      `lag ${(lag / 1000).toFixed(1)} s`,
      ...(failure === undefined ? [] : [failure.message])
    ].join("  "))
    before = state.rows
    lookedAt = now
  }
})
