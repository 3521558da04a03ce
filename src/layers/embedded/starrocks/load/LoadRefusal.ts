/** How a load ends without success, for what reason. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { StorageError } from "../catalogue/Storage.ts"
import * as LoadBody from "./LoadBody.ts"
import type { Outcome } from "./LoadReply.ts"

/** A load that ends without success; nothing of it is in the table. */
export class LoadRefused extends Data.TaggedError("LoadRefused")<{ readonly outcome: Outcome }> {}
/** The body did not arrive completely, so there is nobody to answer. */
export class LoadAbandoned extends Data.TaggedError("LoadAbandoned")<{ readonly message: string }> {}

/** A refusal with the status Fail. */
export const refuse = (message: string): LoadRefused => new LoadRefused({ outcome: { status: "Fail", message } })

/** What a check gives, or the refusal with the message of what failed. */
export const checked = <A>(result: Result.Result<A, string>): Effect.Effect<A, LoadRefused> =>
  Effect.mapError(Effect.fromResult(result), refuse)

/** A refusal because of the storage. */
export const storageRefusal = (error: StorageError): LoadRefused => refuse(`storage failed: ${error.message}`)

/** Reading the body failed: refused, or without a client to answer. */
export const readFailure = (cause: unknown): LoadRefused | LoadAbandoned => {
  const failure = LoadBody.failure(cause)
  return failure.gone ? new LoadAbandoned({ message: failure.message }) : refuse(failure.message)
}
