import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Batch } from "../../src/domain/Batch.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { SPANS_PER_SECOND_MAX } from "../../src/layers/BatchSpans.ts"
import * as Metrics from "../../src/layers/Metrics.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Telemetry from "../../src/layers/Telemetry.ts"
import * as Loads from "../../src/streams/Loads.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll } from "../support/Rows.ts"
import { freshMetrics } from "./control/HttpWorld.ts"

const SECRET = "c0llector-k3y"
/** Short enough for a test; the ends are what is looked at. */
const QUICK: Telemetry.Limits = { spansEveryMs: 20, metricsEveryMs: 20, exportMs: 300, shutdownMs: 1_000 }

const NAMES = ["a", "b"] as const
const TABLES = NAMES.map((name) => mapping(name, ["id"], { id: "bigint(20)" }))
const RELATIONS = NAMES.map((name, index) => Bytes.relation(index + 1, name, [{ name: "id", oid: 20 }]))

/** A batch with one row for each of the two tables. */
const batch = (id: number): Batch => {
  const made = new Batch()
  const rows = NAMES.map((_, index) => Bytes.insert(index + 1, [String(id)]))
  for (const change of decodeAll(TABLES, [...RELATIONS, Bytes.begin(1n), ...rows, Bytes.commit(1n, 9n)])) {
    made.add(change)
  }
  return made
}

/** Loads so many batches into a StarRocks that takes them, as a pipeline that has its own span does. */
const loadBatches = (count: number) =>
  Effect.gen(function*() {
    const starrocks = yield* HttpStage.start((turn) => turn.read(() => turn.reply(HttpStage.loaded(1))))
    const sink = {
      url: starrocks.url,
      host: starrocks.host,
      sqlPort: 9030,
      database: "shop",
      user: "root",
      password: Redacted.make("hunter2")
    }
    const loader = StreamLoader.layer({ baseMs: 1, maxMs: 4, maxElapsedMs: 0 }).pipe(
      Layer.provide([LoadsInFlight.layer(), StreamLoadClient.layer(sink)])
    )
    yield* Effect.gen(function*() {
      const loads = yield* Loads.make({
        origin: { systemIdentifier: "7", timeline: 1, database: "shop", slot: "s", run: "1" },
        bytesMax: 1 << 20,
        tableCount: TABLES.length,
        truncate: () => Effect.void,
        resolve: () => Effect.void,
        schema: {
          exchangedAt: () => Lsn.ZERO,
          evolve: () => Effect.void,
          check: () => Effect.void,
          trustedAfter: () => Lsn.ZERO,
          current: (mapping) => mapping,
          changes: () => 0,
          look: ({ targetColumns }) => Effect.succeed(targetColumns)
        },
        onStopped: () => Effect.void,
        onWaiting: () => Effect.void
      })
      for (let id = 1; id <= count; id++) yield* loads.load(batch(id))
    }).pipe(Effect.withSpan("Pipeline.run"), Effect.provide(loader))
  })

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
}

const isPath = (path: string) => (turn: HttpStage.Turn) => turn.path === path

/** A collector, as far as its requests go. */
const collector = (play: (turn: HttpStage.Turn) => void = (turn) => turn.reply("{}")) =>
  Effect.map(HttpStage.start((turn) => turn.read(() => play(turn))), (stage) => ({
    url: stage.url,
    turns: stage.turns,
    spans: (): ReadonlyArray<Span> =>
      stage.turns.filter(isPath("/v1/traces")).flatMap(({ body }) =>
        JSON.parse(body.toString()).resourceSpans.flatMap((resource: { readonly scopeSpans: ReadonlyArray<object> }) =>
          resource.scopeSpans.flatMap((scope) => (scope as { readonly spans: ReadonlyArray<Span> }).spans)
        )
      ),
    metrics: (): ReadonlyArray<Record<string, unknown>> =>
      stage.turns.filter(isPath("/v1/metrics")).filter(({ body }) => body.length > 0).map(({ body }) =>
        JSON.parse(body.toString()).resourceMetrics[0].scopeMetrics[0].metrics
      ).at(-1) ?? []
  }))

const options = (endpoint: string | undefined): Telemetry.TelemetryOptions => ({
  endpoint,
  headers: Redacted.make(`x-key=${SECRET},x-other=a%20b`),
  serviceName: "orders-job",
  version: "1.2.3"
})

/** Runs under telemetry to its end, and gives what was logged, debugging included. */
const under = (
  endpoint: string | undefined,
  body: Effect.Effect<void, unknown, Scope.Scope>,
  limits: Telemetry.Limits = QUICK
) => {
  const lines: Array<string> = []
  const log = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
  const around = Layer.mergeAll(log, Layer.succeed(References.MinimumLogLevel, "Debug"), freshMetrics)
  return Effect.scoped(body).pipe(
    Effect.provide(Layer.provideMerge(Telemetry.layer(options(endpoint), limits), around)),
    Effect.orDie,
    Effect.as(lines)
  )
}

describe("OpenTelemetry: an operator sees where a batch spent its time, and the job does not notice", () => {
  it.live("each batch is a trace of its own with one span for each load, and nothing else is sent", () =>
    Effect.gen(function*() {
      const collected = yield* collector()
      const lines = yield* under(collected.url, loadBatches(2))
      const spans = collected.spans()
      const batches = spans.filter(({ name }) => name === "dbmazz.batch")
      assert.deepStrictEqual(spans.map(({ name }) => name).sort(), [
        ...Array.from({ length: 2 }, () => "dbmazz.batch"),
        ...Array.from({ length: 4 }, () => "dbmazz.load")
      ])
      assert.strictEqual(new Set(batches.map(({ traceId }) => traceId)).size, 2)
      for (const batchSpan of batches) {
        assert.isUndefined(batchSpan.parentSpanId)
        const loads = spans.filter(({ parentSpanId }) => parentSpanId === batchSpan.spanId)
        const told = loads.map(({ attributes }) => Object.fromEntries(attributes.map(({ key, value }) => [key, value])))
        assert.deepStrictEqual(told.map(({ table }) => String(table?.["stringValue"])).sort(), ["d.a", "d.b"])
        assert.deepStrictEqual(told.map(({ rows }) => rows), [{ intValue: 1 }, { intValue: 1 }])
        assert.deepStrictEqual(told.map(({ attempts }) => attempts), [{ intValue: 1 }, { intValue: 1 }])
      }
      const [first] = collected.turns
      assert.strictEqual(first?.headers["x-key"], SECRET)
      assert.strictEqual(first?.headers["x-other"], "a b")
      assert.include(first?.body.toString() ?? "", "orders-job")
      assert.notInclude(lines.join("\n"), SECRET)
      assert.notInclude(collected.turns.map(({ body }) => body.toString()).join("\n"), "hunter2")
    }))

  it.live("the metrics of /metrics arrive with their units", () =>
    Effect.gen(function*() {
      const collected = yield* collector()
      yield* under(
        collected.url,
        Metrics.batchAcknowledged({
          ...Metrics.acknowledged(
            batch(1),
            new Map(NAMES.map((name) => [`d.${name}`, { rows: 1, truncations: 0 }])),
            1
          ),
          rows: 2,
          bytes: 7,
          commitTimeMs: 0
        })
      )
      const metrics = collected.metrics()
      const bytes = metrics.find(({ name }) => name === "dbmazz_wal_bytes_acknowledged_total")
      assert.deepInclude(bytes, { unit: "By" })
      assert.match(JSON.stringify(bytes), /"asDouble":7/)
      const rows = JSON.stringify(metrics.find(({ name }) => name === "dbmazz_rows_acknowledged_total"))
      for (const table of ["d.a", "d.b"]) assert.include(rows, `{"stringValue":"${table}"}`)
      assert.strictEqual(rows.match(/"asDouble":1\b/g)?.length, 2)
      assert.isDefined(metrics.find(({ name }) => name === "dbmazz_commit_to_acknowledged_seconds"))
    }))

  const BAD: ReadonlyArray<readonly [title: string, play: (turn: HttpStage.Turn) => void]> = [
    ["refuses", (turn) => turn.reply(SECRET, 503)],
    ["breaks connections", (turn) => turn.reset()],
    ["never answers", () => undefined]
  ]
  for (const [title, play] of BAD) {
    it.live(`a collector that ${title} holds nothing up, and is one warning for each kind without the secret`, () =>
      Effect.gen(function*() {
        const bad = yield* collector(play)
        // The exporter's own wait between its tries is a second: three tries are seen within four.
        const lines = yield* under(
          bad.url,
          loadBatches(3).pipe(
            Effect.andThen(
              Effect.sync(() => bad.turns.filter(isPath("/v1/metrics")).length).pipe(
                Effect.repeat({ until: (count) => count >= 2, schedule: Schedule.spaced("20 millis") })
              )
            )
          )
        )
        const warnings = lines.filter((line) =>
          line.includes("\"level\":\"WARN\"") || line.includes("\"level\":\"ERROR\"")
        )
        assert.isAtLeast(warnings.length, 1)
        assert.isAtMost(warnings.length, 2)
        assert.include(warnings[0], "telemetry cannot be delivered")
        assert.notInclude(lines.join("\n"), SECRET)
      }))
  }

  it.live("a collector that is not there does not hold up the end of the process either", () =>
    Effect.gen(function*() {
      const lines = yield* under("http://127.0.0.1:1", loadBatches(1)).pipe(Effect.timeout("5 seconds"))
      assert.isAtMost(lines.filter((line) => line.includes("telemetry")).length, 2)
    }))

  it.effect("off: the tracer is the one that was there, and no fiber runs for it", () =>
    Effect.gen(function*() {
      const before = yield* Tracer.Tracer
      const during = yield* Effect.provide(Tracer.Tracer, Telemetry.layer(options(undefined)))
      assert.strictEqual(during, before)
      assert.strictEqual(Telemetry.layer(options("")), Layer.empty)
    }))

  it.live("more spans than the bound are not sent, so that a storm of loads does not fill memory", () =>
    Effect.gen(function*() {
      const collected = yield* collector()
      const spans = Effect.forEach(
        Array.from({ length: SPANS_PER_SECOND_MAX * 4 }),
        () => Effect.withSpan(Effect.void, "Loads.load"),
        { discard: true }
      )
      const startedMs = performance.now()
      yield* under(collected.url, spans)
      const seconds = Math.ceil((performance.now() - startedMs) / 1000) + 1
      assert.isAtMost(collected.spans().length, SPANS_PER_SECOND_MAX * seconds)
      assert.isAtLeast(collected.spans().length, SPANS_PER_SECOND_MAX)
      assert.isBelow(seconds, 4)
    }))

  it.live("what is wrong in the configuration is said at the start, without the secret", () =>
    Effect.gen(function*() {
      const refused = (changed: Partial<Telemetry.TelemetryOptions>) =>
        Effect.flip(Layer.build(Telemetry.layer({ ...options("http://127.0.0.1:1"), ...changed })))
      assert.include((yield* refused({ endpoint: "collector:4318" })).message, "OTEL_EXPORTER_OTLP_ENDPOINT")
      const user = yield* refused({ endpoint: `http://u:${SECRET}@collector:4318` })
      assert.notInclude(user.message, SECRET)
      for (const headers of [SECRET, `x-key=${SECRET}%`, `=${SECRET}`, `x key=${SECRET}`]) {
        const error = yield* refused({ headers: Redacted.make(headers) })
        assert.include(error.message, "OTEL_EXPORTER_OTLP_HEADERS")
        assert.notInclude(JSON.stringify(error), SECRET)
      }
    }))
})
