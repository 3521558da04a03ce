/** A plan with problems is not carried out. */
import * as Effect from "effect/Effect"
import * as SetupError from "../domain/errors/SetupError.ts"
import type { SetupReason } from "../domain/errors/SetupReason.ts"
import type { Log } from "./Log.ts"

/** Fails with the first, and logs the others. */
export const refuse = Effect.fnUntraced(function*(
  log: Log,
  problems: ReadonlyArray<SetupReason>
): Effect.fn.Return<void, SetupError.SetupError> {
  const [first, ...others] = problems.map((reason) => SetupError.make(reason))
  if (first === undefined) return
  for (const other of others) yield* log.error(other.message, { remediation: other.remediation })
  return yield* first
})
