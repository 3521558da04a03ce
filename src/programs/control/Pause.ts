/** `dbmazz pause`: stops loading; the connection and the slot stay as they are. */
import * as Command from "effect/cli/Command"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"

export const command = Command.make(
  "pause",
  Connection.flags,
  (values) => Answer.give(values, (channel) => channel.pause)
).pipe(Command.withDescription("stop loading until resume; the connection and the slot stay as they are"))
