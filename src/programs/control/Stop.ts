/** `dbmazz stop`: ends the process at once. Whether the slot goes with it has to be said. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"
import { UsageError } from "./UsageError.ts"

const choice = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDefault(false), Flag.withoutNegation, Flag.withDescription(description))

export const command = Command.make(
  "stop",
  {
    ...Connection.flags,
    keepSlot: choice("keep-slot", "keep the replication slot: the next start goes on where this one ended"),
    dropSlot: choice("drop-slot", "drop the replication slot: changes that were not read are gone")
  },
  Effect.fnUntraced(function*({ dropSlot, keepSlot, ...values }) {
    // The API drops the slot unless told otherwise; a person has to say it.
    if (keepSlot === dropSlot) {
      return yield* new UsageError({
        message: keepSlot
          ? "--keep-slot and --drop-slot are both given"
          : "what becomes of the replication slot is not said",
        remediation: "Give --keep-slot to go on later, or --drop-slot to give up every change that was not read yet."
      })
    }
    yield* Answer.give(values, (channel) => channel.stop(keepSlot))
  })
).pipe(
  Command.withDescription("end the process at once, with --keep-slot or --drop-slot; drain loads everything first")
)
