/** How a command ends: the words for a failure, and the exit code. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as UsageError from "./control/UsageError.ts"

interface Described {
  readonly _tag: string
  readonly message: string
  readonly remediation?: string
}

const isDescribed = (error: unknown): error is Described =>
  typeof error === "object" && error !== null && "_tag" in error && "message" in error &&
  typeof error.message === "string"

/** One line for what happened, one for what to do; a defect is shown with its cause. */
export const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (!isDescribed(error)) return Cause.pretty(cause)
  const todo = error.remediation === undefined ? "" : `\n  to do: ${error.remediation}`
  return `dbmazz: ${error.message}${todo}`
}

const isUsage = (error: unknown): boolean =>
  isDescribed(error) && error._tag === "ShowHelp" && "errors" in error && Array.isArray(error.errors) &&
  error.errors.length > 0

/** The command has already shown help, and an interruption is what was asked for. */
export const isSilent = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return Cause.hasInterruptsOnly(cause) || (isDescribed(error) && error._tag === "ShowHelp")
}

/** A command that has set `process.exitCode` knows best; a wrong command line is 2 in any case. */
export const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isFailure(exit) && isUsage(Cause.squash(exit.cause))) return onExit(UsageError.EXIT_CODE)
  Runtime.defaultTeardown(exit, (code) => onExit(Number(process.exitCode ?? code)))
}
