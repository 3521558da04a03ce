import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import { definitions } from "../../src/domain/control/MetricCatalogue.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as Metrics from "../../src/layers/Metrics.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import { freshMetrics } from "./control/HttpWorld.ts"

const read = (file: string): string => fs.readFileSync(new URL(`../../docs/${file}`, import.meta.url), "utf8")

/** A pause of the event loop that no scheduler makes by chance, in ms. */
const PAUSE_MS = 300

const SAMPLE: Metrics.Sample = {
  replicating: true,
  paused: false,
  lagBytes: 10,
  lagMs: 20,
  slotRetainedBytes: 30,
  slotSafeBytes: 40,
  bufferBytes: 50,
  bufferLimitBytes: 60,
  readingPaused: true,
  stoppedTables: 2,
  waitingTables: 4,
  eventsPerSecond: 1.5,
  pendingEvents: 3
}

const BATCH: Metrics.Acknowledged = {
  rows: 12,
  bytes: 2048,
  tables: [["shop.a", 10], ["shop.b", 2]],
  commitTimeMs: 1_000,
  nowMs: 1_700
}

const LOAD: Metrics.FinishedLoad = { table: "shop.a", outcome: "loaded", ms: 70, rows: 9, bytes: 512 }

/** Everything that moves a metric, once. */
const everything = Effect.gen(function*() {
  yield* Metrics.batchAcknowledged(BATCH)
  yield* Metrics.loadFinished(LOAD)
  yield* Metrics.retrying("SR_BUSY")
  yield* Metrics.rowRejected("shop.a")
  yield* Metrics.schemaChanged("shop.orders")
  yield* Metrics.observe(SAMPLE)
})

const shown = PrometheusMetrics.format()

interface Family {
  readonly type: string
  readonly labels: Set<string>
}

/** What the text says: by metric its type, and the labels of its series but those of histograms. */
const families = (text: string): Map<string, Family> => {
  const found = new Map<string, Family>()
  for (const line of text.split("\n")) {
    const [, named, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (named !== undefined && type !== undefined) found.set(named, { type, labels: new Set() })
    const [, name, labels] = /^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/.exec(line) ?? []
    for (const label of (labels ?? "").matchAll(/([a-z]+)="/g)) {
      if (label[1] !== "le") found.get(name!)?.labels.add(label[1]!)
    }
  }
  return found
}

const test = (title: string, body: Effect.Effect<void>) => it.effect(title, () => Effect.provide(body, freshMetrics))

describe("Metrics: dashboards and alerts are written against their names", () => {
  test(
    "what Prometheus is shown is what the catalogue says: each name, its type and its labels, and nothing else",
    Effect.gen(function*() {
      yield* everything
      const found = families(yield* shown)
      assert.deepStrictEqual(
        [...found].map(([name, { labels, type }]) => ({ name, type, labels: [...labels].sort() }))
          .sort((a, b) => a.name.localeCompare(b.name)),
        definitions.map(({ labels = [], name, type }) => ({ name, type, labels: [...labels].sort() }))
          .sort((a, b) => a.name.localeCompare(b.name))
      )
    }).pipe(Effect.provide(Metrics.layer("1.2.3")))
  )

  it("docs/metrics.md names each metric, with its type and meaning, and no other", () => {
    const page = read("metrics.md")
    const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()))
    for (const { meaning, name, type } of definitions) {
      const [, , stated, , told] = rows.find((cells) => cells[1] === `\`${name}\``) ?? []
      assert.deepStrictEqual([stated, told], [type, meaning], name)
    }
    const known = new Set<string>(definitions.map(({ name }) => name))
    const named = [...page.matchAll(/\bdbmazz_[a-z_]+/g)].map(([name]) => name)
    assert.deepStrictEqual(named.filter((name) => !known.has(name)), [])
  })

  it("the Grafana dashboard shows every metric and asks for none that does not exist", () => {
    const dashboard = read("grafana-dashboard.json")
    const asked = new Set([...dashboard.matchAll(/\bdbmazz_[a-z_]+/g)].map(([name]) => name))
    const series = definitions.map(({ name, type }) => type === "histogram" ? `${name}_bucket` : name)
    assert.deepStrictEqual([...asked].sort(), [...series].sort())
  })
})

describe("Metrics: their values", () => {
  test(
    "a batch counts its rows by table, its bytes and its age; one without rows only its bytes",
    Effect.gen(function*() {
      yield* Metrics.batchAcknowledged(BATCH)
      yield* Metrics.batchAcknowledged({ ...BATCH, rows: 0, tables: [], bytes: 100 })
      // Clocks differ: what was committed in the future is 0 old.
      yield* Metrics.batchAcknowledged({ ...BATCH, rows: 1, tables: [["shop.a", 1]], commitTimeMs: 9_000 })
      const text = yield* shown
      for (
        const line of [
          "dbmazz_rows_acknowledged_total{table=\"shop.a\"} 11",
          "dbmazz_rows_acknowledged_total{table=\"shop.b\"} 2",
          "dbmazz_events_processed_total 13",
          "dbmazz_wal_bytes_acknowledged_total 4196",
          "dbmazz_batches_sent_total 2",
          "dbmazz_batch_rows_bucket{le=\"1\"} 1",
          "dbmazz_batch_rows_sum 13",
          "dbmazz_batch_bytes_bucket{le=\"4096\"} 2",
          "dbmazz_commit_to_acknowledged_seconds_bucket{le=\"0.1\"} 1",
          "dbmazz_commit_to_acknowledged_seconds_bucket{le=\"1\"} 2",
          "dbmazz_commit_to_acknowledged_seconds_sum 0.7"
        ]
      ) assert.include(text, `${line}\n`)
    })
  )

  test(
    "a sample sets the gauges, and what is not known is absent rather than 0",
    Effect.gen(function*() {
      yield* Metrics.observe(SAMPLE)
      assert.include(yield* shown, "dbmazz_slot_safe_wal_bytes 40\n")
      yield* Metrics.observe({ ...SAMPLE, slotSafeBytes: undefined, replicating: false })
      const text = yield* shown
      assert.notInclude(text, "dbmazz_slot_safe_wal_bytes")
      assert.include(text, "dbmazz_replicating 0\n")
      assert.include(text, "dbmazz_reading_paused 1\n")
    })
  )

  it.live("the process shows its memory, its CPU time, and a pause of its event loop, to two readers alike", () =>
    Effect.gen(function*() {
      const value = (text: string, line: RegExp) => Number(line.exec(text)?.[1])
      const latest = (text: string) => value(text, /^dbmazz_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m)
      // The first pauses may come before the measure has begun.
      do {
        const startedMs = performance.now()
        while (performance.now() - startedMs < PAUSE_MS);
        yield* Effect.sleep(1)
      } while (latest(yield* shown) < PAUSE_MS / 2000)
      for (let reader = 0; reader < 2; reader++) {
        const text = yield* shown
        assert.isAbove(latest(text), PAUSE_MS / 2000)
        assert.isAbove(value(text, /^dbmazz_process_resident_memory_bytes (\S+)$/m), 1e7)
        assert.isAbove(value(text, /^dbmazz_process_cpu_seconds_total (\S+)$/m), PAUSE_MS / 2000)
        assert.match(text, /^dbmazz_build_info\{version="1.2.3",node="[0-9.]+"\} 1$/m)
      }
    }).pipe(Effect.provide(Layer.provideMerge(Metrics.layer("1.2.3"), freshMetrics))))

  it.live("a load that StarRocks takes at the second try is one load, one retry with its reason, and its rows once", () =>
    Effect.gen(function*() {
      const request: LoadRequest = {
        target: { schema: "shop", name: "orders" },
        label: "dbmazz_1",
        columns: undefined,
        body: Buffer.from("{\"id\":1}\n{\"id\":2}\n"),
        rowCount: 2,
        run: "r",
        lastCommitLsn: Lsn.Lsn.make(1n)
      }
      let tries = 0
      const server = yield* HttpStage.start((turn) =>
        turn.read(() => turn.reply(tries++ === 0 ? "busy" : HttpStage.loaded(2), tries === 1 ? 503 : 200))
      )
      const sink = {
        url: server.url,
        host: server.host,
        sqlPort: 9030,
        database: "shop",
        user: "root",
        password: Redacted.make("")
      }
      const loader = StreamLoader.layer({ baseMs: 1, maxMs: 2, maxElapsedMs: 0 }).pipe(
        Layer.provide([LoadsInFlight.layer(), StreamLoadClient.layer(sink)])
      )
      yield* Effect.provide(StreamLoader.use(({ load }) => load(request)), loader)
      const text = yield* shown
      assert.match(text, /^dbmazz_loads_total\{table="shop.orders",outcome="(loaded|already_loaded)"\} 1$/m)
      assert.include(text, "dbmazz_load_rows_total{table=\"shop.orders\"} 2\n")
      assert.include(text, "dbmazz_load_bytes_total{table=\"shop.orders\"} 18\n")
      assert.include(text, "dbmazz_load_duration_seconds_count 1\n")
      assert.match(text, /^dbmazz_retries_total\{reason="SR_[A-Z_]+"\} 1$/m)
    }).pipe(Effect.provide(freshMetrics)))
})
