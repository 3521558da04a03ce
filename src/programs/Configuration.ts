/** Settings for the commands that work on a job: the environment, with the flags laid over it. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Settings from "../domain/config/Settings.ts"
import { type Variable, type VariableKey, VARIABLES } from "../domain/config/Variables.ts"
import * as SetupError from "../domain/errors/SetupError.ts"

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const keys = Object.keys(VARIABLES).filter((key): key is VariableKey => key in VARIABLES)

const describe = (variable: Variable): string =>
  [
    variable.meaning,
    variable.unit === undefined ? "" : ` (${variable.unit})`,
    variable.fallback === undefined ? "; required" : variable.fallback === "" ? "" : `; default ${variable.fallback}`,
    `; from ${variable.names.join(" or ")}`
  ].join("")

/** One flag a variable; a flag that is given wins over the environment. `--log-level` every command has already. */
export const flags = Object.fromEntries(
  keys.filter((key) => key !== "logLevel").map((
    key
  ) => [key, Flag.String(kebab(key)).pipe(Flag.optional, Flag.withDescription(describe(VARIABLES[key])))])
)

/** What the flags gave, by variable. */
export type FlagValues = Readonly<Record<string, Option.Option<string>>>

/** Decodes the settings; a failure is one `SetupError` that lists every problem. */
export const settings = (
  values: FlagValues,
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<Settings.Settings, SetupError.SetupError> => {
  const env: Record<string, string | undefined> = { ...environment }
  for (const key of keys) {
    const value = values[key]
    if (value === undefined || Option.isNone(value)) continue
    for (const name of VARIABLES[key].names) delete env[name]
    env[VARIABLES[key].names[0]] = value.value
  }
  return Result.match(Settings.fromEnv(env), {
    onSuccess: Effect.succeed,
    onFailure: (problems) => Effect.fail(SetupError.make({ _tag: "ConfigurationInvalid", problems }))
  })
}
