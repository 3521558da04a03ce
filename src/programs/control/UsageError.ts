/** The command line cannot be carried out as it is written. */
import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/** Exit code of a wrong command line. */
export const EXIT_CODE = 2

export class UsageError extends Data.TaggedError("UsageError")<{
  readonly message: string
  readonly remediation: string
}> {
  override readonly [Runtime.errorExitCode] = EXIT_CODE
}
