/**
 * Looks at the publication while the job runs: what it does not publish any more is lost, and nothing else would say so. What it
 * finds is kept, with the tables' keys, so that neither a lost connection nor a restart hides anything.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type * as Identifier from "../domain/Identifier.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as PublicationChange from "../domain/postgres/PublicationChange.ts"
import * as SeenKeys from "../domain/schema/SeenKeys.ts"
import * as Seen from "../domain/Seen.ts"
import type { TableMapping } from "../domain/Table.ts"
import * as CheckpointIdentity from "../layers/CheckpointIdentity.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import type { PostgresSql } from "../layers/PostgresSql.ts"
import { Progress } from "../layers/Progress.ts"
import * as PublishedTables from "../layers/PublishedTables.ts"

const log = Log.module("Publication")

/** As often as the slot is looked at, in ms: the window in which a change may be missed unnoticed is as long. */
const EVERY_MS = 60_000
/** A look takes milliseconds, on the session that stores checkpoints: one that waits, for a lock say, is given up. In ms. */
const LOOK_MS_MAX = 5_000

export interface Watched {
  readonly slot: string
  /** That has claimed the slot. */
  readonly run: string
  readonly publication: string
  /** As the setup has found them. */
  readonly tables: ReadonlyArray<TableMapping>
  /** A table as it is known by now. */
  readonly current: (mapping: TableMapping) => TableMapping
  /** Where replication began. */
  readonly start: Lsn.Lsn
  /** Whether truncations are carried over. */
  readonly truncations: boolean
  /** Stops a table and gives what it has stopped for, which is another reason when it had stopped before; fails when none is left. */
  readonly stop: (
    table: Identifier.QualifiedName,
    error: PermanentError
  ) => Effect.Effect<PermanentError, PermanentError>
  /** In ms; undefined: every minute. */
  readonly everyMs?: number
}

export interface PublicationWatch {
  /** Looks once. Fails when nothing more can be replicated. A look that PostgreSQL does not answer is skipped. */
  readonly look: Effect.Effect<void, PermanentError>
  /** Looks at once and then in equal intervals, until it fails. */
  readonly watch: Effect.Effect<never, PermanentError>
}

/**
 * What was seen of the publication and of the keys outlives a run of the pipeline, so that a lost connection hides nothing. Before
 * this returns, tables are stopped whose key is another one than when their rows were loaded; fails when no table is left.
 */
export const make = Effect.fnUntraced(function*(
  watched: Watched
): Effect.fn.Return<PublicationWatch, PermanentError, CheckpointStore | JobControl | PostgresSql | Progress> {
  const { current, everyMs = EVERY_MS, publication, run, slot, start, stop, truncations } = watched
  const tables = watched.tables.map(({ source }) => source)
  const context = yield* Effect.context<PostgresSql>()
  const progress = yield* Progress
  const store = yield* CheckpointStore
  const { lifecycle } = yield* JobControl
  const { attempt } = yield* SubscriptionRef.get(lifecycle)
  const resumes = attempt?.resumes ?? 0
  let kept: PublicationChange.SeenTables = new Map()
  let keptKeys: SeenKeys.SeenKeys = new Map()
  let keptAt: Lsn.Lsn | undefined

  /** A later start compares with it. Of an idle job the moment alone is not worth the WAL that storing it would write. */
  const keep = Effect.fnUntraced(function*(seen: PublicationChange.SeenTables, checkpoint: Lsn.Lsn | undefined) {
    const keys = Seen.stored((yield* progress.get).keys)
    const isKept = PublicationChange.isSame(kept, seen) && SeenKeys.isSame(keptKeys, keys)
    if (keptAt === checkpoint && isKept) return
    yield* CheckpointIdentity.storePublished(slot, run, { publication, tables: seen, keys })
    kept = seen
    keptKeys = keys
    keptAt = checkpoint
  })

  const tell = Effect.fnUntraced(function*({ error, table }: PublicationChange.Lost) {
    const reason = yield* stop(table, error)
    if (reason.code === error.code) return
    yield* progress.update((state) => ({ ...state, published: Seen.untold(state.published, table) }))
  })

  const tellKey = Effect.fnUntraced(function*({ error, table }: SeenKeys.Moved) {
    const reason = yield* stop(table, error)
    if (reason.code === error.code && reason.context["columns"] === error.context["columns"]) return
    yield* progress.update((state) => ({ ...state, keys: Seen.untold(state.keys, table) }))
  })

  const lookAtKeys = Effect.gen(function*() {
    const known = Seen.accepted((yield* progress.get).keys, resumes)
    const { moved, seen } = SeenKeys.judge(slot, watched.tables.map(current), known, resumes)
    yield* progress.update((state) => ({ ...state, keys: seen }))
    // Also when the first of them was the last that was left.
    const [, [ended]] = yield* Effect.partition(moved, tellKey)
    if (ended !== undefined) return yield* ended
  })

  const lookAtPublication = Effect.gen(function*() {
    // Asked first: what was published when it was read was so up to here.
    const atMs = yield* Clock.currentTimeMillis
    const position = yield* store.walEnd
    const facts = yield* PublishedTables.read(publication, tables, truncations)
    const { position: checkpoint, published } = yield* progress.get
    const seen = Seen.accepted(published, resumes)
    const verdict = PublicationChange.judge(
      { slot, publication, tables, seen, start, resumes },
      { position, atMs },
      facts
    )
    yield* progress.update((state) => ({ ...state, published: verdict.seen }))
    yield* keep(PublicationChange.stored(verdict.seen), checkpoint).pipe(
      Effect.catch((error) =>
        log.debug("how the tables are published could not be stored", () => ({ reason: error.message }))
      )
    )
    return verdict
  }).pipe(
    Effect.provide(context),
    Effect.timeout(LOOK_MS_MAX),
    // Whether PostgreSQL is there is others' concern.
    Effect.catch((error) =>
      Effect.as(log.debug("the publication could not be looked at", () => ({ reason: error.message })), undefined)
    ),
    Effect.flatMap((verdict) => {
      if (verdict === undefined) return Effect.void
      if (verdict.broken !== undefined) return Effect.fail(verdict.broken)
      // Also when the first of them was the last that was left.
      return Effect.flatMap(
        Effect.partition(verdict.lost, tell),
        ([, [ended]]) => ended === undefined ? Effect.void : Effect.fail(ended)
      )
    })
  )
  yield* lookAtKeys
  const look = Effect.andThen(lookAtKeys, lookAtPublication)
  return { look, watch: Effect.forever(Effect.andThen(look, Effect.sleep(everyMs))) }
})
