/** Looks at the publication while the job runs: what it does not publish any more is lost, and nothing else would say so. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type * as Identifier from "../domain/Identifier.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as PublicationChange from "../domain/postgres/PublicationChange.ts"
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
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
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

/** What was seen of the publication outlives a run of the pipeline, so that a lost connection hides nothing. */
export const make = Effect.fnUntraced(function*(
  watched: Watched
): Effect.fn.Return<PublicationWatch, never, CheckpointStore | JobControl | PostgresSql | Progress> {
  const { everyMs = EVERY_MS, publication, run, slot, start, stop, tables, truncations } = watched
  const context = yield* Effect.context<PostgresSql>()
  const progress = yield* Progress
  const store = yield* CheckpointStore
  const { lifecycle } = yield* JobControl
  const { attempt } = yield* SubscriptionRef.get(lifecycle)
  const resumes = attempt?.resumes ?? 0
  let kept: PublicationChange.SeenTables = new Map()
  let keptAt: Lsn.Lsn | undefined

  /** A later start compares with it. Of an idle job the moment alone is not worth the WAL that storing it would write. */
  const keep = Effect.fnUntraced(function*(seen: PublicationChange.SeenTables, checkpoint: Lsn.Lsn | undefined) {
    if (keptAt === checkpoint && PublicationChange.isSame(kept, seen)) return
    yield* CheckpointIdentity.storePublished(slot, run, { publication, tables: seen })
    kept = seen
    keptAt = checkpoint
  })

  const tell = Effect.fnUntraced(function*({ error, table }: PublicationChange.Lost) {
    const reason = yield* stop(table, error)
    if (reason.code === error.code) return
    yield* progress.update((state) => ({ ...state, published: PublicationChange.untold(state.published, table) }))
  })

  const look = Effect.gen(function*() {
    // Asked first: what was published when it was read was so up to here.
    const atMs = yield* Clock.currentTimeMillis
    const position = yield* store.walEnd
    const facts = yield* PublishedTables.read(publication, tables, truncations)
    const { position: checkpoint, published } = yield* progress.get
    const seen = PublicationChange.accepted(published, resumes)
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
  return { look, watch: Effect.forever(Effect.andThen(look, Effect.sleep(everyMs))) }
})
