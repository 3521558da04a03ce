/**
 * The metrics of docs/metrics.md, and the moments at which they move: a batch, a load, a retry, a sample. Never a row.
 * They live in Effect's metric registry; Prometheus and OpenTelemetry read them there.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Batch, Carried } from "../domain/Batch.ts"
import { type Definition, METRICS } from "../domain/control/MetricCatalogue.ts"
import * as ProcessReadings from "./ProcessReadings.ts"

const about = (definition: Definition) => ({
  description: definition.meaning,
  // Prometheus names carry the unit; OpenTelemetry wants it beside the name.
  ...(definition.unit === undefined ? {} : { attributes: { unit: definition.unit } })
})
const counter = (definition: Definition & { readonly type: "counter" }) =>
  Metric.counter(definition.name, { ...about(definition), incremental: true })
const gauge = (definition: Definition & { readonly type: "gauge" }) => Metric.gauge(definition.name, about(definition))
const histogram = (definition: Definition & { readonly boundaries: ReadonlyArray<number> }) =>
  Metric.histogram(definition.name, { ...about(definition), boundaries: definition.boundaries })

const buildInfo = gauge(METRICS.buildInfo)
const rowsAcknowledged = counter(METRICS.rowsAcknowledged)
const walBytesAcknowledged = counter(METRICS.walBytesAcknowledged)
const batchesSent = counter(METRICS.batchesSent)
const batchRows = histogram(METRICS.batchRows)
const batchBytes = histogram(METRICS.batchBytes)
const acknowledgeLatency = histogram(METRICS.acknowledgeLatency)
const loads = counter(METRICS.loads)
const loadRows = counter(METRICS.loadRows)
const loadBytes = counter(METRICS.loadBytes)
const loadDuration = histogram(METRICS.loadDuration)
const retries = counter(METRICS.retries)
const rejectedRows = counter(METRICS.rejectedRows)
const schemaChanges = counter(METRICS.schemaChanges)
const eventsProcessed = counter(METRICS.eventsProcessed)
const eventLoopDelay = gauge(METRICS.eventLoopDelay)
const residentMemory = gauge(METRICS.residentMemory)
const cpuSeconds = counter(METRICS.cpuSeconds)

/** Gauges that a sample sets; one whose value is unknown is absent rather than 0. */
const SAMPLED = {
  replicating: gauge(METRICS.replicating),
  paused: gauge(METRICS.paused),
  lagBytes: gauge(METRICS.lagBytes),
  lagMs: gauge(METRICS.lagMs),
  slotRetainedBytes: gauge(METRICS.slotRetainedBytes),
  slotSafeBytes: gauge(METRICS.slotSafeBytes),
  bufferBytes: gauge(METRICS.bufferBytes),
  bufferLimitBytes: gauge(METRICS.bufferLimitBytes),
  readingPaused: gauge(METRICS.readingPaused),
  stoppedTables: gauge(METRICS.stoppedTables),
  waitingTables: gauge(METRICS.waitingTables),
  eventsPerSecond: gauge(METRICS.eventsPerSecond),
  pendingEvents: gauge(METRICS.pendingEvents)
} as const
type Sampled = keyof typeof SAMPLED
const SAMPLED_NAMES = Object.keys(SAMPLED) as ReadonlyArray<Sampled>

/** Without a label they start at 0, so that a rate over them is known from the first one on. */
const FROM_ZERO = [
  walBytesAcknowledged,
  batchesSent,
  batchRows,
  batchBytes,
  acknowledgeLatency,
  loadDuration,
  eventsProcessed
]

/** A batch that StarRocks has, after its checkpoint was stored. */
export interface Acknowledged {
  /** Row changes, a truncation counting as one, and bytes of WAL. */
  readonly rows: number
  readonly bytes: number
  /** Row changes by target table (`database.table`). */
  readonly tables: Iterable<readonly [table: string, rows: number]>
  /** Commit of the last complete transaction in it, in ms since 1970; undefined when it completes none. */
  readonly commitTimeMs: number | undefined
  readonly nowMs: number
}

/** What is counted of a batch that was acknowledged just now; `carried` is by target. Looks at no row. */
export const acknowledged = (
  { bytes, commitTime }: Batch,
  carried: ReadonlyMap<string, Carried>,
  nowMs: number
): Acknowledged => ({
  rows: [...carried.values()].reduce((sum, { rows, truncations }) => sum + rows + truncations, 0),
  bytes,
  tables: [...carried].flatMap(([table, { rows }]) => rows === 0 ? [] : [[table, rows]]),
  commitTimeMs: commitTime === undefined ? undefined : Number(commitTime / 1000n),
  nowMs
})

/** Called once a batch. A batch without rows only moves the bytes. */
export const batchAcknowledged = Effect.fnUntraced(function*(batch: Acknowledged) {
  yield* Metric.update(walBytesAcknowledged, batch.bytes)
  if (batch.rows === 0) return
  yield* Metric.update(batchesSent, 1)
  yield* Metric.update(eventsProcessed, batch.rows)
  yield* Metric.update(batchRows, batch.rows)
  yield* Metric.update(batchBytes, batch.bytes)
  for (const [table, rows] of batch.tables) {
    yield* Metric.update(Metric.withAttributes(rowsAcknowledged, { table }), rows)
  }
  if (batch.commitTimeMs === undefined) return
  yield* Metric.update(acknowledgeLatency, Math.max(0, batch.nowMs - batch.commitTimeMs) / 1000)
})

export type LoadOutcome = "loaded" | "already_loaded" | "split" | "failed" | "interrupted"

/** A load that is over. Rows and bytes count only when StarRocks acknowledged them. */
export interface FinishedLoad {
  /** `database.table` in StarRocks. */
  readonly table: string
  readonly outcome: LoadOutcome
  readonly ms: number
  readonly rows: number
  readonly bytes: number
}

/** Called once a load. */
export const loadFinished = Effect.fnUntraced(function*({ bytes, ms, outcome, rows, table }: FinishedLoad) {
  yield* Metric.update(Metric.withAttributes(loads, { table, outcome }), 1)
  if (outcome !== "loaded" && outcome !== "already_loaded") return
  yield* Metric.update(Metric.withAttributes(loadRows, { table }), rows)
  yield* Metric.update(Metric.withAttributes(loadBytes, { table }), bytes)
  yield* Metric.update(loadDuration, ms / 1000)
})

/** Something is to be tried again for this reason: a code of docs/errors.md, of which there are few. */
export const retrying = (reason: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(retries, { reason }), 1)

/** A row was diverted that was not before. `table` is the target. */
export const rowRejected = (table: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(rejectedRows, { table }), 1)

/** StarRocks has carried an ALTER TABLE out; `table` is the target. */
export const schemaChanged = (table: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(schemaChanges, { table }), 1)

/** What a look at the job shows; booleans become 1 and 0, and what is undefined is not shown. */
export type Sample = { readonly [Name in Sampled]: number | boolean | undefined }

/** Called once a sample. */
export const observe = Effect.fnUntraced(function*(sample: Sample) {
  for (const name of SAMPLED_NAMES) {
    const value = sample[name]
    yield* value === undefined ? Metric.remove(SAMPLED[name]) : Metric.update(SAMPLED[name], Number(value))
  }
})

/** Attributes are kept, so that the series is the one that is shown. */
const live = <State>(metric: Metric.Metric<number, State>, get: () => State): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context) =>
    Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() =>
        Metric.registerUnsafe(metric, context, { get, update: () => undefined, modify: () => undefined })
      ),
      (registration) => Effect.sync(() => registration.remove())
    ))
  )

/**
 * Shows what is known without the job: the build, and the process as it is when somebody looks. The readings end with the
 * scope.
 */
export const layer = (version: string): Layer.Layer<never> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const readings = yield* ProcessReadings.make
    yield* Metric.update(Metric.withAttributes(buildInfo, { version, node: process.versions.node }), 1)
    for (const metric of FROM_ZERO) yield* Metric.value<number, unknown>(metric)
    yield* live(residentMemory, () => ({ value: readings.residentBytes() }))
    yield* live(cpuSeconds, () => ({ count: readings.cpuSeconds(), incremental: true }))
    for (const quantile of ProcessReadings.QUANTILES) {
      const delay = Metric.withAttributes(eventLoopDelay, { quantile: String(quantile) })
      yield* live(delay, () => ({ value: readings.eventLoopDelaySeconds(quantile) }))
    }
  }))
