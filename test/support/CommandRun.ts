/** A command of the steering family, run in this process: what it printed, what it complained of, its exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Commands from "../../src/programs/control/Commands.ts"
import { Output } from "../../src/programs/control/Output.ts"
import * as Ending from "../../src/programs/Ending.ts"

export interface Ended {
  readonly code: number
  readonly output: string
  /** What standard error says; errors of the command line in the words of the parser. */
  readonly complaint: string
}

const dbmazz = Command.make("dbmazz").pipe(Command.withSubcommands(Commands.commands))

const complaintOf = (exit: Exit.Exit<unknown, unknown>, parser: string): string => {
  if (Exit.isSuccess(exit)) return ""
  return Ending.isSilent(exit.cause) || Cause.hasInterruptsOnly(exit.cause) ? parser : Ending.explain(exit.cause)
}

/** Runs `dbmazz <args>` to its end. */
export const run = (...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    let parser = ""
    process.exitCode = undefined
    const exit = yield* Command.runWith(dbmazz, { version: "0" })(args).pipe(
      Effect.provideService(Output, {
        writeLine: (line) =>
          Effect.sync(() => {
            lines.push(line)
          })
      }),
      Effect.provide([
        NodeServices.layer,
        CliOutput.layerPresenter({
          present: (event) =>
            Effect.sync(() => {
              if (event._tag === "InvalidInvocation") parser = event.errors.map((error) => error.message).join("\n")
            })
        })
      ]),
      Effect.exit
    )
    let code = -1
    Ending.teardown(exit, (value) => {
      code = value
    })
    process.exitCode = undefined
    return { code, output: lines.map((line) => `${line}\n`).join(""), complaint: complaintOf(exit, parser) }
  })
