/** Writes docs/metrics.md from the code; with `--check` it only says whether the page is stale. */
import { type Definition, definitions } from "../src/domain/control/MetricCatalogue.ts"
import * as Page from "./Page.ts"

const row = ({ labels = [], meaning, name, type }: Definition): string =>
  `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${meaning} |`

const buckets = ({ boundaries = [], name }: Definition): string => `- \`${name}\`: ${boundaries.join(", ")}`

const page = [
  "# Metrics",
  "",
  "`GET /metrics` on the HTTP control plane (HTTP_PORT, 8080) answers in the text format of Prometheus, with CONTROL_TOKEN as",
  "bearer token when there is one; `/metrics/prometheus` is the same under the name of dbmazz v1. With",
  "OTEL_EXPORTER_OTLP_ENDPOINT the same metrics go to an OpenTelemetry collector over OTLP/HTTP. Names and labels are kept:",
  "new ones may come, none goes or changes its meaning. [grafana-dashboard.json](grafana-dashboard.json) shows them.",
  "",
  "<!-- Written by `npm run docs:metrics` from src/domain/control/MetricCatalogue.ts. -->",
  "",
  "| name | type | labels | meaning |",
  "| --- | --- | --- | --- |",
  ...definitions.map(row),
  "",
  "Counters start at 0 with the process. A series with labels appears with its first event.",
  "",
  "## Buckets of the histograms",
  "",
  ...definitions.filter(({ type }) => type === "histogram").map(buckets),
  "",
  "## What to alert on",
  "",
  "| when | why |",
  "| --- | --- |",
  "| `dbmazz_stopped_tables > 0` | a table waits for a person, and the slot keeps everything from there on |",
  "| `dbmazz_replicating == 0` for 5 minutes | setup fails or a side is away; `error_detail` of the health says which |",
  "| `dbmazz_replication_lag_ms > 300000` | the target is five minutes behind |",
  "| `dbmazz_slot_safe_wal_bytes < 1e9` | PostgreSQL will drop the slot's WAL after one more gigabyte |",
  "| `rate(dbmazz_retries_total[5m]) > 0` for 15 minutes | something is tried again and again; `reason` is in [errors.md](errors.md) |",
  "| `dbmazz_event_loop_delay_seconds{quantile=\"0.99\"} > 0.5` | the process has too little CPU |",
  "",
  "## Traces",
  "",
  "With OTEL_EXPORTER_OTLP_ENDPOINT each batch is a trace: a span `dbmazz.batch`, and in it a span `dbmazz.load` for each Stream",
  "Load with `table`, `label`, `rows`, `bytes` and, once it is acknowledged, `attempts`. No span holds a row value or a secret. At",
  "most 200 spans a second are sent. A collector that does not answer costs the job nothing: after a few tries what is waiting is",
  "dropped, a minute later it is tried again, and the log says so at most every ten minutes.",
  ""
].join("\n")

Page.write("docs/metrics.md", page, "npm run docs:metrics")
