/** Gives a StarRocks table the columns that the source's rows have from here on, in its place among the table's loads. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reannouncement, Reshape } from "../domain/Change.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Label from "../domain/Label.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as KeyChange from "../domain/schema/KeyChange.ts"
import { KnownShapes } from "../domain/schema/KnownShapes.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import type * as ShapeChange from "../domain/schema/ShapeChange.ts"
import * as ShapeError from "../domain/schema/ShapeError.ts"
import * as ShapeNews from "../domain/schema/ShapeNews.ts"
import { columnsByName } from "../domain/starrocks/TargetFacts.ts"
import type { TableMapping } from "../domain/Table.ts"
import * as CheckpointStore from "./CheckpointStore.ts"
import * as FoundExchanges from "./FoundExchanges.ts"
import * as Log from "./Log.ts"
import * as Metrics from "./Metrics.ts"
import type { PostgresSql } from "./PostgresSql.ts"
import * as SchemaAttempt from "./SchemaAttempt.ts"
import * as SourceShape from "./SourceShape.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import * as StarRocksFailure from "./StarRocksFailure.ts"
import type { StarRocksSql } from "./StarRocksSql.ts"
import { StreamLoader } from "./StreamLoader.ts"

const log = Log.module("SchemaEvolution")

const NOTHING_ADDED: ReadonlySet<string> = new Set()

export interface SchemaEvolution {
  /**
   * Succeeds when the target has everything that the rows of the new shape need, and their route is settled. What runs
   * already is waited for, what is there is not done again. Fails with a `PermanentError` of the table, and the statements that
   * mend it, when it cannot be done; what time can mend is tried again below.
   */
  readonly evolve: (reshape: Reshape) => Effect.Effect<void, Failure>
  /**
   * Looks what was done to a table whose rows have the shape that they had: fails with a `PermanentError` of the table when
   * its key is not unique any more, or made of other columns under its names, and tells when a column is another one than
   * before. Nothing of the target is looked at or changed.
   */
  readonly check: (announced: Reannouncement) => Effect.Effect<void, Failure>
  /** `at` of the table, as in `Exchange`. */
  readonly exchangedAt: (mapping: TableMapping) => Lsn.Lsn
  /** `trusted` of the table, as in `Trust`. */
  readonly trustedAfter: (mapping: TableMapping) => Lsn.Lsn
  /** The mapping with the target's columns as they are after what was done here, or as they were looked at last. */
  readonly current: (mapping: TableMapping) => TableMapping
  /** Grows when `current` may give others than before. */
  readonly changes: () => number
  /**
   * Looks at the target's columns, which somebody may have changed, and gives those that `current` had, as they are now: with the
   * same names, and as before where they are gone. A `TransientError` when StarRocks does not say.
   */
  readonly look: (mapping: TableMapping) => Effect.Effect<TableMapping["targetColumns"], Failure>
}

/** For one run of the pipeline, that begins at `start`. */
export const make = Effect.fnUntraced(function*(
  origin: Label.Origin,
  policy: SchemaChangePolicy,
  start: Lsn.Lsn
): Effect.fn.Return<SchemaEvolution, never, PostgresSql | StarRocksSql | StreamLoader | Scope.Scope> {
  const services = yield* Effect.context<PostgresSql | StarRocksSql>()
  const loader = yield* StreamLoader
  const attempt = yield* SchemaAttempt.make(policy)
  const shapes = new KnownShapes(start)

  const tell = Effect.fnUntraced(function*(task: SchemaAttempt.Task, before: TableMapping, startedMs: number) {
    const { columns, mapping, reshape, sent } = task
    const table = Identifier.show(mapping.source)
    const lsn = reshape.transaction === undefined ? {} : { lsn: Lsn.format(reshape.transaction.commitLsn) }
    for (let index = 0; index < sent.length; index++) yield* Metrics.schemaChanged(Identifier.show(mapping.target))
    yield* log.info("the rows of the table have another shape from here on", {
      table,
      columns: reshape.relation.columns.map(({ name }) => name),
      statements: sent.map((statement) => statement.sql),
      ms: (yield* Clock.currentTimeMillis) - startedMs,
      ...lsn
    })
    // What was added while the setup looked is taken for the work of an earlier run.
    const others = before.isChanging === true ? [...mapping.targetColumns.keys()] : []
    const added = new Set([
      ...sent.flatMap((statement) => (statement.kind === "add" ? statement.columns : [])),
      ...others.filter((name) => !before.targetColumns.has(name))
    ])
    for (const warning of ShapeNews.warnings({ ...reshape, mapping, columns }, added)) {
      yield* log.warn(warning, { table, ...lsn })
    }
  })

  /** What the catalogue says of the shape; fails when the rows of the table cannot be told by the key any more. */
  const sourceOf = Effect.fnUntraced(
    function*({ relation, transaction }: Reshape | Reannouncement, mapping: TableMapping) {
      const found = yield* SourceShape.read(relation, mapping, transaction?.xid).pipe(
        Effect.mapError(CheckpointStore.failed),
        Effect.provide(services)
      )
      const { columns, keys } = found
      const others = KeyChange.replaced(columns, mapping)
      if (others.length > 0) return yield* ShapeError.make(relation, mapping, others)
      // A key that lost a column does not fit its target, which is told of it.
      const isWhole = mapping.key.every((name) => columns.some((column) => column.name === name))
      const isUnique = keys?.some((key) => key.every((name) => mapping.key.includes(name))) !== false
      if (isWhole && !isUnique) return yield* ShapeError.keyNotUnique(mapping)
      return found
    }
  )

  /** What a run that reads the WAL again would not find is stored before the rows behind it are loaded. */
  const remember = Effect.fnUntraced(function*(...known: Parameters<KnownShapes["remember"]>) {
    const [mapping] = known
    const before = shapes.foundExchange(mapping)
    shapes.remember(...known)
    const exchange = shapes.foundExchange(mapping)
    if (exchange === undefined || exchange === before) return
    yield* FoundExchanges.store(origin, mapping.source, exchange).pipe(
      Effect.mapError(CheckpointStore.failed),
      Effect.provide(services)
    )
  })

  const check = Effect.fn("SchemaEvolution.check")(function*(announced: Reannouncement) {
    const { before, relation, transaction } = announced
    const mapping = shapes.current(announced.mapping)
    const found = yield* sourceOf(announced, mapping)
    const shape: ShapeChange.Shape = { relation, before, columns: found.columns, mapping, transaction }
    for (const warning of ShapeNews.warnings(shape, NOTHING_ADDED)) {
      yield* log.warn(warning, { table: Identifier.show(mapping.source) })
    }
    yield* remember(mapping, found, transaction, before)
  })

  const evolve = Effect.fn("SchemaEvolution.evolve")(function*(reshape: Reshape) {
    const mapping = shapes.current(reshape.mapping)
    const found = yield* sourceOf(reshape, mapping)
    const task = SchemaAttempt.begin(reshape, found.columns, mapping)
    const commitLsn = reshape.transaction?.commitLsn ?? Lsn.ZERO
    const at: Label.RowPosition = { commitLsn, ordinal: reshape.ordinal }
    const operation = {
      target: mapping.target,
      // No load and no truncation ends before it begins.
      label: Label.make(Label.scope(origin, mapping.source, mapping.target), { first: at, last: at, from: 1, to: 0 }),
      run: origin.run,
      lastCommitLsn: commitLsn,
      // What is on its way was written for the columns before.
      readsRows: true
    }
    const startedMs = yield* Clock.currentTimeMillis
    yield* loader.operate(operation, (remember) => attempt(task, remember)).pipe(
      Effect.catchTag("PermanentError", (error) => Effect.fail(SchemaAttempt.failed(task, error)))
    )
    yield* tell(task, mapping, startedMs)
    yield* remember(task.mapping, found, reshape.transaction, reshape.before)
  })

  const look = Effect.fn("SchemaEvolution.look")(function*(mapping: TableMapping) {
    const { source, target, targetColumns } = shapes.current(mapping)
    const columns = yield* StarRocksCatalog.readColumns(target).pipe(
      Effect.mapError(StarRocksFailure.ofCatalogue),
      Effect.provide(services)
    )
    const found = columnsByName({ columns })
    // What was added meanwhile is left to whoever carries a change of the source over.
    const looked = new Map([...targetColumns].map(([name, column]) => [name, found.get(name) ?? column]))
    const lifted = [...targetColumns.values()].filter(({ name, nullable }) => !nullable && looked.get(name)!.nullable)
    if (lifted.length > 0) {
      yield* log.info("columns of the StarRocks table take NULL by now", {
        table: Identifier.show(source),
        columns: lifted.map(({ name }) => name)
      })
    }
    shapes.retarget(mapping, looked)
    return looked
  })

  return {
    exchangedAt: (mapping) => shapes.exchangedAt(mapping),
    evolve,
    check,
    look,
    trustedAfter: (mapping) => shapes.trustedAfter(mapping),
    current: (mapping) => shapes.current(mapping),
    changes: () => shapes.changes
  }
})
