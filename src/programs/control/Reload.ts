/** `dbmazz reload`: changes batches and tables of the running job. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { RELOAD_MS_MAX } from "../../domain/control/Operations.ts"
import * as Identifier from "../../domain/Identifier.ts"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"
import { UsageError } from "./UsageError.ts"

/** What the server takes at most, and some for the way. */
const RELOAD_TIMEOUT = Duration.millis(RELOAD_MS_MAX + 5_000)

const positive = (name: string, metavar: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= 1 && Number.isSafeInteger(value),
      () => "a whole number from 1 on"
    ),
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional
  )

const QUOTED = /"(?:[^"]|"")*"/g

/** An empty list would mean "no change" to the server, which nobody means who writes it. */
const tableList = (text: string): Option.Option<ReadonlyArray<string>> => {
  const hasGap = text.replaceAll(QUOTED, "quoted").split(",").some((name) => name.trim() === "")
  return hasGap ? Option.none() : Option.some(Identifier.splitList(text))
}

export const command = Command.make(
  "reload",
  {
    ...Connection.flags,
    flushSize: positive("flush-size", "rows", "rows of a batch, from the next batch on"),
    flushInterval: positive("flush-interval", "ms", "age in ms of a batch's first change at which it is loaded"),
    tables: Flag.String("tables").pipe(
      Flag.filterMap(tableList, () => "table names with commas between"),
      Flag.withMetavar("a,b"),
      Flag.withDescription("the whole list of tables from now on"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ flushInterval, flushSize, tables, ...values }) {
    if (Option.isNone(flushInterval) && Option.isNone(flushSize) && Option.isNone(tables)) {
      return yield* new UsageError({
        message: "nothing to change",
        remediation: "Give --flush-size, --flush-interval or --tables."
      })
    }
    const change = {
      flushSize: Option.getOrElse(flushSize, () => 0),
      flushIntervalMs: Option.getOrElse(flushInterval, () => 0),
      tables: Option.getOrElse(tables, () => [])
    }
    // A change of tables is answered when replication with them has begun.
    const timeout = Duration.max(values.timeout, Option.isSome(tables) ? RELOAD_TIMEOUT : Duration.zero)
    yield* Answer.give({ ...values, timeout }, (channel) => channel.reload(change))
  })
).pipe(Command.withDescription("change batches and tables while the job runs; lasts until the process ends"))
