/** What a control command prints: the answer of the server, and an exit code that says whether it was obeyed. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ControlFailure } from "../../domain/control/ControlFailure.ts"
import * as Operations from "../../domain/control/Operations.ts"
import { ControlChannel } from "../../layers/control/ControlChannel.ts"
import * as Connection from "./Connection.ts"
import * as Output from "./Output.ts"
import * as Quantity from "./Quantity.ts"

/** Exit code when the server has refused, or does not serve. */
export const REFUSED_EXIT_CODE = 1

const encode = Schema.encodeSync(Operations.ControlResponse)

/** Prints the answer. */
export const print = (answer: Operations.ControlResponse, json: boolean) =>
  Output.print([json ? JSON.stringify(encode(answer)) : Quantity.plain(answer.message)])

/** Calls, prints the answer, and sets the exit code. */
export const give = (
  values: Connection.Flags,
  call: (channel: ControlChannel["Service"]) => Effect.Effect<Operations.ControlResponse, ControlFailure>
) =>
  Effect.gen(function*() {
    const answer = yield* Effect.flatMap(ControlChannel, call)
    if (!answer.success) process.exitCode = REFUSED_EXIT_CODE
    yield* print(answer, values.json)
  }).pipe(Effect.provide(Connection.layer(values)))
