/**
 * Looks at the publication while the job runs: what it does not publish any more is lost, and nothing else would say so. What it
 * finds is kept, with the tables' keys and columns, so that neither a lost connection nor a restart hides anything.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type * as Lsn from "../domain/Lsn.ts"
import * as PublicationChange from "../domain/postgres/PublicationChange.ts"
import * as SeenColumns from "../domain/schema/SeenColumns.ts"
import * as SeenKeys from "../domain/schema/SeenKeys.ts"
import * as ShapeNews from "../domain/schema/ShapeNews.ts"
import * as Seen from "../domain/Seen.ts"
import type { TableMapping } from "../domain/Table.ts"
import * as CheckpointIdentity from "../layers/CheckpointIdentity.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import type { PostgresSql } from "../layers/PostgresSql.ts"
import { Progress } from "../layers/Progress.ts"
import * as PublishedTables from "../layers/PublishedTables.ts"
import type { SchemaEvolution } from "../layers/SchemaEvolution.ts"

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
  /** The tables as they are known by now. */
  readonly shapes: Pick<SchemaEvolution, "current" | "changes">
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
  /** Stores what is known of the columns by now: done before a checkpoint, no restart hides what a table had before it. */
  readonly remember: Effect.Effect<void>
  /** Looks at once and then in equal intervals, until it fails. */
  readonly watch: Effect.Effect<never, PermanentError>
}

/** What is compared at each look. */
type Remembered = Omit<PublicationChange.Left, "exchanged">

const isSame = (one: Remembered, other: Remembered): boolean =>
  PublicationChange.isSame(one.tables, other.tables) && SeenKeys.isSame(one.keys, other.keys) &&
  SeenColumns.isSame(one.columns, other.columns)

/**
 * What was seen of the publication, the keys and the columns outlives a run of the pipeline, so that a lost connection hides
 * nothing. Before this returns, tables are stopped whose key is another one than when their rows were loaded, and it is told of
 * other columns; fails when no table is left.
 */
export const make = Effect.fnUntraced(function*(
  watched: Watched
): Effect.fn.Return<PublicationWatch, PermanentError, CheckpointStore | JobControl | PostgresSql | Progress> {
  const { everyMs = EVERY_MS, publication, run, shapes, slot, start, stop, truncations } = watched
  const tables = watched.tables.map(({ source }) => source)
  const context = yield* Effect.context<PostgresSql>()
  const progress = yield* Progress
  const store = yield* CheckpointStore
  const { lifecycle } = yield* JobControl
  const { attempt } = yield* SubscriptionRef.get(lifecycle)
  const resumes = attempt?.resumes ?? 0
  let kept: Remembered = { publication, tables: new Map(), keys: new Map(), columns: new Map() }
  let keptAt: Lsn.Lsn | undefined
  let remembered = shapes.changes()
  // What is stored last is what was known last.
  const turn = yield* Semaphore.make(1)

  /** A later start compares with it. Of an idle job the moment alone is not worth the WAL that storing it would write. */
  const keep = Effect.gen(function*() {
    const { columns, keys, position, published } = yield* progress.get
    const left: Remembered = {
      publication,
      tables: PublicationChange.stored(published),
      keys: Seen.stored(keys),
      columns: SeenColumns.stored(columns)
    }
    if (keptAt === position && isSame(kept, left)) return
    yield* CheckpointIdentity.storePublished(slot, run, left)
    kept = left
    keptAt = position
  }).pipe(
    (storing) => turn.withPermit(storing),
    Effect.catch((error) =>
      log.debug("how the tables are published could not be stored", () => ({ reason: error.message }))
    )
  )

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
    const { moved, seen } = SeenKeys.judge(slot, watched.tables.map(shapes.current), known, resumes)
    yield* progress.update((state) => ({ ...state, keys: seen }))
    // Also when the first of them was the last that was left.
    const [, [ended]] = yield* Effect.partition(moved, tellKey)
    if (ended !== undefined) return yield* ended
  })

  const lookAtColumns = progress.update((state) => ({
    ...state,
    columns: SeenColumns.now(watched.tables.map(shapes.current), state.columns)
  }))

  /** What the WAL announces later is told then. */
  const tellColumns = Effect.gen(function*() {
    const { columns } = yield* progress.get
    for (const mapping of watched.tables) {
      for (const finding of SeenColumns.findings(mapping, columns)) {
        yield* log.warn(ShapeNews.sinceBefore(finding, mapping), { table: Identifier.show(mapping.source) })
      }
    }
    yield* lookAtColumns
  })

  const remember = Effect.gen(function*() {
    const changes = shapes.changes()
    if (changes === remembered) return
    remembered = changes
    yield* lookAtColumns
    yield* keep
  }).pipe(Effect.provide(context))

  const lookAtPublication = Effect.gen(function*() {
    // Asked first: what was published when it was read was so up to here.
    const atMs = yield* Clock.currentTimeMillis
    const position = yield* store.walEnd
    const facts = yield* PublishedTables.read(publication, tables, truncations)
    const { published } = yield* progress.get
    const seen = Seen.accepted(published, resumes)
    const verdict = PublicationChange.judge(
      { slot, publication, tables, seen, start, resumes },
      { position, atMs },
      facts
    )
    yield* progress.update((state) => ({ ...state, published: verdict.seen }))
    yield* keep
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
  yield* tellColumns
  const look = lookAtKeys.pipe(Effect.andThen(lookAtColumns), Effect.andThen(lookAtPublication))
  return { look, remember, watch: Effect.forever(Effect.andThen(look, Effect.sleep(everyMs))) }
})
