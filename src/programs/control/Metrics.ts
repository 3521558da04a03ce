/** `dbmazz metrics`: one line a sample, until it is interrupted or nobody reads any more. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Operations from "../../domain/control/Operations.ts"
import { ControlChannel } from "../../layers/control/ControlChannel.ts"
import * as Connection from "./Connection.ts"
import * as DurationFlag from "./DurationFlag.ts"
import * as Output from "./Output.ts"
import * as Quantity from "./Quantity.ts"

/** The server ended the stream before the samples that were asked for had come. Exit code 1. */
class SamplesMissing extends Data.TaggedError("SamplesMissing")<{
  readonly message: string
  readonly remediation: string
}> {}

const INTERVAL_DEFAULT = Duration.seconds(1)
/** The names of the columns stand above every so many lines: a terminal shows them at any time. */
const HEADER_EVERY_LINES = 20
const MILLISECONDS = 1_000n
const MILLICORES_PER_PERCENT = 10n

type Sample = Operations.MetricsResponse

const time = (seconds: bigint): string => {
  const date = new Date(Number(seconds * MILLISECONDS))
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace(".000Z", "Z")
}

interface Column {
  readonly title: string
  readonly width: number
  readonly value: (sample: Sample) => string
}

const COLUMNS: ReadonlyArray<Column> = [
  { title: "time", width: 20, value: (sample) => time(sample.timestamp) },
  { title: "rows/s", width: 10, value: (sample) => Quantity.count(sample.events_per_second) },
  { title: "lag", width: 11, value: (sample) => Quantity.span(sample.replication_lag_ms) },
  { title: "lag bytes", width: 11, value: (sample) => Quantity.bytes(sample.lag_bytes) },
  { title: "lag rows", width: 11, value: (sample) => Quantity.count(sample.lag_events) },
  { title: "rows", width: 15, value: (sample) => Quantity.count(sample.total_events_processed) },
  { title: "batches", width: 11, value: (sample) => Quantity.count(sample.total_batches_sent) },
  { title: "memory", width: 11, value: (sample) => Quantity.bytes(sample.memory_bytes) },
  { title: "cpu", width: 6, value: (sample) => `${sample.cpu_millicores / MILLICORES_PER_PERCENT}%` }
]

const row = (cell: (column: Column) => string): string =>
  COLUMNS.map((column) => cell(column).padStart(column.width)).join(" ")

const encode = Schema.encodeSync(Operations.MetricsResponse)

const lines = (sample: Sample, index: number, json: boolean): string => {
  if (json) return JSON.stringify(encode(sample))
  const line = row((column) => column.value(sample))
  return index % HEADER_EVERY_LINES === 0 ? `${row((column) => column.title)}\n${line}` : line
}

/** Prints up to `count` samples, or for ever; gives how many came. */
const follow = Effect.fnUntraced(function*(interval: Duration.Duration, count: Option.Option<number>, json: boolean) {
  const channel = yield* ControlChannel
  const samples = channel.metrics(Duration.toMillis(interval))
  let printed = 0
  yield* Option.match(count, { onNone: () => samples, onSome: (most) => Stream.take(samples, most) }).pipe(
    Stream.runForEach((sample) => Output.writeLine(lines(sample, printed++, json)))
  )
  return printed
})

export const command = Command.make(
  "metrics",
  {
    ...Connection.flags,
    interval: DurationFlag.withDefault("interval", INTERVAL_DEFAULT, "time between two samples"),
    samples: Flag.Int("samples").pipe(
      Flag.filter((value) => value >= 1, () => "a whole number from 1 on"),
      Flag.withMetavar("count"),
      Flag.withDescription("end after so many samples; without it, when interrupted"),
      Flag.optional
    )
  },
  Effect.fnUntraced(
    function*({ interval, samples, ...values }) {
      const printed = yield* follow(interval, samples, values.json).pipe(Effect.provide(Connection.layer(values)))
      if (Option.isSome(samples) && printed < samples.value) {
        return yield* new SamplesMissing({
          message: `the server ended the stream after ${printed} of ${samples.value} samples`,
          remediation: "Look whether the job was stopped: dbmazz health."
        })
      }
    },
    Effect.catchTag("ReaderGone", () => Effect.void),
    // An interruption is how such a command ends.
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode = 0
      })
    )
  )
).pipe(Command.withDescription("print throughput, lag and resources, one line a sample, until interrupted"))
