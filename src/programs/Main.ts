/** The command line: `dbmazz <command>`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import packageJson from "../../package.json" with { type: "json" }
import * as Check from "./Check.ts"
import * as Demo from "./Demo.ts"
import * as EmbeddedStarRocks from "./EmbeddedStarRocks.ts"
import * as Run from "./Run.ts"
import * as Traffic from "./Traffic.ts"
import * as Verify from "./Verify.ts"

const USAGE_EXIT_CODE = 2
const KILLED_EXIT_CODE = 130

const dbmazz = Command.make("dbmazz").pipe(
  Command.withDescription("Change data capture from PostgreSQL into StarRocks"),
  Command.withSubcommands([
    Run.command,
    Check.command,
    Demo.command,
    Verify.command,
    Traffic.command,
    EmbeddedStarRocks.command
  ])
)

interface Described {
  readonly _tag: string
  readonly message: string
  readonly remediation?: string
}

const isDescribed = (error: unknown): error is Described =>
  typeof error === "object" && error !== null && "_tag" in error && "message" in error &&
  typeof error.message === "string"

/** One line for what happened, one for what to do; a defect is shown with its cause. */
const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (!isDescribed(error)) return Cause.pretty(cause)
  const todo = error.remediation === undefined ? "" : `\n  to do: ${error.remediation}`
  return `dbmazz: ${error.message}${todo}`
}

const isUsage = (error: unknown): boolean =>
  isDescribed(error) && error._tag === "ShowHelp" && "errors" in error && Array.isArray(error.errors) &&
  error.errors.length > 0

/** The command has already shown help, and an interruption is what was asked for. */
const isSilent = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return Cause.hasInterruptsOnly(cause) || (isDescribed(error) && error._tag === "ShowHelp")
}

const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isFailure(exit) && isUsage(Cause.squash(exit.cause))) return onExit(USAGE_EXIT_CODE)
  Runtime.defaultTeardown(exit, (code) => onExit(Number(process.exitCode ?? code)))
}

// The first signal asks the command to end; who sends a second one does not want to wait for it.
let signals = 0
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    signals += 1
    if (signals > 1) process.exit(KILLED_EXIT_CODE)
  })
}

Command.run(dbmazz, { version: packageJson.version }).pipe(
  Effect.tapCause((cause) => (isSilent(cause) ? Effect.void : Console.error(explain(cause)))),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
