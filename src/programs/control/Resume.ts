/** `dbmazz resume`: goes on after a pause, or after a failure that waits for a person. */
import * as Command from "effect/cli/Command"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"

export const command = Command.make(
  "resume",
  Connection.flags,
  (values) => Answer.give(values, (channel) => channel.resume)
).pipe(Command.withDescription("go on after a pause, or try again after a failure that waits for a person"))
