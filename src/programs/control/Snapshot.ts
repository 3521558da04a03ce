/** `dbmazz snapshot start|pause|resume`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"
import { UsageError } from "./UsageError.ts"

const start = Command.make(
  "start",
  Connection.flags,
  (values) => Answer.give(values, (channel) => channel.startSnapshot)
).pipe(Command.withDescription("copy the rows that the tables hold now"))

const pause = Command.make(
  "pause",
  Connection.flags,
  (values) => Answer.give(values, (channel) => channel.pauseSnapshot)
).pipe(Command.withDescription("let the snapshot rest after the chunk at hand"))

const resume = Command.make(
  "resume",
  Connection.flags,
  (values) => Answer.give(values, (channel) => channel.resumeSnapshot)
).pipe(Command.withDescription("let the snapshot go on"))

export const command = Command.make("snapshot", {}, () =>
  Effect.fail(
    new UsageError({
      message: "snapshot: nothing to do",
      remediation: "Say snapshot start, snapshot pause or snapshot resume."
    })
  )).pipe(
    Command.withDescription("start, pause or resume the copy of what the tables hold"),
    Command.withSubcommands([start, pause, resume])
  )
