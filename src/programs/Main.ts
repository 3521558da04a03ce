/** The command line: `dbmazz <command>`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import packageJson from "../../package.json" with { type: "json" }
import * as Commands from "./Commands.ts"
import * as Ending from "./Ending.ts"

const KILLED_EXIT_CODE = 130

const dbmazz = Command.make("dbmazz").pipe(
  Command.withDescription("Change data capture from PostgreSQL into StarRocks"),
  Command.withSubcommands(await Commands.load(process.argv.slice(2)))
)

// The first signal asks the command to end; who sends a second one does not want to wait for it.
let signals = 0
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    signals += 1
    if (signals > 1) process.exit(KILLED_EXIT_CODE)
  })
}

Command.run(dbmazz, { version: packageJson.version }).pipe(
  Effect.tapCause((cause) => (Ending.isSilent(cause) ? Effect.void : Console.error(Ending.explain(cause)))),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: Ending.teardown })
)
