/** `dbmazz check`: looks at both sides, says what `run` would do, and changes nothing. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Misspelling from "../domain/config/Misspelling.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as SetupStep from "../domain/postgres/SetupStep.ts"
import * as TargetStep from "../domain/starrocks/SetupStep.ts"
import * as Setup from "../streams/Setup.ts"
import * as Configuration from "./Configuration.ts"
import * as JobLayers from "./JobLayers.ts"
import * as Logging from "./Logging.ts"

/** The part of a plan that is shown. */
export interface Shown {
  readonly source: Pick<Setup.Plan["source"], "problems" | "steps" | "notes" | "warnings">
  readonly target: Pick<Setup.Plan["target"], "problems" | "steps">
}

/** What is printed, line by line; `misspelt`: warnings about the settings. */
export const report = (plan: Shown, misspelt: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const warnings = [...misspelt, ...plan.source.warnings].map((warning) => `warning: ${warning}`)
  const problems = [...plan.source.problems, ...plan.target.problems]
  if (problems.length > 0) {
    return [
      ...warnings,
      ...problems.flatMap((
        reason
      ) => [`problem: ${SetupError.describe(reason)}`, `  to do: ${SetupError.remedy(reason)}`])
    ]
  }
  const steps = [
    ...plan.source.steps.map((step) => `PostgreSQL: ${SetupStep.sql(step)};`),
    ...plan.target.steps.map((step) => `StarRocks:  ${TargetStep.sql(step)};`)
  ]
  const notes = plan.source.notes.map((note) => `note: ${note}`)
  const ready = steps.length === 0 ? ["both sides are ready; run would change nothing"] : ["run would do:"]
  return [...warnings, ...notes, ...ready, ...steps.map((step) => `  ${step.replaceAll("\n", "\n  ")}`)]
}

export const command = Command.make(
  "check",
  Configuration.flags,
  Effect.fnUntraced(function*(flags) {
    const settings = yield* Configuration.settings(flags, process.env)
    const plan = yield* Setup.inspect(settings).pipe(
      Effect.provide(Layer.provideMerge(JobLayers.layer(settings), Logging.fromSettings(settings)))
    )
    for (const line of report(plan, Misspelling.find(process.env))) yield* Console.log(line)
    const problem = plan.source.problems[0] ?? plan.target.problems[0]
    if (problem !== undefined) process.exitCode = SetupError.EXIT_CODE
  })
).pipe(Command.withDescription("say what run would do, and change nothing"))
