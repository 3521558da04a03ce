/** Why the endpoint does not start, for the person who starts it. */
import * as Data from "effect/Data"

/** The endpoint could not start. */
export class EmbeddedStartError extends Data.TaggedError("EmbeddedStartError")<{
  readonly message: string
  readonly remediation: string
  readonly cause?: unknown
}> {}
